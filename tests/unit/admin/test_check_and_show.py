"""bridgectl check and bridgectl show: what needs no daemon."""

import json
from pathlib import Path

import pytest

from bridge_admin.cli import main as bridgectl

GOOD = """
[smtp_auth]
enabled = true

[identity]
domains = ["example.com"]

[[server]]
name = "first"
host = "mail.example.com"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(GOOD)
    return path


def test_good_settings(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bridgectl(["check", "--settings", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: the settings are good\n"


def test_every_problem_is_printed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(GOOD.replace("enabled", "enalbed").replace("host", "hots"))
    assert bridgectl(["check", "--settings", str(file)]) == 78
    said = capsys.readouterr().out.splitlines()
    assert any(line.startswith("error: smtp_auth.enalbed: ") for line in said)
    assert any(line.startswith('error: server[1] "first".hots: ') for line in said)
    assert said[-1].startswith(f"{file}: ")
    assert said[-1].endswith(" problems")


def test_warnings_do_not_make_settings_bad(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(GOOD.replace("enabled = true", 'enabled = true\nlisten = ["inet:127.0.0.1:1"]'))
    assert bridgectl(["check", "--settings", str(file)]) == 0
    said = capsys.readouterr().out
    assert "warning: smtp_auth.listen: " in said
    assert "use unix: for Postfix" in said
    assert said.endswith("the settings are good, 1 warning\n")


def test_every_warning_is_a_line_that_says_where_and_why(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(f"""{GOOD}
port = 143

[[server]]
name = "old"
protocol = "pop3"
security = "plain"
host = "pop.example.com"

[[server]]
name = "branch"
security = "tls"
host = "branch.example.com"
verify = false

[[server]]
name = "spare"
host = "spare.example.com"
""")
    assert bridgectl(["check", "--settings", str(file)]) == 0
    first, old, branch, many, verdict = capsys.readouterr().out.splitlines()
    usual = '143 is the usual port of imap with "plain" or "tls"'
    assert first == (
        f'warning: server[1] "first".port: {usual}; imap with "ssl" will hang or fail there'
    )
    assert old == (
        'warning: server[2] "old".security: passwords travel unencrypted to pop.example.com'
    )
    assert branch == (
        'warning: server[3] "branch".verify: the certificate is not checked: '
        "anyone on the way can collect passwords"
    )
    assert many == (
        'warning: server: 4 servers are asked about a login of "example.com": '
        "each has only its share of connection_timeout (8s); limit domains, or enable fewer"
    )
    assert verdict == f"{file}: the settings are good, 4 warnings"


def test_a_single_problem_is_counted_as_one(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(f'{GOOD}forward_client = "xclient"\n')
    assert bridgectl(["check", "--settings", str(file)]) == 78
    assert capsys.readouterr().out.splitlines() == [
        'error: server[1] "first".forward_client: "xclient" is for pop3, not for imap',
        f"{file}: 1 problem",
    ]


def test_check_reads_certificates_too(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(GOOD + f'ca_file = "{tmp_path}/none.pem"\n')
    assert bridgectl(["check", "--settings", str(file), "--json"]) == 78
    assert json.loads(capsys.readouterr().out) == {
        "problems": [
            {
                "path": 'server[1] "first".ca_file',
                "message": f"{tmp_path}/none.pem: No such file or directory; "
                "name a file that the daemon's user may read",
            }
        ],
        "warnings": [],
    }


def test_show_prints_defaults_too(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bridgectl(["show", "--settings", str(file)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "connection_timeout = 8.0" in said or 'connection_timeout = "8s"' in said
    assert "port = 993" in said
    assert bridgectl(["show", "--settings", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["server"][0]["port"] == 993


def test_broken_settings_cannot_be_shown(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("[smtp_auth")
    assert bridgectl(["show", "--settings", str(file)]) == 78
    assert "at the end of a table declaration" in capsys.readouterr().err


def test_a_missing_file_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bridgectl(["show", "--settings", str(tmp_path / "none.toml")]) == 78
    assert "--settings FILE" in capsys.readouterr().err


def test_a_wrong_command_line_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        bridgectl(["check", "--setings", "x"])
    assert ended.value.code == 64
    assert "unrecognized arguments: --setings" in capsys.readouterr().err


def test_an_interrupt_at_the_prompt_is_no_traceback(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_prompt: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("getpass.getpass", interrupted)
    assert bridgectl(["login", "alice@example.com", "--settings", str(file)]) == 130
    assert capsys.readouterr().err == "bridgectl: stopped\n"


def test_what_is_wrong_with_files_is_told_with_all_the_rest(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(GOOD.replace("enabled", "enalbed") + f'ca_file = "{tmp_path}/none.pem"\n')
    assert bridgectl(["check", "--settings", str(file)]) == 78
    said = capsys.readouterr().out
    assert "error: smtp_auth.enalbed: " in said
    assert f'error: server[1] "first".ca_file: {tmp_path}/none.pem: No such file' in said
    assert said.endswith(": 2 problems\n")


def test_an_owner_that_does_not_exist_is_found_before_the_daemon_finds_it(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    owner = 'enabled = true\nsocket_owner = "root:nobody-at-all"'
    file.write_text(GOOD.replace("enabled = true", owner))
    assert bridgectl(["check", "--settings", str(file)]) == 78
    assert "error: smtp_auth.socket_owner: root:nobody-at-all: " in capsys.readouterr().out


def test_each_program_has_an_owner_of_its_own(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(GOOD + '[sender]\nsocket_owner = "nobody-at-all:root"\n')
    assert bridgectl(["check", "--settings", str(file)]) == 78
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("error: sender.socket_owner: nobody-at-all:root: ")
    assert said[1:] == [f"{file}: 1 problem"]


def test_show_prints_contexts_with_what_they_say_and_nothing_else(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    context = '[[sender.context]]\nname = "submission"\nmatch_login = "enforce"\n'
    file.write_text(GOOD + context)
    assert bridgectl(["show", "--settings", str(file)]) == 0
    said = capsys.readouterr().out
    assert '\n[sender]\nlisten = ["unix:/var/spool/postfix/sasl-bridge/policy"]\n' in said
    assert f"\n{context}\n[cache]\n" in said
    assert bridgectl(["show", "--settings", str(file), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["sender"]
    assert shown["context"] == [{"name": "submission", "match_login": "enforce"}]
    assert shown["match_login"] == "off"


PROFILE = """
[[ldap_profile]]
name = "corp"
kind = "active-directory"
hosts = ["dc1.example.com"]
bind_dn = "CORP\\\\gateway"
bind_password = "pa55"
base_dn = "DC=example,DC=com"
"""


def test_a_directory_is_shown_with_what_its_kind_stands_for_and_without_its_password(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(GOOD + PROFILE)
    assert bridgectl(["show", "--settings", str(file)]) == 0
    said = capsys.readouterr().out
    assert 'bind_password = "<secret>"\n' in said
    assert 'address_attributes = ["mail", "proxyAddresses"]\n' in said
    assert "pa55" not in said
    assert bridgectl(["show", "--settings", str(file), "--json"]) == 0
    said = capsys.readouterr().out
    assert json.loads(said)["ldap_profile"][0]["bind_password"] == "<secret>"
    assert "pa55" not in said


def test_check_tells_of_directories_without_their_passwords(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(GOOD + PROFILE.replace("base_dn =", "bind_template = '{login}' #"))
    assert bridgectl(["check", "--settings", str(file)]) == 78
    assert capsys.readouterr().out.splitlines() == [
        'error: ldap_profile[1] "corp".base_dn: is required with auth = "search"',
        'error: ldap_profile[1] "corp".bind_template: is for auth = "direct" only',
        f"{file}: 2 problems",
    ]
    file.write_text(GOOD + PROFILE)
    assert bridgectl(["check", "--settings", str(file)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        (
            'warning: ldap_profile[1] "corp".bind_password: the secret itself is in the settings; '
            "put it in a file and write file:/path"
        ),
        (
            'warning: ldap_profile[1] "corp": is not used: '
            "neither [smtp_auth] nor a [[server]] nor [sender] names it"
        ),
        f"{file}: the settings are good, 2 warnings",
    ]


def test_check_reads_the_files_of_the_directory_that_is_asked(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And with the method ldap no file of a server, which nobody asks."""
    profile = PROFILE.replace("pa55", f"file:{tmp_path}/secret") + f'ca_file = "{tmp_path}/ca.pem"'
    chosen = 'enabled = true\nmethod = "ldap"\nldap_profile = "corp"'
    imap = f'ca_file = "{tmp_path}/imap.pem"\n'
    file.write_text(GOOD.replace("enabled = true", chosen) + imap + profile)
    assert bridgectl(["check", "--settings", str(file)]) == 78
    assert capsys.readouterr().out.splitlines() == [
        (
            f'error: ldap_profile[1] "corp".bind_password: "{tmp_path}/secret" cannot be read: '
            "No such file or directory; "
            'for example: bind_password = "file:/etc/sasl-bridge/corp.secret"'
        ),
        (
            f'error: ldap_profile[1] "corp".ca_file: {tmp_path}/ca.pem: '
            "No such file or directory; name a file that the daemon's user may read"
        ),
        f"{file}: 2 problems",
    ]


POLICY_ONLY = """
[identity]
domains = ["example.com"]

[sender]
match_login = "enforce"
aliases_file = "FOLDER/aliases"
"""


def test_broken_lines_of_the_aliases_are_warnings(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where no login is checked at all."""
    file.write_text(POLICY_ONLY.replace("FOLDER", str(tmp_path)))
    (tmp_path / "aliases").touch()
    assert bridgectl(["check", "--settings", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: the settings are good\n"
    (tmp_path / "aliases").write_text("a@example.com: bob@example.net\n\na@example.com\n")
    assert bridgectl(["check", "--settings", str(file)]) == 0
    where = f"warning: sender.aliases_file: {tmp_path}/aliases"
    assert capsys.readouterr().out.splitlines() == [
        (
            f'{where}: line 1: "bob@example.net" is no login of ours: '
            "the login's domain is not one of ours"
        ),
        f'{where}: line 3: "a@example.com" has no login; write ADDRESS: LOGIN, LOGIN',
        f"{file}: the settings are good, 2 warnings",
    ]
    assert bridgectl(["check", "--settings", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [warning["path"] for warning in found["warnings"]] == ["sender.aliases_file"] * 2
    assert found["problems"] == []


def test_aliases_that_are_named_and_not_there_are_a_warning(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(POLICY_ONLY.replace("FOLDER", str(tmp_path)))
    assert bridgectl(["check", "--settings", str(file)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"warning: sender.aliases_file: {tmp_path}/aliases is not there; nobody owns an alias",
        f"{file}: the settings are good, 1 warning",
    ]


def test_aliases_that_cannot_be_read_are_a_warning(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "aliases").mkdir()
    file.write_text(POLICY_ONLY.replace("FOLDER", str(tmp_path)))
    assert bridgectl(["check", "--settings", str(file)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        (
            f"warning: sender.aliases_file: {tmp_path}/aliases: is no regular file; "
            "what it allows is not known"
        ),
        f"{file}: the settings are good, 1 warning",
    ]


def test_what_either_program_finds_is_told_at_once(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what both find, once."""
    imap = f'ca_file = "{tmp_path}/imap.pem"\n'
    profile = PROFILE + f'ca_file = "{tmp_path}/ca.pem"\n'
    sender = '[sender]\nldap_profile = "corp"\n'
    file.write_text(GOOD.replace("enabled", "enalbed") + imap + profile + sender)
    assert bridgectl(["check", "--settings", str(file)]) == 78
    typo, server, directory, verdict = capsys.readouterr().out.splitlines()
    assert typo.startswith("error: smtp_auth.enalbed: ")
    assert server.startswith(f'error: server[1] "first".ca_file: {tmp_path}/imap.pem: ')
    assert directory.startswith(f'error: ldap_profile[1] "corp".ca_file: {tmp_path}/ca.pem: ')
    assert verdict == f"{file}: 3 problems"
    file.write_text(GOOD + imap + profile + sender)
    assert bridgectl(["check", "--settings", str(file)]) == 78
    server, directory, verdict = capsys.readouterr().out.splitlines()
    assert server.startswith(f'error: server[1] "first".ca_file: {tmp_path}/imap.pem: ')
    assert directory.startswith(f'error: ldap_profile[1] "corp".ca_file: {tmp_path}/ca.pem: ')
    assert verdict == f"{file}: 2 problems"
