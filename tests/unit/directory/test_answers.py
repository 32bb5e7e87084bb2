"""What messages of a server say: all of it as it should be, or nothing."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab.fake_ldap import bound, control, extended, found, message, reference, searched, tlv, told

from bridge_common.directory.answers import Answer, bare_result, parse_answer
from bridge_common.directory.framing import NO_LDAP, BrokenStreamError
from bridge_common.directory.results import Entry


@given(st.integers(1 - 2**31, 2**31 - 1), st.binary(max_size=400))
def test_the_number_of_a_message(number: int, content: bytes) -> None:
    assert parse_answer(message(number, tlv(0x79, content))) == Answer(number, 0x79)


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (bound(), Answer(1, 0x61)),
        (bound(49, b"no\xff"), Answer(1, 0x61, 49, "no\ufffd")),
        (bound(49, b"data 52e, v1db1\0"), Answer(1, 0x61, 49, "data 52e, v1db1")),
        (bound(49, b"a\0b"), Answer(1, 0x61, 49, "a\0b")),
        (searched(10, rest=tlv(0xA3, tlv(4, b"ldap://\xff/"))), Answer(1, 0x65, 10)),
        (extended(52, b"x" * 300), Answer(1, 0x78, 52, "x" * 300)),
        (tlv(0x61, b"\x0a\x02\x10\x00", tlv(4), tlv(4)), Answer(1, 0x61, 4096)),
        (tlv(0x61, b"\x0a\x84\x00\x00\x00\x01\x0a", tlv(4), tlv(4)), Answer(1, 0x61, 10)),
        (tlv(0x61, b"\x0a\x01\xff", tlv(4), tlv(4)), Answer(1, 0x61, -1)),
        (reference(), Answer(1, 0x73)),
        (reference(b"\xff"), Answer(1, 0x73)),
        (told(0x6B, 10), Answer(1, 0x6B)),
        (tlv(0x79), Answer(1, 0x79)),
        (found(b"uid=a"), Answer(1, 0x64, entry=Entry("uid=a", {}))),
        (found("uid=ü".encode()), Answer(1, 0x64, entry=Entry("uid=ü", {}))),
        (
            found(b"", Mail=[b"x", b"\xff\0"], cn=[]),
            Answer(1, 0x64, entry=Entry("", {"mail": ("x", "\ufffd\0"), "cn": ()})),
        ),
        (
            found(b"", Mail=[b"x"], mail=[b"y"]),
            Answer(1, 0x64, entry=Entry("", {"mail": ("x", "y")})),
        ),
    ],
)
def test_what_a_message_says(operation: bytes, expected: Answer) -> None:
    assert parse_answer(message(1, operation)) == expected
    assert parse_answer(message(1, operation, control(b"1.2.3"))) == expected


BROKEN: dict[str, bytes] = {
    "nothing": b"\x30\x00",
    "nothing, in the long form": b"\x30\x81\x00",
    "half a number": b"\x30\x01\x02",
    "an empty number": b"\x30\x02\x02\x00",
    "another tag": tlv(0x30, b"\x04\x01\x01", bound()),
    "a long number": tlv(0x30, tlv(2, bytes(5)), bound()),
    "a number beyond the end": b"\x30\x03\x02\x04\x01",
    "only a number": tlv(0x30, tlv(2, b"\x01")),
    "half an operation": tlv(0x30, tlv(2, b"\x01"), b"\x61"),
    "an operation beyond the end": tlv(0x30, tlv(2, b"\x01"), b"\x61\x08" + bound()[2:]),
    "an operation beyond the end, in the long form": tlv(0x30, tlv(2, b"\x01"), b"\x61\x84\x7f"),
    "an indefinite operation": tlv(0x30, tlv(2, b"\x01"), b"\x61\x80" + bound()[2:]),
    "a result with nothing in it": message(1, tlv(0x61)),
    "a code of no bytes": message(1, tlv(0x61, tlv(0x0A), tlv(4), tlv(4))),
    "a code of five bytes": message(1, tlv(0x61, tlv(0x0A, bytes(5)), tlv(4), tlv(4))),
    "a code that is none": message(1, tlv(0x61, b"\x02\x01\x00", tlv(4), tlv(4))),
    "a code that is outside": message(1, b"\x61\x01" + bound()[2:]),
    "no text": message(1, tlv(0x61, b"\x0a\x01\x00", tlv(4))),
    "a text beyond the end": message(1, tlv(0x61, b"\x0a\x01\x00", tlv(4), b"\x04\x05no")),
    "an entry without anything": message(1, tlv(0x64)),
    "an entry with more": message(1, tlv(0x64, tlv(4), tlv(0x30), tlv(4))),
    "an entry beyond the end": message(1, b"\x64\x70" + found()[2:]),
    "attributes beyond the end": message(1, tlv(0x64, tlv(4, b"uid=a"), b"\x30\x20\x30")),
    "an attribute beyond the end": message(1, tlv(0x64, tlv(4), tlv(0x30, b"\x30\x20\x04"))),
    "an attribute without values": message(1, tlv(0x64, tlv(4), tlv(0x30, tlv(0x30, tlv(4))))),
    "a value beyond the end": message(
        1, tlv(0x64, tlv(4), tlv(0x30, tlv(0x30, tlv(4), tlv(0x31, b"\x04\x05x"))))
    ),
    "a name that is no text": message(1, found(b"uid=\xff")),
    "an attribute that is no text": message(
        1, tlv(0x64, tlv(4), tlv(0x30, tlv(0x30, tlv(4, b"\xff"), tlv(0x31))))
    ),
    "two messages": message(1, bound()) * 2,
}


@pytest.mark.parametrize("whole", BROKEN.values(), ids=BROKEN)
def test_what_is_no_answer(whole: bytes) -> None:
    with pytest.raises(BrokenStreamError, match=f"^{NO_LDAP}$"):
        parse_answer(whole)


@given(st.binary(max_size=60))
def test_any_bytes_are_an_answer_or_no_ldap(content: bytes) -> None:
    with contextlib.suppress(BrokenStreamError):
        answer = parse_answer(tlv(0x30, content))
        assert bytes([answer.kind]) in content


@given(st.integers(1, 2**31 - 1), st.integers(-(2**31), 2**31 - 1), st.text())
def test_a_bare_result_says_no_more_than_the_code(number: int, code: int, text: str) -> None:
    bare = bare_result(Answer(number, 0x61, code, text))
    assert parse_answer(bare) == Answer(number, 0x61, code)
    assert len(bare) == 20
