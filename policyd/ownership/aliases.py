"""The aliases file: which logins own which addresses besides their own.

Two notations, also mixed: `address: login, login`, and Postfix's `key value, value` as in
smtpd_sender_login_maps (continuation lines and comments as in postmap(1)). A key is an address, a
bare user of myorigin, `@domain`, or `*`; lines of the same key add up. A broken line is told with
its number, the others count; what may have been meant otherwise is broken, since a wrong guess
would give an address away.
Knows the text only; reading it is `aliases_file`'s. Pure; raises nothing.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from bridge_common.address import canonical_local, domain_to_a_label
from bridge_common.identity import Identity, IdentityRules, RefusedLogin, canonical_identity
from bridge_common.shown import shown

MOST_TOLD = 20
"""Broken lines that are kept to be told; of a file that is none of ours there may be millions."""


@dataclass(frozen=True, slots=True)
class AliasRules:
    """How logins are read, and ``myorigin``, an A-label: the domain of a bare user.

    As long as it is empty, nobody knows whom a bare user means.
    """

    myorigin: str
    identity: IdentityRules


@dataclass(frozen=True, slots=True)
class BrokenLine:
    """A line that is not used, or not wholly, and why; printable."""

    number: int
    why: str

    def __str__(self) -> str:
        return f"line {self.number}: {self.why}"


@dataclass(frozen=True, slots=True)
class Aliases:
    """``owners`` are the logins of each key (`keys.keys_of`), each with the number of its line.

    A key whose logins are all broken is listed, and nobody's. ``broken`` are the first MOST_TOLD of
    ``broken_count`` lines.
    """

    owners: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    broken: tuple[BrokenLine, ...] = ()
    broken_count: int = 0

    def of(self, login: Identity) -> Iterator[tuple[str, int]]:
        """Yield the keys that a login owns, each with the number of its line."""
        for key, logins in self.owners.items():
            if login.address in logins:
                yield key, logins[login.address]


def parse_aliases(text: str, rules: AliasRules) -> Aliases:
    """Return what a file's text says; bytes that are no UTF-8 are surrogates in it."""
    parsing = _Parsing(rules)
    for lines in _logical_lines(text):
        parsing.add(lines)
    return parsing.result()


# C's isspace but for the newline; Postfix takes other blanks for letters.
_BLANKS = " \t\r\v\f"
_SEPARATOR = re.compile(r"[, \t\r]+")  # mail_params.h: CHARS_COMMA_SP

# postmap.c ends a key at the first blank outside quotes; ours ends at a colon too. No possessive
# quantifier: with Python 3.11.2, one around alternatives matches what they do not.
_QUOTED = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_UNQUOTED = f'[^":{_BLANKS}]*'
_KEY = re.compile(rf"(?!:){_UNQUOTED}(?:{_QUOTED}{_UNQUOTED})*(?=[:{_BLANKS}]|\Z)", re.DOTALL)
_TIGHT_COLON = re.compile(rf":[^{_BLANKS}]")  # Postfix takes a:b@example.com for an address
_PARTS = re.compile(r'(?:"(?P<quoted>.*)"|(?P<plain>[^"\\@]*))(?:@(?P<domain>[^"@]*))?', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)

# The readings of a sender with one of these in its local part are never one sure address.
_NEVER_SURE = frozenset('@%!"\\')

_WRITE = "write ADDRESS: LOGIN, LOGIN"


class _BrokenError(Exception):
    """What is wrong with a line; does not leave this file."""


class _Line(NamedTuple):
    number: int
    text: str


def _logical_lines(text: str) -> Iterator[list[_Line]]:
    """Yield each line with those that continue it; blank ones and comments do not part them.

    So does readlline.c. What begins with a blank and continues nothing keeps it, by itself.
    """
    lines: list[_Line] = []
    for number, line in enumerate(text.split("\n"), start=1):
        content = line.strip(_BLANKS)
        if not content or content[0] == "#":
            continue
        if line[0] not in _BLANKS:
            if lines:
                yield lines
            lines = [_Line(number, content)]
        elif lines:
            lines.append(_Line(number, content))
        else:
            yield [_Line(number, line)]
    if lines:
        yield lines


class _Parsing:
    """What was found so far."""

    def __init__(self, rules: AliasRules) -> None:
        self._rules = rules
        self._owners: dict[str, dict[str, int]] = {}
        self._broken: list[BrokenLine] = []
        self._broken_count = 0
        self._logins: dict[str, Identity | RefusedLogin] = {}

    def result(self) -> Aliases:
        """Return all of it."""
        return Aliases(self._owners, tuple(self._broken), self._broken_count)

    def add(self, lines: list[_Line]) -> None:
        """Take a line and those that continue it; if its key is broken, nothing of them."""
        first, *others = lines
        try:
            key, rest = _key_and_rest(first.text, self._rules)
        except _BrokenError as broken:
            self._report(first.number, str(broken))
            return
        owners = self._owners.setdefault(key, {})
        if not (rest or others):
            self._report(first.number, f"{_said(key)} has no login; {_WRITE}")
        for line in (_Line(first.number, rest), *others):
            self._give(owners, line)

    def _give(self, owners: dict[str, int], line: _Line) -> None:
        try:
            words = _words(line.text)
        except _BrokenError as broken:
            self._report(line.number, str(broken))
            return
        refused = []
        for word in words:
            login = self._login(word)
            if isinstance(login, Identity):
                owners.setdefault(login.address, line.number)
            else:
                hint = "; a comma parts logins" if ";" in word else ""
                refused.append(f"{_said(word)} is no login of ours: {login.reason}{hint}")
        if refused:
            others = len(refused) - 1
            more = f"; nor are {others} other words of this line" if others else ""
            self._report(line.number, refused[0] + more)

    def _login(self, word: str) -> Identity | RefusedLogin:
        """Return whom a word means; remembered, since a login stands in many lines."""
        known = self._logins.get(word)
        if known is None:
            known = self._logins[word] = canonical_identity(word.encode(), self._rules.identity)
        return known

    def _report(self, number: int, why: str) -> None:
        self._broken_count += 1
        if len(self._broken) < MOST_TOLD:
            self._broken.append(BrokenLine(number, why))


def _key_and_rest(text: str, rules: AliasRules) -> tuple[str, str]:
    """Return the canonical key, and what follows it and its colon. Raises _BrokenError."""
    _check_encoding(text)
    if text[0] in _BLANKS:
        raise _BrokenError("begins with a blank, but there is no line that it continues")
    written = _KEY.match(text)
    if written is None:
        raise _BrokenError(f"has no address, or a quote without its end; {_WRITE}")
    key, rest = _canonical_key(written[0], rules), text[written.end() :]
    if key[-1] == "@" and _TIGHT_COLON.match(rest):
        raise _BrokenError(f"{_said(text)} may be one word; write a blank behind the colon")
    return key, rest.lstrip(_BLANKS).removeprefix(":").lstrip(_BLANKS)


def _canonical_key(written: str, rules: AliasRules) -> str:
    """Return a key as it is compared. Raises _BrokenError."""
    if written == "*":
        return written
    if written[0] == "/":
        raise _BrokenError(f"{_said(written)}: no pattern can stand here; write an address")
    parts = _PARTS.fullmatch(written)
    if parts is None:
        raise _BrokenError(f"{_said(written)} is no address; write an address, @domain or *")
    plain, typed_domain = parts["plain"], parts["domain"]
    domain = "" if typed_domain is None else _domain(typed_domain)
    if plain == "":
        return f"@{domain}"
    if plain is not None and plain[0] in "*.":
        raise _BrokenError(f"{_said(written)} is no pattern; write @domain for all of a domain")
    local = _ESCAPED.sub(r"\1", parts["quoted"]) if plain is None else plain
    if not local or not local.isprintable() or not _NEVER_SURE.isdisjoint(local):
        raise _BrokenError(f"{_said(written)} is no address that a login could be let use")
    if not domain:
        _check_bare_user(local, rules)
    return f"{canonical_local(local)}@{domain}"


def _check_bare_user(name: str, rules: AliasRules) -> None:
    """Raise _BrokenError where a name without a domain may mean another one."""
    if "." in name and domain_to_a_label(name.removesuffix(".")) in rules.identity.domains:
        raise _BrokenError(f'{_said(name)} is one of our domains, which is written "@{name}"')
    if not rules.myorigin:
        raise _BrokenError(
            f"{_said(name)} has no domain, and myorigin is not set; write the whole address"
        )


def _domain(written: str) -> str:
    label = domain_to_a_label(written.removesuffix("."))
    if label is None:
        raise _BrokenError(f"{_said(written)} is no domain name; write one address a line")
    return label


def _words(text: str) -> list[str]:
    """Return the words that should be logins. Raises _BrokenError."""
    _check_encoding(text)
    words = [word for word in _SEPARATOR.split(text) if word]
    for word in words:
        if word[0] == "#":
            raise _BrokenError("has a comment behind an entry; give it a line of its own")
        if word[-1] == ":":
            raise _BrokenError(
                f"{_said(word)} seems to begin another entry; begin its line without a blank"
            )
    return words


def _check_encoding(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _BrokenError("is not UTF-8") from None


def _said(text: str) -> str:
    return f'"{shown(text.encode(), None)}"'
