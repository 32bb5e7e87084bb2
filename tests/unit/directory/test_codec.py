"""The encoder and decoder: only what is documented is raised, and nothing is waited for."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lab.fake_ldap import (
    NOTICE,
    bound,
    control,
    extended,
    found,
    message,
    reference,
    requests_in,
    searched,
    tlv,
    told,
)
from lab.leftovers import open_sockets

from bridge_common.directory.codec import Codec, CodecError, Done, NoticeError, Scope, Search
from bridge_common.directory.framing import MAX_MESSAGE_BYTES
from bridge_common.directory.results import Entry
from bridge_common.secret import Secret

PASSWORD = Secret(b"secret")


@pytest.fixture
def codec() -> Iterator[Codec]:
    codec = Codec()
    yield codec
    codec.close()


def search() -> Search:
    return Search("dc=com", "subtree", "(uid=alice)")


# Requests


def test_numbers_go_up(codec: Codec) -> None:
    requests = codec.start_tls() + codec.bind("cn=a", PASSWORD) + codec.search(search())
    assert [(one.number, one.stage) for one in requests_in(requests)] == [
        (1, "start_tls"),
        (2, "login"),
        (3, "search"),
    ]


def test_start_tls(codec: Codec) -> None:
    (request,) = requests_in(codec.start_tls())
    assert request.elements == (b"1.3.6.1.4.1.1466.20037",)


@pytest.mark.parametrize(("scope", "number"), [("base", 0), ("one", 1), ("subtree", 2)])
def test_a_search(codec: Codec, scope: Scope, number: int) -> None:
    asked = Search("dc=ü", scope, "(uid=alice)", ("mail", "cn"), 7)
    (request,) = requests_in(codec.search(asked))
    base, where, aliases, most, seconds, types_only, wanted, attributes = request.elements
    assert (base, where, most) == ("dc=ü".encode(), bytes([number]), b"\x07")
    assert (aliases, seconds, types_only) == (b"\0", b"\0", b"\0")
    assert wanted == b"\x04\x03uid\x04\x05alice"
    assert attributes == b"\x04\x04mail\x04\x02cn"


@given(st.binary(min_size=1, max_size=5000))
@example(b"\0")
@example(b" ")
def test_passwords_of_any_bytes(password: bytes) -> None:
    codec = Codec()
    (request,) = requests_in(codec.bind("cn=alice", Secret(password)))
    codec.close()
    assert request.elements == (b"\x03", b"cn=alice", password)


@pytest.mark.parametrize("name", ["", " ", "\t\n", "\u3000"])
def test_nobody_is_never_bound(codec: Codec, name: str) -> None:
    with pytest.raises(CodecError, match=r"^a bind needs a name and a password$"):
        codec.bind(name, PASSWORD)


def test_an_empty_password_is_never_bound(codec: Codec) -> None:
    with pytest.raises(CodecError, match=r"^a bind needs a name and a password$"):
        codec.bind("cn=alice", Secret(b""))


@pytest.mark.parametrize("name", ["cn=a\0b", "cn=\udcff", "\0", "\ud800"])
def test_names_that_cannot_be_said(codec: Codec, name: str) -> None:
    """The text repeats nothing of it; the next request is made as if nothing had been."""
    said = r"^not to be said in LDAP \((Value|UnicodeEncode)Error\)$"
    with pytest.raises(CodecError, match=said):
        codec.bind(name, PASSWORD)
    with pytest.raises(CodecError, match=said):
        codec.search(Search(name, "base", "(uid=a)"))
    assert len(requests_in(codec.bind("cn=a", PASSWORD))) == 1


@pytest.mark.parametrize("text", ["(", "(uid=a", "uid", "(&(uid=a)", "(uid=\\zz)"])
def test_filters_that_are_none(codec: Codec, text: str) -> None:
    with pytest.raises(CodecError, match=r"^Bad search filter$"):
        codec.search(Search("", "base", text))


LONG: list[Callable[[Codec], bytes]] = [
    lambda codec: codec.bind("cn=" + "x" * 33_000, PASSWORD),
    lambda codec: codec.bind("cn=" + "ü" * 17_000, PASSWORD),
    lambda codec: codec.bind("cn=a", Secret(bytes(1_000_000))),
    lambda codec: codec.search(Search("dc=" + "x" * 200_000, "base", "(uid=a)")),
    lambda codec: codec.search(Search("", "base", f"(uid={'x' * 200_000})")),
]


@pytest.mark.parametrize("ask", LONG)
def test_what_is_too_long_is_refused_at_once(codec: Codec, ask: Callable[[Codec], bytes]) -> None:
    """Nobody would take it from libldap, which would wait."""
    with pytest.raises(CodecError, match=r"^too long for a request$"):
        ask(codec)
    assert len(requests_in(codec.bind("cn=a", PASSWORD))) == 1


@given(st.integers(0, 32_768 - len("cn=")))
@example(0)
@example(32_768 - len("cn="))
def test_the_longest_request_is_whole(size: int) -> None:
    codec = Codec()
    (request,) = requests_in(codec.bind("cn=", Secret(bytes(size) or b"x")))
    codec.close()
    assert len(request.elements[2]) == (size or 1)


# Answers


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (bound(), Done(0)),
        (bound(0, b"welcome"), Done(0, "", "welcome")),
        (bound(49), Done(49, "Invalid credentials")),
        (bound(49, "nö".encode()), Done(49, "Invalid credentials", "nö")),
        (bound(49, b"\xff"), Done(49, "Invalid credentials", "\ufffd")),
        (bound(49, b"data 52e, v1db1\0"), Done(49, "Invalid credentials", "data 52e, v1db1")),
        (bound(10, b"go"), Done(10, "Referral", "go")),
        (
            bound(10, b"go\xff", rest=tlv(0xA3, tlv(4, b"ldap://b/"))),
            Done(10, "Referral", "go\ufffd"),
        ),
    ],
)
def test_answers_to_a_bind(codec: Codec, operation: bytes, expected: Done) -> None:
    codec.bind("cn=a", PASSWORD)
    assert codec.decode(message(1, operation)) == expected


def test_answers_to_a_search(codec: Codec) -> None:
    codec.search(search())
    entry = codec.decode(message(1, found(b"uid=a", Mail=[b"x", b"\xff"], cn=[])))
    assert entry == Entry("uid=a", {"mail": ("x", "\ufffd"), "cn": ()})
    assert codec.decode(message(1, reference())) is None
    assert codec.decode(message(1, reference(b"\xff"))) is None
    assert codec.decode(message(1, searched())) == Done(0)


@pytest.mark.parametrize("url", [b"ldap://\xff/", b"ldap://" + "é".encode() * 1000, b""])
def test_where_a_referral_points_is_not_looked_at(codec: Codec, url: bytes) -> None:
    """Python-ldap would break down at these, and the process with it."""
    codec.bind("cn=a", PASSWORD)
    answer = bound(10, b"go", rest=tlv(0xA3, tlv(4, url)))
    assert codec.decode(message(1, answer)) == Done(10, "Referral", "go")
    (request,) = requests_in(codec.search(search()))
    answer = searched(10, b"go", rest=tlv(0xA3, tlv(4, url)))
    assert codec.decode(message(request.number, answer)) == Done(10, "Referral", "go")
    for kind in (0x61, 0x6B, 0x78, 0x79):  # nor of what is no answer to this
        (request,) = requests_in(codec.search(search()))
        foreign = told(kind, 10, rest=tlv(0xA3, tlv(4, url)))
        with pytest.raises(CodecError, match=r"^unreadable answer$"):
            codec.decode(message(request.number, foreign))


CONTROLS = {
    "unknown": control(b"1.2.3", b"x"),
    "unknown and critical": control(b"1.2.3", b"x", critical=True),
    "without value": control(b"1.2.3"),
    "two": control(b"1.2.3") + control(b"1.2.4", b"\xff"),
    "password policy, broken": control(b"1.3.6.1.4.1.42.2.27.8.5.1", b"\x30\x05\xff"),
    "paged results, broken": control(b"1.2.840.113556.1.4.319", b"\x30\x05\xff", critical=True),
    "password expired": control(b"2.16.840.1.113730.3.4.4", b"no number"),
}


@pytest.mark.parametrize("controls", CONTROLS.values(), ids=CONTROLS)
def test_controls_of_an_answer_change_nothing(codec: Codec, controls: bytes) -> None:
    """RFC 4511 section 4.1.11: whether they are critical does not matter."""
    codec.bind("cn=a", PASSWORD)
    assert codec.decode(message(1, bound(), controls)) == Done(0)
    codec.bind("cn=a", PASSWORD)
    assert codec.decode(message(2, bound(49), controls)) == Done(49, "Invalid credentials")


def test_a_notice_is_no_answer(codec: Codec) -> None:
    codec.bind("cn=a", PASSWORD)
    with pytest.raises(NoticeError, match=r"^the server ended the connection$"):
        codec.decode(NOTICE)


@pytest.mark.parametrize("number", [-1, 2, 0x7FFFFFFF])
def test_an_answer_to_something_else(codec: Codec, number: int) -> None:
    codec.bind("cn=a", PASSWORD)
    with pytest.raises(CodecError, match=r"^an answer that nobody asked for$"):
        codec.decode(message(number, bound()))


def test_an_answer_to_nothing(codec: Codec) -> None:
    for number in (-1, 1):
        with pytest.raises(CodecError):
            codec.decode(message(number, bound()))


def test_a_second_answer(codec: Codec) -> None:
    codec.bind("cn=a", PASSWORD)
    assert codec.decode(message(1, bound(49))) == Done(49, "Invalid credentials")
    with pytest.raises(CodecError, match=r"^an answer that nobody asked for$"):
        codec.decode(message(1, bound()))


OPERATIONS = st.sampled_from(
    [bound(), bound(49, b"no"), searched(), extended(), found(mail=[b"x"]), reference()]
)


@given(OPERATIONS, st.data())
def test_whatever_comes_is_an_answer_or_a_codec_error(
    operation: bytes, data: st.DataObject
) -> None:
    """One changed byte, or one cut off, in a message whose outer length is right."""
    inner = bytearray(message(1, operation)[2:])
    if data.draw(st.booleans()):
        inner[data.draw(st.integers(0, len(inner) - 1))] = data.draw(st.integers(0, 255))
    else:
        del inner[data.draw(st.integers(0, len(inner) - 1)) :]
    codec = Codec()
    try:
        codec.search(search())
        said = codec.decode(tlv(0x30, bytes(inner)))
        assert said is None or isinstance(said, Entry | Done)
    except CodecError as error:
        assert str(error).isprintable()  # noqa: PT017  # an error is one of the outcomes
    finally:
        codec.close()


def test_the_longest_message(codec: Codec) -> None:
    codec.search(search())
    name = b"x" * (MAX_MESSAGE_BYTES - 22)
    longest = message(1, found(name))
    assert len(longest) <= MAX_MESSAGE_BYTES
    assert codec.decode(longest) == Entry(name.decode(), {})


# The end


def test_a_closed_codec_holds_nothing() -> None:
    before = open_sockets()
    codec = Codec()
    assert len(open_sockets() - before) == 2
    codec.close()
    assert open_sockets() == before


def test_no_configuration_of_the_machine_counts(tmp_path: Path) -> None:
    """A .ldaprc of the user we run as would even change what libldap asks for."""
    (tmp_path / ".ldaprc").write_text("SIZELIMIT 1\nTIMELIMIT 1\nDEREF always\n")
    program = (
        "from bridge_common.directory.codec import Codec, Search\n"
        "print(Codec().search(Search('', 'base', '(a=b)')).hex())"
    )
    folder = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"HOME": str(tmp_path), "PYTHONPATH": folder},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    (request,) = requests_in(bytes.fromhex(done.stdout))
    assert request.elements[2:6] == (b"\0", b"\x02", b"\0", b"\0")
