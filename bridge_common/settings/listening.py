"""The keys about sockets that the sections of both programs have, declared once.

What must hold between them is `listen_rules`'. Pure; raises nothing.
"""

from bridge_common.settings import texts
from bridge_common.settings.declaration import key
from bridge_common.settings.endpoint import unix_endpoint_text
from bridge_common.settings.kinds import Flag, Text


def allow_remote_key(harm: str) -> bool:
    """Declare `allow_remote`; ``harm`` is what other machines could then do, a sentence."""
    return key(
        Flag(),
        default=False,
        prose="Whether `listen` may name an `inet:` endpoint that other machines can reach.\n"
        f"{harm}",
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
