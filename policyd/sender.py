"""The envelope sender as Postfix will resolve it.

A policy request carries it unquoted, and before Postfix rewrites it: `example.org!victim` leaves
the gateway as `victim@example.org` (trivial-rewrite: rewrite.c, resolve.c). So a sender has
readings: every address that it may become. Where there is just one, it is sure.
What it becomes depends on parameters of Postfix that nobody tells us: swap_bangpath,
allow_percent_hack, append_dot_mydomain, mydomain, mydestination. Each may be as it likes here.
Knows Postfix's routing operators, myorigin and what makes a name ambiguous; knows no logins and no
rules. Pure; raises nothing.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from bridge_common.address import canonical_local, domain_to_a_label, strict_a_label


@dataclass(frozen=True, slots=True)
class SenderRules:
    """What the reading depends on. Domains are A-labels, in lower case.

    ``myorigin`` is what Postfix appends to a name without a domain; empty: that is not known.
    ``domains`` are ours; None: every domain is.
    """

    myorigin: str
    domains: frozenset[str] | None


class EnvelopeSender(NamedTuple):
    """A sender and its readings.

    ``typed`` is what Postfix sent; empty for the null sender, which has no readings.
    ``address`` is the canonical address that it surely is; empty if it is not sure, and then
    ``unsure`` says why, in words for who sent it: "it ...".
    ``readings`` are all canonical addresses that it may become, ``address`` included; their domains
    need be no domain names. One without a dot stands for itself and for that name in Postfix's own
    domain (mydomain); an empty one for any domain at all, where nobody can tell what will become
    of the sender.
    """

    typed: str
    address: str = ""
    unsure: str = ""
    readings: tuple[str, ...] = ()

    @property
    def is_null(self) -> bool:
        """Whether it is `<>`."""
        return not self.typed

    @property
    def domain(self) -> str:
        """The domain of ``address``."""
        return self.address.rpartition("@")[2]

    def reading_of_ours(self, domains: frozenset[str] | None) -> str:
        """Return a reading whose domain is, or may become, one of these; empty if there is none.

        With None every domain is ours.
        """
        for reading in self.readings:
            if domains is None or _may_become_one(reading.rpartition("@")[2], domains):
                return reading
        return ""


def resolve_sender(sender: str, rules: SenderRules) -> EnvelopeSender:
    """Return the sender with its readings."""
    if sender.isascii():  # before lower(), which makes ASCII of the Kelvin sign
        lowered = sender.lower()
        if _PLAIN.fullmatch(lowered):
            return EnvelopeSender(sender, lowered, "", (lowered,))
    return _resolve_uncommon(sender, rules) if sender else _NULL


_NULL = EnvelopeSender("")

# What nearly all senders are: no operator, a domain with a dot and without anything that would need
# a second look (an xn-- label, one longer than 63 characters). In lower case.
_PLAIN = re.compile(
    r"(?!mailer-daemon@)"
    r"[a-z0-9#$&'*+/=?^_`{|}~.-]+"
    r"@(?=.{1,63}\Z)[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)+"
)

_OPERATORS = "@%!"
_MOST_OPERATORS = 8  # an honest sender has two or three; the readings grow with the square of them

# A domain that every parser leaves as it is, be it a name or not. Of anything else spaces, comments
# and quotes may go, in Postfix or behind it (tok822_parse.c), and IDNA's other dots become dots.
_STEADY = r"[^\0-,./:-@\[-^`{-\x7f\u3002\uff0e\uff61]+"
_STEADY_DOMAIN = re.compile(rf"{_STEADY}(?:\.{_STEADY})*|\[[0-9A-Za-z.:-]+\]")

# When resolve.c looks into a local part for operators, these begin tokens of their own in it.
_TOKENS = re.compile(r'["\\()<>\[\],;:\s]')

_PLAINLY = "use plain local@domain"
_NO_LOCAL = f"it has no name before its @; {_PLAINLY}"
_NO_DOMAIN = f"it has nothing after its @; {_PLAINLY}"
_BARE = "it has no domain, and myorigin is not set; write the whole address"
_NOT_UTF8 = "it is not UTF-8"
_ROUTED = "it holds {} before its domain, which may route it elsewhere; " + _PLAINLY
_STRANGE_LOCAL = f"it holds a quote, a backslash, a control or a needless space; {_PLAINLY}"
_LOOKS_ROUTED = f"it holds what looks like an @, % or !; {_PLAINLY}"
_NOT_COMPOSED = "it holds letters that are not in their usual form (NFC)"
_NO_NAME = "it has no domain name after its @"
_NO_DOT = "its domain has no dot and may be completed; write the whole domain"
_OTHER_SPELLING = "its domain is spelled with look-alike characters; use its xn-- form"
_BECOMES_NULL = "it is turned into the null sender; use <>"


def _resolve_uncommon(sender: str, rules: SenderRules) -> EnvelopeSender:
    local, at, domain = sender.rpartition("@")
    if not at:
        # rewrite.c: append_at_myorigin. Postfix does not work with it switched off (postconf(5)).
        local, domain = sender, rules.myorigin
    unsure = (
        _doubt_of_encoding(sender)
        or _doubt_of_local(local)
        or _doubt_of_composition(sender)
        or (_BARE if not (at or domain) else _doubt_of_domain(domain, rules.domains))
        or _doubt_of_daemon(local, domain, rules.myorigin)
    )
    if unsure:
        return EnvelopeSender(sender, "", unsure, _readings(sender, rules.myorigin))
    address = f"{canonical_local(local)}@{domain_to_a_label(domain.removesuffix('.'))}"
    return EnvelopeSender(sender, address, "", (address,))


def _doubt_of_encoding(sender: str) -> str:
    try:
        sender.encode()
    except UnicodeEncodeError:
        return _NOT_UTF8
    return ""


def _doubt_of_local(local: str) -> str:
    """Return why Postfix may make something else of a local part; empty if it surely does not.

    Other specials of RFC 5322 are safe: rewrite_clnt.c quotes the local part, and unquotes it.
    A look-alike of a letter is another letter: it leaves the gateway as it came, as an address that
    a login of plain letters does not own. A look-alike of an operator has no business here.
    """
    if not local:
        return _NO_LOCAL
    if operator := _operator_in(local):
        return _ROUTED.format("another @" if operator == "@" else f"a {operator}")
    # Directories take it for the name without needless spaces (RFC 4518 section 2.6.1).
    if not local.isprintable() or '"' in local or "\\" in local or local != _spaced(local):
        return _STRANGE_LOCAL
    return _LOOKS_ROUTED if _operator_in(unicodedata.normalize("NFKC", local)) else ""


def _doubt_of_composition(sender: str) -> str:
    # It leaves the gateway as it came; who gets it, as Postfix itself, may take it for another one.
    return "" if unicodedata.is_normalized("NFC", sender) else _NOT_COMPOSED


def _operator_in(text: str) -> str:
    return next((operator for operator in _OPERATORS if operator in text), "")


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _doubt_of_domain(domain: str, ours: frozenset[str] | None) -> str:
    """Return why it is not sure which domain this is; empty if it is."""
    if not domain:
        return _NO_DOMAIN
    # rewrite.c strips one dot at the end.
    name = domain.removesuffix(".")
    label = domain_to_a_label(name)
    if label is None:
        return _NO_NAME
    if not name.isascii() and label != strict_a_label(name):
        return _OTHER_SPELLING
    if "." not in label and (ours is None or label not in ours):
        return _NO_DOT
    return ""


def _doubt_of_daemon(local: str, domain: str, myorigin: str) -> str:
    # cleanup_addr.c, cleanup_addr_sender().
    name = domain_to_a_label(domain.removesuffix("."))
    is_origin = not myorigin or name == myorigin
    return _BECOMES_NULL if local.lower() == "mailer-daemon" and is_origin else ""


def _readings(sender: str, myorigin: str) -> tuple[str, ...]:
    """Return all that may become of a sender, each once; never none."""
    found: dict[str, None] = {}
    if sum(map(sender.count, _OPERATORS)) > _MOST_OPERATORS:
        return (_no_telling(sender),)
    bare = [] if "@" in sender else [(sender, myorigin)]
    for local, domain in (*bare, *_splits(sender)):
        found.update(dict.fromkeys(_spellings(local, domain)))
    if _is_beyond_us(sender, found):
        found[_no_telling(sender)] = None
    return tuple(found)


def _no_telling(sender: str) -> str:
    return f"{canonical_local(sender)}@"


def _splits(sender: str) -> Iterator[tuple[str, str]]:
    """Yield every local part and domain that routing operators may make of a sender.

    Postfix takes a domain off if it is its own (mydestination), and looks at what is left: bare
    names are swapped around their first `!`, or parted at their last `%` (rewrite.c). In a quoted
    local part the % comes before the ! (resolve.c); so both are tried, and each alone.
    """
    rests = {sender: None}
    todo = [sender]
    while todo:
        for local, domain in _one_step(todo.pop()):
            if domain is not None:
                yield local, domain
            if local and local not in rests:
                rests[local] = None
                todo.append(local)


def _one_step(rest: str) -> Iterator[tuple[str, str | None]]:
    """Yield what one step makes of a rest: local part and domain; None: only the rest changes."""
    if rest.startswith("@") and ":" in rest:  # a source route
        yield rest.partition(":")[2], None
    if "@" in rest:
        local, _, domain = rest.rpartition("@")
        yield local, domain
        return
    if "!" in rest:
        domain, _, local = rest.partition("!")
        yield local, domain
    if "%" in rest:
        local, _, domain = rest.rpartition("%")
        yield local, domain


def _spellings(local: str, domain: str) -> Iterator[str]:
    """Yield an address with its domain as it stands, and as others may map it."""
    name = domain.removesuffix(".")
    yield f"{canonical_local(local)}@{unicodedata.normalize('NFC', name).lower()}"
    if not name.isascii():
        # IDNA 2003 maps by NFKC, and makes a dot of what IDNA 2008 does not let pass, as U+2024.
        mapped = unicodedata.normalize("NFKC", name).lower()
        for label in (domain_to_a_label(name), strict_a_label(name), mapped):
            if label:
                yield f"{canonical_local(local)}@{label}"


def _is_beyond_us(sender: str, readings: Iterable[str]) -> bool:
    """Say whether other parsers may find a domain in it that is not among the readings."""
    if _operator_in(sender.rpartition("@")[0] or sender) and _has_tokens(sender):
        return True
    domains = (reading.rpartition("@")[2] for reading in readings)
    return any(domain and not _is_steady(domain) for domain in domains)


def _is_steady(domain: str) -> bool:
    return domain.isprintable() and _STEADY_DOMAIN.fullmatch(domain) is not None


def _has_tokens(text: str) -> bool:
    return _TOKENS.search(text) is not None or not text.isprintable()


def _may_become_one(domain: str, domains: frozenset[str]) -> bool:
    if domain in domains or not domain:
        return True
    # append_dot_mydomain, "yes" before compatibility_level 1.
    return "." not in domain and any(one.startswith(f"{domain}.") for one in domains)
