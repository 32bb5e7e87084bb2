"""What is allowed in `[sender]`, but doubtful."""

import dataclasses
from typing import Any

import pytest

from bridge_common.settings.doubts import doubts_about
from bridge_common.settings.model import IdentitySettings, Settings
from bridge_common.settings.rules import problems_in
from bridge_common.settings.sender import Sender, SenderContext, SenderException

OURS = IdentitySettings(domains=("example.com",))
OPEN = (
    'with match_login = "enforce" and on_lookup_failure = "accept", '
    "every envelope sender passes while the directory is away"
)


def with_sender(**changes: Any) -> Settings:
    return Settings(identity=OURS, sender=Sender(**changes))


def with_contexts(*changes: Any, **of_section: Any) -> Settings:
    contexts = (SenderContext(name=f"c{n}", **each) for n, each in enumerate(changes))
    return with_sender(contexts=tuple(contexts), **of_section)


def doubts(settings: Settings) -> list[str]:
    """Return the doubts; what is doubtful is allowed all the same."""
    assert list(problems_in(settings)) == []
    return [f"{finding.path}: {finding.message}" for finding in doubts_about(settings)]


@pytest.mark.parametrize(
    "settings",
    [
        with_sender(),
        with_sender(match_login="enforce", fake_sender_control="enforce", foreign_sender="enforce"),
        with_sender(match_login="enforce", on_lookup_failure="reject"),
        with_sender(match_login="monitor", on_lookup_failure="accept"),
        with_sender(lookup_timeout=4.9),
        with_sender(trusted_networks=("128.0.0.0/1", "::/1")),
        with_sender(help_text="Ask the postmaster"),
        with_sender(listen=("inet:127.0.0.1:12345",)),
        with_sender(aliases_file=""),
        with_contexts({"match_login": "off"}, {"on_lookup_failure": "accept"}),
    ],
)
def test_there_are_none_about_good_settings(settings: Settings) -> None:
    assert doubts(settings) == []


def test_no_domain_is_foreign_where_every_domain_is_ours() -> None:
    settings = with_contexts(
        {"foreign_sender": "off"}, {"foreign_sender": "monitor"}, foreign_sender="enforce"
    )
    every = dataclasses.replace(
        settings,
        identity=IdentitySettings(domains=("*",)),
        sender=dataclasses.replace(settings.sender, myorigin="example.com"),
    )
    message = 'has no effect with [identity] domains = ["*"]: no domain is foreign then'
    assert doubts(settings) == []
    assert doubts(every)[1:] == [
        f"sender.foreign_sender: {message}",
        f"sender.context[2].foreign_sender: {message}",
    ]


def test_networks_that_hold_everybody_are_doubtful() -> None:
    trusted = with_sender(trusted_networks=("::1/128", "0.0.0.0/0", "::/0"))
    assert doubts(trusted) == [
        f"sender.trusted_networks: {network} is every address: "
        "fake_sender_control refuses none of them"
        for network in ("0.0.0.0/0", "::/0")
    ]
    exceptions = (
        SenderException(sender="news@example.com", clients=("203.0.113.0/24",)),
        SenderException(sender="@example.com", clients=("::/0",)),
    )
    assert doubts(with_sender(exceptions=exceptions, fake_sender_control="enforce")) == [
        "sender.exception[2].clients: ::/0 is every address: anyone there may use @example.com"
    ]


@pytest.mark.parametrize(("seconds", "shown"), [(5.0, "5s"), (29.5, "29.5s")])
def test_the_lookup_should_end_before_postfix_has_hung_up(seconds: float, shown: str) -> None:
    assert doubts(with_sender(lookup_timeout=seconds)) == [
        (
            f"sender.lookup_timeout: {shown} is not below the timeout=5s of examples/postfix: "
            "Postfix hangs up before the lookup has failed"
        )
    ]


@pytest.mark.parametrize(
    ("settings", "paths"),
    [
        (
            with_sender(match_login="enforce", on_lookup_failure="accept"),
            ["sender.on_lookup_failure"],
        ),
        (
            with_contexts({}, {"match_login": "enforce"}, on_lookup_failure="accept"),
            ["sender.context[2].match_login"],
        ),
        (
            with_contexts({"on_lookup_failure": "accept"}, match_login="enforce"),
            ["sender.context[1].on_lookup_failure"],
        ),
        (
            with_contexts({"on_lookup_failure": "accept", "match_login": "enforce"}),
            ["sender.context[1].on_lookup_failure"],
        ),
        # What a context takes from the section is told once.
        (
            with_contexts(
                {},
                {"null_sender": "reject"},
                {"match_login": "monitor"},
                {"on_lookup_failure": "tempfail"},
                match_login="enforce",
                on_lookup_failure="accept",
            ),
            ["sender.on_lookup_failure"],
        ),
    ],
)
def test_an_outage_should_not_let_every_sender_pass(settings: Settings, paths: list[str]) -> None:
    assert doubts(settings) == [f"{path}: {OPEN}" for path in paths]


def test_a_domain_without_a_dot_may_be_completed_by_postfix() -> None:
    identity = IdentitySettings(domains=("example.com", "corp"))
    settings = Settings(identity=identity, sender=Sender(match_login="monitor"))
    (doubt,) = doubts(settings)
    assert doubt == (
        "identity.domains: corp has no dot: with append_dot_mydomain = yes, Postfix completes "
        "senders of it to those of another domain"
    )
    assert doubts(Settings(identity=identity)) == []


NEWS = SenderException(sender="news@example.com", clients=("203.0.113.0/24",))
NO_FAKES = 'sender.exception: has no effect with fake_sender_control = "off"'
NO_MATCH = 'match_scope: has no effect with match_login = "off"'


@pytest.mark.parametrize(
    ("settings", "doubt"),
    [
        (with_sender(exceptions=(NEWS,)), [NO_FAKES]),
        (with_contexts({"fake_sender_control": "monitor"}, exceptions=(NEWS,)), []),
        (with_sender(match_scope="domain"), [f"sender.{NO_MATCH}"]),
        (with_sender(match_scope="domain", match_login="monitor"), []),
        (with_contexts({"match_login": "enforce"}, match_scope="domain"), []),
        (with_contexts({}, {"match_scope": "domain"}), [f"sender.context[2].{NO_MATCH}"]),
        (
            with_contexts({"match_login": "off", "match_scope": "domain"}, match_login="enforce"),
            [f"sender.context[1].{NO_MATCH}"],
        ),
    ],
)
def test_what_serves_a_rule_that_is_off_is_doubtful(settings: Settings, doubt: list[str]) -> None:
    assert doubts(settings) == doubt


ROUTED = (
    "sets nothing apart: Postfix may route by it, so that a sender that holds one is never "
    "one sure address"
)


@pytest.mark.parametrize(
    ("delimiters", "doubt"),
    [
        ("+", []),
        ("+-=", []),
        ("", []),
        ("!", [f'"!" {ROUTED}']),
        ("+%", [f'"%" {ROUTED}']),
        ("++", ['"+" is there twice; each character counts by itself']),
    ],
)
def test_delimiters_that_do_nothing_are_doubtful(delimiters: str, doubt: list[str]) -> None:
    assert doubts(with_sender(recipient_delimiter=delimiters)) == [
        f"sender.recipient_delimiter: {each}" for each in doubt
    ]
