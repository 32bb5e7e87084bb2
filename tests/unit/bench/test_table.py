"""What the bench makes of its rounds: ratios, the table, the chart."""

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from bench import backends
from bench.chart import svg
from bench.fairness import Shares
from bench.programs import Loaded
from bench.rounds import Result, Round, RowResult
from bench.rows import Figure, Row
from bench.table import Ratio, is_met, lines_of, markdown, ratio_of
from bench.usage import Memory


def played_round(rate: float, void: str = "") -> Round:
    times = {"p50_ms": 1000 / rate, "p99_ms": 2000 / rate, "first_ms": 9.0, "longest_ms": 99.0}
    loaded = Loaded(answers=int(rate * 2), seconds=2.0, **times)
    return Round(loaded, Shares(measured=1.0, helpers={}, machine=1.0, cores=2), void)


def result(name: str, *rates: float, void: str = "") -> Result:
    rounds = tuple(played_round(rate, void) for rate in rates)
    return Result(name, "1.0", rounds, Memory(processes=3, together=12_000_000, peak=9_000_000))


def row(*, by: Figure = "rate", target: float = 1.2) -> Row:
    return Row("work", "some work", backends.nobody, (), 1, 1, target, by=by)


def test_ratios_are_taken_round_by_round() -> None:
    assert ratio_of([100.0, 50.0, 200.0], [150.0, 100.0, 220.0]) == Ratio(1.1, 1.5, 2.0)


@pytest.mark.parametrize(
    ("median", "by_time", "met"),
    [(1.2, False, True), (1.19, False, False), (0.4, True, True), (0.41, True, False)],
)
def test_a_target_is_a_bound_of_the_median(median: float, by_time: bool, met: bool) -> None:
    target = 0.4 if by_time else 1.2
    assert is_met(Ratio(0.1, median, 9.0), target, by_time=by_time) is met


def test_a_row_has_medians_and_a_ratio_for_each_peer() -> None:
    results = (result("peer", 50, 100, 80), result("other", 100, 100, 100))
    lines = lines_of(RowResult(row(), (*results, result("ours", 100, 120, 110))))
    peer, other, ours = lines
    assert (peer.rate, other.rate, ours.rate) == (80.0, 100.0, 110.0)
    assert peer.ratio == Ratio(1.2, 1.375, 2.0)
    assert other.ratio == Ratio(1.0, 1.1, 1.2)
    assert (peer.met, other.met, ours.ratio) == (True, False, None)
    assert peer.cpu_us == 12500.0


def test_times_are_compared_where_the_row_is_about_time() -> None:
    results = (result("peer", 10, 10, 10), result("ours", 20, 40, 25))
    peer, _ = lines_of(RowResult(row(by="p50", target=0.4), results))
    assert peer.ratio == Ratio(0.25, 0.4, 0.5)
    assert peer.met


def test_a_void_round_leaves_no_ratio() -> None:
    results = (result("peer", 10, 10), result("ours", 20, 20, void="the load was the bottleneck"))
    peer, ours = lines_of(RowResult(row(), results))
    assert (peer.ratio, peer.met) == (None, False)
    assert ours.void == "the load was the bottleneck"


def test_the_table_is_markdown() -> None:
    text = markdown([RowResult(row(), (result("peer", 1000, 2000), result("ours", 3000, 2000)))])
    peer, ours = text.splitlines()[2:]
    assert peer == (
        "| some work | peer | 1,500 | 0.75, 1.50 | 750 | 1.00 | 12 MB, 3, 9 MB "
        "| 2.00 (1.00 to 3.00) | at least 1.2, met |"
    )
    assert ours == "|  | ours | 2,500 | 0.42, 0.83 | 417 | 1.00 | 12 MB, 3, 9 MB |  |  |"


def test_the_table_says_what_is_void_and_why() -> None:
    text = markdown([RowResult(row(), (result("peer", 10, void="slow"), result("ours", 20)))])
    assert "| peer (void) |" in text
    assert text.endswith("\n\n* Void: some work, peer: slow.\n")


def test_a_row_about_the_time_of_a_login_tells_what_the_first_one_took() -> None:
    results = [replace(result(name, 10), cold_ms=ms) for name, ms in (("peer", 91.4), ("ours", 98))]
    text = markdown([RowResult(row(by="p50", target=0.4), tuple(results))])
    assert text.endswith("\n\n* some work, the very first: peer 91 ms, ours 98 ms.\n")


def test_the_slowest_of_a_hundred_are_compared_where_the_row_is_about_them() -> None:
    results = (result("well", 100, 100, 100), result("hung", 50, 80, 40))
    well, _ = lines_of(RowResult(row(by="p99", target=2.0), results))
    assert well.ratio == Ratio(1.25, 2.0, 2.5)
    assert well.met
    assert "| 2.00 (1.25 to 2.50) | at most 2, met |" in markdown(
        [RowResult(row(by="p99", target=2.0), results)]
    )


def test_the_chart_has_a_bar_to_scale_for_each_program() -> None:
    played = RowResult(row(), (result("a < b", 1000, 1000), result("ours", 4000, 4000)))
    picture = ET.fromstring(svg([played]))  # made by us
    bars = picture.findall("{http://www.w3.org/2000/svg}rect")
    texts = [text.text for text in picture.findall("{http://www.w3.org/2000/svg}text")]
    assert [float(bar.attrib["width"]) for bar in bars] == [115.0, 460.0]
    assert texts == ["some work: longer is better", "a < b", "1,000/s", "ours", "4,000/s"]


def test_a_void_program_has_no_bar() -> None:
    played = RowResult(row(), (result("peer", 1000, void="slow"), result("ours", 4000)))
    assert svg([played]).count("<rect") == 1
