"""The rules in their order: the first refusal of a rule that is enforced decides.

What a rule that is only monitored would refuse is noted, and the next one is asked.
Pure; knows of each rule which setting switches it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from policyd.action import DUNNO, Action, Refuse
from policyd.request import PolicyRequest
from policyd.rules.blocked import blocked
from policyd.rules.fake_sender import fake_sender
from policyd.rules.foreign_sender import foreign_sender
from policyd.rules.interface import Facts, Finding, Mode, Rule, RuleSettings
from policyd.rules.login import login
from policyd.rules.match_login import match_login
from policyd.rules.null_sender import null_sender
from policyd.sender import EnvelopeSender

_RULES: tuple[tuple[str, Rule, Callable[[RuleSettings], Mode]], ...] = (
    ("login", login, lambda _: "enforce"),
    ("blocked", blocked, lambda _: "enforce"),
    ("null_sender", null_sender, lambda settings: settings.null_sender),
    ("match_login", match_login, lambda settings: settings.match_login),
    ("foreign_sender", foreign_sender, lambda settings: settings.foreign_sender),
    ("fake_sender_control", fake_sender, lambda settings: settings.fake_sender_control),
)


_UNSWITCHED = 2  # the first rules, always in force

RULE_NAMES = tuple(name for name, _, _ in _RULES)

_NULL_SENDER_WORDS = {"off": "allow", "enforce": "reject"}


@dataclass(frozen=True, slots=True)
class Ruled:
    """What one rule found, whether or not it is in force; named as its setting is."""

    rule: str
    mode: Mode
    finding: Finding


@dataclass(frozen=True, slots=True)
class Decision:
    """What Postfix is told, and why.

    ``rule`` is the one that refused, or, where nothing is refused, the first that would have, were
    it enforced (``monitored``); empty if there is none.
    """

    action: Action
    rule: str = ""
    why: str = ""
    monitored: bool = False


NOTHING_AGAINST_IT = Decision(DUNNO)
NO_SENDER_YET = Decision(DUNNO, why="there is no sender yet")


def decide(request: PolicyRequest, facts: Facts, settings: RuleSettings) -> Decision:
    """Return the decision of the rules that are in force."""
    if not request.sender_is_known:
        return NO_SENDER_YET
    noted = NOTHING_AGAINST_IT
    for name, rule, mode_of in _RULES:
        mode = mode_of(settings)
        if mode == "off":
            continue
        finding = rule(request, facts, settings)
        if finding.refusal is None:
            continue
        if mode == "enforce":
            return Decision(_helpful(finding.refusal, settings), name, finding.why)
        if not noted.monitored:
            noted = Decision(DUNNO, name, finding.why, monitored=True)
    return noted


def modes(settings: RuleSettings) -> dict[str, str]:
    """Return the mode of each rule that a setting switches, in that setting's words."""
    return {name: in_words(name, mode_of(settings)) for name, _, mode_of in _RULES[_UNSWITCHED:]}


def in_words(rule: str, mode: Mode) -> str:
    """Return a rule's mode as its setting has it."""
    return _NULL_SENDER_WORDS.get(mode, mode) if rule == "null_sender" else mode


def walk(request: PolicyRequest, facts: Facts, settings: RuleSettings) -> Iterator[Ruled]:
    """Yield what each rule finds, in their order, in force or not: for who wants to understand."""
    for name, rule, mode_of in _RULES:
        yield Ruled(name, mode_of(settings), rule(request, facts, settings))


def needs_owner(request: PolicyRequest, sender: EnvelopeSender, settings: RuleSettings) -> bool:
    """Say whether a rule in force will ask who owns the sender."""
    if not request.is_authenticated or not sender.address:
        return False
    if settings.match_login != "off":
        return True
    return settings.foreign_sender != "off" and not settings.is_ours(sender.domain)


def _helpful(refusal: Refuse, settings: RuleSettings) -> Refuse:
    if not settings.help_text:
        return refusal
    return replace(refusal, text=f"{refusal.text}; {settings.help_text}")
