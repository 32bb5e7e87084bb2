"""Texts with a form of their own: names, domains, addresses, hosts, paths, modes, owners.

Each function returns the text in its canonical form, or raises ValueError saying what is wrong.
"""

import ipaddress
import re
from collections.abc import Callable

from bridge_common.address import canonical_address, domain_to_a_label
from bridge_common.settings.toml_text import quote

ANY_DOMAIN = "*"

_WORD = re.compile(r"[A-Za-z0-9._-]+")
_WINDOWS_NAME = re.compile(r"[!-~]+")
_SOCKET_MODE = re.compile(r"0?[0-7]{3}")
_SOCKET_OWNER = re.compile(r"[A-Za-z0-9._-]+\$?:[A-Za-z0-9._-]+\$?")

# RFC 5321 section 4.5.3.1.5: 512 octets a line, in which the sender and the login stand as well.
_MAX_REPLY_TEXT = 200


def optional(check: Callable[[str], str]) -> Callable[[str], str]:
    """Return the check that also lets the empty text pass."""
    return lambda text: check(text) if text else text


def word(text: str) -> str:
    """Return a name of one word."""
    if not _WORD.fullmatch(text):
        raise ValueError(f"{quote(text)} is not one word of letters, digits, '.', '_' and '-'")
    return text


def printable(text: str) -> str:
    """Return a text without control characters."""
    if not text.isprintable():
        raise ValueError(f"{quote(text)} holds a control character")
    return text


def some_text(text: str) -> str:
    """Return a text that says something: the empty one is in every other."""
    if not text:
        raise ValueError("an empty text is in every answer")
    return printable(text)


def domain(text: str) -> str:
    """Return a mail domain as its A-label, in lower case."""
    label = domain_to_a_label(text)
    if label is None:
        hint = ": write it without the @" if text.startswith("@") else ""
        raise ValueError(f"{quote(text)} is not a domain name{hint}")
    return label


def domain_or_any(text: str) -> str:
    """Return a mail domain as its A-label, or `*`."""
    return text if text == ANY_DOMAIN else domain(text)


def host(text: str) -> str:
    """Return an address as it is, a host name in lower case, as A-labels."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return _host_name(text)
    return text


def _host_name(text: str) -> str:
    # Host names in local use may hold underscores, though mail domains may not.
    label = domain_to_a_label(text.replace("_", "-"))
    # RFC 3696 section 2: the last label is never all-numeric; such a name is a mistyped address.
    if label is None or label.rpartition(".")[2].isdigit():
        raise ValueError(f"{quote(text)} is neither a host name nor an address")
    return text.lower() if "_" in text else label


def absolute_path(text: str) -> str:
    """Return the absolute path of a file."""
    if not text.startswith("/") or not text.isprintable():
        raise ValueError(f"{quote(text)} is not an absolute path")
    return text


def windows_name(text: str) -> str:
    r"""Return a Windows domain's name: what stands before the backslash in `CORP\alice`."""
    if not _WINDOWS_NAME.fullmatch(text) or "\\" in text or "@" in text:
        raise ValueError(f"{quote(text)} is not the name of a Windows domain")
    return text


def socket_mode(text: str) -> str:
    """Return an octal mode."""
    if not _SOCKET_MODE.fullmatch(text):
        raise ValueError(f"{quote(text)} is not an octal mode")
    return text


def socket_owner(text: str) -> str:
    """Return `user:group`."""
    if not _SOCKET_OWNER.fullmatch(text):
        raise ValueError(f"{quote(text)} is not a user and a group, user:group")
    return text


def address_or_domain(text: str) -> str:
    """Return an address as it is compared, or `@` with a domain as its A-label."""
    if text.startswith("@"):
        return f"@{domain(text[1:])}"
    address = canonical_address(text) if text.isprintable() else None
    if address is None:
        raise ValueError(f"{quote(text)} is neither an address nor @ with a domain")
    return address


def delimiters(text: str) -> str:
    """Return the characters of Postfix's recipient_delimiter."""
    for each in text:
        if not each.isascii() or not each.isprintable() or each.isalnum() or each in "@\"' ":
            raise ValueError(f"{quote(each)} cannot set an extension apart")
    return text


def reply_text(text: str) -> str:
    """Return a text that may be part of an SMTP reply."""
    if not text.isascii() or not text.isprintable():
        raise ValueError("must be one line of printable ASCII")
    if len(text) > _MAX_REPLY_TEXT:
        raise ValueError(f"must be at most {_MAX_REPLY_TEXT} characters long")
    return text
