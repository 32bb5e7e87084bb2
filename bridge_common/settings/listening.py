"""The keys about sockets that the sections of both programs have, declared once.

What must hold between them is `listen_rules`'. Pure; raises nothing.
"""

from bridge_common.settings import texts
from bridge_common.settings.declaration import key
from bridge_common.settings.endpoint import numeric_endpoint_text, unix_endpoint_text
from bridge_common.settings.kinds import Flag, Text


def allow_remote_key(harm: str) -> bool:
    """Declare `allow_remote`; ``harm`` is what other machines could then do, a sentence."""
    return key(
        Flag(),
        default=False,
        prose="Whether `listen` and `metrics_listen` may name an `inet:` endpoint that other "
        f"machines can reach.\n{harm}",
        example="false",
    )


def socket_mode_key(harm: str) -> str:
    """Declare `socket_mode`; ``harm`` is what whoever may write to a socket can do."""
    return key(
        Text("an octal mode", texts.socket_mode),
        default="0660",
        prose=f"The mode of the UNIX sockets in `listen`.\nWho may write to such a socket {harm}.",
        example='"0660"',
    )


def socket_owner_key() -> str:
    """Declare `socket_owner`."""
    return key(
        Text("user:group", texts.optional(texts.socket_owner)),
        default="",
        prose="The user and the group that own the UNIX sockets in `listen`.\n"
        "When it is empty, those that the program runs as own them.",
        example='"sasl-bridge:postfix"',
    )


def control_key(default: str) -> str:
    """Declare `control`."""
    return key(
        Text("a UNIX socket, unix:/path", unix_endpoint_text),
        default=default,
        prose="Where `bridgectl` asks the running program; for root and the program's own group.",
        example=f'"{default}"',
    )


def metrics_listen_key(example: str) -> str:
    """Declare `metrics_listen`."""
    return key(
        Text("a TCP port, inet:ADDRESS:PORT", texts.optional(numeric_endpoint_text)),
        default="",
        prose="Where Prometheus can ask how the program is doing, at `/metrics` over HTTP; "
        "see `monitoring.md`.\n"
        "It needs the Debian package `python3-prometheus-client`.\n"
        "No metric holds a login, an address or a password; "
        "beyond this machine, it needs `allow_remote`.\n"
        "While the port is not to be had, the log and `bridgectl status` warn of it, "
        "and everything else works.\n"
        "When it is empty, there are no metrics.",
        example=f'"{example}"',
    )
