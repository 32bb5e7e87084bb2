"""sasl-policyd with a directory: reloads, changes and the end while it is being asked."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from lab.asking_ldap import ALICE, DN, NAMES, SERVICE
from lab.asking_policy import Asker
from lab.bridge import Policyd
from lab.directory_entries import GATEWAY
from lab.fake_server import FakeServer
from lab.ldap_replies import Entries, Entry, Gated
from lab.leftovers import settled
from lab.policyd_alone import BOB, CLOSED, NOT_HERS, SALES
from lab.policyd_alone import policyd_settings as text
from lab.settings import profile_at

pytestmark = pytest.mark.usefixtures("daemon_loop")


WITH_SALES = Entry(DN, b"secret", NAMES | {"mail": ["alice@example.com", SALES]})


def with_directory(folder: Path, port: int, **sender: Any) -> str:
    return text(folder, profile_at(port), ldap_profile="corp", **sender)


def test_a_directory_is_asked_once_and_again_after_a_reload(tmp_path: Path) -> None:
    """Its connection of before is closed then, and what it said is forgotten."""
    entries = Entries(WITH_SALES, SERVICE)
    with (
        FakeServer(entries) as directory,
        Policyd(tmp_path, with_directory(tmp_path, directory.port)) as policyd,
        Asker(tmp_path / "policy") as postfix,
    ):
        assert postfix.ask(sender=SALES, instance="1") == "DUNNO"
        assert postfix.ask(sender=BOB, instance="2") == NOT_HERS
        assert entries.binds == [GATEWAY]
        entries.entries[0] = ALICE
        assert postfix.ask(sender=SALES, instance="3") == "DUNNO"
        policyd.reload()
        assert postfix.ask(sender=SALES, instance="4") == NOT_HERS
        assert entries.binds == [GATEWAY, GATEWAY]
        assert len(directory.peers) == 2
        asyncio.run(settled(lambda: directory.open_connections() == 1))


def test_a_look_up_ends_with_the_settings_that_it_began_with(tmp_path: Path) -> None:
    """And so does its message; the next one is decided by those in force."""
    gated = Gated(ALICE, SERVICE)
    with (
        FakeServer(gated) as directory,
        Policyd(tmp_path, with_directory(tmp_path, directory.port)) as policyd,
        Asker(tmp_path / "policy") as postfix,
        Asker(tmp_path / "policy") as another,
    ):
        postfix.send(sender=SALES)
        assert gated.asked.wait(10)
        policyd.reload(text(tmp_path, match_login="monitor"))
        assert another.ask(sender=SALES, instance="2") == "DUNNO"
        gated.may_answer.set()
        assert postfix.action() == NOT_HERS
        assert postfix.ask(sender=SALES) == NOT_HERS
        assert postfix.ask(sender=SALES, instance="3") == "DUNNO"


def test_aliases_that_change_during_a_look_up_count(tmp_path: Path) -> None:
    gated = Gated(ALICE, SERVICE)
    with (
        FakeServer(gated) as directory,
        Policyd(tmp_path, with_directory(tmp_path, directory.port, lookup_timeout=20)) as policyd,
        Asker(tmp_path / "policy") as postfix,
    ):
        postfix.send(sender=SALES)
        assert gated.asked.wait(10)
        (tmp_path / "aliases").write_text(f"{SALES}: alice@example.com\n")
        policyd.lines_with("aliases: .*/aliases: 1 address$")
        gated.may_answer.set()
        assert postfix.action() == "DUNNO"


def test_a_stop_loses_no_answer(tmp_path: Path) -> None:
    gated = Gated(WITH_SALES, SERVICE)
    with (
        FakeServer(gated) as directory,
        Policyd(tmp_path, with_directory(tmp_path, directory.port)) as policyd,
        Asker(tmp_path / "policy") as postfix,
        Asker(tmp_path / "policy") as idle,
        ThreadPoolExecutor() as threads,
    ):
        postfix.send(sender=SALES)
        assert gated.asked.wait(10)
        stopping = threads.submit(policyd.stop)
        assert idle.action() == CLOSED
        gated.may_answer.set()
        assert postfix.action() == "DUNNO"
        assert postfix.action() == CLOSED
        assert stopping.result(20) == 0


def test_a_directory_that_is_away_is_a_temporary_failure(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    away = with_directory(tmp_path, port, help_text="Call us")
    with Policyd(tmp_path, away) as policyd, Asker(tmp_path / "policy") as postfix:
        assert postfix.ask(sender=BOB) == "451 4.3.0 its owner cannot be looked up now; Call us"
        assert postfix.ask(sender="alice@example.com") == "DUNNO"
        (line, _) = policyd.decisions(2)
    assert f"connection refused by 127.0.0.1 port {port}; on_lookup_failure is tempfail" in line
