"""How a login is written for one server: a text with `{login}`, `{local}` and `{domain}` in it.

Knows which formats are safe. Fills none in: who asks the server does.
Fails with ValueError, readable.
"""

from bridge_common.settings.placeholders import (
    OF_A_LOGIN,
    USERS,
    placeholders_in,
    refuse_others,
    with_stand_ins,
)
from bridge_common.settings.toml_text import quote


def login_format(text: str) -> str:
    """Return the format unchanged, or raise ValueError saying what is wrong with it."""
    refuse_others(text, OF_A_LOGIN)
    if USERS.isdisjoint(placeholders_in(text)):
        # A fixed name would let everyone who knows its password log in as anybody.
        raise ValueError(f"{quote(text)}: must hold {{login}} or {{local}}")
    if not with_stand_ins(text, "").isprintable():
        raise ValueError(f"{quote(text)} holds a control character")
    return text
