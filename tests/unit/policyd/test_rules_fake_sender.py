"""fake_sender_control: outsiders, our domains, and who may use them all the same."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from bridge_common.identity import IdentityRules
from policyd.action import Code, Refuse
from policyd.request import PolicyRequest
from policyd.rules.fake_sender import fake_sender, is_in
from policyd.rules.interface import Exempt, Facts, Finding, Network, RuleSettings
from policyd.sender import SenderRules, resolve_sender

OURS = frozenset({"example.com", "xn--exmple-cua.com"})
READING = SenderRules("example.com", OURS)
REFUSED = Refuse(Code.NOT_ALLOWED, "not logged in")


def networks(*texts: str) -> tuple[Network, ...]:
    return tuple(map(ip_network, texts))


SETTINGS = RuleSettings(
    OURS,
    trusted_networks=networks("127.0.0.0/8", "::1/128", "198.51.100.0/24", "2001:db8:1::/48"),
    exceptions=(
        Exempt("news@example.com", networks("203.0.113.0/24")),
        Exempt("@example.com", networks("2001:db8:2::/48", "192.0.2.77/32")),
    ),
    recipient_delimiter="+",
)


def judged(sender: str, client: str = "192.0.2.1", **attributes: str) -> Finding:
    request = PolicyRequest("RCPT", sender, client_address=client, **attributes)
    return fake_sender(request, Facts(resolve_sender(sender, READING)), SETTINGS)


@pytest.mark.parametrize(
    "sender",
    [
        "bob@example.com",
        "BOB@EXAMPLE.COM",
        "bob@example.com.",
        "bob+x@example.com",
        "bob",
        "example.com!bob",
        "bob%example.com",
        "victim@evil.example@example.com",
        "bob@ex\u00e4mple.com",
        "bob@xn--exmple-cua.com",
    ],
)
def test_whatever_may_become_ours_is_refused(sender: str) -> None:
    assert judged(sender).refusal == REFUSED


@pytest.mark.parametrize(
    "sender", ["", "bob@example.net", "bob@sub.example.com", "bob@example.com.example.net"]
)
def test_what_is_foreign_in_every_reading_passes(sender: str) -> None:
    assert judged(sender) == Finding(None, "the sender's domain is not one of ours")


def test_the_administrator_is_told_which_address_it_may_become() -> None:
    assert judged("bob%example.com@example.net").why == (
        "a client that is not logged in uses bob@example.com, which is of one of our domains"
    )


def test_who_is_logged_in_is_not_its_business() -> None:
    assert judged("bob@example.com", sasl_method="PLAIN", sasl_username="x").refusal is None
    assert judged("bob@example.com", sasl_method="PLAIN").refusal is None


def test_anonymous_is_not_logged_in() -> None:
    assert judged("bob@example.com", sasl_method="Anonymous", sasl_username="x").refusal == REFUSED


@pytest.mark.parametrize(
    "client",
    [
        "127.0.0.1",
        "::1",
        "198.51.100.255",
        "::ffff:198.51.100.7",
        "2001:db8:1:ffff::1",
        "2001:DB8:1::1",
        "2001:db8:1::1%eth0",
    ],
)
def test_trusted_networks_may(client: str) -> None:
    assert judged("bob@example.com", client).refusal is None
    assert judged("bob%example.com", client).refusal is None


@pytest.mark.parametrize(
    "client",
    ["", "unknown", "198.51.101.0", "2001:db8:2::1", "::198.51.100.7", "198.51.100.7\n", "[::1]"],
)
def test_others_may_not(client: str) -> None:
    """Least of all one whose address cannot be read."""
    assert judged("carol@xn--exmple-cua.com", client).refusal == REFUSED


@pytest.mark.parametrize(
    ("sender", "client"),
    [
        ("news@example.com", "203.0.113.9"),
        ("News@EXAMPLE.com", "203.0.113.9"),
        ("news+list@example.com", "203.0.113.9"),
        ("news@example.com", "::ffff:203.0.113.9"),
        ("anybody@example.com", "2001:db8:2::25"),
        ("anybody@example.com", "192.0.2.77"),
    ],
)
def test_an_exception_holds_if_sender_and_client_match(sender: str, client: str) -> None:
    assert judged(sender, client).refusal is None


@pytest.mark.parametrize(
    ("sender", "client"),
    [
        ("other@example.com", "203.0.113.9"),
        ("news@example.com", "203.0.114.9"),
        ("xnews@example.com", "203.0.113.9"),
        ("news@xn--exmple-cua.com", "203.0.113.9"),
        ("news@xn--exmple-cua.com", "2001:db8:2::25"),
        ("news@example.com", "unknown"),
        ("news%example.com@example.com", "203.0.113.9"),
        ("example.com!news", "192.0.2.77"),
    ],
)
def test_half_an_exception_is_none(sender: str, client: str) -> None:
    """An exception is for an address that it surely is; what may be another has none."""
    assert judged(sender, client).refusal == REFUSED


@pytest.mark.parametrize(
    ("sender", "passes"),
    [("news@example.com", True), ("news+july@example.com", True), ("news-july@example.com", False)],
)
def test_an_exception_covers_no_extension_that_may_be_another_login(
    sender: str, passes: bool
) -> None:
    """login_characters has the hyphen, and no plus."""
    settings = replace(SETTINGS, recipient_delimiter="+-", identity=IdentityRules(OURS))
    request = PolicyRequest("RCPT", sender, client_address="203.0.113.9")
    finding = fake_sender(request, Facts(resolve_sender(sender, READING)), settings)
    assert (finding.refusal is None) is passes


def test_the_administrator_is_told_which_exception_it_was() -> None:
    assert judged("news@example.com", "203.0.113.9").why == (
        "there is a [[sender.exception]] for news@example.com"
    )
    assert judged("x@example.com", "192.0.2.77").why == (
        "there is a [[sender.exception]] for @example.com"
    )


def test_where_every_domain_is_ours_any_sender_is_fake() -> None:
    every = RuleSettings(None)
    sender = resolve_sender("bob@example.net", SenderRules("example.com", None))
    assert fake_sender(PolicyRequest("RCPT", "bob@example.net"), Facts(sender), every).refusal


@pytest.mark.parametrize("client", ["", "x", "1.2.3", "1.2.3.4.5", "::g", "0x7f.1", "127.0.0.1 "])
def test_no_address_lies_in_no_network(client: str) -> None:
    assert not is_in(client, networks("0.0.0.0/0", "::/0"))


def test_families_are_kept_apart() -> None:
    assert not is_in("192.0.2.1", networks("::/0"))
    assert not is_in("2001:db8::1", networks("0.0.0.0/0"))
    assert is_in("::ffff:192.0.2.1", networks("0.0.0.0/0"))
