"""What is measured, as the text that Prometheus reads."""

import sys

import pytest
from lab.scrape import families_in, values_in

from bridge_common.errors import Problem
from bridge_common.histogram import Histogram
from bridge_common.metrics import (
    Durations,
    Measure,
    Metric,
    counter,
    exposition,
    gauge,
    problems_with_library,
)


def text_of(*measures: Measure) -> str:
    return exposition(lambda: measures)().decode()


def test_counters_and_gauges_are_written_with_their_labels() -> None:
    logins = Metric(
        "counter", "logins", "Logins.", {("yes", "a"): 3, ("no", 'b"\n\\'): 0}, ("v", "by")
    )
    values = values_in(text_of(logins, gauge("open", "Open ones.", 7), counter("lost", "L.", 2)))
    assert values["logins_total", ("a", "yes")] == 3
    assert values["logins_total", ('b"\n\\', "no")] == 0
    assert values["open", ()] == 7
    assert values["lost_total", ()] == 2


def test_what_a_metric_is_and_means_is_written_too() -> None:
    families = families_in(text_of(gauge("open", "Open ones.", 7), counter("lost", "Lost.", 2)))
    assert (families["open"].type, families["open"].documentation) == ("gauge", "Open ones.")
    assert (families["lost"].type, families["lost"].documentation) == ("counter", "Lost.")


def test_durations_are_a_histogram() -> None:
    took = Histogram((0.5, 1.0))
    for seconds in (0.25, 0.75, 3.0):
        took.observe(seconds)
    text = text_of(Durations("answer_seconds", "How long.", {("mail",): took}, ("server",)))
    values = values_in(text)
    assert families_in(text)["answer_seconds"].type == "histogram"
    assert values["answer_seconds_bucket", ("0.5", "mail")] == 1
    assert values["answer_seconds_bucket", ("1.0", "mail")] == 2
    assert values["answer_seconds_bucket", ("+Inf", "mail")] == 3
    assert values["answer_seconds_count", ("mail",)] == 3
    assert values["answer_seconds_sum", ("mail",)] == 4.0


def test_the_process_itself_is_measured() -> None:
    values = values_in(text_of())
    assert values["process_resident_memory_bytes", ()] > 1_000_000
    assert values["process_open_fds", ()] > 2


def test_they_are_told_anew_each_time() -> None:
    known = [1.0]
    make_text = exposition(lambda: [gauge("open", "Open ones.", known[0])])
    assert values_in(make_text().decode())["open", ()] == 1
    known[0] = 2
    assert values_in(make_text().decode())["open", ()] == 2


def test_without_the_library_switching_metrics_on_is_a_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert problems_with_library("sender", "inet:127.0.0.1:9120") == ()
    monkeypatch.setitem(sys.modules, "prometheus_client", None)  # as if it were not there
    message = "needs a Python library that is not installed: install python3-prometheus-client"
    assert problems_with_library("sender", "inet:127.0.0.1:9120") == (
        Problem("sender.metrics_listen", message),
    )
    assert problems_with_library("sender", "") == ()
