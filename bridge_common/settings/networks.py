"""Networks as the settings write them: `10.0.0.0/8`, `2001:db8::/32`, or a single address.

Knows the written form, Postfix's brackets included, and which clients one is about. Compares no
client with them.
Fails with ValueError, readable.
"""

import ipaddress
import re

from bridge_common.settings.toml_text import quote

_FORM = "an address or a network, such as 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32"
# Postfix writes IPv6 as in its mynetworks: [2001:db8::]/32. No netmasks, no zones: neither has it.
_MAPPED_PREFIX = 96  # RFC 4291 section 2.5.5.2: ::ffff:0:0/96
_NETWORK = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9A-Fa-f:.]+))(/[0-9]{1,3})?")


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def network_of(text: str) -> Network:
    """Return the network that a canonical text stands for.

    One of IPv4-mapped addresses is of IPv4 clients: Debian's mynetworks has
    `[::ffff:127.0.0.0]/104` beside `127.0.0.0/8`.
    """
    network = ipaddress.ip_network(text)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < _MAPPED_PREFIX:
        return network
    return ipaddress.IPv4Network((mapped, network.prefixlen - _MAPPED_PREFIX))


def network_text(text: str) -> str:
    """Return the network in its one spelling, without brackets and with the length of its prefix.

    Raises ValueError; where the address has bits behind the prefix, it names the network meant.
    """
    match = _NETWORK.fullmatch(text)
    if match is None:
        raise ValueError(f"{quote(text)} is not {_FORM}")
    address = f"{match[1] or match[2]}{match[3] or ''}"
    try:
        network = ipaddress.ip_network(address, strict=False)
    except ValueError:
        raise ValueError(f"{quote(text)} is not {_FORM}") from None
    if str(network.network_address) != str(ipaddress.ip_address(address.partition("/")[0])):
        meant = f"{quote(str(network))} was probably meant"
        raise ValueError(f"{quote(text)} is an address within a network: {meant}")
    return str(network)


def holds_everything(network: str) -> bool:
    """Return whether every IPv4 address, or every IPv6 address, is in it."""
    return network_of(network).prefixlen == 0
