"""The whole of sasl-policyd in a process of its own: life, reload, files that change."""

import json
import stat
from pathlib import Path

import pytest
from lab.asking_policy import Asker
from lab.bridge import Bridge, PassedSocket, Policyd
from lab.policy_client import OUTSIDER
from lab.policyd_alone import BOB, CLOSED, NOT_HERS, SALES
from lab.policyd_alone import policyd_alone as running
from lab.policyd_alone import policyd_settings as text
from lab.processes import LabError
from lab.settings import (
    profile_at,
    sender_context,
    sender_settings_text,
    settings_text,
)

from bridge_admin.cli import main as bridgectl
from bridge_admin.control_client import POLICYD, ask_daemon

pytestmark = pytest.mark.usefixtures("daemon_loop")


def ask_bridgectl(folder: Path, *arguments: str) -> int:
    command, *more = arguments
    return bridgectl([command, "--settings", str(folder / "settings.toml"), *more])


# Start and end


def test_it_answers_at_its_own_socket_and_tells_of_it_and_leaves_no_file(tmp_path: Path) -> None:
    with running(tmp_path, socket_mode="0600") as policyd:
        assert stat.S_IMODE((tmp_path / "policy").stat().st_mode) == 0o600
        policyd.lines_with(r"settings: match_login = ")
        policyd.lines_with(r"sasl-policyd: listening at unix:.*/policy$")
        with Asker(tmp_path / "policy") as postfix:
            assert postfix.ask(sender="alice@example.com") == "DUNNO"
            assert postfix.ask(sender=BOB) == NOT_HERS
        (dunno, refused) = policyd.decisions(2)
        assert policyd.stop() == 0
    assert " action=DUNNO" in dunno
    assert ' action="553 5.7.1" rule=match_login' in refused
    assert not (tmp_path / "policy").exists()
    assert not (tmp_path / "policy-control").exists()


def test_it_answers_at_a_passed_socket(tmp_path: Path) -> None:
    with (
        PassedSocket(tmp_path / "passed") as passed,
        Policyd(tmp_path, text(tmp_path), passed),
        Asker(passed.path) as postfix,
    ):
        assert postfix.ask(sender=BOB) == NOT_HERS
        assert not (tmp_path / "policy").exists()


def test_without_usable_settings_it_does_not_start(tmp_path: Path) -> None:
    policyd = Policyd(tmp_path, text(tmp_path, match_login="yes", aliases_file="aliases"))
    assert policyd.run_to_its_end() == 78
    policyd.lines_with("error: settings: sender.match_login: ")
    policyd.lines_with("error: settings: sender.aliases_file: ")


def test_a_passed_socket_is_served_with_broken_settings_until_they_are_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every request is closed without a reply, and Postfix does what its default_action says."""
    broken = text(tmp_path, match_login="yes")
    with PassedSocket(tmp_path / "passed") as passed, Policyd(tmp_path, broken, passed) as policyd:
        for _ in range(2):
            with Asker(passed.path) as postfix:
                assert postfix.ask() == CLOSED
        assert ask_bridgectl(tmp_path, "status", "--program=sasl-policyd") == 78
        said = capsys.readouterr().out
        assert said.startswith(
            "sasl-policyd answers every request as trouble; the settings are broken, process "
        )
        assert "  senders       2 trouble\n" in said
        assert "aliases" not in said
        assert "error: sender.match_login: " in said
        assert ask_bridgectl(tmp_path, "explain", "--sender=x@example.com") == 75
        assert "no good settings are in force; see bridgectl status" in capsys.readouterr().err
        policyd.reload(text(tmp_path))
        with Asker(passed.path) as postfix:
            assert postfix.ask() == "DUNNO"


def test_the_two_daemons_of_one_settings_file_do_not_collide(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = settings_text(tmp_path, tmp_path / "auth", [], enabled=False) + "".join(
        text(tmp_path).partition("[sender]")[1:]
    )
    with Policyd(tmp_path, both) as policyd, Bridge(tmp_path / "bridge", both):
        assert ask_bridgectl(tmp_path, "status") == 0
        first, second = capsys.readouterr().out.split("\n\n")
        assert first.startswith("sasl-bridge is switched off, process ")
        assert second.startswith("sasl-policyd serves, process ")
        assert ask_bridgectl(tmp_path, "reload") == 0
        assert capsys.readouterr().out == "sasl-bridge: reloaded\nsasl-policyd: reloaded\n"
        second_policyd = Policyd(tmp_path / "second", both)
        assert second_policyd.run_to_its_end() == 69
        second_policyd.lines_with("another process is listening there; stop it first")
        with Asker(tmp_path / "policy") as postfix:
            assert postfix.ask() == "DUNNO"
        policyd.stop()
        assert ask_bridgectl(tmp_path, "status") == 69
        said = capsys.readouterr()
        assert said.out.startswith("sasl-bridge is switched off, process ")
        assert said.err.endswith("is sasl-policyd running?\n")


def test_a_start_without_its_folder_says_so(tmp_path: Path) -> None:
    nowhere = text(tmp_path, listen=[f"unix:{tmp_path}/nowhere/policy"])
    with pytest.raises(LabError, match="make the folder first"), Policyd(tmp_path, nowhere):
        pass


# Reload


def test_new_rules_are_in_force_for_the_next_message_of_an_open_connection(tmp_path: Path) -> None:
    with running(tmp_path) as policyd, Asker(tmp_path / "policy") as postfix:
        assert postfix.ask(sender=BOB, instance="1") == NOT_HERS
        policyd.reload(text(tmp_path, match_login="monitor"))
        assert postfix.ask(sender=BOB, instance="2") == "DUNNO"
        context = sender_context("submission", match_login="enforce", help_text="Ask Carol")
        policyd.reload(text(tmp_path, context, match_login="off"))
        assert postfix.ask(sender=BOB) == f"{NOT_HERS}; Ask Carol"
        assert postfix.ask(sender=BOB, policy_context="other") == "DUNNO"


def test_broken_settings_leave_the_last_good_ones_in_force(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(tmp_path) as policyd, Asker(tmp_path / "policy") as postfix:
        policyd.reload(text(tmp_path, match_login="yes"))
        assert postfix.ask(sender=BOB) == NOT_HERS
        assert ask_bridgectl(tmp_path, "status", "--program=sasl-policyd") == 78
        said = capsys.readouterr().out
        assert "sasl-policyd serves its last good settings; the file is broken" in said
        assert ask_bridgectl(tmp_path, "reload", "--json") == 78
        reply = json.loads(capsys.readouterr().out)
        assert reply["sasl-bridge"] is None
        assert reply["sasl-policyd"]["applied"] is False
        assert ask_bridgectl(tmp_path, "explain", f"--sender={BOB}", "--login=bob@x.example") == 77


def test_a_missing_certificate_is_a_problem_of_the_reload(tmp_path: Path) -> None:
    """The directory of before goes on being asked."""
    with running(tmp_path) as policyd, Asker(tmp_path / "policy") as postfix:
        ca_file = str(tmp_path / "none.pem")
        profile = profile_at(1636, security="ssl", ca_file=ca_file)
        policyd.reload(text(tmp_path, profile, ldap_profile="corp"))
        policyd.lines_with(rf'error: settings: ldap_profile.1. "corp".ca_file: {ca_file}: ')
        assert postfix.ask(sender=BOB) == NOT_HERS


# Aliases


def test_aliases_are_in_force_without_a_reload(tmp_path: Path) -> None:
    with running(tmp_path) as policyd, Asker(tmp_path / "policy") as postfix:
        assert postfix.ask(sender=SALES, instance="1") == NOT_HERS
        (tmp_path / "aliases").write_text(f"{SALES}: alice@example.com\n*.broken: x\n")
        policyd.lines_with("aliases: .*/aliases: 1 address, 1 broken line$")
        policyd.lines_with("warning: settings: sender.aliases_file: .*/aliases: line 2: ")
        assert postfix.ask(sender=SALES, instance="2") == "DUNNO"
        (tmp_path / "aliases").unlink()
        policyd.lines_with("aliases: .*/aliases: no file$")
        assert postfix.ask(sender=SALES, instance="3") == NOT_HERS


def test_after_a_reload_only_the_new_aliases_are_watched(tmp_path: Path) -> None:
    old, new = tmp_path / "aliases", tmp_path / "others"
    with running(tmp_path) as policyd, Asker(tmp_path / "policy") as postfix:
        for _ in range(3):
            policyd.reload(text(tmp_path, aliases_file=str(new)))
        old.write_text(f"{SALES}: alice@example.com\n")
        new.write_text(f"{BOB}: alice@example.com\n")
        policyd.lines_with("aliases: .*/others: 1 address$")
        assert postfix.ask(sender=SALES) == NOT_HERS
        assert postfix.ask(sender=BOB) == "DUNNO"
        new.unlink()
        policyd.lines_with("aliases: .*/others: no file$")
        seen = [line for line in policyd.lines if " aliases: " in line]
    assert [line.rpartition("/")[2] for line in seen] == [
        "others: 1 address",
        "others is gone; nobody owns its aliases any more",
        "others: no file",
    ]


def test_what_is_wrong_with_aliases_is_told_until_it_is_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the start, at a reload, and in the status, which needs none."""
    file, aliases = tmp_path / "settings.toml", tmp_path / "aliases"
    aliases.write_text("*.broken: x\n")
    with running(tmp_path) as policyd:
        policyd.lines_with(rf"warning: settings: sender.aliases_file: {aliases}: line 1: ")
        (warning,) = ask_daemon(file, "status", daemon=POLICYD)["settings_warnings"]
        assert warning.startswith(f"sender.aliases_file: {aliases}: line 1: ")
        assert ask_bridgectl(tmp_path, "reload") == 0
        assert capsys.readouterr().out == f"warning: {warning}\nsasl-policyd: reloaded\n"
        aliases.write_text(f"{SALES}: alice@example.com\n")
        policyd.lines_with("aliases: .*/aliases: 1 address$")
        assert ask_daemon(file, "status", daemon=POLICYD)["settings_warnings"] == []


def test_status_says_what_is_in_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "aliases").write_text(f"{SALES}: alice@example.com\n*.broken: x\n")
    context = sender_context("relay", match_login="off")
    with running(tmp_path, context), Asker(tmp_path / "policy") as postfix:
        postfix.ask()
        postfix.ask(sender=BOB)
        assert ask_bridgectl(tmp_path, "status") == 0
        said = capsys.readouterr()
    _, warning, *lines, heading, first, second = said.out.splitlines()
    assert said.err == ""
    assert warning.startswith(f"warning: sender.aliases_file: {tmp_path}/aliases: line 2: ")
    assert lines == [
        f"  settings      {tmp_path}/settings.toml",
        f"  listening     unix:{tmp_path}/policy, unix:{tmp_path}/policy-control",
        "  connections   1",
        "  senders       1 dunno, 1 refused",
        (
            "  rules         null_sender allow, match_login enforce, foreign_sender off, "
            "fake_sender_control off"
        ),
        (
            "                in relay: null_sender allow, match_login off, foreign_sender off, "
            "fake_sender_control off"
        ),
        "  aliases       1 address, 1 broken line",
    ]
    assert heading == "  last decisions"
    assert [" DUNNO " in first, " 553 5.7.1 " in second] == [True, True]


def test_a_sender_without_a_domain_is_of_myorigin_and_of_nobody_where_that_is_not_said(
    tmp_path: Path,
) -> None:
    """Postfix's own myorigin need not be the first of our domains."""
    ours = {"domains": ["example.org", "example.com"], "fake_sender_control": "enforce"}
    unsure = "it has no domain, and myorigin is not set; write the whole address"
    with running(tmp_path, **ours) as policyd, Asker(tmp_path / "policy") as postfix:
        for login in ("alice@example.org", "alice@example.com"):
            told = postfix.ask(sasl_username=login, sender="alice", instance="")
            assert told == f"553 5.7.1 not a plain address: {unsure}"
        assert postfix.ask(**OUTSIDER, sender="alice", instance="") == "553 5.7.1 not logged in"
        policyd.reload(text(tmp_path, myorigin="example.com", **ours))
        assert postfix.ask(sasl_username="alice@example.com", sender="alice") == "DUNNO"


# Every domain is ours, and logins that are none of ours


def test_a_login_that_is_none_of_ours_owns_nothing(tmp_path: Path) -> None:
    carol = "carol@example.net"
    with running(tmp_path), Asker(tmp_path / "policy") as postfix:
        refused = postfix.ask(sasl_username=carol, sender=carol)
        assert refused == "553 5.7.1 not owned by user carol@example.net"
        nameless = postfix.ask(sasl_username="", sender=carol)
        assert nameless == "553 5.7.1 logged in without a login"


def test_where_every_domain_is_ours_each_login_has_its_own_address(tmp_path: Path) -> None:
    carol = "carol@example.net"
    every = sender_settings_text(
        tmp_path,
        tmp_path / "policy",
        [],
        domains=["*"],
        match_login="enforce",
        foreign_sender="enforce",
        myorigin="example.net",
    )
    with Policyd(tmp_path, every), Asker(tmp_path / "policy") as postfix:
        assert postfix.ask(sasl_username=carol, sender=carol) == "DUNNO"
        assert postfix.ask(sasl_username=carol, sender="carol") == "DUNNO"
        assert postfix.ask(sasl_username=carol, sender=BOB).startswith("553 5.7.1 not owned by ")
        assert postfix.ask(**OUTSIDER, sender=BOB) == "DUNNO"


def test_without_domains_and_rules_everything_passes(tmp_path: Path) -> None:
    nothing = sender_settings_text(tmp_path, tmp_path / "policy", [], domains=[])
    with Policyd(tmp_path, nothing) as policyd, Asker(tmp_path / "policy") as postfix:
        assert postfix.ask(sender=BOB) == "DUNNO"
        assert postfix.ask(**OUTSIDER) == "DUNNO"
        assert (
            ask_daemon(policyd.folder / "settings.toml", "status", daemon=POLICYD)["enabled"]
            is False
        )
