"""One guesser, and what a server with Dovecot's stock brakes makes of everybody else.

Dovecot answers a wrong password after two seconds, and makes the address that it came from wait 4,
8, 15 seconds before it looks at the next one, be it right or wrong. Behind a gateway everyone comes
from one address, unless the server trusts the gateway and is told who it is.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from lab.dovecot import LOGGED_IN, Dovecot
from lab.gateway import Gateway
from lab.replies import ACCEPTED, TRY_LATER, WRONG
from lab.smtp import Reply
from lab.ways import PLAIN, Way

USERS = {way.login(local): f"{local}'s" for way in PLAIN for local in ("alice", "bob")}
GUESSER = "203.0.113.6"
BOBS_TELEPHONE = "198.51.100.7"
FORWARD = {"imap": "id", "pop3": "xclient"}

LEAST_WAIT_SECONDS = 4.0


def _stock_dovecot(gateway: Gateway, **settings: str) -> Dovecot:
    return gateway.dovecot(USERS, None, auth_failure_delay="2s", penalties=True, **settings)


def _log_in(gateway: Gateway, client: str, login: str, password: str) -> tuple[Reply, float]:
    """Return what a client at this address is told, and after how many seconds."""
    with gateway.submissions() as session:
        session.secure()
        session.come_from(client)
        begun = time.monotonic()
        return session.plain(login, password), time.monotonic() - begun


def _guess(gateway: Gateway, way: Way) -> None:
    """Try six passwords for Alice side by side; the server makes the later ones wait."""
    with ThreadPoolExecutor(6) as pool:
        login = way.login("alice")
        guesses = [
            pool.submit(_log_in, gateway, GUESSER, login, f"guess {number}") for number in range(6)
        ]
    replies = [guess.result()[0] for guess in guesses]
    assert WRONG in replies
    assert set(replies) <= {WRONG, TRY_LATER}


@pytest.mark.parametrize("way", PLAIN, ids=lambda way: way.protocol)
def test_a_server_that_is_told_who_guesses_lets_others_in_at_once(
    gateway: Gateway, way: Way
) -> None:
    forward = FORWARD[way.protocol]
    with (
        _stock_dovecot(gateway, login_trusted_networks="127.0.0.0/8") as dovecot,
        gateway.bridge_by(dovecot, [way], forward_client=forward) as bridge,
    ):
        _guess(gateway, way)
        reply, seconds = _log_in(gateway, BOBS_TELEPHONE, way.login("bob"), "bob's")
        assert reply == ACCEPTED
        assert seconds < LEAST_WAIT_SECONDS / 2
        assert f"client={BOBS_TELEPHONE}" in bridge.decisions(7)[6]
        dovecot.log_with(f" rip={GUESSER},", 6)
        log = dovecot.log_with(f"{LOGGED_IN}<{way.login('bob')}>, .* rip={BOBS_TELEPHONE},")
        assert " rip=127." not in log


def test_a_server_that_is_told_nothing_makes_everyone_wait_for_the_guesser(
    gateway: Gateway,
) -> None:
    """Both protocols at once: to Dovecot it is one address."""
    with _stock_dovecot(gateway) as dovecot, gateway.bridge_by(dovecot, PLAIN):
        _guess(gateway, PLAIN[0])
        with ThreadPoolExecutor(2) as pool:
            bobs = [
                pool.submit(_log_in, gateway, BOBS_TELEPHONE, way.login("bob"), "bob's")
                for way in PLAIN
            ]
            for bob in bobs:
                reply, seconds = bob.result()
                assert reply in (ACCEPTED, TRY_LATER)
                assert seconds > LEAST_WAIT_SECONDS
        assert f" rip={BOBS_TELEPHONE}" not in dovecot.log_with(" rip=127.0.0.1", 6)
