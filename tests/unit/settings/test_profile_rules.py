"""What must hold within a profile, and between it and those that name it."""

import dataclasses
from typing import Any

import pytest

from bridge_common.errors import SettingsError
from bridge_common.secret import Secret
from bridge_common.settings.ldap_profile import LdapProfile
from bridge_common.settings.model import IdentitySettings, Settings, SmtpAuth
from bridge_common.settings.read import parse_settings
from bridge_common.settings.rules import problems_in
from bridge_common.settings.server import Server

CORP = LdapProfile(name="corp", kind="openldap", hosts=("ldap.example.com",), base_dn="DC=example")
DIRECT = LdapProfile(
    name="corp", kind="openldap", hosts=("b",), auth="direct", bind_template="{login}"
)
OURS = IdentitySettings(domains=("example.com", "example.org"))
GOOD = Settings(
    smtp_auth=SmtpAuth(enabled=True, method="ldap", ldap_profile="corp"),
    identity=OURS,
    ldap_profiles=(CORP,),
)
ENTRY = Server(name="staff", protocol="ldap", ldap_profile="corp")
MIXED = dataclasses.replace(GOOD, smtp_auth=SmtpAuth(enabled=True), servers=(ENTRY,))


def with_smtp_auth(**changes: Any) -> Settings:
    return dataclasses.replace(GOOD, smtp_auth=dataclasses.replace(GOOD.smtp_auth, **changes))


def with_entry(**changes: Any) -> Settings:
    return dataclasses.replace(MIXED, servers=(dataclasses.replace(ENTRY, **changes),))


def with_search(identity: IdentitySettings = OURS, **changes: Any) -> Settings:
    profile = dataclasses.replace(CORP, **changes)
    return dataclasses.replace(GOOD, ldap_profiles=(profile,), identity=identity)


def with_direct(identity: IdentitySettings = OURS, **changes: Any) -> Settings:
    profile = dataclasses.replace(DIRECT, **changes)
    return dataclasses.replace(GOOD, ldap_profiles=(profile,), identity=identity)


def problems(settings: Settings) -> list[str]:
    return [f"{finding.path}: {finding.message}" for finding in problems_in(settings)]


@pytest.mark.parametrize(
    "settings",
    [
        GOOD,
        MIXED,
        with_direct(),
        with_smtp_auth(method="pop3-imap", enabled=False),
        with_smtp_auth(method="pop3-imap", enabled=False, ldap_profile=""),
        with_search(bind_dn="CN=gateway", bind_password=Secret(b"x")),
        with_search(base_dn="", port=3268),
        with_search(base_dn="", port=3269),
        with_search(domains=("example.org",), login_filter="(uid={local})"),
        with_search(login_filter="(&(uid={local})(o={domain}))"),
        with_search(IdentitySettings(domains=("example.com",)), login_filter="(uid={local})"),
        with_search(send_as_filter="(member={dn})"),
        with_direct(domains=("example.org",), bind_template="uid={local},o=x"),
        with_direct(bind_template="uid={local},o={domain}"),
        with_entry(domains=("example.com",), on_reject="stop", required=False),
    ],
)
def test_good_settings_have_no_problems(settings: Settings) -> None:
    assert problems(settings) == []


SEARCH_ONLY = 'is for auth = "search" only: with "direct" nothing is searched for'
ONE_ACCOUNT = (
    "by {local} alone, the same user in two domains is one account; "
    "write {login}, or limit domains to one"
)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            with_smtp_auth(ldap_profile=""),
            'smtp_auth.ldap_profile: is required with method = "ldap"',
        ),
        (
            with_smtp_auth(ldap_profile="crop"),
            'smtp_auth.ldap_profile: there is no [[ldap_profile]] "crop"; there are: "corp"',
        ),
        (
            with_smtp_auth(ldap_profile="crop", method="pop3-imap", enabled=False),
            'smtp_auth.ldap_profile: there is no [[ldap_profile]] "crop"; there are: "corp"',
        ),
        (
            dataclasses.replace(GOOD, ldap_profiles=()),
            'smtp_auth.ldap_profile: there is no [[ldap_profile]] "corp"; there is none at all',
        ),
        (
            dataclasses.replace(GOOD, ldap_profiles=(CORP, CORP)),
            'ldap_profile[2].name: "corp" is already the name of ldap_profile[1]',
        ),
        (
            with_smtp_auth(method="pop3-imap"),
            "server: smtp_auth is enabled, but there is no enabled [[server]] to ask",
        ),
        (
            with_entry(ldap_profile=""),
            'server[1].ldap_profile: is required with protocol = "ldap"',
        ),
        (
            with_entry(ldap_profile="x"),
            'server[1].ldap_profile: there is no [[ldap_profile]] "x"; there are: "corp"',
        ),
        (with_entry(host="b"), "server[1].host: belongs in the [[ldap_profile]]"),
        (with_entry(port=636), "server[1].port: belongs in the [[ldap_profile]]"),
        (with_entry(security="tls"), "server[1].security: belongs in the [[ldap_profile]]"),
        (
            with_entry(max_connections=5),
            "server[1].max_connections: belongs in the [[ldap_profile]]",
        ),
        (with_entry(verify=False), "server[1].verify: belongs in the [[ldap_profile]]"),
        (with_entry(ca_file="/ca"), "server[1].ca_file: belongs in the [[ldap_profile]]"),
        (with_entry(tls_name="b"), "server[1].tls_name: belongs in the [[ldap_profile]]"),
        (with_entry(login_format="{local}"), "server[1].login_format: is for imap and pop3 only"),
        (with_entry(forward_client="id"), "server[1].forward_client: is for imap and pop3 only"),
        (
            with_entry(in_use_is_success=True),
            "server[1].in_use_is_success: is for imap and pop3 only",
        ),
        (
            with_entry(unavailable_texts=("x",)),
            "server[1].unavailable_texts: is for imap and pop3 only",
        ),
        (
            dataclasses.replace(MIXED, servers=(Server(name="a", host="b", ldap_profile="corp"),)),
            "server[1].ldap_profile: is for ldap, not for imap",
        ),
        (
            dataclasses.replace(MIXED, servers=(Server(name="a", protocol="pop3"),)),
            'server[1].host: is missing; for example: host = "mail.example.com"',
        ),
        (
            dataclasses.replace(
                with_entry(domains=("example.com", "example.org")),
                ldap_profiles=(dataclasses.replace(CORP, domains=("example.com",)),),
            ),
            'server[1].domains: [[ldap_profile]] "corp" does not serve "example.org"',
        ),
        (with_search(hosts=()), "ldap_profile[1].hosts: must name at least one host"),
        (
            with_search(domains=("example.net",)),
            'ldap_profile[1].domains: "example.net" is not one of [identity] domains',
        ),
        (with_search(base_dn=""), 'ldap_profile[1].base_dn: is required with auth = "search"'),
        (
            with_search(base_dn="", port=636),
            'ldap_profile[1].base_dn: is required with auth = "search"',
        ),
        (
            with_search(bind_template="{login}"),
            'ldap_profile[1].bind_template: is for auth = "direct" only',
        ),
        (with_search(bind_dn="CN=a"), "ldap_profile[1].bind_password: is required with bind_dn"),
        (
            with_search(bind_password=Secret(b"x")),
            "ldap_profile[1].bind_dn: is required with bind_password",
        ),
        (
            with_direct(bind_template=""),
            'ldap_profile[1].bind_template: is required with auth = "direct"',
        ),
        (with_direct(base_dn="DC=x"), f"ldap_profile[1].base_dn: {SEARCH_ONLY}"),
        (with_direct(scope="one"), f"ldap_profile[1].scope: {SEARCH_ONLY}"),
        (with_direct(bind_dn="CN=x"), f"ldap_profile[1].bind_dn: {SEARCH_ONLY}"),
        (with_direct(bind_password=Secret(b"x")), f"ldap_profile[1].bind_password: {SEARCH_ONLY}"),
        (with_direct(login_filter="(a={login})"), f"ldap_profile[1].login_filter: {SEARCH_ONLY}"),
        (
            with_direct(bare_login_filter="(a={login})"),
            f"ldap_profile[1].bare_login_filter: {SEARCH_ONLY}",
        ),
        (
            with_direct(identity_attribute="mail"),
            f"ldap_profile[1].identity_attribute: {SEARCH_ONLY}",
        ),
        (
            with_direct(address_attributes=("mail",)),
            f"ldap_profile[1].address_attributes: {SEARCH_ONLY}",
        ),
        (with_direct(send_as_filter="(m={dn})"), f"ldap_profile[1].send_as_filter: {SEARCH_ONLY}"),
        (with_search(login_filter="(uid={local})"), f"ldap_profile[1].login_filter: {ONE_ACCOUNT}"),
        (
            with_search(login_filter="(|(mail={login})(uid={local}))"),
            f"ldap_profile[1].login_filter: {ONE_ACCOUNT}",
        ),
        (
            with_search(send_as_filter="(m={local})"),
            f"ldap_profile[1].send_as_filter: {ONE_ACCOUNT}",
        ),
        (
            with_direct(bind_template="CORP\\{local}"),
            f"ldap_profile[1].bind_template: {ONE_ACCOUNT}",
        ),
        (
            with_direct(IdentitySettings(domains=("*",)), bind_template="uid={local},o=x"),
            f"ldap_profile[1].bind_template: {ONE_ACCOUNT}",
        ),
    ],
)
def test_a_contradiction_is_a_problem(settings: Settings, problem: str) -> None:
    assert problems(settings) == [problem]


WINDOWS = {"CORP": "example.com", "SALES": "example.org"}
TWO_DOMAINS = IdentitySettings(domains=("example.com", "example.org"), windows_domains=WINDOWS)


def test_windows_domains_with_the_same_user_are_not_one_account() -> None:
    r"""`SALES\bob` would be logged in with the password of `CORP\bob`."""
    assert problems(with_search(TWO_DOMAINS)) == [
        (
            "ldap_profile[1].bare_login_filter: a bare or DOMAIN\\user login may be of "
            '"example.com" or "example.org", and by {local} alone the same user in each is one '
            "account; write {login}, add a comparison with {domain}, or limit domains to one"
        )
    ]


def test_the_default_domain_counts_as_one_of_them() -> None:
    identity = dataclasses.replace(
        OURS, default_domain="example.org", windows_domains={"CORP": "example.com"}
    )
    [problem] = problems(with_search(identity))
    assert 'may be of "example.org" or "example.com"' in problem
    assert problems(with_search(dataclasses.replace(identity, windows_domains={}))) == []
    assert problems(with_search(dataclasses.replace(identity, default_domain=""))) == []


@pytest.mark.parametrize(
    "settings",
    [
        with_search(TWO_DOMAINS, domains=("example.com",)),
        with_search(TWO_DOMAINS, bare_login_filter="(mail={login})"),
        with_search(TWO_DOMAINS, bare_login_filter="(&(uid={local})(o={domain}))"),
        with_search(
            dataclasses.replace(
                TWO_DOMAINS, username_format="username", default_domain="example.com"
            )
        ),
        with_direct(TWO_DOMAINS),
    ],
)
def test_what_tells_windows_domains_apart_is_fine(settings: Settings) -> None:
    assert problems(settings) == []


CATALOG: dict[str, Any] = {"base_dn": "", "port": 3269}
CORP_ONLY = dataclasses.replace(OURS, windows_domains={"CORP": "example.com"})
BARE = dataclasses.replace(OURS, default_domain="example.com")


@pytest.mark.parametrize(
    ("settings", "port"),
    [
        (with_search(BARE, **CATALOG), 3269),
        (with_search(CORP_ONLY, base_dn="", port=3268, security="tls"), 3268),
        (with_search(BARE, **CATALOG, domains=("example.com",), identity_attribute="mail"), 3269),
        (with_search(BARE, **CATALOG, bare_login_filter="(sAMAccountName={local})"), 3269),
        (with_search(TWO_DOMAINS, **CATALOG), 3269),
    ],
)
def test_in_a_forest_a_bare_login_may_be_somebody_of_another_domain(
    settings: Settings, port: int
) -> None:
    assert problems(settings) == [
        (
            f"ldap_profile[1].bare_login_filter: port {port} is the global catalog's, which knows "
            "the whole forest: by {local} alone, a bare or DOMAIN\\user login may be somebody of "
            "another domain; use port 636 or 389 with base_dn, or write {login}"
        )
    ]


@pytest.mark.parametrize(
    "settings",
    [
        with_search(**CATALOG),
        with_search(BARE, **CATALOG, bare_login_filter="(userPrincipalName={login})"),
        with_search(BARE, **CATALOG, domains=("example.org",)),
        with_search(BARE, base_dn="DC=example", port=3269),
        with_search(BARE, port=636),
        with_direct(BARE, port=3269),
    ],
)
def test_in_a_forest_whole_addresses_are_told_apart(settings: Settings) -> None:
    assert problems(settings) == []


@pytest.mark.parametrize(
    ("key", "written"),
    [("identity_attribute", '"2.5.4.3"'), ("address_attributes", '["mail", "2.5.4.3"]')],
)
def test_an_attribute_is_not_given_as_a_number(key: str, written: str) -> None:
    with pytest.raises(SettingsError, match=rf'{key}: .*"2\.5\.4\.3" is the number of an attr'):
        parse_settings(f"{PROFILE}{key} = {written}\n")


PROFILE = "[[ldap_profile]]\nname = 'corp'\nkind = 'openldap'\nhosts = ['b']\nbase_dn = 'DC=x'\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "[smtp_auth]\nldap_profile = 'corp'\n[[ldap_profiles]]\nname = 'corp'\n",
            "ldap_profiles: unknown section; did you mean ldap_profile?",
        ),
        (
            "[smtp_auth]\nldap_profile = 'corp'\n" + PROFILE.replace("name", "nmae"),
            "ldap_profile[1].nmae: unknown key; did you mean name?",
        ),
        (
            "[[server]]\nname = 'a'\nprotocol = 'lpad'\nldap_profile = 'corp'\n" + PROFILE,
            (
                'server[1] "a".protocol: "lpad" is not one of "imap", "pop3", "ldap"; '
                'for example: protocol = "imap"'
            ),
        ),
        (
            "[smtp_auth]\nmehtod = 'ldap'\nenabled = true\nldap_profile = 'corp'\n"
            "[identity]\ndomains = ['a.de']\n" + PROFILE,
            "smtp_auth.mehtod: unknown key; did you mean method?",
        ),
        (
            PROFILE.replace("hosts", "host"),
            'ldap_profile[1] "corp".host: unknown key; did you mean hosts?',
        ),
        (
            PROFILE.replace("['b']", "[]"),
            'ldap_profile[1] "corp".hosts: must name at least one host',
        ),
        (
            PROFILE + "login_filter = '(mail=x)'\n",
            (
                'ldap_profile[1] "corp".login_filter: "(mail=x)" can match the entry of '
                "somebody else: {login} or {local} must be in a comparison by plain = (not of anr) "
                "without *, in every part of an (|...), and not within (!...); "
                'for example: login_filter = "(&(objectClass=inetOrgPerson)(mail={login}))"'
            ),
        ),
        (
            PROFILE.replace("kind = 'openldap'\n", ""),
            'ldap_profile[1] "corp".kind: is missing; for example: kind = "active-directory"',
        ),
    ],
)
def test_one_slip_is_one_problem(text: str, problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings(text)
    assert str(caught.value).split("\n") == [problem]
