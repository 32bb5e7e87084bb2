"""A client of the policy protocol: a request as Postfix writes it, and a connection that asks.

Knows the attributes in the order of Postfix's wire and what one reply looks like, independently of
what is tested. Fails with an AssertionError where a reply is none.
"""

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

RCPT: Mapping[str, str] = MappingProxyType(
    {
        "request": "smtpd_access_policy",
        "protocol_state": "RCPT",
        "protocol_name": "ESMTP",
        "client_address": "192.0.2.1",
        "client_name": "client.example.net",
        "client_port": "40000",
        "reverse_client_name": "client.example.net",
        "server_address": "192.0.2.25",
        "server_port": "587",
        "helo_name": "client.example.net",
        "sender": "alice@example.com",
        "recipient": "bob@example.net",
        "recipient_count": "0",
        "queue_id": "",
        "instance": "8a1.6743a5b0.c350.0",
        "size": "1024",
        "etrn_domain": "",
        "stress": "",
        "sasl_method": "PLAIN",
        "sasl_username": "alice@example.com",
        "sasl_sender": "",
        "ccert_subject": "",
        "ccert_issuer": "",
        "ccert_fingerprint": "",
        "ccert_pubkey_fingerprint": "",
        "encryption_protocol": "TLSv1.3",
        "encryption_cipher": "TLS_AES_256_GCM_SHA384",
        "encryption_keysize": "256",
        "policy_context": "submission",
    }
)
"""What Postfix 3.7 asks at RCPT TO of a client that has logged in."""

OUTSIDER: Mapping[str, str] = MappingProxyType({"sasl_method": "", "sasl_username": ""})

_REPLY = re.compile(rb"action=((?:DUNNO|[45]\d\d [45]\.\d\.\d [ -~]*[!-~]))\n\n")


def request_bytes(**attributes: str) -> bytes:
    """Return the request of `RCPT` with these attributes instead."""
    lines = (f"{name}={value}\n" for name, value in {**RCPT, **attributes}.items())
    return "".join(lines).encode("utf-8", "surrogateescape") + b"\n"


def actions_in(replies: bytes) -> list[str]:
    """Return the actions of whole replies."""
    assert _REPLY.sub(b"", replies) == b"", f"no replies: {replies!r}"
    return [action.decode("ascii") for action in _REPLY.findall(replies)]


class PolicyCaller:
    """One connection of a client program."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def at(cls, path: Path) -> "PolicyCaller":
        """Connect to a socket."""
        return cls(*await asyncio.open_unix_connection(path))

    def send(self, **attributes: str) -> None:
        """Send a request."""
        self.writer.write(request_bytes(**attributes))

    async def ask(self, **attributes: str) -> str:
        """Send a request and return the action."""
        self.send(**attributes)
        return await self.action()

    async def action(self) -> str:
        """Return the action of the next reply."""
        (action,) = actions_in(await self.reader.readuntil(b"\n\n"))
        return action

    async def rest(self) -> bytes:
        """Return what comes until the end."""
        try:
            return await self.reader.read()
        except ConnectionError:  # hung up with something of ours unread
            return b""
