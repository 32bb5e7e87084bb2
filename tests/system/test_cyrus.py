"""Cyrus imapd behind the bridge, as it offers PLAIN, and as it leaves only the plain commands.

Without PLAIN the passwords travel in IMAP's LOGIN, quoted or as literals, and in POP3's PASS.
"""

import imaplib
import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from lab.gateway import Gateway
from lab.passwords import PASSWORDS
from lab.ports import LOOPBACK
from lab.replies import ACCEPTED, WRONG
from lab.smtp import Reply
from lab.ways import ALL, Way

Cell = tuple[Way, str]
"""How the server is asked, and which password."""

CELLS: list[Cell] = list(itertools.product(ALL, PASSWORDS))


def _try_cell(gateway: Gateway, cell: Cell) -> list[Reply]:
    way, password = cell
    with gateway.submissions() as session:
        session.secure()
        return [session.plain(way.login(password), each) for each in reversed(PASSWORDS[password])]


@pytest.fixture(scope="module", params=["PLAIN", "SCRAM-SHA-1"])
def replies(running_gateway: Gateway, request: pytest.FixtureRequest) -> dict[Cell, list[Reply]]:
    """Try every cell: what is said to the wrong password, and then to the right one."""
    users = {way.login(password): PASSWORDS[password][0] for way, password in CELLS}
    gateway = running_gateway
    with (
        gateway.cyrus(users, request.param) as cyrus,
        gateway.bridge_by(cyrus, ALL),
        imaplib.IMAP4(LOOPBACK, cyrus.ports["imap"]["plain"]) as witness,
        ThreadPoolExecutor(12) as pool,
    ):
        assert ("AUTH=PLAIN" in witness.capabilities) == (request.param == "PLAIN")
        tried = pool.map(lambda cell: _try_cell(gateway, cell), CELLS)
        return dict(zip(CELLS, tried, strict=True))


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: f"{cell[0].name}-{cell[1]}")
def test_the_right_password_is_accepted_and_the_wrong_one_refused(
    replies: dict[Cell, list[Reply]], cell: Cell
) -> None:
    assert replies[cell] == [WRONG, ACCEPTED]
