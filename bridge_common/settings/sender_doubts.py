"""What is allowed in `[sender]`, but probably not what the administrator meant.

Does not know what makes it unusable (`sender_rules`), nor what is doubtful about its directory
(`profile_doubts`).
Pure: yields findings, raises nothing. Paths are without names (`sender.context[1].match_login`).
"""

from collections.abc import Iterator

from bridge_common.settings.findings import Finding
from bridge_common.settings.kinds import format_duration
from bridge_common.settings.model import Settings
from bridge_common.settings.networks import holds_everything
from bridge_common.settings.sender import Sender, overridden, switched_on
from bridge_common.settings.server import numbered
from bridge_common.settings.texts import ANY_DOMAIN
from bridge_common.settings.toml_text import quote

_POSTFIX_WAITS = 5.0  # examples/postfix: check_policy_service { ..., timeout=5s }
_OPEN = (
    'with match_login = "enforce" and on_lookup_failure = "accept", every envelope sender passes '
    "while the directory is away"
)


def doubts_about_sender(settings: Settings) -> Iterator[Finding]:
    """Yield what is without effect there, too lax, or too slow."""
    sender = settings.sender
    if ANY_DOMAIN in settings.identity.domains:
        for path in switched_on(sender, "foreign_sender"):
            message = 'has no effect with [identity] domains = ["*"]: no domain is foreign then'
            yield Finding(path, message)
    for domain in settings.identity.domains if switched_on(sender) else ():
        if "." not in domain and domain != ANY_DOMAIN:
            message = (
                f"{domain} has no dot: with append_dot_mydomain = yes, Postfix completes senders "
                "of it to those of another domain"
            )
            yield Finding("identity.domains", message)
    yield from _networks_of_everybody(sender)
    if sender.lookup_timeout >= _POSTFIX_WAITS:
        message = (
            f"{format_duration(sender.lookup_timeout)} is not below the timeout=5s of "
            "examples/postfix: Postfix hangs up before the lookup has failed"
        )
        yield Finding("sender.lookup_timeout", message)
    yield from _outages_that_open_the_door(sender)
    yield from _without_effect(sender)
    yield from _odd_delimiters(sender.recipient_delimiter)


def _networks_of_everybody(sender: Sender) -> Iterator[Finding]:
    for network in filter(holds_everything, sender.trusted_networks):
        message = f"{network} is every address: fake_sender_control refuses none of them"
        yield Finding("sender.trusted_networks", message)
    for path, exception in numbered(sender.exceptions, "sender.exception"):
        for network in filter(holds_everything, exception.clients):
            message = f"{network} is every address: anyone there may use {exception.sender}"
            yield Finding(f"{path}.clients", message)


def _without_effect(sender: Sender) -> Iterator[Finding]:
    """Yield what serves a rule that is off, in the section and in every context."""
    contexts = numbered(sender.contexts, "sender.context")
    places = (("sender", sender), *((path, overridden(sender, each)) for path, each in contexts))
    wide = [(path, place) for path, place in places if place.match_scope == "domain"]
    if wide and all(place.match_login == "off" for _, place in wide):
        yield Finding(f"{wide[0][0]}.match_scope", 'has no effect with match_login = "off"')
    if sender.exceptions and not switched_on(sender, "fake_sender_control"):
        yield Finding("sender.exception", 'has no effect with fake_sender_control = "off"')


def _odd_delimiters(delimiters: str) -> Iterator[Finding]:
    path = "sender.recipient_delimiter"
    for each in dict.fromkeys(delimiters):
        if each in "!%":
            message = f"{quote(each)} sets nothing apart: Postfix may route by it, so that a "
            yield Finding(path, f"{message}sender that holds one is never one sure address")
        if delimiters.count(each) > 1:
            yield Finding(path, f"{quote(each)} is there twice; each character counts by itself")


def _outages_that_open_the_door(sender: Sender) -> Iterator[Finding]:
    """Yield one doubt where both keys are in force, at the place that brings them together."""
    if _is_open(sender):
        yield Finding("sender.on_lookup_failure", _OPEN)
    for path, context in numbered(sender.contexts, "sender.context"):
        said = [key for key in ("on_lookup_failure", "match_login") if getattr(context, key)]
        if said and _is_open(overridden(sender, context)):
            yield Finding(f"{path}.{said[0]}", _OPEN)


def _is_open(sender: Sender) -> bool:
    return sender.match_login == "enforce" and sender.on_lookup_failure == "accept"
