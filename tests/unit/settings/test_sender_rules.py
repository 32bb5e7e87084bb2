"""What must hold within `[sender]`, and between it and other sections."""

import dataclasses
from typing import Any

import pytest

from bridge_common.errors import SettingsError
from bridge_common.settings.ldap_profile import LdapProfile
from bridge_common.settings.model import IdentitySettings, Settings, SmtpAuth
from bridge_common.settings.read import parse_settings
from bridge_common.settings.rules import problems_in
from bridge_common.settings.sender import Sender, SenderContext, SenderException

OURS = IdentitySettings(domains=("example.com", "example.org"))
EVERY = IdentitySettings(domains=("*",))
CORP = LdapProfile(name="corp", kind="openldap", hosts=("ldap.example.com",), base_dn="DC=example")
DIRECT = LdapProfile(
    name="direct", kind="openldap", hosts=("b",), auth="direct", bind_template="{login}"
)
NEWS = SenderException(sender="news@example.com", clients=("203.0.113.0/24",))
POLICY = "unix:/var/spool/postfix/sasl-bridge/policy"
AUTH = "unix:/var/spool/postfix/sasl-bridge/auth"
CONTROL = "unix:/run/sasl-bridge/control"
NO_DOMAINS = 'identity.domains: must list your own domains, or ["*"] for every domain there is'
REFUSES_ALL = 'must be "off" with [identity] domains = ["*"]: it would refuse all mail there is'
NO_ORIGIN = (
    'sender.myorigin: is required with [identity] domains = ["*"]: Postfix may append any domain'
)


def with_sender(identity: IdentitySettings = OURS, **changes: Any) -> Settings:
    return Settings(identity=identity, sender=Sender(**changes), ldap_profiles=(CORP, DIRECT))


def with_contexts(*changes: Any, identity: IdentitySettings = OURS, **of_section: Any) -> Settings:
    contexts = (SenderContext(**{"name": f"c{n}", **each}) for n, each in enumerate(changes))
    return with_sender(identity, contexts=tuple(contexts), **of_section)


def problems(settings: Settings) -> list[str]:
    return [f"{finding.path}: {finding.message}" for finding in problems_in(settings)]


def problems_in_text(text: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        parse_settings(text)
    return [str(problem) for problem in refused.value.problems]


@pytest.mark.parametrize(
    "settings",
    [
        with_sender(),
        with_sender(match_login="enforce", fake_sender_control="enforce", foreign_sender="enforce"),
        with_sender(listen=("inet:192.0.2.1:12345",), allow_remote=True),
        with_sender(listen=("inet:127.0.0.1:12345", "inet:[::1]:1", "inet:localhost:2")),
        with_sender(ldap_profile="corp"),
        with_sender(
            exceptions=(NEWS, NEWS, SenderException(sender="@example.org", clients=("::/0",)))
        ),
        with_sender(EVERY, match_login="enforce", myorigin="example.net"),
        with_sender(EVERY, exceptions=(NEWS,)),
        with_sender(EVERY),
        with_sender(IdentitySettings()),
        with_sender(match_login="enforce", myorigin="gateway.example.net"),
        with_contexts({"match_login": "off"}, {"match_login": "enforce"}),
        with_contexts({"fake_sender_control": "off"}, identity=EVERY),
    ],
)
def test_good_settings_have_no_problems(settings: Settings) -> None:
    assert problems(settings) == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (with_sender(listen=()), ["sender.listen: must name at least one endpoint"]),
        (
            with_sender(listen=(POLICY, "inet:192.0.2.1:12345")),
            [
                (
                    "sender.listen: inet:192.0.2.1:12345 can be reached from other machines, "
                    "which needs allow_remote = true"
                )
            ],
        ),
        (with_sender(control=POLICY), ["sender.control: is also in listen"]),
        (
            with_sender(listen=(AUTH, POLICY)),
            [f"sender.listen: {AUTH} is also in [smtp_auth] listen"],
        ),
        (
            with_sender(listen=(CONTROL,)),
            [f"sender.listen: {CONTROL} is also in [smtp_auth] control"],
        ),
        (with_sender(control=AUTH), [f"sender.control: {AUTH} is also in [smtp_auth] listen"]),
        (
            with_sender(control=CONTROL),
            [f"sender.control: {CONTROL} is also in [smtp_auth] control"],
        ),
        (
            with_sender(metrics_listen="inet:192.0.2.1:9120"),
            [
                (
                    "sender.metrics_listen: inet:192.0.2.1:9120 can be reached from other "
                    "machines, which needs allow_remote = true"
                )
            ],
        ),
        (
            dataclasses.replace(
                with_sender(metrics_listen="inet:127.0.0.1:9119"),
                smtp_auth=SmtpAuth(metrics_listen="inet:127.0.0.1:9119"),
            ),
            [("sender.metrics_listen: inet:127.0.0.1:9119 is also in [smtp_auth] metrics_listen")],
        ),
    ],
)
def test_each_program_listens_where_nobody_else_does(
    settings: Settings, expected: list[str]
) -> None:
    assert problems(settings) == expected


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (
            "crop",
            'sender.ldap_profile: there is no [[ldap_profile]] "crop"; there are: "corp", "direct"',
        ),
        (
            "direct",
            (
                'sender.ldap_profile: [[ldap_profile]] "direct" has auth = "direct", '
                "which searches for nothing: no addresses are found in it"
            ),
        ),
    ],
)
def test_the_directory_must_be_one_that_finds_addresses(name: str, problem: str) -> None:
    assert problems(with_sender(ldap_profile=name)) == [problem]


@pytest.mark.parametrize(
    "settings",
    [
        with_sender(IdentitySettings(), match_login="monitor"),
        with_sender(IdentitySettings(), null_sender="reject"),
        with_contexts({"fake_sender_control": "enforce"}, identity=IdentitySettings()),
        dataclasses.replace(
            with_sender(IdentitySettings(), match_login="enforce"),
            smtp_auth=SmtpAuth(enabled=True, method="ldap", ldap_profile="corp"),
        ),
    ],
)
def test_a_rule_needs_domains_to_be_ours(settings: Settings) -> None:
    assert problems(settings) == [NO_DOMAINS]


def test_where_every_domain_is_ours_an_outsider_could_send_nothing() -> None:
    settings = with_contexts(
        {"fake_sender_control": "off"},
        {"fake_sender_control": "enforce"},
        identity=EVERY,
        fake_sender_control="monitor",
        myorigin="example.net",
    )
    assert problems(settings) == [
        f"sender.fake_sender_control: {REFUSES_ALL}",
        f"sender.context[2].fake_sender_control: {REFUSES_ALL}",
    ]


def test_where_every_domain_is_ours_none_of_them_is_the_first() -> None:
    assert problems(with_sender(EVERY, match_login="enforce")) == [NO_ORIGIN]
    assert problems(with_contexts({"null_sender": "reject"}, identity=EVERY)) == [NO_ORIGIN]


def test_a_context_is_there_once() -> None:
    again = with_contexts({"name": "a"}, {"name": "b"}, {"name": "a"})
    message = 'sender.context[3].name: "a" is already the name of sender.context[1]'
    assert problems(again) == [message]


@pytest.mark.parametrize(
    "sender", ["news@example.net", "@example.net", "a@example.com@example.net"]
)
def test_an_exception_is_for_one_of_our_domains(sender: str) -> None:
    exceptions = (NEWS, SenderException(sender=sender, clients=("::1/128",)))
    assert problems(with_sender(exceptions=exceptions)) == [
        'sender.exception[2].sender: "example.net" is not one of [identity] domains'
    ]


def test_an_exception_names_clients() -> None:
    exceptions = (SenderException(sender="@example.com", clients=()),)
    assert problems(with_sender(exceptions=exceptions)) == [
        "sender.exception[1].clients: must name at least one network"
    ]


# What rests on a key that is wrong itself


def test_problems_within_a_section_of_the_section_are_told_with_their_place() -> None:
    text = """
[identity]
domains = ["example.com"]
[sender]
trusted_networks = ["10.0.0.1/8"]
match_logins = "enforce"
[[sender.exception]]
sender = "news"
clients = ["::1/33"]
[[sender.exception]]
clients = "::1"
[[sender.context]]
name = "submission"
match_login = "on"
match_scoop = "domain"
[[sender.context]]
name = "submission"
[[sender.contexts]]
name = "x"
"""
    form = "an address or a network, such as 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32"
    networks = '["203.0.113.0/24", "2001:db8:25::/48"]'
    assert problems_in_text(text) == [
        "sender.match_logins: unknown key; did you mean match_login?",
        "sender.contexts: unknown key",
        (
            'sender.trusted_networks: "10.0.0.1/8" is an address within a network: '
            '"10.0.0.0/8" was probably meant; '
            'for example: trusted_networks = ["127.0.0.0/8", "::1/128", "10.0.0.0/8"]'
        ),
        (
            'sender.exception[1].sender: "news" is neither an address nor @ with a domain; '
            'for example: sender = "newsletter@example.com"'
        ),
        (
            f'sender.exception[1].clients: "::1/33" is an address within a network: '
            f'"::/33" was probably meant; for example: clients = {networks}'
        ),
        'sender.exception[2].sender: is missing; for example: sender = "newsletter@example.com"',
        (
            "sender.exception[2].clients: expected an array of addresses and networks, "
            f"not a string; for example: clients = {networks}"
        ),
        'sender.context[1] "submission".match_scoop: unknown key; did you mean match_scope?',
        (
            'sender.context[1] "submission".match_login: "on" is not one of "off", "monitor", '
            '"enforce"; for example: match_login = "enforce"'
        ),
        (
            'sender.context[2] "submission".name: "submission" is already the name of '
            "sender.context[1]"
        ),
    ]
    assert form in "".join(problems_in_text('[sender]\ntrusted_networks = ["x"]'))


DIRECTORY = """
[[ldap_profile]]
name = "corp"
kind = "openldap"
hosts = ["a"]
"""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        # No second problem follows from the first one.
        ('identity.domains = "*"\n[sender]\nmatch_login = "enforce"', "identity.domains"),
        (
            'identity.domains = [1]\nsender.exception = [{sender = "a@b.de", clients = ["::1"]}]',
            "identity.domains",
        ),
        ('identity.domains = ["*"]\n[sender]\nmatch_login = "on"', "sender.match_login"),
        (
            'identity.domains = ["*"]\n[sender]\nmatch_login = "enforce"\nmyorigin = "@"',
            "sender.myorigin",
        ),
        ('identity.domain = ["a.de"]\n[sender]\nmatch_login = "enforce"', "identity.domain"),
        ('identity.domains = ["a.de"]\n[sendr]\nldap_profile = "x"', "sendr"),
        ('[sender]\nlisten = ["inet:192.0.2.1:1"]\nallow_remote = "yes"', "sender.allow_remote"),
        (f'[sender]\nlisten = ["{AUTH}"]\n[smtp_auth]\nlisten = ["auth"]', "smtp_auth.listen"),
        (f'[sender]\ncontrol = "{CONTROL}"\n[smtp_auth]\ncontrol = "x"', "smtp_auth.control"),
        (
            f'[sender]\nldap_profile = "corp"\n{DIRECTORY}auth = "drect"\nbase_dn = "o=x"',
            'ldap_profile[1] "corp".auth',
        ),
        (
            f'[sender]\nldap_profile = "c"\n{DIRECTORY}nam = "c"\nbase_dn = "o=x"'.replace(
                'name = "corp"\n', ""
            ),
            "ldap_profile[1].nam",
        ),
        ('[sender]\ncontext = [{name = "a b"}, {name = "a b"}]', 'sender.context[1] "a b".name'),
        ('[sender.exception]\nsender = "a@b.de"', "sender.exception"),
    ],
)
def test_nothing_is_concluded_from_a_key_that_is_wrong_itself(text: str, problem: str) -> None:
    found = [each.partition(":")[0] for each in problems_in_text(text)]
    assert found[0] == problem
    assert set(found) <= {problem, 'sender.context[2] "a b".name'}


def test_a_section_written_with_one_bracket_is_told_how() -> None:
    assert problems_in_text('[sender.exception]\nsender = "a@b.de"') == [
        (
            "sender.exception: expected an array of sections: write [[sender.exception]], "
            "with two brackets"
        )
    ]
