"""The section `[sender]`: its kinds of value, and what is in force in a context."""

import dataclasses
import re
from typing import Any

import pytest

from bridge_common.settings.declaration import keys_of
from bridge_common.settings.sender import (
    RULES,
    Sender,
    SenderContext,
    SenderException,
    any_rule_on,
    in_context,
    overridden,
    switched_on,
)

SENDER = Sender(
    match_login="monitor",
    null_sender="reject",
    help_text="See the page",
    exceptions=(SenderException(sender="@example.com", clients=("::1/128",)),),
    contexts=(
        SenderContext(name="submission", match_login="enforce", match_scope="domain"),
        SenderContext(name="port25", match_login="off", null_sender="allow", help_text=""),
        SenderContext(name="nothing"),
    ),
)


def test_a_context_changes_what_it_says_and_nothing_else() -> None:
    assert in_context(SENDER, "submission") == dataclasses.replace(
        SENDER, match_login="enforce", match_scope="domain"
    )
    assert in_context(SENDER, "port25") == dataclasses.replace(
        SENDER, match_login="off", null_sender="allow", help_text=""
    )
    assert in_context(SENDER, "nothing") == SENDER


def test_an_unknown_context_changes_nothing() -> None:
    for name in ("", "Submission", "other"):
        assert in_context(SENDER, name) is SENDER


def test_a_context_can_change_every_key_that_it_has() -> None:
    context = SenderContext(
        name="all",
        match_login="enforce",
        match_scope="domain",
        fake_sender_control="enforce",
        foreign_sender="enforce",
        null_sender="reject",
        on_lookup_failure="accept",
        help_text="Ask us",
    )
    changed = overridden(Sender(), context)
    for name in keys_of(SenderContext).keys() - {"name"}:
        assert getattr(changed, name) == getattr(context, name)
        assert getattr(changed, name) != getattr(Sender(), name)


def test_what_switches_a_rule_on_is_told_with_its_place() -> None:
    assert switched_on(SENDER) == (
        "sender.match_login",
        "sender.null_sender",
        "sender.context[1].match_login",
    )
    assert switched_on(SENDER, "match_login") == (
        "sender.match_login",
        "sender.context[1].match_login",
    )
    assert switched_on(SENDER, "foreign_sender", "fake_sender_control") == ()


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("match_login", "monitor"),
        ("fake_sender_control", "enforce"),
        ("foreign_sender", "monitor"),
        ("null_sender", "monitor"),
        ("null_sender", "reject"),
    ],
)
def test_one_rule_that_is_on_is_enough_also_in_a_context(rule: str, value: str) -> None:
    on: dict[str, Any] = {rule: value}
    assert any_rule_on(Sender(**on))
    assert any_rule_on(Sender(contexts=(SenderContext(name="x", **on),)))


def test_by_default_no_rule_is_on() -> None:
    off: dict[str, Any] = dict(RULES)
    contexts = (SenderContext(name="a", match_scope="domain"), SenderContext(name="b", **off))
    assert not any_rule_on(Sender())
    assert not any_rule_on(
        Sender(match_scope="domain", on_lookup_failure="reject", contexts=contexts)
    )


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("lookup_timeout", 0, "must be longer than nothing"),
        ("lookup_timeout", "31s", 'must be at most "30s"'),
        ("recipient_delimiter", "x", '"x" cannot set an extension apart'),
        ("help_text", "a" * 201, "must be at most 200 characters long"),
        ("myorigin", "@example.com", "is not a domain name: write it without the @"),
        ("aliases_file", "aliases", "is not an absolute path"),
        ("control", "inet:127.0.0.1:1", "must be a UNIX socket"),
        ("null_sender", "enforce", '"enforce" is not one of "allow", "monitor", "reject"'),
        ("trusted_networks", ["::1", "[::1]/128"], '"::1/128" is there twice'),
        (
            "trusted_networks",
            ["10.0.0.1/8", "::1", "10.0.0"],
            (
                '"10.0.0.1/8" is an address within a network: "10.0.0.0/8" was probably meant; '
                '"10.0.0" is not an address or a network, such as 192.0.2.1, 10.0.0.0/8 or '
                "2001:db8::/32"
            ),
        ),
    ],
)
def test_what_a_key_does_not_take(key: str, value: object, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        keys_of(Sender)[key].kind.read(value)


@pytest.mark.parametrize(
    ("key", "value", "read"),
    [
        ("lookup_timeout", "30s", 30.0),
        ("aliases_file", "", ""),
        ("recipient_delimiter", "", ""),
        ("myorigin", "B\u00fccher.Example", "xn--bcher-kva.example"),
        ("trusted_networks", ["[::1]/128", "10.0.0.1"], ("::1/128", "10.0.0.1/32")),
    ],
)
def test_what_a_key_takes_and_how_it_is_kept(key: str, value: object, read: object) -> None:
    assert keys_of(Sender)[key].kind.read(value) == read
