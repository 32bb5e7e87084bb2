"""Envelope senders made up by a grammar: each way of writing one, with names and domains put in.

Knows what may stand behind MAIL FROM, and a name for each way; knows no rules and no owners.
The same each time.
"""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

_SEED = 5
_NAMES = ["alice", "bob", "mary-ann", "sales", "boss", "help", "kate", "stranger"]
_DOMAINS = ["example.com", "example.org", "mail.lan.example", "partner.example", "evil.example"]
_FIRST = ("alice", "example.com", "local.example")
_OUTER = ["local.example", "evil.example", "example.com", "[127.0.0.1]", "local"]

FORMS: Mapping[str, tuple[str, ...]] = {
    # {n} is a name, {d} a domain, {e} the domain that stands behind both; upper case: {N}, {D}
    "plain": ("<{n}@{d}>",),
    "case": ("<{N}@{d}>", "<{n}@{D}>", "<{N}@{D}>"),
    "extension": ("<{n}+x@{d}>", "<{N}+X@{d}>", "<{n}+a+b@{d}>", "<{n}+a-b@{d}>"),
    "extension, empty": ("<{n}+@{d}>", "<{n}-@{d}>", "<{n}++@{d}>"),
    "extension of nothing": ("<+{n}@{d}>", "<+{n}+x@{d}>", "<++{n}@{d}>"),
    "extension in the aliases": ("<alice+bobs@example.com>",),
    "hyphen": ("<{n}-x@{d}>", "<owner-{n}@{d}>", "<{n}-request@{d}>", "<{n}-x+y@{d}>"),
    "bang": ("<{d}!{n}>", '<"{d}!{n}">', "<{e}!{d}!{n}>"),
    "bang, domain behind": ("<{d}!{n}@{e}>", '<"{d}!{n}"@{e}>', "<{d}!{n}+x@{e}>"),
    "percent": ("<{n}%{d}>", '<"{n}%{d}">', "<{n}%{d}%{e}>"),
    "percent, domain behind": ("<{n}%{d}@{e}>", '<"{n}%{d}"@{e}>', "<{n}+x%{d}@{e}>"),
    "at sign in quotes": ('<"{n}@{d}"@{e}>', '<"{n}+x@{d}"@{e}>'),
    "quoted whole": ('<"{n}@{d}">',),
    "source route": ("<@a.example:{n}@{d}>", "<@a.example,@{e}:{n}@{d}>"),
    "source route in quotes": ('<"@a.example:{n}@{d}"@{e}>',),
    "quoted": ('<"{n}"@{d}>', '<{n}@"{d}">', '<"{n}+x"@{d}>'),
    "space in quotes": ('<"john smith"@{d}>', '<"John Smith"@{d}>'),
    "needless space in quotes": ('<" {n}"@{d}>', '<"{n} "@{d}>', '<"john  smith"@{d}>'),
    "quote in quotes": (r'<"\"{n}\""@{d}>', r'<"{n}\\"@{d}>'),
    "bang and quotes": (r'<"\"{d}\"!{n}"@{e}>',),
    "strange domain": (r'<{n}@"\"{d}\"">', '<{n}@"{d} ">'),
    "comments and spaces": ("<{n} (c) @ {d}>", "<{n}@{d} (c)>"),
    "no brackets": ("{n}@{d}",),
    "trailing dot": ("<{n}@{d}.>", "<{N}@{D}.>"),
    "bare": ("<{n}>", '<"{n}">', "<{n}+x>", "<{N}>"),
    "dotless": ("<{n}@mail>", "<{n}@mail.>", "<{n}@example>", "<{n}@local>"),
    "domain above or below": ("<{n}@sub.{d}>", "<{n}@com>", "<{n}@x{d}>"),
    "address literal": ("<{n}@[127.0.0.1]>", "<{n}@[192.0.2.1]>", "<{n}@[IPv6:::1]>"),
    "bare user's name, other domain": ("<help@local.example>", "<help@[127.0.0.1]>"),
    "null": ("<>",),
    "no name": ("<@{d}>", '<""@{d}>'),
    "mailer-daemon": ("<mailer-daemon@{d}>", "<MAILER-DAEMON>"),
    "UTF-8 name": ("<jörg@{d}>", "<jörg+x@{d}>", "<jörg>", "<straße@{d}>"),
    "UTF-8 name, case": ("<JÖRG@{d}>", "<strasse@{d}>", "<\u212aate@{d}>"),
    "UTF-8 name, decomposed": ("<jo\u0308rg@{d}>",),
    "look-alike name": ("<\uff41lice@{d}>", "<\uff41lice\uff0bx@{d}>"),
    "look-alike operator": ("<{n}\uff20{d}>", "<{n}\uff05{d}@{e}>", "<{d}\uff01{n}@{e}>"),
    "UTF-8 domain": ("<{n}@exämple.org>", "<{N}@exämple.org>", "<{n}@exämple.org.>"),
    "UTF-8 domain, case": ("<{n}@EXÄMPLE.ORG>",),
    "UTF-8 domain, decomposed": ("<{n}@exa\u0308mple.org>",),
    "A-label": ("<{n}@xn--exmple-cua.org>", "<{n}@XN--EXMPLE-CUA.ORG>"),
    "look-alike domain": ("<{n}@\uff45xample.com>", "<{n}@example\u3002com>"),
    "ten operators": ("<{n}%a%b%c%d%e%f%g%h%{d}@{e}>",),
}

_EACH = 4  # senders of each way of writing
_AT_RANDOM = 60
_WORDS = [
    "alice",
    "sales",
    "stranger",
    "example.com",
    "EXAMPLE.ORG.",
    "mail",
    "local.example",
    "evil.example",
]
_SIGNS = ("@", "%", "!")


@dataclass(frozen=True, slots=True)
class Made:
    """A sender as it stands behind MAIL FROM, and the name of the way in which it is written."""

    form: str
    path: str


def made_senders() -> list[Made]:
    """Return some of every form, and words joined by operators as the dice fell."""
    dice = random.Random(_SEED)
    made = {Made(form, path): None for form in FORMS for path in _of(form, dice)}
    paths = [_at_random(dice) for _ in range(_AT_RANDOM)]
    return [*made, *(Made("operators at random", path) for path in dict.fromkeys(paths))]


def _of(form: str, dice: random.Random) -> list[str]:
    paths = []
    for text in FORMS[form]:
        for name, domain, outer in (_FIRST, *_others(dice)) if "{" in text else (_FIRST,):
            words = {"n": name, "N": name.upper(), "d": domain, "D": domain.upper(), "e": outer}
            paths.append(text.format_map(words))
    return paths


def _others(dice: random.Random) -> list[tuple[str, str, str]]:
    return [
        (dice.choice(_NAMES), dice.choice(_DOMAINS), dice.choice(_OUTER)) for _ in range(_EACH - 1)
    ]


def _at_random(dice: random.Random) -> str:
    words = dice.choices(_WORDS, k=dice.choice([3, 3, 4, 5]))
    sender = words[0] + "".join(dice.choice(_SIGNS) + word for word in words[1:])
    local, at, domain = sender.rpartition("@")
    if not (at and set(domain).isdisjoint(_SIGNS)):
        return f'<"{sender}">'
    plain = re.fullmatch(r"[^.@]+(\.[^.@]+)*", local)
    return f"<{sender}>" if plain else f'<"{local}"@{domain}>'
