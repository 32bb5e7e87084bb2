"""`bridgectl server list`, which needs no daemon."""

import json
from pathlib import Path

import pytest

from bridge_admin.cli import main as bridgectl

SETTINGS = """\
[identity]
domains = ["example.com", "example.org"]

[[server]]
name = "exchange"
host = "mail.example.com"
on_reject = "stop"

[[server]]
name = "old"
protocol = "pop3"
security = "tls"
host = "192.0.2.1"
enabled = false
verify = false
required = false
domains = ["example.com", "example.org"]

[[server]]
name = "third"
host = "2001:db8::1"
"""

TABLE = """\
   name      protocol  security  server                remarks
1  exchange  imap      ssl       mail.example.com:993  its no ends the list
2  old       pop3      tls       192.0.2.1:110         not enabled; only for
                                                       example.com, example.org;
                                                       not required; certificate
                                                       not checked
3  third     imap      ssl       [2001:db8::1]:993
"""

EXAMPLES = """\
   name      protocol  security  server
1  exchange  imap      ssl       mail.example.com:993
2  branch    pop3      tls       pop.example.com:110
"""


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def listed(folder: Path, text: str, *more: str) -> int:
    file = folder / "settings.toml"
    file.write_text(text)
    return bridgectl(["server", "list", "--settings", str(file), *more])


def test_the_servers_are_listed_in_their_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert listed(tmp_path, SETTINGS) == 0
    assert capsys.readouterr().out == TABLE


def test_the_example_has_nothing_remarkable(capsys: pytest.CaptureFixture[str]) -> None:
    file = Path(__file__).parents[3] / "examples" / "settings.toml"
    assert bridgectl(["server", "list", "--settings", str(file)]) == 0
    assert capsys.readouterr().out == EXAMPLES


LDAP = """
[[server]]
name = "staff"
protocol = "ldap"
ldap_profile = "corp"
required = false

[[ldap_profile]]
name = "corp"
kind = "active-directory"
hosts = ["dc1.example.com"]
bind_dn = "CORP\\\\gateway"
bind_password = "pa55"
base_dn = "DC=example,DC=com"
"""

WITH_A_DIRECTORY = """\
   name   protocol  security  server                 remarks
1  first  imap      ssl       first.example.com:993
2  staff  ldap                profile corp           not required
"""


def test_a_directory_is_shown_by_its_profile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = '[[server]]\nname = "first"\nhost = "first.example.com"\n'
    assert listed(tmp_path, first + LDAP) == 0
    assert capsys.readouterr().out == WITH_A_DIRECTORY


def test_a_list_that_nobody_asks_is_said_to_be_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    method = '[smtp_auth]\nmethod = "ldap"\nldap_profile = "corp"\n'
    assert listed(tmp_path, method + LDAP) == 0
    assert capsys.readouterr().out.endswith(
        "profile corp  not required\n"
        'none of them is asked: method = "ldap" asks profile corp only\n'
    )
    assert listed(tmp_path, method + LDAP, "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["ldap_profile"] == "corp"


def test_as_json_all_of_their_settings_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert listed(tmp_path, SETTINGS, "--json") == 0
    first, second, _ = json.loads(capsys.readouterr().out)
    assert (first["name"], first["port"], first["verify"]) == ("exchange", 993, True)
    assert (second["name"], second["domains"]) == ("old", ["example.com", "example.org"])


def test_an_empty_list_is_said_to_be_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert listed(tmp_path, "") == 0
    assert capsys.readouterr().out == "there are no servers in the settings\n"


def test_broken_settings_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(tmp_path, "[[server]]\n") == 78
    assert "server[1].name" in capsys.readouterr().err


def test_the_group_needs_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        bridgectl(["server"])
    assert ended.value.code == 64
    assert "the following arguments are required: COMMAND" in capsys.readouterr().err
