"""A directory's answer in words, for the log.

Knows result codes (RFC 4511 appendix A) that mean something else than their name says, and the
codes in which Active Directory says why it refuses a login. Pure; raises nothing.
"""

import re

from bridge_common.directory.codec import Done
from bridge_common.secret import Secret
from bridge_common.shown import shortened, shown

INVALID_CREDENTIALS = 49
WANTS_TLS = frozenset({8, 13})  # strongerAuthRequired, confidentialityRequired

# ERROR_NO_LOGON_SERVERS: this domain controller reaches nobody who knows; yet it says 49.
_NOBODY_KNOWS = "51f"

# Windows error codes in hex, as a domain controller adds them to result 49.
_ACTIVE_DIRECTORY = {
    _NOBODY_KNOWS: "the domain controller reaches nobody who knows the account",
    "525": "no such account",
    "52e": "wrong login or password",
    "530": "logging in is not allowed at this time",
    "531": "logging in is not allowed from this machine",
    "532": "the password has expired",
    "533": "the account is disabled",
    "701": "the account has expired",
    "773": "the password must be changed first",
    "775": "the account is locked",
}
# Of those, the ones that are about the account, and not about the password. OpenLDAP says the like
# to those only who ask for it (slapo-ppolicy's control).
_ACCOUNT_STATES = frozenset({"530", "531", "532", "533", "701", "773", "775"})
_DATA = re.compile(r"\bdata ([0-9a-f]+),")


def words_for(done: Done, password: Secret | None) -> str:
    """Return why the directory did not do what it was asked; printable, without the password."""
    if done.code in WANTS_TLS:
        return f'the server wants TLS: set security = "ssl" or "tls" ({done.name}, {done.code})'
    data = _data(done)
    if data in _ACTIVE_DIRECTORY:
        return f"{_ACTIVE_DIRECTORY[data]} (data {data})"
    text = shown(" ".join(done.diagnostic.split()).encode(), password)
    return shortened(f"{done.name} ({done.code})" + (f": {text}" if text else ""))


def is_a_no(done: Done) -> bool:
    """Say whether an answer to a bind is an explicit no."""
    return done.code == INVALID_CREDENTIALS and not knows_nobody(done)


def is_about_the_account(done: Done) -> bool:
    """Say whether a no is about the account (disabled, locked, expired), not about the password."""
    return _data(done) in _ACCOUNT_STATES


def knows_nobody(done: Done) -> bool:
    """Say whether a domain controller refuses because it cannot ask who knows."""
    return _data(done) == _NOBODY_KNOWS


def _data(done: Done) -> str:
    found = _DATA.search(done.diagnostic)
    return found[1] if found and done.code == INVALID_CREDENTIALS else ""
