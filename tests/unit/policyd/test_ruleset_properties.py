"""Laws of the rules together, over all that may be asked and set."""

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from policyd.action import DUNNO, HANG_UP, Code, Refuse
from policyd.ownership.interface import Owned
from policyd.request import PolicyRequest
from policyd.rules.interface import Exempt, Facts, Mode, RuleSettings
from policyd.ruleset import decide, needs_owner
from policyd.sender import SenderRules, resolve_sender

SENDERS = st.sampled_from(
    [
        *("", "alice", "alice@example.com", "bob@example.com", "carol@example.net", "@", "a@", "!"),
        *("example.com!bob", "bob%example.com", "bob%example.com@example.net", "a b@example.com"),
        *("\udcff@example.com", "j\u00f6rg@ex\u00e4mple.org", "x@localhost", "x@[192.0.2.1]"),
    ]
) | st.text(st.characters(blacklist_categories=[]), max_size=12)
REQUESTS = st.builds(
    PolicyRequest,
    protocol_state=st.sampled_from(["RCPT", "MAIL", "END-OF-MESSAGE", "CONNECT", "VRFY", ""]),
    sender=SENDERS,
    client_address=st.sampled_from(["192.0.2.1", "127.0.0.1", "::1", "203.0.113.9", "unknown"]),
    sasl_method=st.sampled_from(["", "PLAIN", "anonymous", "XCLIENT"]),
    sasl_username=st.sampled_from(["", "alice@example.com", "a\n\naction=OK"]),
)
MODES = st.sampled_from(["off", "monitor", "enforce"])
RULES = ("match_login", "foreign_sender", "null_sender", "fake_sender_control")
SETTINGS = st.builds(
    RuleSettings,
    domains=st.sampled_from([None, frozenset({"example.com"}), frozenset()]),
    match_login=MODES,
    fake_sender_control=MODES,
    foreign_sender=MODES,
    null_sender=MODES,
    on_lookup_failure=st.sampled_from(["tempfail", "accept", "reject"]),
    trusted_networks=st.sampled_from([(), (ip_network("127.0.0.0/8"), ip_network("::1/128"))]),
    exceptions=st.sampled_from([(), (Exempt("@example.com", (ip_network("203.0.113.0/24"),)),)]),
    recipient_delimiter=st.sampled_from(["", "+"]),
    help_text=st.sampled_from(["", "see the page"]),
)
OWNED = st.sampled_from(Owned)


def facts(request: PolicyRequest, settings: RuleSettings, owned: Owned) -> Facts:
    """Return what would be known: an owner only where one is asked for."""
    sender = resolve_sender(request.sender, SenderRules("example.com", settings.domains))
    known = owned if needs_owner(request, sender, settings) else Owned.NO
    return Facts(sender, known, "because")


def with_modes(settings: RuleSettings, mode: Mode) -> RuleSettings:
    """Return the settings with every rule in this mode that is not off."""
    on: dict[str, Any] = {rule: mode for rule in RULES if getattr(settings, rule) != "off"}
    return replace(settings, **on)


@given(REQUESTS, SETTINGS, OWNED)
def test_only_dunno_and_refusals_come_of_rules(
    request: PolicyRequest, settings: RuleSettings, owned: Owned
) -> None:
    decision = decide(request, facts(request, settings, owned), settings)
    assert decision.action is not HANG_UP
    assert isinstance(decision.action, Refuse) == (decision.action is not DUNNO)
    assert bool(decision.rule) == (decision.action is not DUNNO or decision.monitored)
    assert not (decision.monitored and decision.action is not DUNNO)


@given(REQUESTS, SETTINGS, OWNED)
def test_monitoring_refuses_nothing(
    request: PolicyRequest, settings: RuleSettings, owned: Owned
) -> None:
    assume(not (request.is_authenticated and not request.sasl_username))
    monitored = with_modes(settings, "monitor")
    assert decide(request, facts(request, monitored, owned), monitored).action is DUNNO


@given(REQUESTS, SETTINGS, OWNED)
def test_monitoring_changes_nothing_that_is_told(
    request: PolicyRequest, settings: RuleSettings, owned: Owned
) -> None:
    """Postfix is told what it would be told if the rules that are monitored were off."""
    off: dict[str, Any] = {rule: "off" for rule in RULES if getattr(settings, rule) == "monitor"}
    without = replace(settings, **off)
    one = decide(request, facts(request, settings, owned), settings)
    other = decide(request, facts(request, without, owned), without)
    assert one.action == other.action


@given(REQUESTS, SETTINGS, OWNED)
def test_what_is_monitored_first_is_what_would_be_enforced(
    request: PolicyRequest, settings: RuleSettings, owned: Owned
) -> None:
    monitored, enforced = with_modes(settings, "monitor"), with_modes(settings, "enforce")
    one = decide(request, facts(request, monitored, owned), monitored)
    other = decide(request, facts(request, enforced, owned), enforced)
    assert (one.rule, one.why) == (other.rule, other.why)


@given(st.sampled_from(["bob@example.com", "carol@example.net", "a+x@example.com"]), SETTINGS)
def test_an_owner_whom_nobody_could_name_is_never_a_yes(
    sender: str, settings: RuleSettings
) -> None:
    request = PolicyRequest("RCPT", sender, sasl_method="PLAIN", sasl_username="alice@example.com")
    enforced = replace(with_modes(settings, "enforce"), match_login="enforce")
    action = decide(request, facts(request, enforced, Owned.UNKNOWN), enforced).action
    match settings.on_lookup_failure:
        case "tempfail":
            assert isinstance(action, Refuse)
            assert action.code is Code.TRY_LATER
        case "reject":
            assert isinstance(action, Refuse)
            assert action.code is Code.NOT_ALLOWED
        case "accept":
            assert action is DUNNO


@given(REQUESTS, SETTINGS, OWNED)
def test_only_a_look_up_makes_a_refusal_temporary(
    request: PolicyRequest, settings: RuleSettings, owned: Owned
) -> None:
    known = facts(request, settings, owned)
    action = decide(request, known, settings).action
    if isinstance(action, Refuse) and action.code is Code.TRY_LATER:
        assert known.owned is Owned.UNKNOWN
        assert settings.on_lookup_failure == "tempfail"


@given(REQUESTS, SETTINGS)
def test_a_logged_in_client_is_let_through_only_with_what_it_owns(
    request: PolicyRequest, settings: RuleSettings
) -> None:
    assume(request.is_authenticated and request.sender)
    enforced = replace(settings, match_login="enforce")
    assert decide(request, facts(request, enforced, Owned.NO), enforced).action is not DUNNO


@given(REQUESTS, SETTINGS, OWNED)
def test_an_outsider_is_let_through_only_if_no_reading_is_ours(
    request: PolicyRequest, settings: RuleSettings, owned: Owned
) -> None:
    assume(not request.is_authenticated)
    strict = replace(settings, fake_sender_control="enforce", trusted_networks=(), exceptions=())
    known = facts(request, strict, owned)
    ours = known.sender.reading_of_ours(strict.domains) != ""
    assert (decide(request, known, strict).action is not DUNNO) == ours
