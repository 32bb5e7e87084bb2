"""The running daemon with a directory: what Postfix and the administrator see, and reloads."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lab.asking_ldap import ALICE, DN, NAMES, SERVICE
from lab.bridge import Bridge
from lab.directory_entries import GATEWAY, GATEWAY_PASSWORD
from lab.fake_server import FakeServer
from lab.ldap_replies import Entries, Entry, Gated
from lab.settings import listed_profile, profile_at, server, settings_text
from lab.smtpd import Smtpd

from bridge_admin.cli import main as bridgectl

WRONG = "reason=the login or the password is wrong"
OK = "OK\t1\tuser=alice@example.com"
HUNG_UP = ""

BY_ALIAS = {
    "login_filter": "(|(mail={login})(mailAlias={login}))",
    "identity_attribute": "mail",
}
WITH_ALIAS = Entry(DN, b"secret", NAMES | {"mailAlias": ["smith@example.com"]})


@dataclass
class Running:
    """A daemon and the directory that it asks."""

    folder: Path
    entries: Entries
    directory: FakeServer
    bridge: Bridge

    @property
    def file(self) -> Path:
        return self.folder / "settings.toml"

    def login(self, login: str = "alice@example.com", password: str = "secret") -> str:
        with Smtpd(self.folder / "auth") as smtpd:
            return smtpd.login(login, password)

    def settings(self, *servers: str, **keys: Any) -> str:
        return _settings(self.folder, self.directory.port, *servers, **keys)


def _settings(folder: Path, port: int, *servers: str, method: str = "ldap", **keys: Any) -> str:
    """Return settings with this profile, and with servers that are asked by another method only."""
    smtp_auth: dict[str, Any] = {"method": method, "ldap_profile": "corp"}
    profile = profile_at(port, **keys)
    return settings_text(folder, folder / "auth", [*servers, profile], **smtp_auth)


@contextmanager
def running(folder: Path, entries: Entries, **keys: Any) -> Iterator[Running]:
    with (
        FakeServer(entries) as directory,
        Bridge(folder, _settings(folder, directory.port, **keys)) as bridge,
    ):
        yield Running(folder, entries, directory, bridge)


# Postfix


def test_the_identity_reaches_postfix_and_the_log(tmp_path: Path) -> None:
    with running(tmp_path, Entries(WITH_ALIAS, SERVICE), **BY_ALIAS) as daemon:
        assert daemon.login("Smith@example.com") == OK
        (decision,) = daemon.bridge.decisions(1)
        assert " login=alice@example.com typed=Smith@example.com client=" in decision
        assert " verdict=accepted server=corp reason=bound " in decision


def test_a_refused_alias_is_the_login_that_was_typed(tmp_path: Path) -> None:
    with running(tmp_path, Entries(WITH_ALIAS, SERVICE), **BY_ALIAS) as daemon:
        refused = daemon.login("smith@example.com", "wrong")
        assert refused == f"FAIL\t1\tuser=smith@example.com\t{WRONG}"
        (decision,) = daemon.bridge.decisions(1)
        assert ' verdict=rejected server=corp reason="Invalid credentials (49)" ' in decision


def test_an_account_without_identity_is_told_by_hanging_up_and_an_error(tmp_path: Path) -> None:
    nameless = Entry(DN, b"secret", NAMES | {"mail": ["alice@example.com", "a@example.com"]})
    with running(tmp_path, Entries(nameless, SERVICE), **BY_ALIAS) as daemon:
        assert daemon.login() == HUNG_UP
        assert daemon.login() == HUNG_UP
        daemon.bridge.decisions(2)
        (line,) = daemon.bridge.lines_with("ldap_profile corp: ")
    reason = "login alice@example.com: identity_attribute mail has 2 values"
    assert line.endswith(f"error: ldap_profile corp: {reason}")


def test_our_own_account_refused_is_an_error_in_the_log_once_and_not_for_each_login(
    tmp_path: Path,
) -> None:
    with running(tmp_path, Entries(ALICE)) as daemon:
        assert [daemon.login() for _ in range(3)] == [HUNG_UP] * 3
        daemon.bridge.decisions(3)
        assert len(daemon.bridge.lines_with("error: .*refuses our own account")) == 1
        assert daemon.entries.binds == [GATEWAY]
        assert not [line for line in daemon.bridge.lines if GATEWAY_PASSWORD in line]


def test_neither_password_is_in_the_log(tmp_path: Path) -> None:
    with running(tmp_path, Entries(ALICE, SERVICE)) as daemon:
        daemon.bridge.reload(daemon.settings() + '[log]\nlevel = "debug"\n')
        assert daemon.login(password="hush hush").startswith("FAIL")
        assert daemon.login() == OK
        daemon.bridge.decisions(2)
        said = "\n".join(daemon.bridge.lines)
    assert "hush hush" not in said
    assert GATEWAY_PASSWORD not in said


# Reload


def test_a_new_password_in_the_file_is_used_after_a_reload(tmp_path: Path) -> None:
    secret = tmp_path / "corp.secret"
    secret.write_text("old")
    secret.chmod(0o640)
    entries = Entries(ALICE, Entry(GATEWAY, b"old"))
    with running(tmp_path, entries, bind_password=f"file:{secret}") as daemon:
        assert daemon.login() == OK
        entries.entries[1] = Entry(GATEWAY, b"new")
        secret.write_text("new\n")
        daemon.bridge.reload()
        assert daemon.login() == OK
    assert entries.binds == [GATEWAY, DN, GATEWAY, DN]


def test_a_missing_secret_leaves_the_last_good_settings_in_force(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "corp.secret"
    secret.write_text(GATEWAY_PASSWORD)
    secret.chmod(0o640)
    with running(tmp_path, Entries(ALICE, SERVICE), bind_password=f"file:{secret}") as daemon:
        secret.unlink()
        daemon.bridge.reload()
        daemon.bridge.lines_with('error: settings: ldap_profile.1. "corp".bind_password: ')
        assert daemon.login() == OK
        assert bridgectl(["status", "--settings", str(daemon.file)]) == 78
        said = capsys.readouterr().out
        assert "serves its last good settings; the file is broken" in said
        assert "bind_password: " in said


def test_a_login_ends_with_the_directory_that_it_began_with(tmp_path: Path) -> None:
    """After the reload the profile asks another directory, which knows nobody."""
    gated = Gated(ALICE, SERVICE)
    with (
        running(tmp_path, gated) as daemon,
        FakeServer(Entries(SERVICE)) as other,
        ThreadPoolExecutor() as threads,
    ):
        under_way = threads.submit(daemon.login)
        assert gated.asked.wait(10)
        daemon.bridge.reload(_settings(tmp_path, other.port))
        assert daemon.login() == f"FAIL\t1\tuser=alice@example.com\t{WRONG}"
        gated.may_answer.set()
        assert under_way.result(20) == OK
    assert len(daemon.directory.peers) == 2


# The administrator


def test_bridgectl_login_shows_what_the_directory_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def login(password: str) -> list[str]:
        typed = tmp_path / "typed"
        typed.write_text(f"{password}\n")
        with typed.open() as stdin:
            monkeypatch.setattr("sys.stdin", stdin)
            asked = ["login", "smith@example.com", "--password-stdin"]
            bridgectl([*asked, "--settings", str(daemon.file)])
        return capsys.readouterr().out.splitlines()

    with running(tmp_path, Entries(WITH_ALIAS, SERVICE), **BY_ALIAS) as daemon:
        asked, answer, reply = login("secret")
        assert asked.startswith("corp: accepted in 0.")
        assert asked.endswith(" s: bound")
        assert answer == "accepted as alice@example.com by corp: bound"
        assert reply == "Postfix would tell the mail program: 235 2.7.0 Authentication successful"
        asked, answer, _ = login("wrong")
        assert asked.endswith(" s: Invalid credentials (49)")
        assert answer == "rejected as smith@example.com by corp: Invalid credentials (49)"
        daemon.entries.entries.clear()
        asked, answer, _ = login("secret")
        assert answer.startswith("rejected as smith@example.com by corp: no entry matches (|(mail=")


def test_bridgectl_status_says_who_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the method ldap it is the profile alone, whatever the list holds."""

    def servers(*more: str) -> str:
        assert bridgectl(["status", "--settings", str(daemon.file), *more]) == 0
        return capsys.readouterr().out

    def rows(said: str) -> dict[str, str]:
        """Return the rows of the table of servers, by their names."""
        found = [" ".join(line.split()) for line in said.splitlines() if " port " in line]
        return {line.partition(" ")[0]: line for line in found}

    imap = server("imap", 1143)
    with running(tmp_path, Entries(ALICE, SERVICE), hosts=["127.0.0.1", "localhost"]) as daemon:
        port = daemon.directory.port
        row = rows(servers())["corp"]
        assert row.endswith(f" profile corp at 127.0.0.1, localhost port {port}")
        (only,) = json.loads(servers("--json"))["sasl-bridge"]["servers"]
        assert only.pop("breaker")["state"] == "ok"
        assert only == {
            "name": "corp",
            "profile": "corp",
            "hosts": ["127.0.0.1", "localhost"],
            "port": port,
            "enabled": True,
            "in_use": 0,
            "most": 40,
            "warm": 0,
            "avoided_hosts": [],
        }
        listed = listed_profile("corp", name="people", enabled=False), imap
        daemon.bridge.reload(daemon.settings(*listed, method="pop3-imap"))
        found = rows(servers())
        assert list(found) == ["imap", "people"]
        assert found["imap"].endswith(" 127.0.0.1 port 1143")
        people = f"people not enabled profile corp at 127.0.0.1 port {port}"
        assert found["people"] == people
        daemon.bridge.reload(daemon.settings(*listed))
        found = rows(servers())
        assert list(found) == ["corp"]
        assert found["corp"].endswith(f" profile corp at 127.0.0.1 port {port}")
