"""The example file: it works, it is complete, and what it calls a default is one."""

import re
import tomllib
from pathlib import Path

import pytest

from bridge_common.secret import Secret
from bridge_common.settings.declaration import Section, keys_of, sections_of
from bridge_common.settings.ldap_profile import LdapProfile
from bridge_common.settings.model import Settings
from bridge_common.settings.read import parse_settings, read_settings
from bridge_common.settings.server import Server

EXAMPLE = Path(__file__).parents[3] / "examples" / "settings.toml"
TEXT = EXAMPLE.read_text(encoding="utf-8")
_COMMENTED_KEY = re.compile(r"^#(?=[a-z_]+ = |\[\[)", re.MULTILINE)
WITH_EVERYTHING = _COMMENTED_KEY.sub("", TEXT)
WITH_EVERY_KEY = _COMMENTED_KEY.sub("", TEXT.partition("#[[ldap_profile]]")[0])
CHOSEN = 'method = "ldap"\nldap_profile = "corp"'


def test_it_loads_without_problem_or_warning() -> None:
    loaded = read_settings(EXAMPLE)
    assert loaded.warnings == ()
    assert loaded.settings.smtp_auth.enabled
    assert loaded.settings.identity.domains == ("example.com",)
    assert [(server.name, server.host, server.port) for server in loaded.settings.servers] == [
        ("exchange", "mail.example.com", 993),
        ("branch", "pop.example.com", 110),
    ]


@pytest.mark.parametrize("about", sections_of(Settings).values(), ids=lambda about: about.name)
def test_every_key_is_there_commented_out_or_not(about: Section) -> None:
    document = tomllib.loads(WITH_EVERYTHING)
    table = document[about.name][0] if about.repeated else document[about.name]
    assert table.keys() == keys_of(about.declared).keys()


def test_what_is_commented_out_is_at_its_default() -> None:
    assert WITH_EVERY_KEY != TEXT
    assert parse_settings(WITH_EVERY_KEY) == parse_settings(TEXT)


def test_what_the_setup_does_not_need_is_at_its_default() -> None:
    settings = parse_settings(TEXT).settings
    assert settings.log == Settings().log
    assert settings.servers[1] == Server(
        name="branch", protocol="pop3", security="tls", host="pop.example.com"
    )
    changed = {
        name
        for name in keys_of(type(settings.smtp_auth))
        if getattr(settings.smtp_auth, name) != getattr(Settings().smtp_auth, name)
    }
    assert changed == {"enabled"}


def test_the_directory_works_once_it_is_no_longer_commented_out(tmp_path: Path) -> None:
    secret = tmp_path / "corp.secret"
    secret.write_text("pa55")
    secret.chmod(0o640)
    text = WITH_EVERYTHING.replace("/etc/sasl-bridge/corp.secret", str(secret))
    text = text.replace('method = "pop3-imap"\nldap_profile = ""', CHOSEN)
    loaded = parse_settings(text)
    assert loaded.warnings == ()
    assert loaded.settings.ldap_profiles == (
        LdapProfile(
            name="corp",
            kind="active-directory",
            hosts=("dc1.example.com", "dc2.example.com"),
            bind_dn="CN=gateway,OU=Service,DC=example,DC=com",
            bind_password=Secret(b"pa55"),
            base_dn="DC=example,DC=com",
            identity_attribute="mail",
        ),
    )
    assert loaded.settings.smtp_auth.ldap_profile == "corp"
