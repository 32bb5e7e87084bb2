"""Which SASL mechanisms are offered, in the order in which they are announced."""

from sasl_bridge.sasl.login import Login
from sasl_bridge.sasl.mechanism import Mechanism
from sasl_bridge.sasl.plain import Plain

OFFERED: tuple[type[Mechanism], ...] = (Plain, Login)

_BY_NAME = {mechanism.name.encode(): mechanism for mechanism in OFFERED}


def find_mechanism(name: bytes) -> type[Mechanism] | None:
    """Return the mechanism of that name, in whatever case (RFC 4422 section 3.1), or None."""
    return _BY_NAME.get(name.upper())
