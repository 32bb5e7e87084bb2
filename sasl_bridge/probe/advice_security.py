"""What to do about settings that let others read passwords. Pure; raises nothing."""

import ipaddress
from collections.abc import Iterable, Iterator


def plain_advice(addresses: Iterable[str]) -> Iterator[str]:
    """Yield a sentence if passwords leave this machine unencrypted, for one of the addresses."""
    if not all(map(_is_loopback, addresses)):
        yield 'Passwords travel unencrypted to this server: use `security = "ssl"` or "tls".'


def unverified_advice(*, passes: bool) -> Iterator[str]:
    """Yield what `verify = false` is worth; ``passes``: the certificate would pass the check."""
    remedy = (
        "its certificate passes the check, so `verify = true` costs nothing."
        if passes
        else "mend its certificate, or name its authority in `ca_file` if only that is "
        "missing, and set `verify = true`."
    )
    yield ("`verify = false`: anyone between here and the server can collect passwords; " + remedy)


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback
