"""The list of servers behind a real Postfix: who is asked, and what the user is told meanwhile."""

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from lab.dovecot import Dovecot
from lab.gateway import Gateway
from lab.ports import free_port, silent_port
from lab.replies import ACCEPTED, TRY_LATER, WRONG
from lab.settings import server
from lab.smtp import Reply, encoded

ALICE = "alice@example.com"
BOB = "bob@example.com"
MAIL = "Subject: Hello\r\n\r\nHello\r\n"

POSTFIX_WAITS = 10.0  # seconds: Postfix xsasl_dovecot_server.c, AUTH_TIMEOUT


def test_the_second_server_knows_the_user(gateway: Gateway) -> None:
    with (
        gateway.dovecot({ALICE: "hers"}) as first,
        gateway.dovecot({BOB: "his"}) as second,
        gateway.bridge(server("first", first.port), server("second", second.port)) as bridge,
        gateway.submission() as session,
    ):
        session.secure()
        assert session.plain(BOB, "his") == ACCEPTED
        assert session.deliver(BOB, "carol@example.net", MAIL)[0] == 250
        assert "server=second" in bridge.decisions(1)[0]


def test_the_first_server_is_dead_and_the_second_knows_the_user(gateway: Gateway) -> None:
    with (
        gateway.dovecot({BOB: "his"}) as second,
        gateway.bridge(server("first", free_port()), server("second", second.port)) as bridge,
        gateway.submission() as session,
    ):
        session.secure()
        assert session.plain(BOB, "his") == ACCEPTED
        assert session.deliver(BOB, "carol@example.net", MAIL)[0] == 250
        assert "verdict=accepted server=second" in bridge.decisions(1)[0]


def test_the_first_server_is_hung_and_the_second_knows_the_user(gateway: Gateway) -> None:
    """The first takes the connection and says nothing; its share of the time passes, no more."""
    with (
        silent_port() as silent,
        gateway.dovecot({BOB: "his"}) as second,
        gateway.bridge(server("first", silent), server("second", second.port)),
        gateway.submission() as session,
    ):
        session.secure()
        begun = time.monotonic()
        assert session.plain(BOB, "his") == ACCEPTED
        assert time.monotonic() - begun < POSTFIX_WAITS
        assert session.deliver(BOB, "carol@example.net", MAIL)[0] == 250


def test_all_down_is_try_later_and_the_same_session_logs_in_once_they_are_back(
    gateway: Gateway,
) -> None:
    with (
        gateway.dovecot({ALICE: "hers"}) as first,
        gateway.dovecot({BOB: "his"}) as second,
        gateway.bridge(server("first", first.port), server("second", second.port)) as bridge,
        gateway.submission() as session,
    ):
        session.secure()
        first.stop()
        second.stop()
        begun = time.monotonic()
        assert session.plain(BOB, "his") == TRY_LATER
        assert session.login_steps(BOB, "his") == TRY_LATER
        assert session.plain(BOB, "wrong") == TRY_LATER
        assert time.monotonic() - begun < POSTFIX_WAITS
        first.start()
        second.start()
        bridge.lines_with("server second: back after ")
        assert session.plain(BOB, "his") == ACCEPTED
        assert session.deliver(BOB, "carol@example.net", MAIL)[0] == 250
        verdicts = [line.partition("verdict=")[2].split()[0] for line in bridge.decisions(4)]
        assert verdicts == ["unavailable", "unavailable", "unavailable", "accepted"]


def test_all_hung_is_try_later_before_postfix_loses_patience(gateway: Gateway) -> None:
    """Whoever hangs up first is told apart by the daemon's own decision line."""
    with (
        silent_port() as first,
        silent_port() as second,
        gateway.bridge(server("first", first), server("second", second)) as bridge,
        gateway.submission() as session,
    ):
        session.secure()
        begun = time.monotonic()
        assert session.plain(BOB, "his") == TRY_LATER
        assert 7.5 < time.monotonic() - begun < POSTFIX_WAITS
        assert "verdict=unavailable" in bridge.decisions(1)[0]


def test_an_abandoned_dialogue_does_not_turn_try_later_into_a_refusal(gateway: Gateway) -> None:
    """Postfix never says that the client gave up (`*`), so the daemon still holds that id."""
    with (
        gateway.dovecot({ALICE: "hers"}) as only,
        gateway.bridge(server("only", only.port)),
        gateway.submission() as session,
    ):
        session.secure()
        assert session.say("AUTH LOGIN") == (334, "VXNlcm5hbWU6")
        assert session.say("*") == (501, "5.7.0 Authentication aborted")
        only.stop()
        assert session.plain(ALICE, "hers") == TRY_LATER
        only.start()
        assert session.say("AUTH LOGIN") == (334, "VXNlcm5hbWU6")
        assert session.say(encoded(ALICE)) == (334, "UGFzc3dvcmQ6")
        assert session.say("*") == (501, "5.7.0 Authentication aborted")
        assert session.plain(ALICE, "hers") == ACCEPTED


def test_in_a_mixed_outage_nobody_is_told_that_a_password_is_wrong(gateway: Gateway) -> None:
    """The one server that answers says no, but the other one might have known the user."""
    with (
        gateway.dovecot({ALICE: "hers"}) as first,
        gateway.bridge(server("first", first.port), server("second", free_port())),
        gateway.submission() as session,
    ):
        session.secure()
        assert session.plain(ALICE, "wrong") == TRY_LATER
        assert session.plain(BOB, "his") == TRY_LATER
        assert session.plain(ALICE, "hers") == ACCEPTED


def test_the_outage_of_a_server_that_is_not_required_leaves_a_no_a_no(gateway: Gateway) -> None:
    with (
        gateway.dovecot({ALICE: "hers"}) as first,
        gateway.bridge(server("first", first.port), server("second", free_port(), required=False)),
        gateway.submission() as session,
    ):
        session.secure()
        assert session.plain(ALICE, "wrong") == WRONG


def test_the_administrator_may_want_outages_to_look_like_refusals(gateway: Gateway) -> None:
    with (
        gateway.bridge(server("only", free_port()), on_unavailable="reject"),
        gateway.submission() as session,
    ):
        session.secure()
        assert session.plain(ALICE, "hers") == (
            535,
            "5.7.8 Error: authentication failed: the password cannot be checked at the moment",
        )


@contextlib.contextmanager
def _four_slow_servers(gateway: Gateway) -> Iterator[list[Dovecot]]:
    """Start four that take two seconds to refuse, as they do when nobody has changed it."""
    users = [{}, {}, {}, {BOB: "his"}]
    with contextlib.ExitStack() as started:
        yield [
            started.enter_context(gateway.dovecot(mailboxes, auth_failure_delay="2s"))
            for mailboxes in users
        ]


def test_four_servers_that_are_slow_to_refuse_are_a_refusal_in_time(gateway: Gateway) -> None:
    """One after the other they would take more than there is."""
    with _four_slow_servers(gateway) as dovecots:
        servers = [server(f"s{number}", one.port) for number, one in enumerate(dovecots)]
        with (
            gateway.bridge(*servers, failure_delay="2s") as bridge,
            gateway.submission() as session,
        ):
            session.secure()
            begun = time.monotonic()
            assert session.plain(BOB, "wrong") == WRONG
            assert time.monotonic() - begun < 8.5  # 8 s, and what a busy machine adds
            [line] = bridge.decisions(1)
            assert line.count("rejected in ") == 4


def test_behind_three_servers_that_are_slow_to_refuse_the_fourth_knows_the_user(
    gateway: Gateway,
) -> None:
    with _four_slow_servers(gateway) as dovecots:
        servers = [server(f"s{number}", one.port) for number, one in enumerate(dovecots)]
        with gateway.bridge(*servers) as bridge, gateway.submission() as session:
            session.secure()
            assert session.plain(BOB, "his") == ACCEPTED
            assert "verdict=accepted server=s3" in bridge.decisions(1)[0]


@pytest.mark.parametrize(("password", "expected"), [("hers", ACCEPTED), ("wrong", WRONG)])
def test_a_slow_server_is_still_heard_when_the_next_one_has_refused(
    gateway: Gateway, password: str, expected: Reply
) -> None:
    """The first does nothing until the second, asked beside it, has said no."""
    with (
        gateway.dovecot({ALICE: "hers"}) as first,
        gateway.dovecot({BOB: "his"}) as second,
        gateway.bridge(server("first", first.port), server("second", second.port)) as bridge,
        gateway.submission() as session,
        ThreadPoolExecutor(1) as pool,
    ):
        session.secure()
        first.pause()
        reply = pool.submit(session.plain, ALICE, password)
        second.log_with("auth failed, 1 attempts in ")
        assert not reply.done()
        first.resume()
        assert reply.result() == expected
        [line] = bridge.decisions(1)
        assert "second rejected in " in line
        assert ("verdict=accepted server=first " in line) == (expected == ACCEPTED)
