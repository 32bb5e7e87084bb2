"""What is remembered of logins, as Postfix's users and the administrator see it."""

from typing import Any

import pytest
from lab.gateway import Gateway
from lab.replies import ACCEPTED, TRY_LATER, WRONG
from lab.settings import server
from lab.smtp import Reply

from bridge_admin.cli import main as bridgectl
from bridge_admin.control_client import ask_daemon

ALICE = "alice@example.com"
REMEMBERING: dict[str, Any] = {"success_ttl": "5m", "failure_ttl": "30s"}
GRACE = {"success_ttl": "0s", "grace": "1h"}


def log_in(gateway: Gateway, password: str) -> Reply:
    with gateway.submission() as session:
        session.secure()
        return session.plain(ALICE, password)


def test_a_login_is_a_question_to_the_server_once(gateway: Gateway) -> None:
    with (
        gateway.dovecot({ALICE: "hers"}) as dovecot,
        gateway.bridge(server("only", dovecot.port), cache=REMEMBERING) as bridge,
    ):
        assert [log_in(gateway, "hers") for _ in range(5)] == [ACCEPTED] * 5
        dovecot.stop()
        assert log_in(gateway, "hers") == ACCEPTED
        assert log_in(gateway, "another") == TRY_LATER
        lines = bridge.decisions(7)
    assert ["server=cache" in line for line in lines] == [False, *[True] * 5, False]


def test_a_changed_password_works_at_once_and_the_old_one_no_more_once_it_was_used(
    gateway: Gateway,
) -> None:
    with (
        gateway.dovecot({ALICE: "old"}) as dovecot,
        gateway.bridge(server("only", dovecot.port), cache=REMEMBERING),
    ):
        assert log_in(gateway, "old") == ACCEPTED
        dovecot.change_users({ALICE: "new"})
        assert log_in(gateway, "old") == ACCEPTED
        assert log_in(gateway, "new") == ACCEPTED
        assert log_in(gateway, "old") == WRONG


def test_an_administrator_ends_what_is_remembered(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        gateway.dovecot({ALICE: "hers"}) as dovecot,
        gateway.bridge(server("only", dovecot.port), cache=REMEMBERING) as bridge,
    ):
        settings = str(bridge.settings_file)
        assert log_in(gateway, "hers") == ACCEPTED
        dovecot.change_users({})
        assert log_in(gateway, "hers") == ACCEPTED
        assert bridgectl(["cache", "flush", "--settings", settings, "Alice@example.com"]) == 0
        assert capsys.readouterr().out == f"forgotten of {ALICE}: 1 accepted, 0 refused\n"
        assert log_in(gateway, "hers") == WRONG
        dovecot.change_users({ALICE: "hers"})
        assert log_in(gateway, "hers") == WRONG
        assert bridgectl(["status", "--settings", settings, "--program", "sasl-bridge"]) == 0
        remembered = "  remembered    0 accepted, 1 refused; used 1 and 1 times\n"
        assert remembered in capsys.readouterr().out
        assert bridgectl(["cache", "flush", "--settings", settings]) == 0
        assert capsys.readouterr().out == "forgotten: 0 accepted, 1 refused\n"
        assert log_in(gateway, "hers") == ACCEPTED


def test_an_old_password_is_told_to_the_server_once(gateway: Gateway) -> None:
    """And the other server of the list, which is down, does not keep it from being remembered."""
    with (
        gateway.dovecot({ALICE: "hers"}) as dovecot,
        gateway.dovecot({ALICE: "hers"}) as down,
        gateway.bridge(
            server("up", dovecot.port), server("down", down.port), cache=REMEMBERING
        ) as bridge,
    ):
        down.stop()
        assert [log_in(gateway, "old") for _ in range(3)] == [TRY_LATER] * 3
        lines = bridge.decisions(3)
        assert ["remembered" in line for line in lines] == [False, True, True]
        assert log_in(gateway, "hers") == ACCEPTED


def test_grace_bridges_an_outage_and_says_so(gateway: Gateway) -> None:
    with (
        gateway.dovecot({ALICE: "hers"}) as dovecot,
        gateway.bridge(server("only", dovecot.port), cache=GRACE) as bridge,
    ):
        assert log_in(gateway, "hers") == ACCEPTED
        dovecot.stop()
        assert log_in(gateway, "hers") == ACCEPTED
        assert log_in(gateway, "another") == TRY_LATER
        assert 'server=cache reason="grace, because ' in bridge.decisions(3)[1]
        dovecot.change_users({ALICE: "new"})
        dovecot.start()
        assert log_in(gateway, "hers") == WRONG
        dovecot.stop()
        assert log_in(gateway, "hers") == TRY_LATER


def test_a_reload_keeps_what_is_remembered_unless_others_are_asked(gateway: Gateway) -> None:
    with (
        gateway.dovecot({ALICE: "hers"}) as dovecot,
        gateway.bridge(server("only", dovecot.port), cache=REMEMBERING) as bridge,
    ):
        assert log_in(gateway, "hers") == ACCEPTED
        dovecot.stop()
        bridge.reload()
        assert log_in(gateway, "hers") == ACCEPTED
        other = server("only", dovecot.port, login_format="{local}")
        bridge.reload(gateway.settings(other, cache=REMEMBERING))
        assert log_in(gateway, "hers") == TRY_LATER


def test_bridgectl_login_asks_the_servers_whatever_is_remembered(gateway: Gateway) -> None:
    with (
        gateway.dovecot({ALICE: "hers"}) as dovecot,
        gateway.bridge(server("only", dovecot.port), cache=REMEMBERING) as bridge,
    ):
        assert log_in(gateway, "hers") == ACCEPTED
        dovecot.change_users({ALICE: "new"})
        reply = ask_daemon(bridge.settings_file, "verify", login=ALICE, password="hers", client="")
        assert reply["verdict"] == "rejected"
        assert log_in(gateway, "hers") == WRONG
        dovecot.change_users({ALICE: "hers"})
        assert log_in(gateway, "hers") == WRONG
        reply = ask_daemon(bridge.settings_file, "verify", login=ALICE, password="hers", client="")
        assert reply["verdict"] == "accepted"
