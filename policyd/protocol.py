"""Postfix's policy delegation protocol, server side, without I/O: blocks in, one reply for each.

A request is lines `name=value` and an empty line, a reply is `action=...` and an empty line, LF
only (SMTPD_POLICY_README). Requests are answered in their order, one at a time.
Knows bytes, bounds, and how an action is written so that nothing in it can be a second reply; does
not know which action is right.
What Postfix would not send makes the connection `broken`, with the reason: no reply, hang up.
"""

import re

from policyd.action import DUNNO, HANG_UP, Action, Refuse, in_short
from policyd.request import PolicyRequest

# Postfix takes lines of 2,048 bytes from a client (line_length_limit), and a certificate's subject
# in xtext may be some times that. There are 30 attributes; nobody knows the next version's.
MAX_REQUEST_BYTES = 65536
MAX_ATTRIBUTES = 200

_KIND = "smtpd_access_policy"
_DECIDING = frozenset({"request", *PolicyRequest._fields})
# smtpd_check.c, check_policy_service(): the attributes of Postfix 3.2 and later, in their order.
# Newer versions may have more of them at the end.
_USUAL_ORDER = """
    protocol_state protocol_name client_address client_name client_port reverse_client_name
    server_address server_port helo_name sender recipient recipient_count queue_id instance size
    etrn_domain stress sasl_method sasl_username sasl_sender ccert_subject ccert_issuer
    ccert_fingerprint ccert_pubkey_fingerprint encryption_protocol encryption_cipher
    encryption_keysize policy_context
"""


def _usual_request() -> re.Pattern[str]:
    """Return the pattern of a request in the usual order: a third of the work of line by line."""
    lines = [
        f"{name}=(?P<{name}>.*)" if name in _DECIDING else f"{name}=.*"
        for name in _USUAL_ORDER.split()
    ]
    others = rf"(?:\n(?!(?:{'|'.join(_DECIDING)})=)[^=\n]+=.*){{,100}}"
    return re.compile("\n".join([f"request={_KIND}", *lines]) + others)


_USUAL = _usual_request()
_MAX_TEXT = 400  # what Postfix puts before it must fit into an SMTP reply too (512 bytes)
_UNPRINTABLE = re.compile(r"[^ -~]+")
_DUNNO = b"action=DUNNO\n\n"


class PolicyConnection:
    """One client connection: Postfix's smtpd, as a rule."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._searched = 0
        self._sending: list[bytes] = []
        self._request: PolicyRequest | None = None
        self.broken = ""
        """What the client did wrong; nothing it sends is read any more."""
        self.hung_up = False
        """Close the connection, once what is to be sent is sent."""

    @property
    def at_capacity(self) -> bool:
        """Whether no more should be read for now: what is here is waiting for an answer."""
        return self.answering and len(self._received) > MAX_REQUEST_BYTES

    @property
    def answering(self) -> bool:
        """Whether a request waits for its answer."""
        return self._request is not None

    @property
    def begun(self) -> bool:
        """Whether a request has begun to come in."""
        return bool(self._received)

    def receive_data(self, data: bytes | memoryview) -> None:
        """Take what the client sent."""
        if not self.hung_up:
            self._received += data

    def next_request(self) -> PolicyRequest | None:
        """Return the next request, once the one before is answered; None if there is none now."""
        if not self._received or self._request is not None:
            return None
        longest = MAX_REQUEST_BYTES + 2  # with the line end and the empty line
        end = self._received.find(b"\n\n", self._searched, longest)
        if end < 0:
            self._searched = max(0, len(self._received) - 1)
            if len(self._received) >= longest:
                self._break(f"a request is longer than {MAX_REQUEST_BYTES} bytes")
            return None
        block = self._received[:end]
        del self._received[: end + 2]
        self._searched = 0
        try:
            self._request = parse_request(block)
        except ValueError as error:
            self._break(str(error))
        return self._request

    def answer(self, request: PolicyRequest, action: Action) -> None:
        """Answer the request that `next_request` returned last."""
        if request is not self._request:
            return
        self._request = None
        if action is HANG_UP:
            self._hang_up()
        else:
            self._sending.append(format_action(action))

    def data_to_send(self) -> bytes:
        """Return what is to be sent now, once."""
        if not self._sending:
            return b""
        data = b"".join(self._sending)
        self._sending.clear()
        return data

    def _break(self, reason: str) -> None:
        self.broken = reason
        self._hang_up()

    def _hang_up(self) -> None:
        self.hung_up = True
        self._received.clear()


def parse_request(block: bytes | bytearray) -> PolicyRequest:
    """Return the request in a block, which has no empty line; raises ValueError.

    Unknown attributes are ignored. The protocol lets an attribute be there twice; if it then says
    two things, and it is one that we decide by, there is no telling which one is meant.
    """
    text = block.decode("utf-8", "surrogateescape")
    if usual := _USUAL.fullmatch(text):
        return PolicyRequest._make(usual.group(*PolicyRequest._fields))
    return _parse_lines(text.split("\n"))


def _parse_lines(lines: list[str]) -> PolicyRequest:
    if len(lines) > MAX_ATTRIBUTES:
        raise ValueError(f"a request has more than {MAX_ATTRIBUTES} attributes")
    found: dict[str, str] = {}
    for line in lines:
        name, equals, value = line.partition("=")
        if not equals or not name:
            raise ValueError("a line of a request is no name=value")
        if name in _DECIDING and found.setdefault(name, value) != value:
            raise ValueError("an attribute is there twice, with two values")
    if found.get("request") != _KIND:
        raise ValueError("a request is none for smtpd_access_policy")
    return PolicyRequest._make([found.get(name, "") for name in PolicyRequest._fields])


def format_action(action: Action) -> bytes:
    """Return the reply; it is one, whatever text the action holds."""
    if action is DUNNO:
        return _DUNNO
    text = f" {printable(action.text)}" if isinstance(action, Refuse) else ""
    return f"action={in_short(action)}{text}\n\n".encode("ascii")


def printable(text: str) -> str:
    """Return a text for an SMTP reply: printable ASCII, bounded, never empty."""
    return _UNPRINTABLE.sub("?", text)[:_MAX_TEXT].strip() or "refused"
