"""`bridgectl explain` asks a running sasl-policyd: what an administrator reads, and exit codes."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lab.bridge import PROJECT, Policyd
from lab.processes import lab_folder
from lab.settings import profile_at, sender_context, sender_exception, sender_settings_text

from bridge_admin.cli import main as bridgectl

ALIASES = "sales@example.com: alice@example.com\n*.broken: x\n"


def settings(folder: Path, *tables: str, **sender: Any) -> str:
    aliases = folder / "aliases"
    aliases.write_text(ALIASES)
    keys: dict[str, Any] = {
        "match_login": "enforce",
        "fake_sender_control": "enforce",
        "null_sender": "monitor",
        "aliases_file": str(aliases),
        "help_text": "See https://example.com/sender",
    }
    return sender_settings_text(folder, folder / "policy", tables, **(keys | sender))


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Yield the folder of a sasl-policyd that runs."""
    tables = (
        sender_exception("news@example.com", "203.0.113.0/24"),
        sender_context("relay", match_login="off", foreign_sender="enforce"),
        sender_context("lenient", match_login="monitor"),
        sender_context("strict", null_sender="reject"),
    )
    with lab_folder() as folder, Policyd(folder, settings(folder, *tables)):
        yield folder


@dataclass
class Explained:
    """The exit code of `bridgectl explain`, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def reply(self) -> Any:
        return json.loads(self.out)

    @property
    def verdict(self) -> str:
        return self.out.partition("\n\n")[2]


def explain(capsys: pytest.CaptureFixture[str], folder: Path, sender: str, *more: str) -> Explained:
    arguments = ["explain", f"--sender={sender}", *more]
    code = bridgectl([*arguments, "--settings", str(folder / "settings.toml")])
    printed = capsys.readouterr()
    return Explained(code, printed.out.replace(str(folder), "FOLDER"), printed.err)


# What is printed


def test_a_sender_that_is_the_login_s(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    explained = explain(
        capsys, folder, "Alice+x@example.com", "--login=Alice@example.com", "--client=192.0.2.1"
    )
    assert (
        explained.out
        == """\
login    Alice@example.com is alice@example.com
         owns alice@example.com (it is the login's own address)
         owns sales@example.com (line 1 of FOLDER/aliases)
sender   Alice+x@example.com
         counts as alice+x@example.com
rules    of [sender]
         there are contexts: lenient, relay, strict; name one with --context
         login                enforce  passes       the client is not logged in, or has a login
         blocked              enforce  passes       the login is not blocked, if there is one
         null_sender          monitor  would pass   the sender is not the null sender
         match_login          enforce  passes       it is the login's own address
         foreign_sender       off      would pass   the sender's domain is one of ours
         fake_sender_control  enforce  passes       the client is logged in

Nothing is against it: Postfix goes on with its next restriction.
"""
    )
    assert (explained.code, explained.err) == (0, "")


def test_a_sender_that_is_somebody_else_s(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    explained = explain(capsys, folder, "bob@example.com", "--login=alice@example.com")
    assert explained.code == 77
    assert (
        explained.verdict
        == """\
match_login decides; Postfix tells the client:
553 5.7.1 <bob@example.com>: Sender address rejected: \
not owned by user alice@example.com; See https://example.com/sender
"""
    )
    why = "alice@example.com does not own bob@example.com"
    assert f"         match_login          enforce  refuses      {why}\n" in explained.out


def test_an_outsider_with_a_sender_of_many_readings(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    explained = explain(capsys, folder, "example.com!bob%example.org")
    assert explained.code == 77
    said = explained.out.splitlines()
    assert said[0] == "login    nobody has logged in"
    assert said[1:3] == [
        "sender   example.com!bob%example.org",
        (
            "         is not one sure address: it holds a % before its domain, "
            "which may route it elsewhere; use plain local@domain"
        ),
    ]
    assert "         may become bob%example.org@example.com" in said
    assert "         may become example.com!bob@example.org" in said
    assert "fake_sender_control decides; Postfix tells the client:" in said


def test_an_address_that_may_go_anywhere(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = explain(capsys, folder, "a%b%c%d%e%f%g%h%i%j@example.net").out
    assert "         may become a%b%c%d%e%f%g%h%i%j@example.net@any domain\n" in said


@pytest.mark.parametrize("null", ["", "<>"])
def test_the_null_sender(folder: Path, capsys: pytest.CaptureFixture[str], null: str) -> None:
    explained = explain(capsys, folder, null, "--login=alice@example.com")
    assert explained.code == 0
    assert "sender   <>, the null sender\nrules    of [sender]\n" in explained.out
    assert explained.verdict == "Nothing is refused; null_sender would, if it were enforced.\n"
    strict = explain(capsys, folder, null, "--login=alice@example.com", "--context=strict")
    assert strict.code == 77
    assert strict.verdict.splitlines()[1].startswith("553 5.7.1 <>: Sender address rejected: ")


def test_a_login_that_is_none_of_ours(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    explained = explain(capsys, folder, "carol@example.net", "--login=carol@example.net")
    assert explained.code == 77
    assert explained.out.startswith(
        "login    carol@example.net\n"
        "         owns nothing: the login's domain is not one of ours\n"
        "sender   carol@example.net\n"
        "rules    of [sender]\n"
    )


@pytest.mark.parametrize(
    ("sender", "more", "decided"),
    [
        ("bob@example.com", ["--context=relay", "--login=alice@example.com"], (0, "")),
        ("x@example.net", ["--context=relay", "--login=alice@example.com"], (77, "foreign_sender")),
        ("bob@example.com", ["--context=lenient", "--login=alice@example.com"], (0, "match_login")),
        ("bob@example.com", ["--context=none", "--login=alice@example.com"], (77, "match_login")),
        ("bob@example.com", ["--client=203.0.113.7"], (77, "fake_sender_control")),
        ("news@example.com", ["--client=203.0.113.7"], (0, "")),
        ("news@example.com", ["--client=192.0.2.7"], (77, "fake_sender_control")),
        ("bob@example.com", ["--client=127.0.0.1"], (0, "")),
        ("bob@example.com", ["--client=::1"], (0, "")),
        ("x@example.net", [], (0, "")),
    ],
)
def test_which_rule_decides(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    sender: str,
    more: list[str],
    decided: tuple[int, str],
) -> None:
    explained = explain(capsys, folder, sender, "--json", *more)
    assert (explained.code, explained.reply["rule"]) == decided
    assert explained.reply["action"] == ("DUNNO" if explained.code == 0 else "553 5.7.1")


def test_a_context_is_named_and_one_that_there_is_not_too(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = explain(capsys, folder, "bob@example.com", "--context=relay").out
    assert "\nrules    of [sender] in context relay\n" in said
    assert "         match_login          off      would pass   " in said
    assert "there are contexts" not in said
    said = explain(capsys, folder, "bob@example.com", "--context=relais").out
    assert (
        "\nrules    of [sender]: there is no [[sender.context]] relais\n"
        "         there are contexts: lenient, relay, strict; name one with --context\n"
    ) in said


def test_the_facts_for_programs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    explained = explain(
        capsys, folder, "sales@example.com", "--login=alice@example.com", "--context=x", "--json"
    )
    reply = explained.reply
    assert reply["rules"].pop(3) == {
        "rule": "match_login",
        "mode": "enforce",
        "in_force": True,
        "refuses": False,
        "why": "line 1 of FOLDER/aliases gives it to the login",
    }
    assert [rule["rule"] for rule in reply.pop("rules")] == [
        "login",
        "blocked",
        "null_sender",
        "foreign_sender",
        "fake_sender_control",
    ]
    assert reply == {
        "login": "alice@example.com",
        "identity": "alice@example.com",
        "login_refused": "",
        "owns": [
            {"address": "alice@example.com", "how": "it is the login's own address"},
            {"address": "sales@example.com", "how": "line 1 of FOLDER/aliases"},
        ],
        "trouble": "",
        "sender": "sales@example.com",
        "resolved": "sales@example.com",
        "unsure": "",
        "readings": ["sales@example.com"],
        "client": "",
        "context": "x",
        "context_known": False,
        "contexts": ["lenient", "relay", "strict"],
        "settings": "",
        "action": "DUNNO",
        "rule": "",
        "why": "",
        "monitored": False,
        "smtp_reply": "",
    }


# What is wrong


def test_a_directory_that_is_away(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with lab_folder() as folder:
        text = settings(folder, profile_at(port), ldap_profile="corp")
        with Policyd(folder, text):
            explained = explain(capsys, folder, "bob@example.com", "--login=alice@example.com")
    trouble = f"ldap_profile corp: connection refused by 127.0.0.1 port {port}"
    assert explained.code == 75
    assert f"         may own more: {trouble}\n" in explained.out
    assert f"refuses      {trouble}; on_lookup_failure is tempfail\n" in explained.out
    assert (
        explained.verdict
        == """\
match_login decides; Postfix tells the client:
451 4.3.0 <bob@example.com>: Sender address rejected: \
its owner cannot be looked up now; See https://example.com/sender
"""
    )


def test_what_no_request_could_bring_is_a_usage_error(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    several = explain(capsys, folder, "a@example.com\nsasl_username=x")
    assert several.code == 64
    assert several.err == "bridgectl: the daemon said: sender must be one line\n"
    nowhere = explain(capsys, folder, "a@example.com", "--client=192.0.2")
    assert nowhere.code == 64
    assert nowhere.err == "bridgectl: the daemon said: client must be an IP address\n"
    endless = explain(capsys, folder, "a" * 65536)
    assert endless.code == 64
    assert endless.err == (
        "bridgectl: this is more than the 65536 bytes that a daemon can be asked\n"
    )


def test_a_sender_must_be_given(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        bridgectl(["explain", "--settings", str(folder / "settings.toml")])
    assert ended.value.code == 64
    assert "--sender" in capsys.readouterr().err


def test_a_daemon_that_does_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "settings.toml").write_text(settings(tmp_path))
    explained = explain(capsys, tmp_path, "a@example.com")
    assert (explained.code, explained.out) == (69, "")
    assert explained.err == (
        f"bridgectl: unix:{tmp_path}/policy-control: No such file or directory; "
        "is sasl-policyd running?\n"
    )


def test_a_settings_file_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else whoever mistypes it looks for a daemon that runs."""
    explained = explain(capsys, tmp_path, "a@example.com")
    assert (explained.code, explained.out) == (69, "")
    assert explained.err.startswith(
        f"bridgectl: there is no {tmp_path}/settings.toml, and unix:/run/sasl-policyd/control: "
    )


def test_settings_that_are_not_those_of_the_file_are_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It explains what is in force, and an administrator has just edited the file."""
    with lab_folder() as folder, Policyd(folder, settings(folder)):
        file = folder / "settings.toml"
        good = file.read_text()

        def first_line() -> str:
            return explain(capsys, folder, "alice@example.com").out.partition("\n")[0]

        assert first_line() == "login    nobody has logged in"
        file.write_text(f"{good}\nnonsense")
        changed = "settings the file has changed since; bridgectl reload brings it into force"
        assert first_line() == changed
        assert bridgectl(["reload", "--program=sasl-policyd", "--settings", str(file)]) == 78
        capsys.readouterr()
        broken = "settings the file is broken; the last good settings are in force"
        assert first_line() == broken
        assert (
            f'"settings": "{broken.removeprefix("settings ")}"'
            in explain(capsys, folder, "alice@example.com", "--json").out
        )
        file.write_text(good)
        assert bridgectl(["reload", "--program=sasl-policyd", "--settings", str(file)]) == 0
        capsys.readouterr()
        assert first_line() == "login    nobody has logged in"


@pytest.mark.parametrize("json_too", [[], ["--json"]])
def test_what_is_typed_does_nothing_to_a_terminal(folder: Path, json_too: list[str]) -> None:
    """Escape sequences, controls, letters that turn the line around, bytes that are no UTF-8."""
    hostile = b"\x1b]0;x\x07\r\xff\xc2\x9b\xe2\x80\xae@example.com"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "bridge_admin.cli", "explain", *json_too),
            *("--settings", str(folder / "settings.toml")),
            *(b"--sender", hostile, b"--login", hostile, b"--context", hostile),
            *(b"--recipient", hostile),
        ],
        env=os.environ | {"PYTHONPATH": str(PROJECT), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (77, b"")
    text = done.stdout.decode()
    assert not [one for one in text if not one.isprintable() and one != "\n"]
    if json_too:
        assert json.loads(text)["sender"].encode("utf-8", "surrogateescape") == hostile
    else:
        assert "sender   ?]0;x????" in text
