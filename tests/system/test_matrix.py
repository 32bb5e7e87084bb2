"""Every way to ask a real server x every way to log in x passwords that are hard to carry.

One Dovecot and one daemon for all: the login's domain says which `[[server]]` is asked, so that
``braces@pop3-tls.test`` is asked for by POP3 with STLS. All cells are tried side by side, since
Dovecot takes half a second to refuse; each is then a test, and a failure names its cell.
"""

import itertools
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from lab.dovecot import LOGGED_IN
from lab.gateway import Gateway
from lab.passwords import PASSWORDS
from lab.replies import ACCEPTED, WRONG
from lab.smtp import Reply, SmtpSession
from lab.ways import ALL, Way

MECHANISMS: dict[str, Callable[[SmtpSession, str, str], Reply]] = {
    "PLAIN": SmtpSession.plain,
    "LOGIN": SmtpSession.login_steps,
}
Cell = tuple[Way, str, str]
"""How the server is asked, the mechanism, and which password."""

CELLS: list[Cell] = list(itertools.product(ALL, MECHANISMS, PASSWORDS))


def _try_cell(gateway: Gateway, cell: Cell) -> list[Reply]:
    """Return what is said to the wrong password, and then to the right one."""
    way, mechanism, password = cell
    attempts = reversed(PASSWORDS[password])
    with gateway.submissions() as session:
        session.secure()
        return [MECHANISMS[mechanism](session, way.login(password), each) for each in attempts]


@dataclass(frozen=True)
class Tried:
    """What each cell was told, and what Dovecot logged about it."""

    replies: dict[Cell, list[Reply]]
    log: str


@pytest.fixture(scope="module")
def tried(running_gateway: Gateway) -> Tried:
    """Try every cell; a login's server is the only one that is asked about it."""
    gateway = running_gateway
    users = {way.login(name): right for way in ALL for name, (right, _) in PASSWORDS.items()}
    with gateway.dovecot(users, gateway.tls) as dovecot:
        with gateway.bridge_by(dovecot, ALL), ThreadPoolExecutor(12) as pool:
            replies = pool.map(lambda cell: _try_cell(gateway, cell), CELLS)
            by_cell = dict(zip(CELLS, replies, strict=True))
        return Tried(by_cell, dovecot.log_with(LOGGED_IN, len(CELLS)))


def _cell_name(cell: Cell) -> str:
    return "-".join((cell[0].name, *cell[1:]))


@pytest.mark.parametrize("cell", CELLS, ids=_cell_name)
def test_the_right_password_is_accepted_and_the_wrong_one_refused(tried: Tried, cell: Cell) -> None:
    assert tried.replies[cell] == [WRONG, ACCEPTED]


def test_each_login_came_by_its_protocol_and_encrypted_unless_plain(tried: Tried) -> None:
    line = rf"(\w+){LOGGED_IN}<.*@(.*)\.test>.*, (\w+), session"
    came = set(re.findall(line, tried.log))
    assert came == {
        ("imap", "imap-plain", "secured"),  # Dovecot's word for a client on its own machine
        ("imap", "imap-ssl", "TLS"),
        ("imap", "imap-tls", "TLS"),
        ("pop3", "pop3-plain", "secured"),
        ("pop3", "pop3-ssl", "TLS"),
        ("pop3", "pop3-tls", "TLS"),
    }
