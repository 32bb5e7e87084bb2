"""Who is asked about which domains."""

import dataclasses

from bridge_common.settings.ldap_profile import LdapProfile
from bridge_common.settings.model import IdentitySettings, Settings, SmtpAuth
from bridge_common.settings.served import (
    bare_domains,
    candidates,
    directory_of,
    domains_by_local_alone,
    domains_of,
    domains_reaching,
    profile_named,
    profiles_asked,
    servers_asked,
    serves_several,
    strangers,
)
from bridge_common.settings.server import Server

COM, ORG = ("example.com",), ("example.org",)
CORP = LdapProfile(name="corp", kind="openldap", hosts=("b",), domains=COM)
MAIL = Server(name="mail", host="b")
STAFF = Server(name="staff", protocol="ldap", ldap_profile="corp")
OFF = Server(name="off", protocol="ldap", ldap_profile="off", enabled=False)
MIXED = Settings(
    identity=IdentitySettings(domains=COM + ORG),
    servers=(MAIL, STAFF, OFF),
    ldap_profiles=(CORP,),
)
DIRECTORY = dataclasses.replace(MIXED, smtp_auth=SmtpAuth(method="ldap", ldap_profile="corp"))


def test_a_profile_is_found_by_its_name() -> None:
    assert profile_named("corp", MIXED) is CORP
    assert profile_named("", MIXED) is None


def test_an_entry_without_domains_has_those_of_its_directory() -> None:
    assert domains_of(MAIL, MIXED) == ()
    assert domains_of(STAFF, MIXED) == COM
    assert domains_of(OFF, MIXED) == ()
    assert domains_of(dataclasses.replace(STAFF, domains=ORG), MIXED) == ORG


def test_those_share_a_budget_whose_passwords_come_from_the_same_directory() -> None:
    assert directory_of(MAIL) == "mail"
    assert directory_of(STAFF) == "corp"
    assert directory_of(dataclasses.replace(MAIL, directory="corp")) == "corp"
    assert directory_of(dataclasses.replace(STAFF, directory="ad")) == "ad"


def test_the_list_or_one_directory_is_asked() -> None:
    assert candidates("example.com", MIXED) == ("mail", "staff")
    assert candidates("example.org", MIXED) == ("mail",)
    assert candidates("example.com", DIRECTORY) == ("corp",)
    assert candidates("example.org", DIRECTORY) == ()
    assert candidates("example.com", dataclasses.replace(DIRECTORY, ldap_profiles=())) == ()


def test_a_directory_asked_instead_of_the_list_is_as_if_it_were_the_list() -> None:
    assert servers_asked(MIXED) == (MAIL, STAFF, OFF)
    corp = Server(name="corp", protocol="ldap", ldap_profile="corp")
    assert servers_asked(DIRECTORY) == (corp,)
    assert servers_asked(dataclasses.replace(DIRECTORY, ldap_profiles=())) == ()


def test_a_directory_is_asked_by_its_name_or_for_an_enabled_entry() -> None:
    assert "corp" in profiles_asked(MIXED)
    assert "off" not in profiles_asked(MIXED)
    assert "corp" in profiles_asked(DIRECTORY)
    assert "corp" not in profiles_asked(dataclasses.replace(MIXED, servers=(MAIL, OFF)))


def test_strangers_are_domains_that_are_not_ours() -> None:
    identity = IdentitySettings(domains=COM)
    assert strangers(("example.com", "example.org", ""), identity) == ["example.org"]
    assert strangers(ORG, IdentitySettings(domains=("*",))) == []


def test_several_domains_are_more_than_one_or_any() -> None:
    ours = IdentitySettings(domains=COM + ORG)
    assert serves_several((), ours)
    assert not serves_several(COM, ours)
    assert not serves_several((), IdentitySettings(domains=COM))
    assert serves_several((), IdentitySettings(domains=("*",)))


def test_a_login_without_a_mail_domain_is_of_the_default_one_or_of_a_windows_one() -> None:
    windows = {"CORP": "example.org", "LAB": "example.org"}
    identity = IdentitySettings(domains=COM + ORG, windows_domains=windows)
    assert bare_domains((), identity) == ["example.org"]
    named = dataclasses.replace(identity, default_domain="example.com")
    assert bare_domains((), named) == ["example.com", "example.org"]
    assert bare_domains(ORG, named) == ["example.org"]
    only = dataclasses.replace(named, username_format="username")
    assert bare_domains((), only) == ["example.com"]


def test_a_bare_login_is_searched_for_by_local_alone_unless_the_filter_has_its_domain() -> None:
    ours = IdentitySettings(domains=COM + ORG, default_domain="example.com")
    assert domains_by_local_alone(CORP, ours) == ["example.com"]
    assert domains_by_local_alone(dataclasses.replace(CORP, domains=ORG), ours) == []
    for text in ("(mail={login})", "(&(uid={local})(o={domain}))"):
        assert domains_by_local_alone(dataclasses.replace(CORP, bare_login_filter=text), ours) == []
    direct = LdapProfile(name="corp", kind="openldap", hosts=("b",), auth="direct")
    assert domains_by_local_alone(direct, ours) == []


def test_a_directory_is_reached_by_the_domains_of_those_who_ask_it() -> None:
    everywhere = dataclasses.replace(CORP, domains=())
    one = dataclasses.replace(STAFF, domains=COM)
    other = dataclasses.replace(STAFF, name="other", domains=ORG)
    unasked = dataclasses.replace(MIXED, servers=(MAIL,))
    both = dataclasses.replace(MIXED, servers=(one, other))
    all_of_ours = dataclasses.replace(MIXED, servers=(one, STAFF), ldap_profiles=(everywhere,))
    off = dataclasses.replace(MIXED, servers=(dataclasses.replace(other, enabled=False),))
    assert domains_reaching(CORP, MIXED) == COM
    assert domains_reaching(CORP, unasked) == COM
    assert domains_reaching(everywhere, both) == COM + ORG
    assert domains_reaching(everywhere, all_of_ours) == ()
    assert domains_reaching(CORP, off) == COM
    assert domains_reaching(CORP, DIRECTORY) == COM
