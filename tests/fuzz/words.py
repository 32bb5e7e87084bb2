"""Words and settings that the fuzz programs of both dialogues have in common."""

import base64
from random import Random

from fuzz.steps import Step

# Each password is unlike any word of our own, so that finding it in a text means something.
LOGINS = (
    ("alice@example.com", "secret"),
    ("alice", "xyzzy-Plugh"),
    ("alice", 'qu"ote\\back {7}'),
    ("zoë@example.com", "pässwört {3+} zählt"),
    ("zoë", "plughs and xyzzy"),
    ("bob", "ünïcode zwölf" * 3),
    ("bob", "zq!"),
    ("bob", "  grue lurks "),
    ("o'hara%ie", "+OK [AUTH] %20"),
)

SECURITIES = ("plain", "ssl", "tls")

CODES = (
    b"AUTHENTICATIONFAILED", b"AUTHORIZATIONFAILED", b"EXPIRED", b"CONTACTADMIN", b"ALERT",
    b"CAPABILITY IMAP4rev1 AUTH=PLAIN", b"UNAVAILABLE", b"INUSE", b"LIMIT", b"PRIVACYREQUIRED",
    b"AUTH", b"IN-USE", b"SYS/TEMP", b"SYS/PERM", b"LOGIN-DELAY", b"XCLIENT", b"x", b"",
)  # fmt: skip

TEXTS = (
    b"", b"ready", b"Authentication failed.", b"unable to lock maildrop", b"try again later",
    b"Plaintext authentication disallowed", b"mailbox in use", b"authenticating: Generic failure",
    b"Too many simultaneous connections. (Failure)", b"Server Unavailable. 21", b"no: grue lurks",
    "zurück".encode(), b"\xff\xfe",
    b"wrong: xyzzy-Plugh", b'LOGIN alice qu\\"ote\\\\back {7}', b"user=bob&pass=xyzzy%2DPlugh",
    base64.b64encode(b"\0alice@example.com\0xyzzy-Plugh"), b"zq!", b"{7}", b"{70000}", b"[", b"]",
)  # fmt: skip

# Some of what no server says of a wrong password: with whatever code, and without any.
TROUBLE = ("generic failure", "too many simultaneous connections", "plaintext authentication dis")
CODELESS_TROUBLE = ("server unavailable", "unable to lock maildrop", "mailbox in use")

SETTINGS: tuple[tuple[str, ...], ...] = (
    *(("security", name) for name in SECURITIES),
    *(("login", *login) for login in LOGINS),
    ("nothing-to-try",),
    ("client", "192.0.2.7"),
    ("client", "2001:db8::7"),
    ("client", "192.0.2.7\r\nT9 NOOP"),
    ("in-use-is-success",),
    ("unavailable-text", "later"),
)

HAPPENINGS: tuple[tuple[str, ...], ...] = (*SETTINGS, *([("tls",), ("hangup",)] * 5))


def invented_settings(random: Random) -> list[Step]:
    """Return settings that go together."""
    steps: list[Step] = [("security", random.choice(SECURITIES))]
    steps.append(("login", *random.choice(LOGINS)))
    steps += [setting for setting in SETTINGS[-6:] if random.random() < 0.15]
    return steps


def remark(random: Random) -> bytes:
    """Return a code, or none, and a text."""
    code = b"[%b] " % random.choice(CODES) if random.random() < 0.6 else b""
    return code + random.choice(TEXTS)


def tells_trouble(text: bytes, added: tuple[str, ...], *, coded: bool) -> bool:
    """Say whether the words alone mean trouble; ``added`` are the administrator's."""
    words = text.decode("utf-8", "replace").casefold()
    known = TROUBLE + added + (() if coded else CODELESS_TROUBLE)
    return any(phrase in words for phrase in known)


def some(random: Random, words: tuple[bytes, ...]) -> list[bytes]:
    """Return some of them, in any order."""
    return random.sample(words, random.randint(0, len(words)))
