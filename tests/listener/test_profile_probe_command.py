"""`bridgectl profile test`, from the command line to the fake directory and back."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lab.asking_ldap import ALICE, SERVICE
from lab.bridge import Bridge
from lab.fake_server import FakeServer
from lab.ldap_replies import Entries
from lab.profile_probing import ROOT
from lab.settings import profile_at, settings_text

from bridge_admin.cli import main as bridgectl

pytestmark = pytest.mark.usefixtures("daemon_loop")


def settings(folder: Path, port: int) -> str:
    """Return those of a daemon with one profile, which nobody uses yet."""
    return settings_text(folder, folder / "auth", [profile_at(port)], enabled=False)


@contextmanager
def running(folder: Path) -> Iterator[tuple[Bridge, Path, FakeServer]]:
    """Yield a daemon of one profile, its settings file, and the directory."""
    with (
        FakeServer(Entries(ALICE, SERVICE, ROOT)) as fake,
        Bridge(folder, settings(folder, fake.port)) as bridge,
    ):
        yield bridge, folder / "settings.toml", fake


def profile_test(file: Path, *more: str, name: str = "corp") -> int:
    return bridgectl(["profile", "test", name, "--settings", str(file), *more])


def test_what_is_seen_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(tmp_path) as (bridge, file, fake):
        assert profile_test(file) == 0
        said = capsys.readouterr()
        assert said.out.startswith(f"corp: LDAP at 127.0.0.1 port {fake.port}, not encrypted\n")
        assert said.out.endswith("\ncorp is ready for logins.\n")
        assert said.err == ""

        for password, code, state in [("secret", 0, "accepted"), ("wrong", 77, "rejected")]:
            arguments = ("--login", "alice@example.com", "--password-stdin", "--json")
            monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
            assert profile_test(file, *arguments) == code
            report = json.loads(capsys.readouterr().out)
            assert (report["state"], report["login"]["state"]) == (state, state)
        line = bridge.decisions(2)[0]
        assert "login=alice@example.com mechanism=probe verdict=accepted server=corp" in line

        assert profile_test(file, name="second") == 64
        assert capsys.readouterr().err == (
            "bridgectl: the daemon said: no profile 'second' in the settings in force; "
            "there are: corp\n"
        )
    assert not [one for one in bridge.lines if "gateway's own" in one]


def test_a_dead_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running(tmp_path) as (bridge, file, fake):
        with FakeServer(Entries()) as dead:
            pass
        assert dead.port != fake.port
        bridge.reload(settings(tmp_path, dead.port))
        assert profile_test(file) == 75
    trouble = f"  trouble       connection refused by 127.0.0.1 port {dead.port}\n"
    assert trouble in capsys.readouterr().out


def test_at_a_terminal_it_says_that_it_takes_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    with running(tmp_path) as (_, file, _):
        monkeypatch.setattr("sys.stderr", terminal)
        assert profile_test(file) == 0
    assert terminal.getvalue() == "asking corp, which may take 30 s ...\n"
    assert "asking" not in capsys.readouterr().out
