"""Where a program listens: `unix:/absolute/path` or `inet:HOST:PORT`, as written in the settings.

Knows the written form only; sockets are made of it elsewhere. Fails with ValueError, readable.
"""

import ipaddress
import posixpath
from dataclasses import dataclass

from bridge_common.settings.texts import host
from bridge_common.settings.toml_text import quote

_FORM = "unix:/absolute/path or inet:HOST:PORT"
_MAX_SOCKET_PATH_BYTES = 107  # unix(7): sun_path holds 108 bytes, NUL included
_MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class UnixEndpoint:
    """A UNIX socket at an absolute path."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class InetEndpoint:
    """A TCP port; the host is an address, without brackets, or a name."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"inet:{host_and_port(self.host, self.port)}"


def host_and_port(host: str, port: int) -> str:
    """Return ``mail.example.com:993``, or ``[2001:db8::1]:993``."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_endpoint(text: str) -> UnixEndpoint | InetEndpoint:
    """Return the endpoint, or raise ValueError saying what is wrong with the text."""
    kind, _, rest = text.partition(":")
    if kind == "unix":
        return _parse_unix(text, rest)
    if kind == "inet":
        return _parse_inet(text, rest)
    raise ValueError(f"{quote(text)} is not an endpoint: write {_FORM}")


def _parse_unix(text: str, path: str) -> UnixEndpoint:
    if not path.startswith("/") or path.endswith("/") or not path.isprintable():
        raise ValueError(f"{quote(text)}: unix: needs the absolute path of a socket")
    if len(path.encode()) > _MAX_SOCKET_PATH_BYTES:
        raise ValueError(f"{quote(text)}: the path is longer than {_MAX_SOCKET_PATH_BYTES} bytes")
    return UnixEndpoint("/" + posixpath.normpath(path).lstrip("/"))


def _parse_inet(text: str, rest: str) -> InetEndpoint:
    name, colon, port = rest.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit():
        raise ValueError(f"{quote(text)}: inet: needs a host and a port, inet:HOST:PORT")
    # Length first: int() refuses thousands of digits in words of its own.
    if len(port) > len(str(_MAX_PORT)) or not 1 <= int(port) <= _MAX_PORT:
        raise ValueError(f"{quote(text)}: the port must be from 1 to {_MAX_PORT}")
    bracketed = name.startswith("[") and name.endswith("]")
    if ":" in name and not bracketed:
        raise ValueError(f"{quote(text)}: an IPv6 address needs brackets, as in inet:[::1]:{port}")
    return InetEndpoint(host(name[1:-1] if bracketed else name), int(port))


def is_loopback(endpoint: InetEndpoint) -> bool:
    """Return whether only this machine can reach it: a loopback address, or `localhost`."""
    if endpoint.host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(endpoint.host)
    except ValueError:
        return False
    # Before Python 3.13, ::ffff:127.0.0.1 does not know that it is loopback.
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def endpoint_text(text: str) -> str:
    """Return the endpoint in its one spelling, or raise ValueError."""
    return str(parse_endpoint(text))


def numeric_endpoint_text(text: str) -> str:
    """Return the TCP endpoint of an address or of `localhost`, or raise ValueError."""
    if not text.startswith("inet:"):
        raise ValueError(f"{quote(text)}: must be a TCP port, inet:ADDRESS:PORT")
    endpoint = _parse_inet(text, text.removeprefix("inet:"))
    try:
        ipaddress.ip_address(endpoint.host)
    except ValueError:
        if endpoint.host.lower() != "localhost":
            message = f"{quote(text)}: write an address, or localhost, and no other name"
            raise ValueError(message) from None
    return str(endpoint)


def unix_endpoint_text(text: str) -> str:
    """Return the UNIX endpoint in its one spelling, or raise ValueError."""
    if not text.startswith("unix:"):
        raise ValueError(f"{quote(text)}: must be a UNIX socket, unix:/absolute/path")
    return endpoint_text(text)
