"""`bridgectl server test` with a real Dovecot: in every way, mis-certified, and dead."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from lab.bridge import Bridge
from lab.certificates import Certificates, make_certificates
from lab.dovecot import Dovecot
from lab.processes import lab_folder
from lab.settings import server, settings_text
from lab.ways import ALL, ENCRYPTED, Way

from bridge_admin.cli import main as bridgectl

PASSWORD = "pässword: «secret»"


@contextmanager
def dovecot(**changes: Any) -> Iterator[tuple[Path, Certificates, Dovecot]]:
    """Yield a folder, certificates, and a Dovecot that knows alice in every way."""
    with lab_folder() as folder:
        (folder / "tls").mkdir()
        tls = make_certificates(folder / "tls")
        users = {way.login("alice"): PASSWORD for way in ALL}
        with Dovecot(folder / "dovecot", users, tls, **changes) as running:
            yield folder, tls, running


@contextmanager
def bridge(folder: Path, port: int, way: Way, **keys: Any) -> Iterator[Path]:
    """Yield the settings file of a daemon that asks the server there in this way."""
    one = server(way.name, port, protocol=way.protocol, security=way.security, **keys)
    text = settings_text(folder, folder / "auth", [one], domains=[way.domain])
    with Bridge(folder / "bridge", text):
        yield folder / "bridge" / "settings.toml"


def probed(
    file: Path,
    way: Way,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    password: str,
) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the report; without a password no login is tried."""
    monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
    login = ["--login", way.login("alice"), "--password-stdin"] if password else []
    code = bridgectl(["server", "test", way.name, "--json", "--settings", str(file), *login])
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, report


@pytest.mark.parametrize("way", ALL, ids=[way.name for way in ALL])
def test_a_healthy_server(
    way: Way, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with dovecot() as (folder, tls, running):
        port = running.ports[way.protocol][way.security]
        with bridge(folder, port, way, ca_file=str(tls.authority)) as file:
            for password, code, state in [("", 0, "ready"), ("no", 77, "rejected")]:
                ended, report = probed(file, way, capsys, monkeypatch, password)
                assert (ended, report["state"]) == (code, state)
                assert report["second"]["state"] == state
                assert report["differences"] == []
            code, report = probed(file, way, capsys, monkeypatch, PASSWORD)
    assert (code, report["state"], report["second"]["state"]) == (0, "accepted", "accepted")
    assert report["differences"] == []
    assert report["first"]["banner"].endswith("ready.")
    assert report["first"]["banner"] == report["second"]["banner"]
    if way.security != "plain":
        assert report["certificate"]["names"] == ["localhost", "127.0.0.1"]
        assert report["certificate"]["issuer"] == "Lab CA"
        assert report["certificate"]["trouble"] == ""
        assert report["advice"][0].startswith("The certificate expires in 1 day: ")


@pytest.mark.parametrize("way", ENCRYPTED, ids=[way.name for way in ENCRYPTED])
@pytest.mark.parametrize(
    ("keys", "trouble"),
    [
        ({"tls_name": "mail.example.com"}, "certificate is not valid for mail.example.com"),
        ({"ca_file": ""}, "certificate is not signed by a trusted authority"),
    ],
    ids=["wrong name", "unknown authority"],
)
def test_a_mis_certified_server(
    way: Way,
    keys: dict[str, str],
    trouble: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with dovecot() as (folder, tls, running):
        port = running.ports[way.protocol][way.security]
        with bridge(folder, port, way, **{"ca_file": str(tls.authority), **keys}) as file:
            code, report = probed(file, way, capsys, monkeypatch, PASSWORD)
        assert "alice" not in (running.folder / "log").read_text()
    assert (code, report["state"]) == (75, "unavailable")
    assert report["first"]["detail"] == report["second"]["detail"] == trouble
    assert report["certificate"]["trouble"] == trouble
    assert report["certificate"]["issuer"] == "Lab CA"


def test_a_dead_server(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    way = ENCRYPTED[0]
    with dovecot() as (folder, tls, running):
        port = running.ports[way.protocol][way.security]
        running.stop()
        with bridge(folder, port, way, ca_file=str(tls.authority)) as file:
            code, report = probed(file, way, capsys, monkeypatch, PASSWORD)
    trouble = f"connection refused by 127.0.0.1 port {port}"
    assert (code, report["first"]["detail"], report["second"]["detail"]) == (75, trouble, trouble)


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_server_that_takes_no_password_in_the_clear(
    protocol: Literal["imap", "pop3"],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Dovecot takes one that comes from its own address for secure: it has another here."""
    way = Way(protocol, "plain")
    with dovecot(cleartext=False, listen="127.0.0.2") as (folder, _, running):
        port = running.ports[way.protocol][way.security]
        with bridge(folder, port, way, host="127.0.0.2") as file:
            for password in ("", PASSWORD):
                code, report = probed(file, way, capsys, monkeypatch, password)
                assert (code, report["state"]) == (75, "unavailable")
                assert report["differences"] == []
                assert report["advice"] == [
                    (
                        "The server takes no password on an unencrypted connection: "
                        'set `security = "ssl"` or "tls".'
                    )
                ]


def test_another_protocol_s_port(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    way = ENCRYPTED[0]
    other: Literal["imap", "pop3"] = "pop3" if way.protocol == "imap" else "imap"
    with dovecot() as (folder, tls, running):
        port = running.ports[other][way.security]
        with bridge(folder, port, way, ca_file=str(tls.authority)) as file:
            code, report = probed(file, way, capsys, monkeypatch, PASSWORD)
    assert (code, report["differences"]) == (75, [])
    assert report["advice"][0].startswith(f"A server for {other.upper()} answers at ")


def test_a_trusting_server_is_told_the_client(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """XCLIENT is offered to those only who are trusted, and what to do is told to the others."""
    way = Way("pop3", "ssl")
    for trusted, advised in [({"login_trusted_networks": "127.0.0.1"}, False), ({}, True)]:
        with dovecot(**trusted) as (folder, tls, running):
            port = running.ports[way.protocol][way.security]
            keys = {"ca_file": str(tls.authority), "forward_client": "xclient"}
            with bridge(folder, port, way, **keys) as file:
                _, report = probed(file, way, capsys, monkeypatch, "")
        hints = [one for one in report["advice"] if "has no effect" in one]
        assert bool(hints) is advised
