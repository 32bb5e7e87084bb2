"""An answer of another kind than the request is none: no yes, no no, and nobody's absence."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from lab.fake_ldap import bound, extended, found, message, reference, searched, tlv

from bridge_common.directory.codec import Codec, CodecError, Done, Search
from bridge_common.directory.results import Entry
from bridge_common.secret import Secret

Ask = Callable[[Codec], bytes]

ASKED: dict[str, Ask] = {
    "bind": lambda codec: codec.bind("cn=alice", Secret(b"secret")),
    "search": lambda codec: codec.search(Search("dc=com", "subtree", "(uid=alice)")),
    "start_tls": lambda codec: codec.start_tls(),
}
SAID = {
    "bind yes": bound(),
    "bind no": bound(49),
    "bind referral": bound(10),
    "search end": searched(),
    "search no": searched(49),
    "search size": searched(4),
    "entry": found(b"cn=alice"),
    "reference": reference(),
    "start_tls yes": extended(),
    "start_tls no": extended(49),
    "intermediate": tlv(0x79),
    "intermediate with a result": tlv(0x79, bound()[2:]),
    "deleted": tlv(0x6B, bound()[2:]),
    "deleted, no": tlv(0x6B, bound(49)[2:]),
}
OF_ITS_KIND: dict[tuple[str, str], Done | Entry | None] = {
    ("bind", "bind yes"): Done(0),
    ("bind", "bind no"): Done(49, "Invalid credentials"),
    ("bind", "bind referral"): Done(10, "Referral"),
    ("search", "search end"): Done(0),
    ("search", "search no"): Done(49, "Invalid credentials"),
    ("search", "search size"): Done(4, "Size limit exceeded"),
    ("search", "entry"): Entry("cn=alice", {}),
    ("search", "reference"): None,
    ("start_tls", "start_tls yes"): Done(0),
    ("start_tls", "start_tls no"): Done(49, "Invalid credentials"),
}
FOREIGN = [(ask, said) for ask in ASKED for said in SAID if (ask, said) not in OF_ITS_KIND]


@contextmanager
def asking(ask: str) -> Iterator[Codec]:
    codec = Codec()
    try:
        assert ASKED[ask](codec)
        yield codec
    finally:
        codec.close()


@pytest.mark.parametrize(("ask", "said"), OF_ITS_KIND)
def test_an_answer_of_its_kind(ask: str, said: str) -> None:
    with asking(ask) as codec:
        assert codec.decode(message(1, SAID[said])) == OF_ITS_KIND[ask, said]


@pytest.mark.parametrize(("ask", "said"), FOREIGN)
def test_an_answer_of_another_kind_is_none(ask: str, said: str) -> None:
    with asking(ask) as codec, pytest.raises(CodecError, match=r"^unreadable answer"):
        codec.decode(message(1, SAID[said]))
