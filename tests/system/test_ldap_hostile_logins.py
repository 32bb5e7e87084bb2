"""Logins that would mean something to a filter or a name: at OpenLDAP they are values, no more."""

from collections.abc import Iterator
from typing import Any

import pytest
from lab.corp import PASSWORD, field, told
from lab.directory_entries import BASE, PEOPLE, Person
from lab.gateway import Gateway
from lab.openldap import ALICE, BOB, DIRECT, PLAIN, SEARCH, slapd_bridge
from lab.replies import ACCEPTED, WRONG
from lab.slapd import Slapd
from lab.smtp import Reply

# Everything that prints and is ASCII, but the @ before the domain and what parts a Windows login.
EVERY_CHARACTER = "".join(map(chr, range(0x20, 0x7F))).replace("@", "").replace("\\", "")
WIDE = {"login_characters": EVERY_CHARACTER + "\\é"}

PATTERNS = [
    "*",
    "a*",
    "*e",
    "al*ce",
    ")(",
    "a)(uid=*",
    "alice)(uid=*",
    "*)(objectClass=*",
    "*)(|(uid=*",
    "alice)(!(uid=bob)",
    "\\2a",
    "al\\69ce",
    "alice\\00",
    "(alice)",
    "&(uid=alice)",
    "!",
    ":dn:=alice",
    "{login}",
    "{local}",
    "%u",
    "$(id)",
]
OF_NAMES = [
    f"alice,{PEOPLE}",
    f"alice,{PEOPLE},{BASE}",
    "alice+cn=alice",
    "+cn=alice",
    "bob,uid=alice",
    ",uid=alice",
    '"alice"',
    'alice"',
    "alice;",
    "<alice>",
    "#616c696365",
    "#0405616c696365",
    "=alice",
    "\\61lice",
    "alice\\20",
    "alice\\",
    " alice",
    "alice ",
    "al  ice",
    "uid=alice",
]

# Whose name and address hold what has a meaning in names, or in filters.
ODD = [
    'a,b+c"d',
    "<e>f;g",
    "#h=i",
    "j k",
    "l*m(n)",
    "o&p|q!r",
    "{login}",
    "%s'`~^",
    "s#",
    "t=",
    "é",
]
ODD_PEOPLE = [
    Person(uid, f"of {uid}", (f"{uid}@example.com",) if uid.isascii() else ()) for uid in ODD
]


@pytest.fixture(scope="module")
def slapd(running_gateway: Gateway) -> Iterator[Slapd]:
    """Serve the usual people, and those with odd names."""
    with running_gateway.slapd([ALICE, BOB, *ODD_PEOPLE]) as slapd:
        yield slapd


def _told(gateway: Gateway, logins: list[str]) -> dict[str, Reply]:
    """Return what each is told; Postfix slows a session down that makes ten mistakes."""
    replies: dict[str, Reply] = {}
    for number in range(0, len(logins), 8):
        with gateway.submissions() as session:
            session.secure()
            some = logins[number : number + 8]
            replies |= {login: session.plain(login, PASSWORD) for login in some}
    return replies


@pytest.mark.parametrize(
    ("keys", "identity"),
    [(SEARCH, {}), (SEARCH, WIDE), (DIRECT, WIDE)],
    ids=["usual characters", "search", "direct"],
)
def test_no_pattern_is_somebody_else_or_trouble(
    gateway: Gateway, slapd: Slapd, keys: dict[str, Any], identity: dict[str, Any]
) -> None:
    """Not even with the right password of whoever it might mean."""
    locals_ = PATTERNS + OF_NAMES if identity else PATTERNS[:12]
    logins = [f"{local}@example.com" for local in locals_ if local not in ODD]
    before = slapd.binds(ALICE.dn)
    with slapd_bridge(gateway, slapd, identity=identity, **PLAIN, **keys) as bridge:
        assert _told(gateway, logins) == dict.fromkeys(logins, WRONG)
        asked = ["server=corp" in line for line in bridge.decisions(len(logins))]
        assert any(asked) == bool(identity)
        assert slapd.binds(ALICE.dn) == before
        assert told(gateway, "alice@example.com") == ACCEPTED


@pytest.mark.parametrize(
    "keys",
    [SEARCH, SEARCH | {"login_filter": "(&(uid={local})(objectClass=person))"}, DIRECT],
    ids=["by mail", "by uid", "direct"],
)
def test_who_is_called_like_that_logs_in_and_is_nobody_else(
    gateway: Gateway, slapd: Slapd, keys: dict[str, Any]
) -> None:
    by_mail = keys is SEARCH
    people = [person for person in ODD_PEOPLE if person.mail or not by_mail]
    with slapd_bridge(gateway, slapd, identity=WIDE, **PLAIN, **keys) as bridge:
        for person in people:
            login = f"{person.uid}@example.com"
            assert (login, told(gateway, login, f"of {person.uid}")) == (login, ACCEPTED)
            assert (login, told(gateway, login)) == (login, WRONG)
        logins = [field(line, "login") for line in bridge.decisions(2 * len(people))]
    assert logins[::2] == [f"{person.uid}@example.com" for person in people]


def test_a_nul_is_no_end_of_a_login(gateway: Gateway, slapd: Slapd) -> None:
    before = slapd.log.read_text().count(" SRCH ")
    with (
        slapd_bridge(gateway, slapd, identity=WIDE, **PLAIN) as bridge,
        gateway.submissions() as session,
    ):
        session.secure()
        for login in ("alice\0@example.com", "alice@example.com\0", "\0alice@example.com", "a\0*"):
            assert session.login_steps(login, PASSWORD) == WRONG
            assert session.plain(login, PASSWORD) == WRONG
        assert "server=corp" not in "".join(bridge.decisions(8))
    assert slapd.log.read_text().count(" SRCH ") == before
