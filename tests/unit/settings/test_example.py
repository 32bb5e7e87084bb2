"""The example file: it works, it is complete, and what it calls a default is one."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bridge_common.secret import Secret
from bridge_common.settings.declaration import Section, keys_of, sections_below, sections_of
from bridge_common.settings.ldap_profile import LdapProfile
from bridge_common.settings.model import IdentitySettings, Settings, identity_rules
from bridge_common.settings.read import parse_settings, read_settings
from bridge_common.settings.sender import Sender, SenderContext, SenderException
from bridge_common.settings.server import Server
from policyd.ownership.aliases import Aliases, AliasRules, parse_aliases

ALIASES = Path(__file__).parents[3] / "examples" / "aliases"
EXAMPLE = Path(__file__).parents[3] / "examples" / "settings.toml"
TEXT = EXAMPLE.read_text(encoding="utf-8")
_COMMENTED_KEY = re.compile(r"^#(?=[a-z_]+ = |\[\[)", re.MULTILINE)
WITH_EVERYTHING = _COMMENTED_KEY.sub("", TEXT)
# What begins with a section that is commented out itself, up to the next one that is not.
_COMMENTED_SECTIONS = re.compile(r"^#\[\[.*?(?=^\[|\Z)", re.MULTILINE | re.DOTALL)
WITH_EVERY_KEY = _COMMENTED_KEY.sub("", _COMMENTED_SECTIONS.sub("", TEXT))
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


@pytest.mark.parametrize(("path", "about"), list(sections_below(Settings)))
def test_every_key_is_there_commented_out_or_not(path: str, about: Section) -> None:
    found: Any = tomllib.loads(WITH_EVERYTHING)
    for name in path.split("."):
        found = found[name]
    table = found[0] if about.repeated else found
    within = {each.name for each in sections_of(about.declared).values()}
    assert table.keys() == keys_of(about.declared).keys() | within


def test_what_is_commented_out_is_at_its_default() -> None:
    assert WITH_EVERY_KEY != TEXT
    assert parse_settings(WITH_EVERY_KEY) == parse_settings(TEXT)


def test_what_the_setup_does_not_need_is_at_its_default() -> None:
    settings = parse_settings(TEXT).settings
    assert settings.log == Settings().log
    assert settings.sender == Settings().sender
    assert settings.servers[1] == Server(
        name="branch", protocol="pop3", security="tls", host="pop.example.com"
    )
    changed = {
        name
        for name in keys_of(type(settings.smtp_auth))
        if getattr(settings.smtp_auth, name) != getattr(Settings().smtp_auth, name)
    }
    assert changed == {"enabled"}


def test_what_is_commented_out_works_once_it_is_no_longer_commented_out(tmp_path: Path) -> None:
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
    assert loaded.settings.sender == Sender(
        exceptions=(SenderException(sender="newsletter@example.com", clients=("203.0.113.0/24",)),),
        contexts=(
            SenderContext(
                name="submission",
                match_login="enforce",
                match_scope="address",
                fake_sender_control="enforce",
                foreign_sender="off",
                null_sender="allow",
                on_lookup_failure="tempfail",
                help_text="See https://example.com/submission",
            ),
        ),
    )


def test_the_example_of_aliases_says_nothing_as_it_is_and_what_it_tells_once_it_is_used() -> None:
    text = ALIASES.read_text(encoding="utf-8")
    settings = IdentitySettings(domains=("example.com",))
    rules = AliasRules(myorigin="example.com", identity=identity_rules(settings))
    assert parse_aliases(text, rules) == Aliases()
    used = parse_aliases(re.sub(r"^#(?! [^ ]|$)", "", text, flags=re.MULTILINE), rules)
    assert used.broken == ()
    assert {key: list(logins) for key, logins in used.owners.items()} == {
        "sales@example.com": ["alice@example.com"],
        "support@example.com": ["alice@example.com", "bob@example.com", "carol@example.com"],
        "bob+shop@example.com": ["carol@example.com"],
        "@club.example.net": ["bob@example.com"],
        "*": ["lists@example.com"],
        "info@example.com": ["alice@example.com", "bob@example.com"],
    }
