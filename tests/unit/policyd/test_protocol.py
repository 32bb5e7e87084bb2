"""The policy protocol: blocks in, exactly one reply each, and what a client program does wrong."""

import tracemalloc

import pytest
from lab.policy_client import RCPT, request_bytes

from policyd.action import DUNNO, HANG_UP, Code, Refuse
from policyd.protocol import PolicyConnection, parse_request
from policyd.request import PolicyRequest

KIND = b"request=smtpd_access_policy\n"
ASKED = PolicyRequest(
    protocol_state="RCPT",
    sender="alice@example.com",
    recipient="bob@example.net",
    client_address="192.0.2.1",
    instance="8a1.6743a5b0.c350.0",
    sasl_method="PLAIN",
    sasl_username="alice@example.com",
    policy_context="submission",
)


def received(*pieces: bytes) -> PolicyConnection:
    connection = PolicyConnection()
    for piece in pieces:
        connection.receive_data(piece)
    return connection


def broken_by(*pieces: bytes) -> str:
    """Return the reason, and see to it that nothing is answered or kept."""
    connection = received(*pieces)
    assert connection.next_request() is None
    assert connection.hung_up
    assert connection.data_to_send() == b""
    connection.receive_data(request_bytes())
    assert connection.next_request() is None
    assert not connection.begun
    return connection.broken


def test_postfix_s_request_is_understood() -> None:
    assert received(request_bytes()).next_request() == ASKED


def test_the_order_of_attributes_is_free() -> None:
    lines = [f"{name}={value}" for name, value in RCPT.items()]
    assert parse_request("\n".join(reversed(lines)).encode()) == ASKED


def test_an_attribute_that_is_absent_is_empty() -> None:
    assert received(KIND + b"\n").next_request() == PolicyRequest()


def test_attributes_of_other_versions_are_ignored() -> None:
    known = received(KIND + b"tls_sni=x\nsender=a@example.com\nmail_version=9\n\n").next_request()
    assert known == PolicyRequest(sender="a@example.com")


def test_what_the_client_only_claims_is_ignored() -> None:
    """sasl_sender is MAIL FROM's AUTH=, which nobody has verified."""
    asked = received(KIND + b"sasl_sender=boss@example.com\n\n").next_request()
    assert asked == PolicyRequest()


def test_values_hold_spaces_and_equals_signs() -> None:
    asked = received(KIND + b'sender="a = b"@example.com\nsasl_username==a= \n\n').next_request()
    assert asked == PolicyRequest(sender='"a = b"@example.com', sasl_username="=a= ")


def test_bytes_that_are_no_utf8_are_kept_apart() -> None:
    asked = received(KIND + b"sender=\xff\xc3@example.com\nrecipient=\0\n\n").next_request()
    assert asked == PolicyRequest(sender="\udcff\udcc3@example.com", recipient="\0")


def test_a_character_that_two_reads_share_is_whole() -> None:
    connection = received(KIND + b"sender=j\xc3")
    assert connection.next_request() is None
    connection.receive_data(b"\xb6rg@example.com\n\n")
    assert connection.next_request() == PolicyRequest(sender="j\u00f6rg@example.com")


def test_requests_are_handed_out_one_at_a_time_and_answered_in_their_order() -> None:
    connection = received(b"".join(request_bytes(sender=name) for name in "abc"))
    first = connection.next_request()
    assert first is not None
    assert connection.answering
    assert connection.next_request() is None
    connection.answer(first, DUNNO)
    assert not connection.answering
    second = connection.next_request()
    assert second is not None
    connection.answer(second, Refuse(Code.NOT_ALLOWED, "no"))
    third = connection.next_request()
    assert third is not None
    connection.answer(third, Refuse(Code.TRY_LATER, "later"))
    assert [first.sender, second.sender, third.sender] == ["a", "b", "c"]
    assert connection.data_to_send() == (
        b"action=DUNNO\n\naction=553 5.7.1 no\n\naction=451 4.3.0 later\n\n"
    )
    assert connection.data_to_send() == b""
    assert not connection.begun


def test_a_request_is_answered_once() -> None:
    connection = received(request_bytes(), request_bytes(sender="b"))
    first = connection.next_request()
    assert first is not None
    connection.answer(first, DUNNO)
    connection.answer(first, DUNNO)
    second = connection.next_request()
    assert second is not None
    connection.answer(first, DUNNO)
    assert connection.data_to_send() == b"action=DUNNO\n\n"
    assert connection.answering


def test_trouble_is_told_by_hanging_up_and_nothing_else() -> None:
    connection = received(request_bytes(), request_bytes())
    first = connection.next_request()
    assert first is not None
    connection.answer(first, HANG_UP)
    assert connection.hung_up
    assert connection.broken == ""
    assert connection.data_to_send() == b""
    assert connection.next_request() is None


def test_what_was_answered_before_the_trouble_is_sent() -> None:
    connection = received(request_bytes(), b"nonsense\n\n")
    first = connection.next_request()
    assert first is not None
    connection.answer(first, DUNNO)
    assert connection.next_request() is None
    assert connection.hung_up
    assert connection.data_to_send() == b"action=DUNNO\n\n"


# What Postfix would not send


@pytest.mark.parametrize("block", [b"sender\n", b"=x\n", b" \n", b"sender\r\n"])
def test_a_line_without_a_name_or_an_equals_sign(block: bytes) -> None:
    assert broken_by(KIND + block + b"\n") == "a line of a request is no name=value"


@pytest.mark.parametrize("data", [b"\n\n", b"\n" + request_bytes()])
def test_an_empty_line_too_many(data: bytes) -> None:
    assert broken_by(data) == "a line of a request is no name=value"


@pytest.mark.parametrize("name", [*PolicyRequest._fields, "request"])
def test_a_deciding_attribute_with_two_values(name: str) -> None:
    twice = KIND + f"{name}=one\n{name}=other\n\n".encode()
    assert broken_by(twice) == "an attribute is there twice, with two values"


@pytest.mark.parametrize("name", PolicyRequest._fields)
def test_a_deciding_attribute_that_is_said_and_denied(name: str) -> None:
    """An empty value is a value: else whoever reads the first and whoever reads the last differ."""
    twice = KIND + f"{name}=\n{name}=other\n\n".encode()
    assert broken_by(twice) == "an attribute is there twice, with two values"


def test_an_attribute_twice_with_the_same_value() -> None:
    assert received(KIND + b"sender=a\nsender=a\n\n").next_request() == PolicyRequest(sender="a")


def test_an_attribute_that_nobody_asks_for_may_say_two_things() -> None:
    assert received(KIND + b"size=1\nsize=2\n\n").next_request() == PolicyRequest()


@pytest.mark.parametrize("kind", [b"", b"request=\n", b"request=junk\n", b"request=SMTPD_x\n"])
def test_a_request_of_another_kind(kind: bytes) -> None:
    reason = "a request is none for smtpd_access_policy"
    assert broken_by(kind + b"sender=alice@example.com\n\n") == reason


def test_as_many_attributes_as_allowed() -> None:
    assert parse_request(KIND + b"\n".join(b"a%d=" % n for n in range(199))) == PolicyRequest()


def test_one_attribute_too_many() -> None:
    block = KIND + b"".join(b"a%d=\n" % number for number in range(200))
    assert broken_by(block + b"\n") == "a request has more than 200 attributes"


def filled(size: int) -> bytes:
    """Return a request whose block is so many bytes long."""
    head = KIND + b"sender="
    return head + b"x" * (size - len(head)) + b"\n\n"


@pytest.mark.parametrize("piece", [1_000_000, 4096, 1])
def test_as_many_bytes_as_allowed_whatever_the_pieces(piece: int) -> None:
    data = filled(65536)
    connection = PolicyConnection()
    for start in range(0, len(data), piece):
        assert connection.next_request() is None
        connection.receive_data(data[start : start + piece])
    asked = connection.next_request()
    assert asked is not None
    assert len(asked.sender) == 65536 - len(KIND) - len("sender=")


@pytest.mark.parametrize("piece", [1_000_000, 4096, 1])
def test_one_byte_too_many_whatever_the_pieces(piece: int) -> None:
    """What is refused in pieces is refused in one as well, though its end is there."""
    data = filled(65537) + request_bytes()
    connection = PolicyConnection()
    for start in range(0, len(data), piece):
        connection.receive_data(data[start : start + piece])
        assert connection.next_request() is None
    assert connection.broken == "a request is longer than 65536 bytes"
    assert connection.hung_up


@pytest.mark.parametrize(
    "endless",
    [
        KIND + b"sender=" + b"x" * 1_048_576,
        KIND + b"".join(b"a%d=x\n" % number for number in range(100_000)),
        KIND * 50_000,
        b"\r\n".join([KIND.strip()] * 50_000),
    ],
    ids=["value", "attributes", "repeated", "crlf"],
)
def test_without_an_empty_line_little_is_kept(endless: bytes) -> None:
    connection = PolicyConnection()
    pieces = [endless[start : start + 4096] for start in range(0, len(endless), 4096)]
    tracemalloc.start()
    try:
        for piece in pieces:
            connection.receive_data(piece)
            assert connection.next_request() is None
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert connection.broken == "a request is longer than 65536 bytes"
    assert taken < 200_000


def test_lines_with_carriage_returns_never_end() -> None:
    """Postfix writes LF; whoever writes CR LF is not answered in the middle of a request."""
    connection = received(b"request=smtpd_access_policy\r\nsender=a\r\n\r\n")
    assert connection.next_request() is None
    assert not connection.hung_up


def test_while_an_answer_is_owed_no_more_than_a_request_is_wanted() -> None:
    connection = received(request_bytes(), b"x" * 65536)
    first = connection.next_request()
    assert first is not None
    assert not connection.at_capacity
    connection.receive_data(b"x")
    assert connection.at_capacity
    connection.answer(first, DUNNO)
    assert not connection.at_capacity


def test_a_half_request_has_begun() -> None:
    connection = received(b"r")
    assert connection.begun
    assert not connection.answering
