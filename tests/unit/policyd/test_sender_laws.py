"""Laws of senders and their readings, against a small model of what Postfix makes of a sender.

The model has tokens, as trivial-rewrite has (tok822_parse.c); comments, quotes, spaces and address
literals are left to the real one, in the system tests.
"""

import re
from dataclasses import dataclass

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge_common.address import canonical_address, domain_to_a_label
from policyd.sender import EnvelopeSender, SenderRules, resolve_sender

MYORIGIN = "origin.example"
OURS = frozenset({"example.org", "mail.example.net", "corp"})
RULES = SenderRules(MYORIGIN, OURS)


@dataclass(frozen=True)
class Parameters:
    """Parameters of Postfix that the daemon is not told."""

    swap_bangpath: bool
    allow_percent_hack: bool
    mydomain: str  # empty: append_dot_mydomain is off
    mydestination: frozenset[str]


class Quoted(str):
    """A quoted string: one token, whatever it holds."""

    __slots__ = ()


Tokens = list[str]


def tokens_of(text: str) -> Tokens:
    return re.findall(r"[@%!.:,]|[^@%!.:,]+", text)


def quoted_tokens(internal: str) -> Tokens:
    """As quote_822_local() and tok822_scan_addr() make them."""
    start = internal.find(":") + 1 if internal.startswith("@") else 0
    at = internal.rfind("@", start)
    end = len(internal) if at < 0 else at
    local = internal[start:end]
    plain = local and not re.search(r"^\.|\.\.|\.$|[@:,]", local)
    middle = tokens_of(local) if plain else [Quoted(local)]
    return [*tokens_of(internal[:start]), *middle, *tokens_of(internal[end:])]


def first(tokens: Tokens, sign: str) -> int:
    found = (at for at, token in enumerate(tokens) if token == sign and type(token) is str)
    return next(found, -1)


def last(tokens: Tokens, sign: str) -> int:
    found = first(tokens[::-1], sign)
    return found if found < 0 else len(tokens) - 1 - found


def rewrite_tree(tokens: Tokens, postfix: Parameters) -> Tokens:
    if tokens == ["@"]:
        return [Quoted("")]
    colon = first(tokens, ":")
    if first(tokens, "@") == 0 and 0 < colon < len(tokens) - 1:
        tokens = tokens[colon + 1 :]
    if first(tokens, "@") < 0:
        tokens = given_a_domain(tokens, postfix)
    domain = tokens[last(tokens, "@") + 1 :]
    if postfix.mydomain and domain and "." not in domain:
        tokens = [*tokens, ".", *tokens_of(postfix.mydomain)]
    return tokens[:-1] if ends_in_one_dot(tokens, "@") else tokens


def given_a_domain(tokens: Tokens, postfix: Parameters) -> Tokens:
    bang, percent = first(tokens, "!"), last(tokens, "%")
    if postfix.swap_bangpath and bang >= 0:
        return [*tokens[bang + 1 :], "@", *tokens[:bang]]
    if postfix.allow_percent_hack and percent >= 0:
        return [*tokens[:percent], "@", *tokens[percent + 1 :]]
    return [*tokens, "@", *tokens_of(MYORIGIN)]


def ends_in_one_dot(tokens: Tokens, *others: str) -> bool:
    return len(tokens) > 1 and tokens[-1] == "." and tokens[-2] not in {".", *others}


def rewritten(internal: str, postfix: Parameters) -> str:
    """Return what leaves the gateway (cleanup_addr.c)."""
    return "".join(rewrite_tree(quoted_tokens(internal), postfix))


def resolved(internal: str, postfix: Parameters) -> str:
    """Return what smtpd compares with its maps (smtpd_resolve.c, resolve.c)."""
    tokens, taken_off = quoted_tokens(internal), ["@", "host.example"]
    while True:
        if ends_in_one_dot(tokens) and first(tokens, "@") >= 0:
            tokens = tokens[:-1]
        if last(tokens, "@") == len(tokens) - 1 >= 0:
            tokens = tokens[:-1]
        at = last(tokens, "@")
        if at >= 0:
            if "".join(tokens[at + 1 :]).lower() not in postfix.mydestination:
                return "".join(tokens)
            tokens, taken_off = tokens[:at], tokens[at:]
        if routes(tokens, postfix):
            tokens = rewrite_tree(tokens, postfix)
        elif cracked := crack(tokens, postfix):
            tokens = rewrite_tree(cracked, postfix)
        else:
            return "".join([*tokens, *taken_off])


def routes(tokens: Tokens, postfix: Parameters) -> bool:
    return (
        first(tokens, "@") >= 0
        or (postfix.swap_bangpath and first(tokens, "!") >= 0)
        or (postfix.allow_percent_hack and first(tokens, "%") >= 0)
    )


def crack(tokens: Tokens, postfix: Parameters) -> Tokens:
    """Open a quoted local part if there are operators in it."""
    if len(tokens) != 1 or not isinstance(tokens[0], Quoted):
        return []
    local = tokens[0]
    if "@" in local:
        return quoted_tokens(str(local))
    if postfix.allow_percent_hack and "%" in local:
        return quoted_tokens("@".join(local.rsplit("%", 1)))
    if postfix.swap_bangpath and "!" in local:
        return tokens_of(local)
    return []


WORDS = f"""
    alice victim mail corp local a..b örg x+y . .. .a b.
    example.org EXAMPLE.org example.org. mail.example.net local.example {MYORIGIN}
"""
words = st.sampled_from(WORDS.split())
signs = st.sampled_from(["@", "@", "%", "!", ".", ""])
pairs = st.lists(st.tuples(words | st.just(""), signs), max_size=6)
broken = pairs.map(lambda all_of_it: "".join(word + sign for word, sign in all_of_it))
names = st.sampled_from(
    ["alice", "a..b", "mail", "local", "local.example", "example.org", MYORIGIN]
)
hops = st.lists(st.tuples(st.sampled_from(["@", "%", "!"]), names), min_size=1, max_size=4)
routed = st.builds(
    lambda name, behind: name + "".join(sign + hop for sign, hop in behind), names, hops
)
routes_before = st.sampled_from(["", "", "", "@a:", "@a,@example.org:"])
plain = st.builds("{}@{}".format, words, words) | words
senders = plain | routed | st.builds("{}{}".format, routes_before, routed | broken)
own = st.frozensets(st.sampled_from(["local", "local.example", MYORIGIN, "mail", "alice", "a..b"]))
postfixes = st.builds(
    Parameters, st.booleans(), st.booleans(), st.sampled_from(["", "example.net"]), own
)

anything = st.text(
    st.sampled_from(
        'aAb.@%!:"\\()<>[],; \t\0\n\x7f\udcffüÜß\u0308\u200d\u212a\uff45\u3002\uff20\u3000'
    )
)
strange = st.lists(anything | words | signs, max_size=8).map("".join)


def covers(sender: EnvelopeSender, became: str) -> bool:
    """Say whether the readings speak of what Postfix made of the sender."""
    return any(is_reading(reading, became) for reading in sender.readings)


def is_reading(reading: str, became: str) -> bool:
    local, _, domain = reading.rpartition("@")
    real_local, _, real_domain = became.lower().rpartition("@")
    real_domain = real_domain.removesuffix(".")
    if not domain:
        return True
    if local != real_local and local:  # resolve.c puts MAILER-DAEMON where there is no name
        return False
    return domain in {real_domain, domain_to_a_label(real_domain)} or (
        "." not in domain and real_domain == f"{domain}.example.net"
    )


@settings(max_examples=500)
@given(senders, postfixes)
@example("victim@example.org@local", Parameters(True, True, "", frozenset({"local"})))
@example("a..b!c%d@local", Parameters(True, True, "", frozenset({"local"})))
@example("x@@local", Parameters(True, True, "example.net", frozenset({"local"})))
def test_whatever_postfix_makes_of_a_sender_is_a_reading(text: str, postfix: Parameters) -> None:
    sender = resolve_sender(text, RULES)
    leaves = rewritten(text, postfix) if text else ""
    if leaves:
        assert covers(sender, leaves)
        assert covers(sender, resolved(leaves, postfix))
    else:
        assert sender.address == ""


@given(senders, postfixes)
def test_a_sure_sender_is_what_postfix_makes_of_it(text: str, postfix: Parameters) -> None:
    sender = resolve_sender(text, RULES)
    if sender.address and sender.domain not in OURS - {"example.org", "mail.example.net"}:
        assert canonical_address(rewritten(text, postfix)) == sender.address
        assert canonical_address(resolved(rewritten(text, postfix), postfix)) == sender.address


@given(senders, senders, postfixes)
def test_senders_that_become_one_are_not_surely_two(
    one: str, other: str, postfix: Parameters
) -> None:
    addresses = {resolve_sender(text, RULES).address for text in (one, other)} - {""}
    became = {rewritten(text, postfix).lower() for text in (one, other) if text}
    assert len(addresses) <= len(became)


@given(senders, postfixes)
def test_an_outsider_never_gets_one_of_ours_through(text: str, postfix: Parameters) -> None:
    became = {rewritten(text, postfix), resolved(text, postfix)} if text else set()
    domains = {one.lower().rpartition("@")[2].removesuffix(".") for one in became}
    if domains & OURS:
        assert resolve_sender(text, RULES).reading_of_ours(OURS)


@given(strange | senders, st.sampled_from([RULES, SenderRules(MYORIGIN, None)]))
def test_every_sender_is_null_sure_or_unsure(text: str, rules: SenderRules) -> None:
    sender = resolve_sender(text, rules)
    assert [sender.is_null, sender.address != "", sender.unsure != ""].count(True) == 1
    assert sender.typed == text
    assert sender.is_null == (sender.readings == ())
    assert len(set(sender.readings)) == len(sender.readings) <= 64
    if sender.address:
        assert sender.readings == (sender.address,)
        assert canonical_address(sender.address) == sender.address
        assert resolve_sender(sender.address, rules).address == sender.address


@given(strange)
def test_an_own_domain_that_stands_in_it_is_found(text: str) -> None:
    for sender in (f"{text}@example.org", f"x@{text}@example.org", f"example.org!{text}"):
        assert resolve_sender(sender, RULES).reading_of_ours(OURS)


@given(strange, st.sampled_from(["@local", "%local@a.example", "@@", "!b@a.example"]))
def test_it_is_found_behind_other_domains_too(text: str, behind: str) -> None:
    for sender in (f"x%example.org{behind}", f"{text}@example.org{behind}"):
        assert resolve_sender(sender, RULES).reading_of_ours(OURS)
