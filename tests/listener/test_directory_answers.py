"""A directory that answers in strange ways: only an explicit yes is one, only an explicit no."""

from typing import Any

import pytest
from lab.asking_directory import SERVICE_PASSWORD, asking
from lab.fake_ldap import (
    DN,
    GOOD_SEARCH,
    NOTICE,
    Answer,
    FakeDirectory,
    Steps,
    bound,
    control,
    extended,
    found,
    message,
    raw,
    reference,
    requests_in,
    searched,
    tlv,
    told,
)
from lab.fake_server import Peer, hang

from bridge_common.directory.results import (
    BindRefused,
    Bound,
    Entry,
    Fault,
    ManyEntries,
    NoEntry,
    Result,
)

HOST, REQUEST = Fault.HOST, Fault.REQUEST
ENTRY = Entry(DN.decode(), {})
UNREADABLE = "127.0.0.1 port N: unreadable answer"
UNASKED = "127.0.0.1 port N: an answer that nobody asked for"
NO_LDAP = "127.0.0.1 port N: what it says is not LDAP"
WANTS_TLS = (
    'the server wants TLS: set security = "ssl" or "tls" (Strong(er) authentication required, 8)'
)
ENDLESS = "127.0.0.1 port N: its answer has no end"


# What is an answer

GOOD_STEPS: dict[str, tuple[dict[str, Steps], Result]] = {
    "yes": ({}, Bound(ENTRY)),
    "no": ({"login": (bound(49),)}, BindRefused("Invalid credentials (49)")),
    "a no about the account": (
        {"login": (bound(49, b"80090308: LdapErr: DSID-0, comment: error, data 533, v1db1\0"),)},
        BindRefused("the account is disabled (data 533)", account_state=True),
    ),
    "references": (
        {"search": (reference(), found(), reference(b"ldap://b.example/"), searched())},
        Bound(ENTRY),
    ),
    "references to nowhere": (
        {"search": (reference(b"\xff"), tlv(0x73), found(), tlv(0x73, b"\x04\x20x"), searched())},
        Bound(ENTRY),
    ),
    "one packet": ({"search": (Answer((found(), searched())),)}, Bound(ENTRY)),
    "single bytes": (
        {
            "service": (Answer((bound(),), piece=1),),
            "search": (Answer((found(), reference(), searched()), piece=1),),
            "login": (Answer((bound(49, b"no"),), piece=1),),
        },
        BindRefused("Invalid credentials (49): no"),
    ),
    "odd pieces": (
        {"search": (Answer((found(mail=[b"x" * 5000]), searched()), piece=1021),)},
        Bound(Entry(DN.decode(), {"mail": ("x" * 5000,)})),
    ),
    "a long entry": (
        {"search": (found(mail=[b"x" * 120_000]), searched())},
        Bound(Entry(DN.decode(), {"mail": ("x" * 120_000,)})),
    ),
    "values of any bytes": (
        {"search": (found(Mail=[b"\xff", b"a\0b", "ü".encode()]), searched())},
        Bound(Entry(DN.decode(), {"mail": ("\ufffd", "a\0b", "ü")})),
    ),
    "a text of any bytes": (
        {"login": (bound(49, b"\xff\x1b[31m"),)},
        BindRefused("Invalid credentials (49): \ufffd?[31m"),
    ),
    "a text with NUL": (
        {"login": (bound(49, b"a\0b"),)},
        BindRefused("Invalid credentials (49): a?b"),
    ),
    "matched name": (
        {"login": (tlv(0x61, b"\x0a\x01\x31", tlv(4, b"\xff"), tlv(4, b"no\x07")),)},
        BindRefused("Invalid credentials (49): no?"),
    ),
    "an unknown critical control": (
        {"login": (Answer((bound(),), control(b"1.2.3", b"x", critical=True)),)},
        Bound(ENTRY),
    ),
    "a broken control that is known": (
        {
            "login": (
                Answer(
                    (bound(49),),
                    control(b"1.3.6.1.4.1.42.2.27.8.5.1", b"\x30\x05\xff", critical=True),
                ),
            )
        },
        BindRefused("Invalid credentials (49)"),
    ),
    "a control without a value": (
        {"search": (found(), Answer((searched(),), control(b"1.2.840.113556.1.4.319")))},
        Bound(ENTRY),
    ),
    "controls of an entry": (
        {"search": (Answer((found(),), control(b"1.2.3", b"x", critical=True)), searched())},
        Bound(ENTRY),
    ),
    "nobody": (
        {"search": (reference(), searched())},
        NoEntry("no entry matches (&(objectClass=person)(mail=alice@example.com)) under N"),
    ),
}


def about(result: Result) -> Result:
    """Put N for what is the same in each test."""
    if isinstance(result, NoEntry):
        return NoEntry(result.detail.replace("dc=example,dc=com", "N"))
    return result


@pytest.mark.parametrize(("steps", "expected"), GOOD_STEPS.values(), ids=GOOD_STEPS)
async def test_answers(steps: dict[str, Any], expected: Result) -> None:
    async with asking(FakeDirectory(**steps)) as ask:
        assert about(await ask.ask()) == expected
        assert about(await ask.ask()) == expected


async def test_what_is_asked() -> None:
    """The password goes where the entry is found, on a connection of its own, and nothing else."""
    async with asking(FakeDirectory()) as ask:
        assert await ask.ask(b"\x00\xff secret") == Bound(ENTRY)
        searching, trying = (requests_in(peer.heard) for peer in ask.server.peers)
    assert [one.stage for one in searching] == ["service", "search"]
    assert [one.elements for one in trying] == [(b"\x03", DN, b"\x00\xff secret")]
    assert searching[0].elements[2] == SERVICE_PASSWORD
    base, scope, aliases, most, seconds, types_only, _, wanted = searching[1].elements
    assert (base, scope, most) == (b"dc=example,dc=com", b"\x02", b"\x02")
    assert (aliases, seconds, types_only) == (b"\x00", b"\x00", b"\x00")
    assert wanted == b"\x04\x031.1"


# What is none

BROKEN: dict[str, tuple[Steps, str]] = {
    "smtp": ((raw(b"220 mail.example.com ESMTP\r\n"),), NO_LDAP),
    "http": ((raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"),), NO_LDAP),
    "tls alert": ((raw(b"\x15\x03\x01\x00\x02\x02\x0a"),), NO_LDAP),
    "indefinite length": ((raw(b"\x30\x80\x02\x01\x01\x00\x00"),), NO_LDAP),
    "a length of five bytes": ((raw(b"\x30\x85\x00\x00\x00\x00\x05"),), NO_LDAP),
    "an empty message": ((raw(b"\x30\x00"),), NO_LDAP),
    "no number": ((raw(tlv(0x30, bound())),), NO_LDAP),
    "an empty number": ((raw(tlv(0x30, tlv(0x02), bound())),), NO_LDAP),
    "a long number": ((raw(tlv(0x30, tlv(0x02, bytes(5)), bound())),), NO_LDAP),
    "only a number": ((b"",), NO_LDAP),
    "too long": (
        (raw(b"\x30\x83\x02\x00\x00"),),
        "127.0.0.1 port N: a message is longer than 131072 bytes",
    ),
    "another number": ((Answer((bound(),), ahead=1),), UNASKED),
    "a negative number": ((raw(message(-1, bound())),), UNASKED),
    "the end of a search to a bind": ((searched(),), UNREADABLE),
    "a refused search to a bind": ((searched(49),), UNREADABLE),
    "an entry to a bind": ((found(),), UNREADABLE),
    "a reference to a bind": ((reference(),), UNREADABLE),
    "an extended answer to a bind": ((extended(),), UNREADABLE),
    "a refused extended answer to a bind": ((extended(49),), UNREADABLE),
    "an intermediate answer to a bind": ((tlv(0x79),), UNREADABLE),
    "a request": ((tlv(0x60, tlv(0x02, b"\x03"), tlv(0x04), tlv(0x80)),), UNREADABLE),
    "an unknown operation": ((told(0x7E),), UNREADABLE),
    "a nested length beyond the end": ((b"\x61\x20" + bound()[2:],), NO_LDAP),
    "nothing in it": ((tlv(0x61),), NO_LDAP),
    "a code without a value": ((tlv(0x61, tlv(0x0A), tlv(4), tlv(4)),), NO_LDAP),
    "a huge code": ((tlv(0x61, tlv(0x0A, bytes(8) + b"\x31"), tlv(4), tlv(4)),), NO_LDAP),
    "a control beyond the end": ((raw(tlv(0x30, b"\x02\x01\x01", bound(), b"\xa0\x10")),), NO_LDAP),
}


@pytest.mark.parametrize(("steps", "detail"), BROKEN.values(), ids=BROKEN)
async def test_what_is_no_answer_to_a_password(steps: Steps, detail: str) -> None:
    """The connection is not used any more; the next login begins a new one."""
    fake = FakeDirectory(login=steps)
    async with asking(fake) as ask:
        assert await ask.trouble() == (detail, HOST, True)
        assert len(ask.server.peers) == 2
        fake.login = (bound(),)
        assert await ask.ask() == Bound(ENTRY)
        assert len(ask.server.peers) == 3


NOT_FOUND: dict[str, tuple[Steps, str]] = {
    "an answer to a bind": ((bound(),), UNREADABLE),
    "an extended answer": ((extended(),), UNREADABLE),
    "an intermediate answer": ((tlv(0x79),), UNREADABLE),
    "an entry that is cut": ((b"\x64\x70" + found()[2:],), NO_LDAP),
    "an entry without anything": ((tlv(0x64),), NO_LDAP),
    "a name that is no text": ((found(b"uid=\xff"),), NO_LDAP),
    "an attribute that is no text": (
        (tlv(0x64, tlv(4, DN), tlv(0x30, tlv(0x30, tlv(4, b"\xff"), tlv(0x31, tlv(4, b"x"))))),),
        NO_LDAP,
    ),
    "references without end": ((*[reference()] * 251, hang), ENDLESS),
    "a closed connection behind an entry": (
        (found(), lambda peer: peer.connection.shutdown(1)),
        "connection closed by 127.0.0.1 port N",
    ),
}


@pytest.mark.parametrize(("steps", "detail"), NOT_FOUND.values(), ids=NOT_FOUND)
async def test_what_is_no_answer_to_a_search(steps: Steps, detail: str) -> None:
    fake = FakeDirectory(search=steps)
    async with asking(fake) as ask:
        assert await ask.trouble() == (detail, HOST, False)
        assert ask.asked() == [["service", "search"]]
        assert b"secret" not in ask.server.heard


async def test_an_entry_without_a_name_is_nobodys() -> None:
    """Whoever binds without a name is nobody, and let in."""
    async with asking(FakeDirectory(search=(found(b""), searched()))) as ask:
        detail, fault, sent = await ask.trouble()
        assert detail.endswith(" has no name")
        assert (fault, sent) == (REQUEST, False)
        assert ask.asked() == [["service", "search"]]


@pytest.mark.parametrize("name", [b"\0", b"uid=alice\0,dc=example"])
async def test_a_name_with_nul_never_leaves_as_a_bind(name: bytes) -> None:
    """Nor does what is before it."""
    async with asking(FakeDirectory(search=(found(name), searched()))) as ask:
        expected = ("not to be said in LDAP (ValueError)", REQUEST, False)
        assert await ask.trouble() == expected
        assert ask.asked() == [["service", "search"]]


async def test_a_blank_name_never_leaves_as_a_bind() -> None:
    """Servers take it for the empty one."""
    async with asking(FakeDirectory(search=(found(b"  "), searched()))) as ask:
        expected = ("a bind needs a name and a password", REQUEST, False)
        assert await ask.trouble() == expected
        assert ask.asked() == [["service", "search"]]


async def test_an_empty_password_never_leaves_as_a_bind() -> None:
    async with asking(FakeDirectory()) as ask:
        expected = ("a bind needs a name and a password", REQUEST, False)
        assert await ask.trouble(b"") == expected
        assert ask.asked() == [["service", "search"]]


async def test_a_name_that_is_too_long_for_a_request() -> None:
    async with asking(FakeDirectory(search=(found(b"cn=" + b"x" * 40_000), searched()))) as ask:
        assert await ask.trouble() == ("too long for a request", REQUEST, False)


# More than was asked for


async def test_entries_without_end_are_cut_off() -> None:
    """One more than the two that were asked for says all; the rest is not waited for."""

    def flood(peer: Peer) -> None:
        while True:
            peer.say(message(2, found(mail=[b"x" * 1000])) * 100)

    async with asking(FakeDirectory(search=(flood,))) as ask:
        result = await ask.ask()
        assert isinstance(result, ManyEntries)
        assert result.detail.startswith(f"several entries match: {', '.join([DN.decode()] * 3)}")


async def test_references_without_end_are_cut_off() -> None:
    def flood(peer: Peer) -> None:
        while True:
            peer.say(message(2, reference()) * 1000)

    async with asking(FakeDirectory(search=(flood,))) as ask:
        assert await ask.trouble() == (ENDLESS, HOST, False)


@pytest.mark.parametrize("entries", [1, 2, 3])
async def test_what_comes_behind_the_end_ends_the_connection(entries: int) -> None:
    steps: Steps = (Answer((found(), searched(), *[found()] * entries)),)
    fake = FakeDirectory(search=steps)
    async with asking(fake) as ask:
        assert await ask.ask() == Bound(ENTRY)
        assert len(ask.server.peers) == 2
        fake.search = GOOD_SEARCH
        assert await ask.ask() == Bound(ENTRY)
        assert len(ask.server.peers) == 3


async def test_two_answers_to_a_password() -> None:
    """The first counts, and the other one is nobody else's."""
    fake = FakeDirectory(login=(Answer((bound(49), bound())),))
    async with asking(fake) as ask:
        for _ in range(2):
            assert await ask.ask() == BindRefused("Invalid credentials (49)")
        assert len(ask.server.peers) == 3


# Refusals


@pytest.mark.parametrize(
    ("operation", "detail"),
    [
        (bound(10, rest=tlv(0xA3, tlv(4, b"ldap://x/"))), "Referral (10)"),
        (bound(10, rest=tlv(0xA3, tlv(4, b"ldap://\xff/"))), "Referral (10)"),
        (bound(10, b"elsewhere"), "Referral (10): elsewhere"),
        (bound(14), "SASL bind in progress (14)"),
        (bound(53, b"\x1b]no\n way"), "Server is unwilling to perform (53): ?]no way"),
        (
            bound(8, b"BindSimple: Transport encryption required."),
            WANTS_TLS,
        ),
    ],
)
async def test_other_answers_to_a_password_are_trouble(operation: bytes, detail: str) -> None:
    async with asking(FakeDirectory(login=(operation,))) as ask:
        assert await ask.trouble() == (detail, REQUEST, True)


async def test_a_search_that_is_referred() -> None:
    steps: Steps = (searched(10, b"go", rest=tlv(0xA3, tlv(4, b"ldap://x\xff/"))),)
    async with asking(FakeDirectory(search=steps)) as ask:
        for _ in range(3):
            assert await ask.trouble() == ("search: Referral (10): go", REQUEST, False)
        assert ask.asked() == [["service", *["search"] * 3]]


@pytest.mark.parametrize("code", [49, 51, 52, 53, 80])
async def test_a_text_that_repeats_the_password_is_withheld(code: int) -> None:
    for text in (b"secret is wrong", b"got c2VjcmV0 from you"):
        async with asking(FakeDirectory(login=(bound(code, text),))) as ask:
            result = await ask.ask()
        assert not isinstance(result, Bound)
        assert result.detail.endswith("(text withheld, it repeats the password)")


@pytest.mark.parametrize("code", [1, 49, 51, 53])
async def test_nor_is_that_of_our_own_account_shown(code: int) -> None:
    text = b"not with " + SERVICE_PASSWORD
    async with asking(FakeDirectory(service=(bound(code, text),))) as ask:
        detail, _, sent = await ask.trouble()
    assert detail.endswith("(text withheld, it repeats the password)")
    assert not sent


# The end of a connection


async def test_a_notice_of_disconnection_instead_of_an_answer() -> None:
    """A connection that is new is not replaced."""
    ended = "127.0.0.1 port N: the server ended the connection"
    async with asking(FakeDirectory(login=(raw(NOTICE), hang))) as ask:
        assert await ask.trouble() == (ended, HOST, True)
        assert ask.asked() == [["service", "search", "login"]]
