"""What a login owns by being what it is: its own address, and perhaps its own domain.

Also says whether an address may be a login at all.

Pure; raises nothing.
"""

from bridge_common.identity import Identity, IdentityRules, canonical_identity
from policyd.ownership.interface import Scope

OWN_ADDRESS = "it is the login's own address"
_OWN_DOMAIN = "it is of the login's own domain, and match_scope is domain"


def owns_by_identity(login: Identity, forms: tuple[str, ...], scope: Scope) -> str:
    """Return why the login owns an address by what it is; empty if it does not.

    ``forms``: the address, and the address without its extension where that counts too. A login
    that holds a delimiter itself owns only what it is: a+b@example.com is not a@example.com, which
    may be somebody else.
    """
    if login.address in forms:
        return OWN_ADDRESS
    if scope == "domain" and login.domain == forms[0].rpartition("@")[2]:
        return _OWN_DOMAIN
    return ""


def may_be_a_login(address: str, rules: IdentityRules) -> bool:
    """Say whether somebody may log in as a canonical address; who does is not known."""
    return isinstance(canonical_identity(address.encode(), rules), Identity)
