"""`bridgectl profile list`, which needs no daemon."""

import json
from pathlib import Path

import pytest

from bridge_admin.cli import main as bridgectl

PROFILES = """\
[identity]
domains = ["example.com", "example.org"]

[[ldap_profile]]
name = "corp"
kind = "active-directory"
hosts = ["dc1.example.com", "2001:db8::1"]
bind_dn = "CORP\\\\gateway"
bind_password = "pa55"
base_dn = "DC=example,DC=com"

[[ldap_profile]]
name = "branch"
kind = "openldap"
security = "tls"
hosts = ["192.0.2.1"]
domains = ["example.org"]
base_dn = "dc=example,dc=org"
scope = "one"
login_filter = "(mail={login})"
bare_login_filter = "(&(uid={local})(o={domain}))"
identity_attribute = "mail"
address_attributes = ["mail", "mailAlternateAddress"]
send_as_filter = "(member={dn})"
max_connections = 5
verify = false

[[ldap_profile]]
name = "direct"
kind = "active-directory"
hosts = ["192.0.2.2"]
tls_name = "dc.example.com"
auth = "direct"
bind_template = "{login}"
"""

TABLE = """\
name    kind              security  hosts                auth    used by  remarks
corp    active-directory  ssl       dc1.example.com:636  search  nobody
                                    [2001:db8::1]:636
branch  openldap          tls       192.0.2.1:389        search  nobody   only for example.org;
                                                                          searched without an
                                                                          account; scope one;
                                                                          login_filter of its own;
                                                                          bare_login_filter of its
                                                                          own; identity is mail;
                                                                          addresses are mail,
                                                                          mailAlternateAddress; with
                                                                          send_as_filter; at most 5
                                                                          logins at a time;
                                                                          certificate not checked
direct  active-directory  ssl       192.0.2.2:636        direct  nobody   certificate for
                                                                          dc.example.com
"""


NARROW = """\
name    kind              security  hosts                auth    used by
    remarks
corp    active-directory  ssl       dc1.example.com:636  search  nobody
                                    [2001:db8::1]:636
branch  openldap          tls       192.0.2.1:389        search  nobody
    only for example.org; searched without an account; scope one; login_filter
    of its own; bare_login_filter of its own; identity is mail; addresses are
    mail, mailAlternateAddress; with send_as_filter; at most 5 logins at a time;
    certificate not checked
direct  active-directory  ssl       192.0.2.2:636        direct  nobody
    certificate for dc.example.com
"""


@pytest.fixture(autouse=True)
def hundred_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


def listed(folder: Path, text: str, *more: str) -> int:
    file = folder / "settings.toml"
    file.write_text(text)
    return bridgectl(["profile", "list", "--settings", str(file), *more])


def test_the_profiles_are_listed_with_what_is_remarkable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert listed(tmp_path, PROFILES) == 0
    assert capsys.readouterr().out == TABLE


def test_in_a_narrow_terminal_remarks_have_lines_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert listed(tmp_path, PROFILES) == 0
    assert capsys.readouterr().out == NARROW


def entry(name: str, profile: str, *more: str) -> str:
    named = f'name = "{name}"\nprotocol = "ldap"\nldap_profile = "{profile}"\n'
    return "[[server]]\n" + named + "".join(f"{line}\n" for line in more)


def used_by(folder: Path, capsys: pytest.CaptureFixture[str], text: str) -> dict[str, list[str]]:
    assert listed(folder, text + PROFILES, "--json") == 0
    return {one["name"]: one["used_by"] for one in json.loads(capsys.readouterr().out)}


def test_who_uses_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A server that is not enabled uses none, and with one directory for all no server does."""
    servers = entry("staff", "corp") + entry("guests", "corp")
    servers += entry("old", "branch", "enabled = false")
    assert used_by(tmp_path, capsys, servers) == {
        "corp": ["server staff", "server guests"],
        "branch": [],
        "direct": [],
    }
    method = '[smtp_auth]\nmethod = "ldap"\nldap_profile = "direct"\n'
    assert used_by(tmp_path, capsys, method + servers) == {
        "corp": [],
        "branch": [],
        "direct": ["smtp_auth"],
    }
    assert listed(tmp_path, servers + PROFILES) == 0
    first, second = capsys.readouterr().out.splitlines()[1:3]
    assert first == "corp    active-directory  ssl       dc1.example.com:636  search  server staff"
    assert (
        second == "                                    [2001:db8::1]:636            server guests"
    )


def test_the_policy_daemon_uses_one_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sender = '[sender]\nldap_profile = "corp"\n'
    users = used_by(tmp_path, capsys, entry("staff", "corp") + sender)
    assert users == {"corp": ["server staff", "sender"], "branch": [], "direct": []}


def test_as_json_all_of_their_settings_are_there_but_secrets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert listed(tmp_path, PROFILES, "--json") == 0
    first, second, _ = json.loads(capsys.readouterr().out)
    assert (first["name"], first["port"], first["verify"]) == ("corp", 636, True)
    assert first["bind_password"] == "<secret>"
    assert second["address_attributes"] == ["mail", "mailAlternateAddress"]


def test_no_profiles_are_said_to_be_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert listed(tmp_path, "") == 0
    assert capsys.readouterr().out == "there are no LDAP profiles in the settings\n"
    assert listed(tmp_path, "", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_broken_settings_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(tmp_path, "[[ldap_profile]]\n") == 78
    assert "ldap_profile[1].name" in capsys.readouterr().err


def test_the_group_needs_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        bridgectl(["profile"])
    assert ended.value.code == 64
    assert "the following arguments are required: COMMAND" in capsys.readouterr().err


def test_a_password_from_standard_input_is_of_no_use_without_a_login(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["--settings", str(tmp_path / "none")]
    assert bridgectl(["profile", "test", "corp", *settings, "--password-stdin"]) == 64
    assert capsys.readouterr().err == ("bridgectl: --password-stdin is of no use without --login\n")


def test_an_empty_login_is_not_tried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = ["--settings", str(tmp_path / "none"), "--login", ""]
    for group in ("profile", "server"):
        assert bridgectl([group, "test", "corp", *settings]) == 64
        told = "bridgectl: --login: an empty login is none that could be tried\n"
        assert capsys.readouterr().err == told
