"""Prometheus as a daemon sees it: a scrape, read with Prometheus' own library."""

import socket
from collections.abc import Mapping

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

Values = Mapping[tuple[str, tuple[str, ...]], float]
"""Each sample by its name and the values of its labels, in the order of the labels' names."""

REQUEST = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n"


def families_in(text: str) -> dict[str, Metric]:
    """Return the metrics by name; that of a counter is without `_total`."""
    return {family.name: family for family in text_string_to_metric_families(text)}


def values_in(text: str) -> Values:
    """Return every sample."""
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families_in(text).values()
        for sample in family.samples
    }


def scrape(port: int) -> str:
    """Return what is at `/metrics`."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(REQUEST)
        with connection.makefile("rb") as file:
            head, _, body = file.read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n"), head
    return body.decode()
