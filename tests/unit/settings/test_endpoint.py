"""Endpoints as they are written in the settings."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_common.settings.endpoint import (
    InetEndpoint,
    UnixEndpoint,
    endpoint_text,
    is_loopback,
    numeric_endpoint_text,
    parse_endpoint,
    unix_endpoint_text,
)


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("unix:/run/a b/socket", UnixEndpoint("/run/a b/socket")),
        ("unix:/run/a:b", UnixEndpoint("/run/a:b")),
        ("unix:/" + "s" * 106, UnixEndpoint("/" + "s" * 106)),
        ("inet:127.0.0.1:12345", InetEndpoint("127.0.0.1", 12345)),
        ("inet:[::1]:1", InetEndpoint("::1", 1)),
        ("inet:localhost:65535", InetEndpoint("localhost", 65535)),
    ],
)
def test_an_endpoint_is_parsed_and_written_back(
    text: str, endpoint: UnixEndpoint | InetEndpoint
) -> None:
    assert parse_endpoint(text) == endpoint
    assert str(endpoint) == text
    assert endpoint_text(text) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", '"" is not an endpoint: write unix:/absolute/path or inet:HOST:PORT'),
        ("/run/socket", "is not an endpoint"),
        ("tcp:127.0.0.1:1", "is not an endpoint"),
        ("unix:", "unix: needs the absolute path of a socket"),
        ("unix:run/socket", "unix: needs the absolute path of a socket"),
        ("unix:/run/", "unix: needs the absolute path of a socket"),
        ("unix:/run/a\0b", "unix: needs the absolute path of a socket"),
        ("unix:/run/a\nb", "unix: needs the absolute path of a socket"),
        ("unix:/" + "s" * 107, "the path is longer than 107 bytes"),
        ("unix:/" + "ü" * 54, "the path is longer than 107 bytes"),
        ("inet:12345", "inet: needs a host and a port"),
        ("inet:127.0.0.1", "inet: needs a host and a port"),
        ("inet:127.0.0.1:", "inet: needs a host and a port"),
        ("inet:127.0.0.1:-1", "inet: needs a host and a port"),
        ("inet:127.0.0.1:²", "inet: needs a host and a port"),
        ("inet:127.0.0.1:\u0661", "inet: needs a host and a port"),
        ("inet:127.0.0.1:0", "the port must be from 1 to 65535"),
        ("inet:127.0.0.1:65536", "the port must be from 1 to 65535"),
        ("inet:127.0.0.1:" + "9" * 5000, "the port must be from 1 to 65535"),
        ("inet:::1:25", "an IPv6 address needs brackets, as in inet:\\[::1\\]:25"),
        ("inet:[::1:25", "an IPv6 address needs brackets"),
        ("inet::25", "is neither a host name nor an address"),
        ("inet:[]:25", "is neither a host name nor an address"),
        ("inet:*:25", "is neither a host name nor an address"),
        ("inet:[::g]:25", "is neither a host name nor an address"),
    ],
)
def test_what_is_no_endpoint_is_refused_in_words(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_endpoint(text)


@given(st.sampled_from(["", "unix:", "unix:/", "inet:", "inet:[", "inet:a:"]), st.text())
def test_any_text_is_an_endpoint_or_a_value_error_on_one_line(start: str, rest: str) -> None:
    message = ""
    try:
        endpoint = parse_endpoint(start + rest)
        assert parse_endpoint(str(endpoint)) == endpoint
    except ValueError as error:
        message = str(error)
    assert len(message.splitlines()) < 2


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("LocalHost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("::ffff:192.0.2.1", False),
        ("localhost.example.com", False),
    ],
)
def test_only_literal_loopback_addresses_and_localhost_are_loopback(
    host: str, loopback: bool
) -> None:
    assert is_loopback(InetEndpoint(host, 143)) is loopback


def test_a_control_socket_is_a_unix_socket() -> None:
    assert unix_endpoint_text("unix:/run/control") == "unix:/run/control"
    with pytest.raises(ValueError, match="must be a UNIX socket"):
        unix_endpoint_text("inet:127.0.0.1:1")
    with pytest.raises(ValueError, match="needs the absolute path"):
        unix_endpoint_text("unix:control")


@pytest.mark.parametrize(
    "text", ["inet:127.0.0.1:9119", "inet:[::1]:9119", "inet:0.0.0.0:1", "inet:localhost:9119"]
)
def test_a_port_can_be_told_to_be_one_without_a_name_to_look_up(text: str) -> None:
    assert numeric_endpoint_text(text) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("unix:/run/metrics", '"unix:/run/metrics": must be a TCP port, inet:ADDRESS:PORT'),
        ("127.0.0.1:9119", '"127.0.0.1:9119": must be a TCP port, inet:ADDRESS:PORT'),
        ("inet:127.0.0.1", '"inet:127.0.0.1": inet: needs a host and a port, inet:HOST:PORT'),
        (
            "inet:gateway.example.com:9119",
            '"inet:gateway.example.com:9119": write an address, or localhost, and no other name',
        ),
    ],
)
def test_what_is_no_such_port_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as refused:
        numeric_endpoint_text(text)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("unix:/run//x/./y/../auth", "unix:/run/x/auth"),
        ("unix://run/auth", "unix:/run/auth"),
        ("inet:127.0.0.1:04999", "inet:127.0.0.1:4999"),
    ],
)
def test_an_endpoint_has_one_spelling(text: str, spelling: str) -> None:
    """So that the same socket is not listened at twice."""
    assert endpoint_text(text) == spelling
