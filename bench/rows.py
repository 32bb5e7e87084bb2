"""The rows of the table, as data: what is asked of whom, and by how many at once."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench import backends, dovecot_auth, ours, peers
from bench.contestant import Backend, Contestant

Figure = Literal["rate", "p50", "p99"]
ContestantMaker = Callable[[Path, Backend], Contestant]


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of work. The contestants are asked in turn; the last of them is ours.

    ``target``: what the ratio of ours to each peer's should be, of what the row is about, ``by``:
    of rates, at least; of times to an answer, the median or the one of which 99 % are below, at
    most. ``silent``: the helper that is not asked, because the answers are remembered.
    ``rate``: so many are asked a second; 0: as many as are answered.
    """

    key: str
    work: str
    backend: backends.BackendMaker
    contestants: tuple[ContestantMaker, ...]
    at_once: int
    people: int
    target: float
    by: Figure = "rate"
    silent: str = ""
    rate: float = 0.0

    @property
    def by_time(self) -> bool:
        """Whether less is better."""
        return self.by != "rate"


ROWS = (
    Row(
        key="cached",
        work="AUTH from the cache, 64 at once",
        backend=backends.ldap,
        contestants=(dovecot_auth.remembering, ours.remembering),
        at_once=64,
        people=1000,
        target=1.2,
        silent="the LDAP server",
    ),
    Row(
        key="imap",
        work="AUTH verified at an IMAP server, 64 at once",
        backend=backends.imap,
        contestants=(dovecot_auth.asking_imap, peers.saslauthd_imap, ours.asking_imap),
        at_once=64,
        people=1000,
        target=1.2,
    ),
    Row(
        key="ldap",
        work="AUTH verified at a directory by search and bind, 64 at once",
        backend=backends.ldap,
        contestants=(dovecot_auth.asking_ldap, peers.saslauthd_ldap, ours.asking_ldap),
        at_once=64,
        people=1000,
        target=1.5,
    ),
    Row(
        key="distant-ldap",
        work=f"the same, at a directory that takes {backends.LDAP_ANSWER_MS} ms for each answer",
        backend=backends.distant_ldap,
        contestants=(dovecot_auth.asking_ldap, peers.saslauthd_ldap, ours.asking_ldap),
        at_once=64,
        people=1000,
        target=1.5,
    ),
    Row(
        key="policy",
        work="decision about an envelope sender, 100 at once",
        backend=backends.nobody,
        contestants=(peers.Postfwd, ours.deciding_senders),
        at_once=100,
        people=1000,
        target=15,
    ),
    Row(
        key="far",
        work=f"time of one AUTH, IMAP over TLS, {backends.ROUND_TRIP_MS} ms round trip",
        backend=backends.far_imap,
        contestants=(dovecot_auth.asking_imap, ours.asking_imap),
        at_once=1,
        people=20,
        target=0.4,
        by="p50",
    ),
)
"""Those that are played by `rounds`: contestants in turn."""

HUNG = Row(
    key="hung",
    work="AUTH at an IMAP server, 200 a second: the 99 % while the first of two hangs",
    backend=backends.two_imap,
    contestants=(ours.asking_two,),
    at_once=100,
    people=1000,
    target=1.5,
    by="p99",
    rate=200.0,
)
"""Played by `hung`."""
