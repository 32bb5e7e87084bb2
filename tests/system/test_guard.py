"""Guessers and thieves at a real Postfix: whom the guard keeps out, and whom it does not."""

import time
from typing import Any

from lab.bridge import Bridge
from lab.gateway import Gateway
from lab.replies import ACCEPTED, WRONG
from lab.settings import server
from lab.smtp import Reply

ALICE, BOB = "alice@example.com", "bob@example.com"
USERS = {ALICE: "hers", BOB: "his"}
GUESSER, HOME = "203.0.113.9", "192.0.2.1"
BLOCK_SECONDS = 4.0


def guarding(gateway: Gateway, port: int, **limits: int) -> Bridge:
    """Return a daemon whose guard enforces these limits for a short while."""
    table = "\n".join(f"{limit} = {number}" for limit, number in limits.items())
    keys = f'mode = "enforce"\nblock_for = {BLOCK_SECONDS}\nexempt_networks = []'
    restraint = f"[restraint]\nlockout_budget = 0\n{keys}\n{table}"
    remembering: dict[str, Any] = {"success_ttl": "5m"}
    return gateway.bridge(restraint, server("mailboxes", port), cache=remembering)


def log_in(gateway: Gateway, login: str, password: str, client: str) -> Reply:
    """Return what a mail program is told at this address."""
    with gateway.submission() as session:
        session.ehlo()
        session.come_from(client)
        session.secure()
        return session.plain(login, password)


def log_in_once_it_is_over(gateway: Gateway, login: str, client: str, blocked: float) -> Reply:
    """Return the reply when the block, which is not older than ``blocked``, is over."""
    end = blocked + BLOCK_SECONDS + 20.0
    while (reply := log_in(gateway, login, USERS[login], client)) != ACCEPTED:
        assert time.monotonic() < end
    assert time.monotonic() - blocked > BLOCK_SECONDS - 1.0
    return reply


def test_who_guesses_is_kept_out_for_a_while_and_nobody_else_is(gateway: Gateway) -> None:
    with (
        gateway.dovecot(USERS) as dovecot,
        guarding(gateway, dovecot.port, failures_per_address=5) as bridge,
    ):
        assert log_in(gateway, BOB, "his", GUESSER) == ACCEPTED
        for number in range(6):
            blocked = time.monotonic()
            assert log_in(gateway, ALICE, f"guess {number}", GUESSER) == WRONG
        assert log_in(gateway, ALICE, "hers", GUESSER) == WRONG
        assert log_in(gateway, BOB, "his", GUESSER) == WRONG
        assert log_in(gateway, ALICE, "hers", HOME) == ACCEPTED
        why = "more than 5 wrong passwords came from it within 30m"
        bridge.lines_with(f"guard: {GUESSER} is blocked for 4s: {why}")
        reason = f'server=blocks reason="blocked: {GUESSER}, by the guard: {why}'
        bridge.lines_with(f"login={ALICE} client={GUESSER} .*verdict=rejected {reason}")
        assert log_in_once_it_is_over(gateway, BOB, GUESSER, blocked) == ACCEPTED


def test_an_old_password_that_comes_again_and_again_blocks_nobody(gateway: Gateway) -> None:
    with (
        gateway.dovecot(USERS) as dovecot,
        guarding(gateway, dovecot.port, failures_per_address=1, failing_logins_per_address=1),
    ):
        assert [log_in(gateway, ALICE, "old", HOME) for _ in range(5)] == [WRONG] * 5
        assert log_in(gateway, ALICE, "hers", HOME) == ACCEPTED


def test_who_tries_many_logins_is_kept_out(gateway: Gateway) -> None:
    """Of whatever domain: Postfix tells the same of all."""
    with (
        gateway.dovecot(USERS) as dovecot,
        guarding(gateway, dovecot.port, failing_logins_per_address=3),
    ):
        for login in ("root", "info@example.com", "admin@elsewhere.example", "test@example.com"):
            assert log_in(gateway, login, "1234", GUESSER) == WRONG
        assert log_in(gateway, ALICE, "hers", GUESSER) == WRONG
        assert log_in(gateway, ALICE, "hers", HOME) == ACCEPTED


def test_a_login_that_succeeds_from_everywhere_is_stopped(gateway: Gateway) -> None:
    with (
        gateway.dovecot(USERS) as dovecot,
        guarding(gateway, dovecot.port, addresses_per_login=3) as bridge,
    ):
        for number in range(1, 5):
            blocked = time.monotonic()
            assert log_in(gateway, ALICE, "hers", f"198.51.100.{number}") == ACCEPTED
        assert log_in(gateway, ALICE, "hers", HOME) == WRONG
        assert log_in(gateway, BOB, "his", HOME) == ACCEPTED
        why = "more than 3 addresses logged in as it within 30m"
        bridge.lines_with(f"guard: {ALICE} is blocked for 4s: {why}")
        assert log_in_once_it_is_over(gateway, ALICE, HOME, blocked) == ACCEPTED
