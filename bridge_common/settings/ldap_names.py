"""Names in a directory: attributes, distinguished names, and the names that one binds with.

Knows their written forms (RFC 4512, RFC 4514). Does not know filters (`ldap_filter`), and escapes
nothing: who fills a template in does.
Each function returns the text, or raises ValueError saying what is wrong.
"""

import re

from bridge_common.settings.login_format import login_format
from bridge_common.settings.placeholders import with_stand_ins
from bridge_common.settings.texts import printable
from bridge_common.settings.toml_text import quote

ATTRIBUTE = r"(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)"
"""A regular expression for `oid`: a short name or a dotted number (RFC 4512 section 1.4)."""

# RFC 4514 section 3. A value's spaces need an escape at its ends only, which directories forgive;
# so they do those after a comma, which many administrators write.
_STRING = r'(?!\#)(?:[^"+,;<>\\\0]|\\[ "#+,;<=>\\]|\\[0-9A-Fa-f]{2})+'
_PAIR = rf"{ATTRIBUTE}=(?:\#(?:[0-9A-Fa-f]{{2}})+|{_STRING})"
_DN = re.compile(rf"{_PAIR}(?:[,+] *{_PAIR})*")
_ATTRIBUTE = re.compile(ATTRIBUTE)


def attribute(text: str) -> str:
    """Return the name under which a server gives an attribute."""
    if not _ATTRIBUTE.fullmatch(text):
        raise ValueError(f"{quote(text)} is not the name of an attribute")
    if text[0].isdigit():
        # Asked for a number, servers answer with the name, and nothing would be found by it.
        raise ValueError(f"{quote(text)} is the number of an attribute: write its name")
    return text


def distinguished_name(text: str) -> str:
    """Return a distinguished name."""
    if not _DN.fullmatch(printable(text)):
        raise ValueError(
            f"{quote(text)} is not a distinguished name such as "
            r'"OU=Staff,DC=example,DC=com"; in a value, each of \ , + " < > ; needs a \ before it'
        )
    return text


def bind_name(text: str) -> str:
    r"""Return the name of an account: a DN, or for Active Directory `user@domain`, `DOMAIN\user`.

    What holds a `=` is a DN.
    """
    return distinguished_name(text) if "=" in text else printable(text)


def bind_template(text: str) -> str:
    """Return a name to bind with, which holds `{login}` or `{local}`; with a `=`, it is a DN."""
    login_format(text)
    # An underscore may be in a value, but neither in the name of an attribute nor in an escape.
    bare = with_stand_ins(text, "_")
    if "=" in bare and not _DN.fullmatch(bare):
        raise ValueError(
            f"{quote(text)} is not a distinguished name with placeholders in its values, "
            'such as "uid={local},ou=people,dc=example,dc=com"'
        )
    return text
