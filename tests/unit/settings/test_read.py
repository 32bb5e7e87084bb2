"""Reading the settings: a file or a text becomes usable settings, or every problem there is."""

import datetime as dt
import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge_common.errors import Problem, SettingsError
from bridge_common.settings.model import IdentitySettings, LogSettings, Settings, SmtpAuth
from bridge_common.settings.read import (
    Loaded,
    _file_trouble,
    parse_settings,
    read_settings,
    settings_from,
)
from bridge_common.settings.server import Server

GOOD = """
[smtp_auth]
enabled = true
connection_timeout = "9s"
failure_delay = 0
listen = ["unix:/run/a", "unix:/run/b"]

[identity]
domains = ["example.com", "Bücher.example"]
windows_domains = { CORP = "example.com" }

[[server]]
name = "exchange"
host = "mail.example.com"

[[server]]
name = "local"
security = "plain"
host = "127.0.0.1"
domains = ["bücher.example"]
unavailable_texts = ["busy"]

[log]
level = "debug"
"""


def refusal(text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse_settings(text)
    return str(caught.value).split("\n")


def test_good_settings_are_read() -> None:
    assert parse_settings(GOOD) == Loaded(
        Settings(
            smtp_auth=SmtpAuth(
                enabled=True,
                connection_timeout=9.0,
                failure_delay=0.0,
                listen=("unix:/run/a", "unix:/run/b"),
            ),
            identity=IdentitySettings(
                domains=("example.com", "xn--bcher-kva.example"),
                windows_domains={"CORP": "example.com"},
            ),
            servers=(
                Server(name="exchange", host="mail.example.com", port=993),
                Server(
                    name="local",
                    security="plain",
                    host="127.0.0.1",
                    port=143,
                    domains=("xn--bcher-kva.example",),
                    unavailable_texts=("busy",),
                ),
            ),
            log=LogSettings(level="debug"),
        ),
        warnings=(),
    )


def test_an_empty_text_gives_the_defaults_which_are_off() -> None:
    assert parse_settings("") == Loaded(Settings(), ())


def test_every_problem_is_reported_at_once() -> None:
    """Of types, of unknown keys, between keys; nothing that only follows from another problem."""
    assert refusal("""
[smtp_auth]
enabled = true
conection_timeout = "8s"
failure_delay = 9
control = "inet:127.0.0.1:1"

[identity]
domain = ["example.com"]
username_format = "username"

[[server]]
name = "main"
hots = "mail.example.com"
security = "starttls"

[[server]]
name = "backup"
host = "backup.example.com"
port = 99999
domains = ["no domain"]

[[server]]
name = "main"
host = "third.example.com"
""") == [
        "smtp_auth.conection_timeout: unknown key; did you mean connection_timeout?",
        (
            'smtp_auth.control: "inet:127.0.0.1:1": must be a UNIX socket, unix:/absolute/path; '
            'for example: control = "unix:/run/sasl-bridge/control"'
        ),
        "identity.domain: unknown key; did you mean domains?",
        'server[1] "main".hots: unknown key; did you mean host?',
        (
            'server[1] "main".security: "starttls" is not one of "plain", "ssl", "tls"; '
            'for example: security = "ssl"'
        ),
        'server[2] "backup".port: must be a whole number from 0 to 65535; for example: port = 993',
        (
            'server[2] "backup".domains: "no domain" is not a domain name; '
            'for example: domains = ["example.com"]'
        ),
        'identity.default_domain: is required with username_format = "username"',
        'server[3] "main".name: "main" is already the name of server[1]',
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "[smtp_auth]\nenabled = true\n[identity]\ndomains = ['a.de']\n[[servers]]\nname = 'x'",
            "servers: unknown section; did you mean server?",
        ),
        (
            (
                "[smtp_auth]\nenabled = true\n[identty]\ndomains = ['a.de']\n"
                "[[server]]\nname = 'x'\nhost = 'x'"
            ),
            "identty: unknown section; did you mean identity?",
        ),
        (
            (
                "[smtp_auth]\nenabled = true\n[identity]\ndomains = 'a.de'\n"
                "[[server]]\nname = 'x'\nhost = 'x'\ndomains = ['b.de']"
            ),
            (
                "identity.domains: expected an array of domain names, not a string; "
                'for example: domains = ["example.com", "example.org"]'
            ),
        ),
        (
            (
                "[smtp_auth]\nenabled = true\n[identity]\ndomains = ['a.de']\n[[server]]\n"
                "name = 'x'\nhost = 'x'\nenabled = 'no'\n"
                "[[server]]\nname='y'\nhost='y'\nenabled=false"
            ),
            (
                'server[1] "x".enabled: expected true or false, not a string; '
                "for example: enabled = true"
            ),
        ),
        (
            "[[server]]\nname = 'x'\nhost = 'x'\nprotocol = 'pop'\nforward_client = 'xclient'",
            (
                'server[1] "x".protocol: "pop" is not one of "imap", "pop3", "ldap"; '
                'for example: protocol = "imap"'
            ),
        ),
    ],
)
def test_one_slip_is_one_problem(text: str, problem: str) -> None:
    assert refusal(text) == [problem]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a = [\n", "end of document: Invalid value"),
        ("[smtp_auth]\nenabled = yes\n", "line 2, column 11: Invalid value"),
        ("[log]\n[log]\n", "line 2, column 5: Cannot declare ('log',) twice"),
        ("a = " + "[" * 5000, "settings: arrays or tables are nested too deeply"),
        ("a = " + "9" * 5000, "settings: a number is too long"),
    ],
    ids=["open", "yes", "twice", "deep", "long"],
)
def test_a_syntax_error_is_one_problem_with_its_place(text: str, problem: str) -> None:
    assert refusal(text) == [problem]


def test_warnings_come_with_usable_settings() -> None:
    text = "[[server]]\nname = 'far'\nhost = 'imap.example.com'\nsecurity = 'plain'"
    assert parse_settings(text).warnings == (
        Problem('server[1] "far".security', "passwords travel unencrypted to imap.example.com"),
    )


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert read_settings(path) == parse_settings(GOOD)


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(GOOD, encoding="utf-8-sig")
    assert read_settings(path) == parse_settings(GOOD)


def test_a_file_that_cannot_be_read_is_one_problem_that_says_what_to_do(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes("[log]\n# größe".encode("latin-1"))
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * 1_048_577)
    loop = tmp_path / "loop.toml"
    loop.symlink_to(loop)
    strange = tmp_path / "a\nb.toml"
    expected = {
        tmp_path / "none.toml": "there is no such file; "
        "create it, or name another with --settings FILE",
        tmp_path: "is a directory; name the file in it with --settings FILE",
        latin: "line 2 is not UTF-8: save the file in that encoding",
        large: "is larger than 1048576 bytes",
        loop: "cannot be read: Too many levels of symbolic links",
    }
    for path, message in expected.items():
        with pytest.raises(SettingsError) as caught:
            read_settings(path)
        assert caught.value.problems == (Problem(str(path), message),)
    with pytest.raises(SettingsError) as caught:
        read_settings(strange)
    assert caught.value.problems[0].path == f'"{tmp_path}/a\\nb.toml"'


def test_a_file_that_one_may_not_read_tells_the_mode_to_give_it() -> None:
    """Called directly: for root, every file may be read."""
    message = "may not be read; give it to the program's group, and chmod 0640 it"
    assert _file_trouble(PermissionError(13, os.strerror(13))) == message


NAMES = st.sampled_from(
    [
        "smtp_auth",
        "identity",
        "server",
        "log",
        "name",
        "host",
        "port",
        "enabled",
        "domains",
        "listen",
        "windows_domains",
        "failure_delay",
        "login_format",
        "control",
        "level",
        "sender",
        "exception",
        "context",
        "clients",
        "match_login",
        "fake_sender_control",
        "trusted_networks",
    ]
) | st.text(max_size=5)
SCALARS = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        [
            "*",
            "example.com",
            "unix:/a",
            "inet:127.0.0.1:1",
            "8s",
            "{login}",
            "ssl",
            "enforce",
            "::1",
        ]
    ),
    st.just(dt.datetime(2024, 2, 29, tzinfo=dt.UTC)),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=5)
TABLES = st.dictionaries(NAMES, SCALARS | st.lists(SCALARS, max_size=2), max_size=8)
NEARLY_RIGHT = st.fixed_dictionaries(
    {
        "smtp_auth": TABLES,
        "identity": TABLES,
        "server": st.lists(TABLES, max_size=3),
        "log": TABLES,
        "sender": st.builds(
            lambda keys, within: keys | {"exception": within, "context": within},
            TABLES,
            st.lists(TABLES, max_size=2),
        ),
    }
)


@given(DOCUMENTS | NEARLY_RIGHT)
def test_any_document_is_settings_or_a_list_of_problems(document: dict[str, object]) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        settings_from(document)
    except SettingsError as error:
        problems = error.problems
    assert len(str(SettingsError(problems)).splitlines()) == len(problems)
    assert all(str(problem).isprintable() for problem in problems)


@st.composite
def spoilt_texts(draw: st.DrawFn) -> str:
    start = draw(st.integers(0, len(GOOD)))
    end = draw(st.integers(start, min(len(GOOD), start + 30)))
    middle = draw(st.sampled_from(["", "'", '"', "[", "]]", "=", "\n", "#", "{", "1"]) | st.text())
    return GOOD[:start] + middle + GOOD[end:]


@given(st.text() | spoilt_texts())
@example("a = 25:61:61")
@example("a = 2024-02-30")
@example('"' + "\\ud800" + '" = 1')
def test_any_text_is_settings_or_a_list_of_problems(text: str) -> None:
    problems: tuple[Problem, ...] = (Problem("none", "yet"),)
    try:
        parse_settings(text)
    except SettingsError as error:
        problems = error.problems
    assert problems
    assert all(len(str(problem).splitlines()) == 1 for problem in problems)
