"""sasl-policyd stalled, killed or gone: 451 for who is logged in, and port 25 goes on.

Postfix waits 1 s for it here, not 5 s as in the examples.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from lab.gateway import Gateway
from lab.policed import (
    ALICE,
    BOB,
    CANNOT_BE_CHECKED,
    ENFORCED,
    FOREIGN,
    INTERNET,
    TAKEN,
    logged_in,
    policed_gateway,
    told,
)
from lab.smtp import Reply, SmtpSession


@pytest.fixture(scope="module")
def running_hasty() -> Iterator[Gateway]:
    with policed_gateway(policy_timeout=1) as gateway:
        yield gateway


@pytest.fixture
def hasty(running_hasty: Gateway) -> Gateway:
    running_hasty.postfix.policy_socket.unlink(missing_ok=True)
    return running_hasty


def both_ports(gateway: Gateway, recipients: int = 2) -> tuple[list[Reply], list[Reply]]:
    """Return what each recipient of a mail is told on port 587, logged in, and on port 25."""
    with (
        logged_in(gateway) as users,
        gateway.smtp(INTERNET) as strangers,
        ThreadPoolExecutor(2) as pool,
    ):
        theirs = pool.submit(all_told, users, ALICE, recipients)
        others = pool.submit(all_told, strangers, FOREIGN, recipients)
        return theirs.result(), others.result()


def all_told(session: SmtpSession, sender: str, recipients: int) -> list[Reply]:
    session.say(f"MAIL FROM:<{sender}>")
    return [session.say(f"RCPT TO:<user{n}@example.com>") for n in range(recipients)]


def test_a_stalled_daemon_is_try_later_for_users_and_nothing_for_port_25(hasty: Gateway) -> None:
    with hasty.policyd(**ENFORCED) as policyd, policyd.stalled():
        assert both_ports(hasty) == ([CANNOT_BE_CHECKED] * 2, [TAKEN] * 2)


def test_fifty_recipients_outlive_a_daemon_that_stalls_and_is_replaced(hasty: Gateway) -> None:
    """As systemd's watchdog does it: those that were asked about in between are for later."""
    with hasty.passed_policy_socket() as passed, logged_in(hasty) as session:
        with hasty.policyd(**ENFORCED, passed=passed) as old, old.stalled():
            assert all_told(session, ALICE, 2) == [CANNOT_BE_CHECKED] * 2
            old.kill()
        with hasty.policyd(**ENFORCED, passed=passed):
            rest = [session.say(f"RCPT TO:<user{n}@example.net>") for n in range(48)]
    assert rest == [TAKEN] * 48


def test_a_killed_daemon_is_try_later_until_there_is_another(hasty: Gateway) -> None:
    with hasty.policyd(**ENFORCED) as policyd, logged_in(hasty) as session:
        assert told(session, ALICE) == TAKEN
        policyd.kill()
        assert hasty.postfix.policy_socket.exists()
        assert told(session, ALICE) == CANNOT_BE_CHECKED
        assert both_ports(hasty) == ([CANNOT_BE_CHECKED] * 2, [TAKEN] * 2)
        with hasty.policyd(**ENFORCED):
            assert told(session, ALICE) == TAKEN
            assert told(session, BOB)[0] == 553


def test_without_a_socket_it_is_the_same_and_nobody_is_cut_off(hasty: Gateway) -> None:
    assert not hasty.postfix.policy_socket.exists()
    assert both_ports(hasty) == ([CANNOT_BE_CHECKED] * 2, [TAKEN] * 2)


def test_broken_settings_are_the_same_until_they_are_mended(hasty: Gateway) -> None:
    with (
        hasty.passed_policy_socket() as passed,
        hasty.policyd(passed=passed, match_login="perhaps") as policyd,
    ):
        assert both_ports(hasty, 1) == ([CANNOT_BE_CHECKED], [TAKEN])
        policyd.reload(hasty.sender_settings(**ENFORCED))
        assert both_ports(hasty, 1) == ([TAKEN], [TAKEN])
