"""What sasl-policyd builds from its settings, and what it goes on with at a reload."""

from pathlib import Path
from typing import Any

import pytest
from lab.settings import profile_at, sender_context, sender_exception, sender_settings_text

from bridge_common.errors import SettingsError
from policyd.daemon import load
from policyd.rules.interface import RuleSettings


def settings(folder: Path, *tables: str, **sender: Any) -> Path:
    """Return a settings file."""
    file = folder / "settings.toml"
    file.write_text(sender_settings_text(folder, folder / "policy", tables, **sender))
    return file


def test_rules_are_built_for_the_section_and_for_each_context(tmp_path: Path) -> None:
    relay = sender_context("relay", match_login="monitor", null_sender="reject", help_text="Hm")
    exception = sender_exception("news@example.com", "203.0.113.0/24", "2001:db8::/32")
    file = settings(tmp_path, exception, relay, null_sender="monitor", match_scope="domain")
    _, built = load(file)
    rules = built.in_force.rules
    assert set(rules) == {"", "relay"}
    section = rules[""]
    assert section.domains == frozenset({"example.com"})
    assert (section.match_login, section.null_sender, section.help_text) == ("off", "monitor", "")
    assert (section.match_scope, section.recipient_delimiter) == ("domain", "+")
    assert [str(one) for one in section.trusted_networks] == ["127.0.0.0/8", "::1/128"]
    (exempt,) = section.exceptions
    assert exempt.sender == "news@example.com"
    assert [str(one) for one in exempt.clients] == ["203.0.113.0/24", "2001:db8::/32"]
    assert (rules["relay"].match_login, rules["relay"].null_sender) == ("monitor", "enforce")
    assert (rules["relay"].match_scope, rules["relay"].help_text) == ("domain", "Hm")


def test_myorigin_is_what_is_said_and_never_guessed(tmp_path: Path) -> None:
    """Postfix's own may be none of our domains, and a wrong guess gives an address away."""

    def myorigin(**sender: Any) -> tuple[str, str]:
        _, built = load(settings(tmp_path, **sender))
        return built.in_force.reading.myorigin, built.aliases.rules.myorigin

    assert myorigin(domains=["example.org", "example.com"]) == ("", "")
    assert myorigin(domains=["example.org"]) == ("", "")
    assert myorigin(myorigin="gateway.example") == ("gateway.example", "gateway.example")
    assert myorigin(myorigin="b\u00fccher.example") == (
        "xn--bcher-kva.example",
        "xn--bcher-kva.example",
    )


def test_of_no_domains_none_is_ours_and_of_any_domain_each_is(tmp_path: Path) -> None:
    def rules(domain: str) -> RuleSettings:
        domains = [domain] if domain else []
        return load(settings(tmp_path, domains=domains))[1].in_force.rules[""]

    assert not rules("").is_ours("example.com")
    assert rules("*").is_ours("example.com")
    assert not rules("example.net").is_ours("example.com")


def test_what_is_known_of_a_directory_s_hosts_is_kept(tmp_path: Path) -> None:
    file = settings(tmp_path, profile_at(389), ldap_profile="corp")
    _, before = load(file)
    _, after = load(file, before)
    assert before.directory is not None
    assert after.directory is not None
    assert after.directory is not before.directory
    (old,), (new,) = before.directory.directory.hosts, after.directory.directory.hosts
    assert new is not old
    assert new.slots is old.slots
    settings(tmp_path, profile_at(390), ldap_profile="corp")
    _, other = load(file, after)
    assert other.directory is not None
    assert other.directory.directory.hosts[0].slots is not old.slots


def test_aliases_that_cannot_be_read_any_more_stay_in_force(tmp_path: Path) -> None:
    aliases = tmp_path / "aliases"
    aliases.write_text("sales@example.com: alice@example.com\n")
    file = settings(tmp_path, aliases_file=str(aliases))
    _, before = load(file)
    aliases.unlink()
    aliases.mkdir()
    _, after = load(file, before)
    assert after.aliases.reading.aliases is not None
    assert set(after.aliases.reading.aliases.owners) == {"sales@example.com"}
    assert "its aliases of before stay in force" in after.aliases.reading.trouble
    (tmp_path / "others").mkdir()
    settings(tmp_path, aliases_file=str(tmp_path / "others"))
    _, other = load(file, before)
    assert other.aliases.reading.aliases is None


def test_a_certificate_that_is_missing_is_told_with_all_the_rest(tmp_path: Path) -> None:
    profile = profile_at(636, security="ssl", ca_file=str(tmp_path / "none.pem"))
    file = settings(tmp_path, profile, ldap_profile="corp", match_login="yes")
    with pytest.raises(SettingsError) as raised:
        load(file)
    assert [problem.path for problem in raised.value.problems] == [
        "sender.match_login",
        'ldap_profile[1] "corp".ca_file',
    ]


def test_a_network_of_mapped_addresses_is_one_of_ipv4(tmp_path: Path) -> None:
    """As Debian's mynetworks has it."""
    trusted = ["127.0.0.0/8", "[::ffff:127.0.0.0]/104", "[::1]/128"]
    exception = sender_exception("news@example.com", "::ffff:203.0.113.9")
    rules = load(settings(tmp_path, exception, trusted_networks=trusted))[1].in_force.rules[""]
    assert [str(one) for one in rules.trusted_networks] == ["127.0.0.0/8", "127.0.0.0/8", "::1/128"]
    assert [str(one) for one in rules.exceptions[0].clients] == ["203.0.113.9/32"]


def test_what_may_be_a_login_is_known_to_the_rules(tmp_path: Path) -> None:
    rules = load(settings(tmp_path))[1].in_force.rules[""]
    assert rules.identity.domains == frozenset({"example.com"})
