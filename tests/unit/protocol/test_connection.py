"""The connection: state, bounds, and answers. Dialogues are in test_transcripts.py."""

import base64

import pytest

from bridge_common.secret import Secret
from sasl_bridge.credentials import Claim
from sasl_bridge.protocol.connection import (
    AuthConnection,
    AuthParameters,
    AuthRequest,
    Broken,
    Cancelled,
    Event,
    Gate,
    Limits,
)
from sasl_bridge.verdict import Refused, Verdict

DEFAULTS = Limits()

ALICE = b"resp=AGFsaWNlAHNlY3JldA=="
"""PLAIN, "alice" and "secret"."""


def open_gate(_: AuthParameters) -> None:
    """Let everything pass."""


def connect(minor: int = 2, *, gate: Gate = open_gate, limits: Limits = DEFAULTS) -> AuthConnection:
    connection = AuthConnection(pid=1, cuid=1, cookie="0" * 32, gate=gate, limits=limits)
    connection.data_to_send()
    connection.receive_data(b"VERSION\t1\t%d\nCPID\t1\n" % minor, 0.0)
    assert connection.next_event() is None
    return connection


def plain(number: int, service: bytes = b"imap") -> bytes:
    return b"AUTH\t%d\tPLAIN\tservice=%b\t%b\n" % (number, service, ALICE)


def login(number: int) -> bytes:
    return b"AUTH\t%d\tLOGIN\tservice=smtp\n" % number


def events_of(connection: AuthConnection, data: bytes = b"", now: float = 0.0) -> list[Event]:
    connection.receive_data(data, now)
    return list(iter(connection.next_event, None))


def request_of(connection: AuthConnection, data: bytes) -> AuthRequest:
    (event,) = events_of(connection, data)
    assert isinstance(event, AuthRequest)
    return event


def test_the_greeting_is_sent_unasked_and_once() -> None:
    connection = AuthConnection(pid=4711, cuid=7, cookie="c" * 32, gate=open_gate)
    greeting = connection.data_to_send()
    assert greeting.startswith(b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\n")
    assert greeting.endswith(b"SPID\t4711\nCUID\t7\nCOOKIE\t" + b"c" * 32 + b"\nDONE\n")
    assert connection.data_to_send() == b""


def test_it_is_ready_once_the_client_has_introduced_itself() -> None:
    connection = AuthConnection(pid=1, cuid=1, cookie="", gate=open_gate)
    ready = [connection.ready]
    for line in (b"VERSION\t1\t0\n", b"CPID\t1\n"):
        assert events_of(connection, line) == []
        ready.append(connection.ready)
    assert ready == [False, False, True]


def test_a_request_says_all_that_is_known() -> None:
    connection = connect()
    request = request_of(
        connection,
        b"AUTH\t7\tplain\tservice=smtp\tlip=192.0.2.1\trip=192.0.2.7\tsecured\t%b\n" % ALICE,
    )
    assert (request.id, request.mechanism) == (7, "PLAIN")
    assert request.parameters == AuthParameters("smtp", True, "192.0.2.7", "192.0.2.1")
    assert request.claim == Claim(b"alice", Secret(b"secret"))
    assert (connection.verifying, connection.waiting) == (1, 0)


def test_a_mechanism_that_is_not_offered_is_shown_printably_and_in_part() -> None:
    request = request_of(connect(), b"AUTH\t1\tx\x1b[31m\xff" + b"y" * 9000 + b"\tservice=smtp\n")
    assert request.mechanism == "X?[31M?YYYYYYYYYYYYY"
    assert request.claim == Refused(Verdict.REJECTED, "mechanism not offered")


def test_a_request_does_not_show_its_password() -> None:
    assert "secret'" not in repr(request_of(connect(), plain(1)))


def test_the_gate_sees_the_parameters_and_its_refusal_comes_before_any_prompt() -> None:
    asked = []

    def gate(parameters: AuthParameters) -> Refused | None:
        asked.append(parameters)
        return None if parameters.secured else Refused(Verdict.REJECTED, "no TLS")

    connection = connect(gate=gate)
    request = request_of(connection, login(1))
    assert request.claim == Refused(Verdict.REJECTED, "no TLS")
    assert connection.data_to_send() == b""
    assert events_of(connection, b"AUTH\t2\tLOGIN\tservice=smtp\tsecured\nCONT\t2\tYQ==\n") == []
    assert asked == [AuthParameters("smtp"), AuthParameters("smtp", secured=True)]


def test_a_line_of_16383_bytes_is_read() -> None:
    start = b"AUTH\t1\tPLAIN\tservice=smtp\tresp="
    response = base64.b64encode(b"\0alice\0" + b"x" * 12000)
    padding = b"x=".ljust(16383 - len(start) - len(response) - 1, b"y")
    line = start.replace(b"resp=", padding + b"\tresp=") + response
    assert len(line) == 16383
    request = request_of(connect(), line + b"\n")
    assert request.claim == Claim(b"alice", Secret(b"x" * 12000))


@pytest.mark.parametrize("line", [b"x" * 16384 + b"\n", b"x" * 16384, b"AUTH\t" + b"x" * 2**20])
def test_a_longer_or_endless_line_breaks_the_connection(line: bytes) -> None:
    connection = connect()
    assert events_of(connection, line) == [Broken("line too long")]
    assert connection.hung_up


def test_lines_before_one_that_is_too_long_are_processed() -> None:
    connection = connect()
    first, second = events_of(connection, plain(1) + b"x" * 16384)
    assert isinstance(first, AuthRequest)
    assert second == Broken("line too long")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"HELO\n", "unknown command"),
        (b"VERSION\t1\t0\n", "command out of order"),
        (b"CPID\t1\n", "command out of order"),
        (b"AUTH\t1\tPLAIN\n", "AUTH without service="),
    ],
)
def test_a_breach_hangs_up_and_names_its_reason(line: bytes, reason: str) -> None:
    connection = connect()
    assert events_of(connection, line + plain(1)) == [Broken(reason)]
    assert connection.hung_up
    assert connection.next_event() is None


def test_a_breach_in_the_handshake_names_its_reason() -> None:
    connection = AuthConnection(pid=1, cuid=1, cookie="", gate=open_gate)
    assert events_of(connection, b"VERSION\t2\t0\n") == [
        Broken("VERSION with another major version")
    ]
    assert not connection.ready


def test_replies_before_a_breach_are_still_sent() -> None:
    connection = connect()
    events = events_of(connection, b"CONT\t5\tYQ==\nAUTH\t0\n")
    assert events == [Broken("AUTH without a valid id")]
    assert connection.data_to_send() == b"FAIL\t5\treason=Authentication request timed out\n"


def test_a_thousand_pipelined_requests_are_handed_out_within_the_cap_and_all_answered() -> None:
    connection = connect()
    connection.receive_data(b"".join(map(plain, range(1, 1001))), 0.0)
    pending: list[AuthRequest] = []
    most = 0
    for _ in range(1000):
        pending += [event for event in events_of(connection) if isinstance(event, AuthRequest)]
        most = max(most, len(pending), connection.verifying)
        assert connection.at_capacity == (len(pending) == 64)
        connection.accept(pending.pop(0), "alice@example.com")
    assert most == 64
    assert connection.data_to_send() == b"".join(
        b"OK\t%d\tuser=alice@example.com\n" % number for number in range(1, 1001)
    )
    assert (connection.verifying, events_of(connection)) == (0, [])


def test_at_capacity_nothing_is_processed_not_even_a_breach() -> None:
    connection = connect(limits=Limits(verifying=1))
    request = request_of(connection, plain(1) + b"CANCEL\t1\nHELO\n")
    assert connection.at_capacity
    connection.reject(request, "no")
    assert events_of(connection) == [Broken("unknown command")]


def test_of_ten_thousand_abandoned_logins_the_youngest_are_kept() -> None:
    connection = connect()
    assert events_of(connection, b"".join(map(login, range(1, 10_001)))) == []
    assert connection.waiting == 64
    connection.data_to_send()
    events_of(connection, b"CONT\t9936\tYQ==\nCONT\t9937\tYQ==\nCONT\t10000\tYQ==\n")
    assert connection.data_to_send() == (
        b"FAIL\t9936\treason=Authentication request timed out\n"
        b"CONT\t9937\tUGFzc3dvcmQ6\n"
        b"CONT\t10000\tUGFzc3dvcmQ6\n"
    )


def test_what_waits_too_long_is_forgotten_without_a_word() -> None:
    connection = connect()
    events_of(connection, login(1), now=10.0)
    events_of(connection, login(2) + b"CONT\t1\tYQ==\n", now=100.0)
    connection.data_to_send()
    connection.expire(159.9)
    assert connection.waiting == 2
    connection.expire(160.0)
    assert connection.waiting == 1
    connection.expire(1000.0)
    assert connection.waiting == 0
    assert connection.data_to_send() == b""
    assert events_of(connection, login(1), now=1000.0) == []
    assert connection.data_to_send() == b"CONT\t1\tVXNlcm5hbWU6\n"


def test_what_is_being_verified_does_not_expire() -> None:
    connection = connect()
    request = request_of(connection, plain(1))
    connection.expire(10_000.0)
    connection.accept(request, "alice@example.com")
    assert connection.data_to_send() == b"OK\t1\tuser=alice@example.com\n"


def test_a_late_answer_never_answers_the_next_request_of_that_id() -> None:
    connection = connect()
    old = request_of(connection, plain(1))
    cancelled, new = events_of(connection, b"CANCEL\t1\n" + plain(1))
    assert cancelled == Cancelled(old)
    assert isinstance(new, AuthRequest)
    connection.accept(old, "alice@example.com")
    connection.reject(old, "no")
    connection.unavailable(old)
    assert (connection.data_to_send(), connection.hung_up) == (b"", False)
    connection.reject(new, "no")
    assert connection.data_to_send() == b"FAIL\t1\treason=no\n"


def test_a_request_is_answered_once() -> None:
    connection = connect()
    request = request_of(connection, plain(1))
    connection.reject(request, "no", "alice")
    connection.accept(request, "alice@example.com")
    connection.reject(request, "no")
    connection.unavailable(request)
    assert connection.data_to_send() == b"FAIL\t1\tuser=alice\treason=no\n"
    assert not connection.hung_up


def test_a_request_of_another_connection_is_not_answered() -> None:
    connection = connect()
    other = request_of(connect(), plain(1))
    request_of(connection, plain(1))
    connection.accept(other, "alice@example.com")
    assert (connection.data_to_send(), connection.verifying) == (b"", 1)


@pytest.mark.parametrize("identity", ["", "alice\tnologin", "alice\n"])
def test_an_unsafe_identity_is_never_accepted(identity: str) -> None:
    connection = connect()
    request = request_of(connection, plain(1))
    with pytest.raises(ValueError, match="identity"):
        connection.accept(request, identity)
    assert connection.data_to_send() == b""
    connection.unavailable(request)
    assert connection.hung_up


@pytest.mark.parametrize(
    ("minor", "service", "hung_up"),
    [(0, b"smtp", True), (1, b"smtp", True), (2, b"smtp", False), (0, b"imap", False)],
)
def test_trouble_on_a_shared_connection(minor: int, service: bytes, hung_up: bool) -> None:
    connection = connect(minor)
    first, second = events_of(connection, plain(1, service) + plain(2, service))
    assert isinstance(first, AuthRequest)
    assert isinstance(second, AuthRequest)
    connection.unavailable(first)
    assert connection.hung_up is hung_up
    connection.accept(second, "alice@example.com")
    assert connection.data_to_send() == (
        b""
        if hung_up
        else b"FAIL\t1\tuser=alice\tcode=temp_fail\ttemp\nOK\t2\tuser=alice@example.com\n"
    )


def test_trouble_hangs_up_though_an_abandoned_login_waits() -> None:
    connection = connect()
    request = request_of(connection, login(1) + plain(2))
    connection.data_to_send()
    connection.unavailable(request)
    assert (connection.hung_up, connection.data_to_send()) == (True, b"")
    assert (connection.verifying, connection.waiting) == (0, 0)


def test_a_login_that_is_no_utf_8_is_a_claim_and_shown_printably() -> None:
    connection = connect()
    response = base64.b64encode(b"\0\xff\x80\0\xfe")
    first, _ = events_of(
        connection, b"AUTH\t1\tPLAIN\tservice=imap\tresp=%b\n%b" % (response, plain(2))
    )
    assert isinstance(first, AuthRequest)
    assert first.claim == Claim(b"\xff\x80", Secret(b"\xfe"))
    connection.unavailable(first)
    assert connection.data_to_send() == (
        b"FAIL\t1\tuser=\xef\xbf\xbd\xef\xbf\xbd\tcode=temp_fail\ttemp\n"
    )


def test_a_huge_login_is_a_claim_like_any_other() -> None:
    connection = connect()
    response = base64.b64encode(b"\0" + b"a" * 12000 + b"\0b")
    request = request_of(connection, b"AUTH\t1\tPLAIN\tservice=smtp\tresp=%b\n" % response)
    assert isinstance(request.claim, Claim)
    connection.reject(request, "no", request.claim.login.decode())
    assert connection.data_to_send() == b"FAIL\t1\tuser=" + b"a" * 255 + b"\treason=no\n"


def test_when_the_client_is_gone_so_is_everything() -> None:
    connection = connect()
    request = request_of(connection, login(1) + plain(2))
    connection.data_to_send()
    connection.receive_data(plain(3) + b"AUTH\t4", 0.0)
    connection.receive_eof()
    assert connection.hung_up
    assert connection.next_event() is None
    assert (connection.verifying, connection.waiting) == (0, 0)
    connection.accept(request, "alice@example.com")
    assert connection.data_to_send() == b""


def test_nothing_is_taken_or_kept_after_the_end() -> None:
    connection = connect(limits=Limits(verifying=1))
    request_of(connection, plain(1) + plain(2))
    connection.receive_eof()
    assert connection._lines.next_line() is None
    assert events_of(connection, plain(3) + b"x" * 100_000) == []
    assert connection._lines.next_line() is None
    assert connection.data_to_send() == b""
    connection.expire(1000.0)
    assert connection.hung_up
