"""The client's lines."""

import pytest

from sasl_bridge.protocol.breach import Broken
from sasl_bridge.protocol.commands import (
    Auth,
    Cancel,
    ClientPid,
    Continue,
    Version,
    parse_command,
)
from sasl_bridge.protocol.parameters import AuthParameters

SMTP = AuthParameters("smtp")


def test_version() -> None:
    assert parse_command(b"VERSION\t1\t2") == Version(1, 2)
    assert parse_command(b"VERSION\t2\t0\tmore") == Version(2, 0)


@pytest.mark.parametrize(
    "line", [b"VERSION", b"VERSION\t1", b"VERSION\t1\t", b"VERSION\tx\t0", b"VERSION\t1\t-1"]
)
def test_version_without_two_numbers(line: bytes) -> None:
    assert parse_command(line) == Broken("VERSION without two numbers")


def test_client_pid() -> None:
    assert parse_command(b"CPID\t4711") == ClientPid()


@pytest.mark.parametrize("line", [b"CPID", b"CPID\t", b"CPID\t0", b"CPID\tx", b"CPID\t1\t2"])
def test_client_pid_without_a_pid(line: bytes) -> None:
    assert parse_command(line) == Broken("CPID without a process id")


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"AUTH\t1\tPLAIN\tservice=smtp", Auth(1, b"PLAIN", SMTP, None)),
        (b"AUTH\t01\tPLAIN\tservice=smtp\tresp=YQ==", Auth(1, b"PLAIN", SMTP, b"YQ==")),
        (b"AUTH\t4294967295\tplain\tservice=smtp\tresp=", Auth(2**32 - 1, b"plain", SMTP, b"")),
        (b"AUTH\t1\tLOGIN\tservice=smtp\tresp==", Auth(1, b"LOGIN", SMTP, b"=")),
        (b"AUTH\t1\tLOGIN\tservice=smtp\tresp", Auth(1, b"LOGIN", SMTP, b"")),
        (b"AUTH\t1\tLOGIN\tservice=smtp\tre\x01sp=Y\x01tQ", Auth(1, b"LOGIN", SMTP, b"Y\tQ")),
        (b"AUTH\t1\t\tservice=smtp", Auth(1, b"", SMTP, None)),
        (b"AUTH\t1\tresp=x\tservice=smtp", Auth(1, b"resp=x", SMTP, None)),
        (b"AUTH\t1\tPL\x01AIN\xff\tservice=smtp", Auth(1, b"PLAIN\xff", SMTP, None)),
        (b"AUTH\t1\tLOGIN\tservice=smtp\trespect=1", Auth(1, b"LOGIN", SMTP, None)),
    ],
)
def test_auth(line: bytes, command: Auth) -> None:
    assert parse_command(line) == command


@pytest.mark.parametrize(
    "number",
    [b"", b"0", b"00", b"-1", b"+1", b"1x", b" 1", b"4294967296", b"9" * 5000, b"\xb2", b"1_0"],
)
def test_an_id_is_a_number_from_1_below_2_to_the_32(number: bytes) -> None:
    assert parse_command(b"AUTH\t%b\tPLAIN\tservice=smtp" % number) == Broken(
        "AUTH without a valid id"
    )
    assert parse_command(b"CONT\t%b\tYQ==" % number) == Broken("CONT without a valid id and data")
    assert parse_command(b"CANCEL\t%b" % number) == Broken("CANCEL without a valid id")


def test_an_id_may_have_more_leading_zeros_than_python_converts() -> None:
    assert parse_command(b"CANCEL\t" + b"0" * 5000 + b"7") == Cancel(7)


@pytest.mark.parametrize("line", [b"AUTH\t1", b"AUTH\t1\tPLAIN", b"AUTH\t1\tPLAIN\tresp=YQ=="])
def test_auth_without_a_service(line: bytes) -> None:
    assert parse_command(line) == Broken("AUTH without service=")


@pytest.mark.parametrize(
    "line",
    [
        b"AUTH\t1\tPLAIN\tservice=smtp\tresp=YQ==\tsecured",
        b"AUTH\t1\tPLAIN\tservice=smtp\tresp=YQ==\t",
        b"AUTH\t1\tPLAIN\tservice=smtp\tresp=\tresp=",
    ],
)
def test_nothing_follows_a_response(line: bytes) -> None:
    assert parse_command(line) == Broken("AUTH with a field after resp=")


def test_everything_behind_the_id_of_a_continuation_is_data() -> None:
    assert parse_command(b"CONT\t1\tYQ==") == Continue(1, b"YQ==")
    assert parse_command(b"CONT\t1\t") == Continue(1, b"")
    assert parse_command(b"CONT\t1\ta\tb\x01") == Continue(1, b"a\tb\x01")


def test_a_continuation_has_data() -> None:
    assert parse_command(b"CONT\t1") == Broken("CONT without a valid id and data")


def test_cancel() -> None:
    assert parse_command(b"CANCEL\t4294967295") == Cancel(4294967295)
    assert parse_command(b"CANCEL\t1\t2") == Broken("CANCEL without a valid id")


@pytest.mark.parametrize("line", [b"", b"\t", b"auth\t1", b"QUIT", b"AUTH 1 PLAIN", b"\xff\0"])
def test_everything_else_is_unknown(line: bytes) -> None:
    assert parse_command(line) == Broken("unknown command")
