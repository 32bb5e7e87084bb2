"""The soak's vitals: what grows is noticed, and what has its ups and downs is not."""

import os
from pathlib import Path

from soak.vitals import Sample, figures, grown, growth, quarters, sample

REST = Sample(0.0, 40_000_000, 20, 2)


def samples(*memory: int, seconds: float = 60.0) -> list[Sample]:
    return [Sample(i * seconds, size * 1_000_000, 50, 2) for i, size in enumerate(memory)]


LEAKING = samples(40, 50, 52, 54, 56, 58, 60, 62)
FLAT = samples(40, 50, 49, 51, 50, 50, 51, 50)


def test_memory_is_compared_by_quarters() -> None:
    assert [len(part) for part in quarters(LEAKING)] == [2, 2, 2, 2]
    assert growth(LEAKING) == 8_000_000
    assert growth(FLAT) == 500_000


def test_what_grows_is_noticed() -> None:
    assert grown("daemon", LEAKING, REST, REST) == ["daemon: memory grew by 8.0 MB"]
    after = Sample(0.0, 0, 29, 5)
    assert grown("daemon", FLAT, REST, after) == [
        "daemon: 20 descriptors before, 29 after",
        "daemon: 2 threads before, 5 after",
    ]
    assert grown("daemon", FLAT, REST, Sample(0.0, 0, 28, 4)) == []


def test_a_short_run_says_nothing() -> None:
    assert grown("daemon", samples(40, 50, 60, 70, seconds=10), REST, Sample(0.0, 0, 99, 9)) == []


def test_the_slope_is_told_for_each_answer() -> None:
    told = figures("daemon", LEAKING, REST, REST, answers=16_000)
    assert "memory by quarters 45.0, 53.0, 57.0, 61.0 MB, +1000 bytes an answer" in told


def test_a_sample_is_of_the_process_itself() -> None:
    one = sample(os.getpid(), 1.0)
    with Path("/dev/null").open():
        assert sample(os.getpid(), 1.0).descriptors == one.descriptors + 1
    assert one.memory > 5_000_000
    assert one.threads >= 1
