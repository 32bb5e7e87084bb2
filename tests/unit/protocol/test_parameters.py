"""The parameters of AUTH."""

import pytest

from sasl_bridge.protocol.breach import Broken
from sasl_bridge.protocol.parameters import AuthParameters, read_parameters


def read(text: bytes) -> AuthParameters:
    parameters = read_parameters(text)
    assert isinstance(parameters, AuthParameters)
    return parameters


def test_what_postfix_sends_is_read() -> None:
    assert read(b"service=smtp\tnologin\tlip=127.0.0.1\trip=192.0.2.7\tsecured") == AuthParameters(
        service="smtp", secured=True, client="192.0.2.7", server="127.0.0.1"
    )


def test_what_dovecot_sends_is_read() -> None:
    assert read(
        b"service=imap\tsession=abc\trip=2001:DB8::0:1\trport=99999\tdebug"
    ) == AuthParameters(service="imap", client="2001:db8::1", session="abc")


def test_protocol_is_a_later_name_of_service() -> None:
    assert read(b"protocol=smtp").service == "smtp"
    assert read(b"protocol=imap\tservice=smtp").service == "smtp"


def test_of_one_that_is_given_twice_the_last_counts() -> None:
    parameters = read(b"service=imap\trip=192.0.2.1\tservice=smtp\trip=192.0.2.2")
    assert (parameters.service, parameters.client) == ("smtp", "192.0.2.2")


@pytest.mark.parametrize("text", [b"", b"nologin", b"rip=192.0.2.1\tsecured"])
def test_without_a_service_the_client_is_broken(text: bytes) -> None:
    assert read_parameters(text) == Broken("AUTH without service=")


@pytest.mark.parametrize("text", [b"resp=\tservice=smtp", b"service=smtp\tresp\tsecured"])
def test_a_response_among_them_is_not_the_last_field(text: bytes) -> None:
    assert read_parameters(text) == Broken("AUTH with a field after resp=")


@pytest.mark.parametrize(
    ("field", "secured"),
    [(b"secured", True), (b"secured=tls", True), (b"secured=evil", True), (b"secured_=", False)],
)
def test_secured_means_secured_whatever_its_value(field: bytes, secured: bool) -> None:
    assert read(b"service=smtp\t" + field).secured is secured


@pytest.mark.parametrize(
    "address",
    [
        b"",
        b"unknown",
        b"not-an-ip",
        b"192.0.2.256",
        b"192.0.2.1/24",
        b"fe80::1%eth0",
        b"fe80::1%\x1b[31m",
        b"\xff",
        b"3221225985",
        b"1" * 5000,
    ],
)
def test_what_is_no_address_counts_as_none(address: bytes) -> None:
    parameters = read(b"service=smtp\trip=" + address + b"\tlip=" + address)
    assert (parameters.client, parameters.server) == ("", "")


def test_values_are_unescaped_and_then_made_printable() -> None:
    assert read(b"service=smtp\tsession=a\x01tb\x01nc\x011d\xff\x01").session == "a?b?c?d?"
    assert read(b"ser\x01vice=sm\x01qtp").service == "smqtp"


def test_values_are_kept_in_part() -> None:
    assert read(b"service=smtp\tsession=" + b"x" * 1000).session == "x" * 255


@pytest.mark.parametrize("field", [b"local_name=a\0b", b"local_name=a\x010b", b"\x010"])
def test_a_nul_is_noticed(field: bytes) -> None:
    assert read(b"service=smtp\t" + field).hold_nul
    assert not read(b"service=smtp\tlocal_name=a0b").hold_nul
