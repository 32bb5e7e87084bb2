"""What is measured, as values, and the text that Prometheus reads; only here is its library known.

A program tells its `Metric`s when it is asked: what it counts anyway is read then, and costs a
login nothing. The library (python3-prometheus-client) is optional, and imported where metrics are
switched on.
Knows how a metric is written. Does not know which there are, nor who may read them. Fails with
ImportError without the library, and with whatever telling a metric raises; logs nothing.
"""

import contextlib
import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from bridge_common.errors import Problem
from bridge_common.histogram import Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Of the text format that every Prometheus reads; our names need none of its later additions."""

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its name (of a counter, without `_total`), its meaning, and its values.

    ``labels`` are the names of its labels, the keys of ``values`` their values, in the same order.
    They come from fixed sets and from the settings: strangers choose logins and addresses.
    """

    kind: Literal["counter", "gauge"]
    name: str
    meaning: str
    values: Mapping[Labels, float]
    labels: Labels = ()


@dataclass(frozen=True, slots=True)
class Durations:
    """The same of how long something took; the name ends in `_seconds`."""

    name: str
    meaning: str
    values: Mapping[Labels, Histogram]
    labels: Labels = ()


Measure = Metric | Durations


def counter(name: str, meaning: str, value: float) -> Metric:
    """Return what only rises, and has no labels."""
    return Metric("counter", name, meaning, {(): value})


def gauge(name: str, meaning: str, value: float) -> Metric:
    """Return what rises and falls, and has no labels."""
    return Metric("gauge", name, meaning, {(): value})


def problems_with_library(section: str, metrics_listen: str) -> tuple[Problem, ...]:
    """Return what is wrong if metrics are switched on in a section and nothing can write them.

    The first time it takes a tenth of a second: it imports the library, so that nobody waits later.
    """
    if not metrics_listen:
        return ()
    with contextlib.suppress(ImportError):
        importlib.import_module("prometheus_client")
        return ()
    message = "needs a Python library that is not installed: install python3-prometheus-client"
    return (Problem(f"{section}.metrics_listen", message),)


def exposition(measures: Callable[[], Iterable[Measure]]) -> Callable[[], bytes]:
    """Return what makes the text of all metrics as they are then, those of the process included.

    Raises ImportError without the library.
    """
    from prometheus_client import CollectorRegistry, ProcessCollector  # noqa: PLC0415  # optional
    from prometheus_client.exposition import generate_latest  # noqa: PLC0415  # the same
    from prometheus_client.metrics_core import (  # noqa: PLC0415  # the same
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )
    from prometheus_client.metrics_core import Metric as Family  # noqa: PLC0415  # the same
    from prometheus_client.registry import Collector  # noqa: PLC0415  # the same

    def family_of(measure: Measure) -> Family:
        if isinstance(measure, Durations):
            durations = HistogramMetricFamily(measure.name, measure.meaning, labels=measure.labels)
            for labels, histogram in measure.values.items():
                durations.add_metric(labels, _buckets(histogram), histogram.sum)
            return durations
        kind = CounterMetricFamily if measure.kind == "counter" else GaugeMetricFamily
        family = kind(measure.name, measure.meaning, labels=measure.labels)
        for labels, value in measure.values.items():
            family.add_metric(labels, value)
        return family

    class Program(Collector):
        def collect(self) -> Iterator[Family]:
            return map(family_of, measures())

    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(Program())
    return lambda: generate_latest(registry)


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    *bounds, (_, count) = histogram.cumulative()
    return [*((str(bound), below) for bound, below in bounds), ("+Inf", count)]
