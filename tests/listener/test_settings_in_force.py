"""The running daemon does what its settings file says: from the start, and after a reload."""

import base64
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.asking import GREETING
from lab.bridge import Bridge
from lab.fake_pop3 import maildrops
from lab.fake_server import Behaviour, FakeServer, Peer
from lab.settings import server
from lab.smtpd import Smtpd

OK = "OK\t1\tuser=alice@example.com"
WRONG = "reason=the login or the password is wrong"
HUNG_UP = ""

Keys = Mapping[str, object]
_OF_SERVER = "server."


def as_told(peer: Peer) -> None:
    """Do what the password says; every other password is right, whatever the login."""
    peer.say(GREETING)
    tag, _, command = peer.hear_line().partition(b" ")
    if command == b"LOGOUT":
        return  # it was looked at
    password = base64.b64decode(command.split()[-1]).rpartition(b"\0")[2]
    match password:
        case b"silence":
            peer.hear_the_end()
        case b"hang up":
            return
        case b"wrong, slowly":
            time.sleep(0.75)
    answer = b"NO [AUTHENTICATIONFAILED] no" if password.startswith(b"wrong") else b"OK welcome"
    peer.say(tag + b" " + answer + b"\r\n")
    peer.hear_the_end()


def settings(folder: Path, port: int, keys: Keys) -> str:
    """Return a settings file with these keys, which are named by their paths.

    There is one server, whose keys are those that begin with "server".
    """
    lines = {
        "smtp_auth.enabled": True,
        "smtp_auth.failure_delay": "0s",
        "smtp_auth.listen": [f"unix:{folder}/auth"],
        "smtp_auth.control": f"unix:{folder}/control",
        "identity.domains": ["example.com"],
        **{path: value for path, value in keys.items() if not path.startswith(_OF_SERVER)},
    }
    # Strings, numbers, booleans and lists of strings are written alike in JSON and in TOML.
    text = "\n".join(f"{path} = {json.dumps(value)}" for path, value in lines.items())
    of_server = {path.removeprefix(_OF_SERVER): keys[path] for path in keys.keys() - lines.keys()}
    return f"{text}\n{server('imap', port, **of_server)}"


@dataclass
class Running:
    """A daemon and the one server that it asks."""

    folder: Path
    remote: FakeServer
    bridge: Bridge

    def connect(self) -> Smtpd:
        return Smtpd(self.folder / "auth")

    def login(self, login: str = "alice@example.com", password: str = "right") -> str:
        """Log in over an encrypted SMTP session, on a connection of its own."""
        with self.connect() as smtpd:
            return smtpd.login(login, password)

    def timed_login(self, password: str) -> tuple[str, float]:
        """Log alice in; return the reply, and how many seconds it took."""
        with self.connect() as smtpd:
            begun = time.monotonic()
            return smtpd.login("alice@example.com", password), time.monotonic() - begun

    def reload(self, keys: Keys) -> None:
        self.bridge.reload(settings(self.folder, self.remote.port, keys))


@contextmanager
def running(folder: Path, keys: Keys, behave: Behaviour = as_told) -> Iterator[Running]:
    with (
        FakeServer(behave) as remote,
        Bridge(folder, settings(folder, remote.port, keys)) as bridge,
    ):
        yield Running(folder, remote, bridge)


# Who may log in: section identity


def test_only_our_domains_log_in(tmp_path: Path) -> None:
    """No server is even asked about the others: theirs may be a provider's customers."""
    with running(tmp_path, {}) as daemon:
        assert daemon.login("alice@elsewhere.example") == f"FAIL\t1\t{WRONG}"
        assert daemon.login("alice") == f"FAIL\t1\t{WRONG}"
        assert daemon.remote.peers == []
        assert daemon.login() == OK
        daemon.reload({"identity.domains": ["*"]})
        elsewhere = daemon.login("alice@elsewhere.example")
        assert elsewhere == "OK\t1\tuser=alice@elsewhere.example"
        daemon.reload({"identity.domains": ["example.org"]})
        assert daemon.login() == f"FAIL\t1\t{WRONG}"
    assert len(daemon.remote.peers) == 2


def test_no_server_is_asked_what_must_not_be_sent(tmp_path: Path) -> None:
    with running(tmp_path, {"identity.domains": ["*"]}) as daemon:
        for login, password in [
            ("", "right"),
            ("alice@example.com", ""),
            ("al\x07ice@example.com", "right"),
            ("alice\r\n@example.com", "right"),
            ("alice@example.com", "right\r\nnow"),
        ]:
            assert daemon.login(login, password) == f"FAIL\t1\t{WRONG}"
        assert daemon.remote.peers == []
        assert daemon.login() == OK


def test_how_a_login_is_read(tmp_path: Path) -> None:
    keys = {
        "identity.default_domain": "example.com",
        "identity.windows_domains.CORP": "example.com",
        "identity.login_characters": "abcdefghijklmnopqrstuvwxyz+",
    }
    with running(tmp_path, keys) as daemon:
        assert daemon.login("alice") == OK
        assert daemon.login("CORP\\alice") == OK
        assert daemon.login("OTHER\\alice") == f"FAIL\t1\t{WRONG}"
        assert daemon.login("alice+list@example.com") == "OK\t1\tuser=alice+list@example.com"
        assert daemon.login("alice2@example.com") == f"FAIL\t1\t{WRONG}"
        daemon.reload({})
        assert daemon.login("alice") == f"FAIL\t1\t{WRONG}"
        assert daemon.login("CORP\\alice") == f"FAIL\t1\t{WRONG}"
        assert daemon.login("alice+list@example.com") == f"FAIL\t1\t{WRONG}"
        assert daemon.login("alice2@example.com") == "OK\t1\tuser=alice2@example.com"


def test_username_format(tmp_path: Path) -> None:
    both = {
        "identity.domains": ["example.com", "example.org"],
        "identity.default_domain": "example.com",
    }
    with running(tmp_path, {**both, "identity.username_format": "username"}) as daemon:
        assert daemon.login("alice") == OK
        assert daemon.login("alice@example.com") == OK
        assert daemon.login("alice@example.org") == f"FAIL\t1\t{WRONG}"
        daemon.reload({**both, "identity.username_format": "domain"})
        assert daemon.login("alice@example.org") == "OK\t1\tuser=alice@example.org"


# How logins are answered: section smtp_auth


def test_switched_off_nobody_is_asked_and_nobody_is_told_that_the_password_is_wrong(
    tmp_path: Path,
) -> None:
    off = {"smtp_auth.enabled": False, "smtp_auth.on_unavailable": "reject"}
    with running(tmp_path, off) as daemon:
        assert daemon.login() == HUNG_UP
        assert daemon.remote.peers == []
        daemon.reload({})
        assert daemon.login() == OK


def test_require_tls_holds_on_open_connections_too(tmp_path: Path) -> None:
    """Postfix's smtpd keeps its connection: what changes must reach it there."""
    with (
        running(tmp_path, {"smtp_auth.require_tls": True}) as daemon,
        daemon.connect() as smtpd,
    ):
        alice = ("alice@example.com", "right")
        refusal = "reason=encryption is required before logging in"
        assert smtpd.login(*alice, secured=False) == f"FAIL\t1\t{refusal}"
        assert daemon.remote.peers == []
        daemon.reload({"smtp_auth.require_tls": False})
        assert smtpd.login(*alice, secured=False) == "OK\t2\tuser=alice@example.com"
        daemon.reload({"smtp_auth.require_tls": True})
        assert smtpd.login(*alice, secured=False) == f"FAIL\t3\t{refusal}"
        assert smtpd.login(*alice, secured=True) == "OK\t4\tuser=alice@example.com"


def test_connection_timeout_and_what_is_told_when_it_is_over(tmp_path: Path) -> None:
    keys = {"smtp_auth.connection_timeout": "1s"}
    with running(tmp_path, keys) as daemon:
        reply, seconds = daemon.timed_login("silence")
        assert reply == HUNG_UP
        assert 0.9 < seconds < 4
        assert daemon.login(password="hang up") == HUNG_UP
        daemon.reload({"smtp_auth.on_unavailable": "reject"})
        refusal = "reason=the password cannot be checked at the moment"
        told = daemon.login(password="hang up")
        assert told == f"FAIL\t1\tuser=alice@example.com\t{refusal}"


def test_failure_delay_counts_from_the_beginning(tmp_path: Path) -> None:
    """Give or take a fifth: 0.48 s to 0.72 s; a server that takes 0.75 s adds no further wait."""
    with running(tmp_path, {"smtp_auth.failure_delay": "600ms"}) as daemon:
        for password, at_least, less_than in [("wrong", 0.48, 1.2), ("wrong, slowly", 0.75, 1.2)]:
            reply, seconds = daemon.timed_login(password)
            assert reply == f"FAIL\t1\tuser=alice@example.com\t{WRONG}"
            assert at_least <= seconds < less_than


# How a server is asked: section server


def test_a_server_that_trusts_us_is_told_who_logs_in(tmp_path: Path) -> None:
    """And whoever Postfix does not name is not told of; nor is anybody after a reload."""
    pop3 = {"server.protocol": "pop3"}
    trusting = maildrops({"alice@example.com": b"right"}, xclient=True)
    with running(tmp_path, pop3 | {"server.forward_client": "xclient"}, trusting) as daemon:
        with daemon.connect() as smtpd:
            assert smtpd.login("alice@example.com", "right", client="198.51.100.7") == OK
            nobody = smtpd.login("alice@example.com", "right", client="")
            assert nobody == "OK\t2\tuser=alice@example.com"
        daemon.reload(pop3)
        assert daemon.login() == OK
    told, unknown, untold = (peer.heard for peer in daemon.remote.peers)
    assert told.startswith(b"CAPA\r\nXCLIENT ADDR=198.51.100.7\r\nAUTH PLAIN")
    assert unknown.startswith(b"CAPA\r\nAUTH PLAIN")
    assert untold.startswith(b"CAPA\r\nAUTH PLAIN")


# What is written: section log


def test_which_decisions_are_logged(tmp_path: Path) -> None:
    """`level` silences everything else, and no decision."""
    with running(tmp_path, {"log.decisions": "refused", "log.level": "error"}) as daemon:
        daemon.login()
        daemon.login(password="wrong")
        assert "verdict=rejected" in daemon.bridge.decisions(1)[0]
        assert len(daemon.bridge.lines) == 1
        daemon.reload({"log.decisions": "all", "log.level": "info"})
        daemon.bridge.lines_with(r"settings: level = ")
        daemon.login()
        assert "verdict=accepted" in daemon.bridge.decisions(2)[1]


def test_log_format_json_is_one_object_a_line(tmp_path: Path) -> None:
    with running(tmp_path, {"log.format": "json"}) as daemon:
        daemon.login("Alice@example.com", "wrong")
        daemon.bridge.lines_with('"verdict"')
        said = [json.loads(line) for line in daemon.bridge.lines]
        assert 'settings: format = "json"' in {entry.get("message") for entry in said}
        decision = {
            "login": "alice@example.com",
            "typed": "Alice@example.com",
            "client": "192.0.2.1",
            "mechanism": "PLAIN",
            "verdict": "rejected",
            "server": "imap",
            "reason": "NO [AUTHENTICATIONFAILED] no",
            "level": "info",
        }
        assert said[-1].items() >= decision.items()
        assert isinstance(said[-1]["seconds"], float)
        daemon.reload({"log.format": "text"})
        daemon.login()
        assert " login=alice@example.com client=192.0.2.1 " in daemon.bridge.decisions(1)[0]
