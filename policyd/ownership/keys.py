"""The keys under which an address may be listed, in the order in which Postfix looks them up.

mail_addr_find.c: the address, the address without its extension, both again without a domain if
that is myorigin, and `@domain`; then `*`, which is ours, for every address there is. No parent
domain is a key. Pure; raises nothing.
"""

_NEVER_SPLIT = frozenset({"postmaster", "mailer-daemon", "double-bounce"})


def keys_of(address: str, delimiters: str, myorigin: str = "") -> tuple[str, ...]:
    """Return the keys of a canonical address; none of the empty one, which is no address.

    Each of ``delimiters`` may begin an extension. A name without a domain is `name@`.
    """
    local, _, domain = address.rpartition("@")
    if not domain:
        return ()
    plain = _unextended(local, delimiters)
    names = (local,) if plain == local else (local, plain)
    domains = (domain, "") if domain == myorigin else (domain,)
    users = [f"{name}@{end}" for end in domains for name in names]
    return (*users, f"@{domain}", "*")


def without_extension(address: str, delimiters: str) -> str:
    """Return a canonical address without its extension."""
    local, _, domain = address.rpartition("@")
    return f"{_unextended(local, delimiters)}@{domain}"


def _unextended(local: str, delimiters: str) -> str:
    """Return a local part without its extension, split as split_addr.c does."""
    ends = [local.find(sign) for sign in delimiters if sign in local]
    if not ends or local in _NEVER_SPLIT:
        return local
    if "-" in delimiters and (local.startswith("owner-") or local.endswith("-request")):
        return local
    # What would leave nothing is not split.
    return local[: min(ends)] or local
