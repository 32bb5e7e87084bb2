"""What to do about a server that cannot be used, by the kind of trouble.

Pure. Knows a sentence for each kind, and the keys of the settings that they name; which protocol
another greeting belongs to. Certificates and refused logins are not here. Raises nothing.
"""

import re
from collections.abc import Iterator

from bridge_common.settings.server import USUAL_PORTS, Protocol, Server
from sasl_bridge.dialogue.trouble_texts import ENCRYPTION_TEXTS
from sasl_bridge.probe.report import Opinion, Report, heard
from sasl_bridge.probe.trouble import Trouble

TLS_COMMANDS: dict[Protocol, str] = {"imap": "STARTTLS", "pop3": "STLS"}
"""What begins TLS in the dialogue."""

_ASKING: dict[Protocol, str] = {"imap": "CAPABILITY", "pop3": "CAPA"}

# How greetings begin that are none of the protocol's own.
_GREETINGS = (
    (re.compile(r"\+OK|-ERR"), "pop3"),
    (re.compile(r"\* "), "imap"),
    (re.compile(r"[245]\d\d[ -]"), "SMTP or FTP"),
    (re.compile(r"SSH-"), "SSH"),
    (re.compile(r"HTTP/"), "HTTP"),
)
_OTHER_MAIL_PROTOCOL = (
    "A server for {spoken} answers at {host} port {port}: set `port` to the one for {PROTOCOL}, "
    'which is usually {usual_port}, or `protocol = "{other}"`.'
)
_OTHER_PROTOCOL = (
    "What answers at {host} port {port} sounds like {spoken}, not like {PROTOCOL}: correct `host` "
    "or `port`, which is usually {usual_port}."
)

_BROKEN_TLS_LATER = (
    "The server gives its leave to begin TLS by {beginning} and then goes on without it, or hangs "
    "up: its TLS is broken, or something between here and there meddles; its log says more."
)
SENTENCES: dict[Trouble, str] = {
    Trouble.NO_ROOM: (
        "So many logins are being asked about at this server that the probe found no room: see why "
        "they take so long, or raise `max_connections`."
    ),
    Trouble.NO_ADDRESS: (
        "The name {host} has no address here: correct `host`, or this machine's resolver "
        "(`getent ahosts {host}` asks it)."
    ),
    Trouble.NO_ROUTE: "No way leads from this machine to {host}: look at the network.",
    Trouble.NO_CONNECTION: (
        "Nobody answers at {host} port {port}: the server is down, or a firewall drops what this "
        "machine sends there."
    ),
    Trouble.REFUSED: (
        "Nothing takes connections at {host} port {port}: is the service running, is `port` right, "
        "does a firewall refuse this machine?"
    ),
    Trouble.HUNG_UP: (
        "The server hangs up: it may have no use for this machine's address, or be overloaded; "
        "its log says why."
    ),
    Trouble.NO_TLS: (
        'Port {port} does not begin with TLS: set `security = "tls"` if {beginning} begins it '
        "there, or `port` to the one for TLS from the start, which is usually {tls_port}."
    ),
    Trouble.SILENT_TLS: (
        "Something listens at port {port} but does not answer in TLS: if {beginning} begins it "
        'there, set `security = "tls"`; otherwise the service hangs.'
    ),
    Trouble.TLS_FAILED: (
        "No TLS came about: at least version 1.2 is needed, with ciphers that both sides know; "
        "update the server or its configuration."
    ),
    Trouble.SILENT: (
        "The connection stands, but the server says nothing: the service behind the port hangs, "
        'or the port is for TLS from the start (`security = "ssl"`), or not for {PROTOCOL}.'
    ),
    Trouble.SILENT_LATER: (
        "The server greets and then falls silent: it is overloaded, or something between here and "
        "there, as a firewall that reads along, swallows what is said."
    ),
    Trouble.GARBLED: (
        "What the server says is not {PROTOCOL}, or not in its order: see that `protocol` and "
        "`port` belong together; if other mail programs get along with it, please report it as a "
        "fault of sasl-bridge, with what `--json` prints."
    ),
    Trouble.TOO_MUCH: (
        "The server sends far more than belongs to a login: see that `host` and `port` lead to a "
        "server for {PROTOCOL}; its log may say more."
    ),
    Trouble.NO_CAPABILITIES: (
        "The server does not say what it can do ({asking}), so no login is tried there: its log "
        "says why."
    ),
    Trouble.TURNED_AWAY: (
        "The server is there but turns us away: it may be starting, or limit the connections from "
        "one address; its log says why."
    ),
    Trouble.PREAUTH: (
        "The server takes this machine for logged in already (PREAUTH), so no password is checked "
        "there: have it ask this machine for a login, or use another port."
    ),
    Trouble.NOT_OFFERED: (
        "The server does not offer {beginning}: set it up there, or use TLS from the start "
        '(`security = "ssl"`, usually port {tls_port}).'
    ),
    Trouble.TLS_REFUSED: "The server offers {beginning} and then refuses it; its log says why.",
    Trouble.INJECTED: _BROKEN_TLS_LATER,
    Trouble.NO_WAY_IN: (
        "The server takes no password on this connection: allow PLAIN there for {PROTOCOL}, at "
        "least from this machine."
    ),
    Trouble.NO_ANSWER: (
        "The server takes the password and gives no answer in time: it may be slow on purpose "
        "after wrong passwords from this machine's address, or what it asks in turn hangs."
    ),
    Trouble.BAD_ANSWER: (
        "The server answers the login with neither a yes nor a no, so its users get a temporary "
        "failure: its log says why; if other mail programs can log in there, please report it as a "
        "fault of sasl-bridge, with what `--json` prints."
    ),
}
_WITH_SECURITY: dict[tuple[Trouble, str], str] = {
    (Trouble.NO_TLS, "tls"): _BROKEN_TLS_LATER,
    (Trouble.SILENT_TLS, "tls"): (
        "The server gives its leave to begin TLS by {beginning} and then does not answer in TLS: "
        "the service hangs, or something between here and there swallows the handshake."
    ),
    (Trouble.SILENT, "ssl"): (
        "TLS came about, but the server says nothing: the service behind the port hangs, or is "
        "not for {PROTOCOL}."
    ),
    (Trouble.NO_WAY_IN, "plain"): (
        "The server takes no password on an unencrypted connection: "
        'set `security = "ssl"` or "tls".'
    ),
}
_MAYBE_OURS = frozenset({Trouble.GARBLED, Trouble.BAD_ANSWER, Trouble.NO_CAPABILITIES})

# RFC 5530 section 3: the code for it; others say it in words.
_ENCRYPT_CODE = "NO [PRIVACYREQUIRED]"


def trouble_advice(report: Report) -> Iterator[str]:
    """Yield what to do about the kind of trouble that the first opinion met, if it met one."""
    first, server = report.first, report.server
    if first.state != "unavailable":
        return
    kind = Trouble.NO_WAY_IN if is_no_way_in(first) else first.kind
    spoken = _spoken(first, server)
    known = _WITH_SECURITY.get((kind, server.security)) or SENTENCES.get(kind)
    if spoken in _ASKING:
        known = _OTHER_MAIL_PROTOCOL
    elif spoken:
        known = _OTHER_PROTOCOL
    elif kind in _MAYBE_OURS and heard(report.second) in {"ready", "yes"}:
        return  # another client does get along, which is advised about by itself
    if known:
        yield _filled_in(known, server, spoken)


def is_no_way_in(first: Opinion) -> bool:
    """Say whether the server leaves nobody a way to log in on such a connection."""
    if first.kind is Trouble.SAID_NO:
        said = first.detail.casefold()
        coded = first.detail.upper().startswith(_ENCRYPT_CODE)
        return coded or any(text in said for text in ENCRYPTION_TEXTS)
    return first.kind is Trouble.NO_WAY_IN


def _spoken(first: Opinion, server: Server) -> str:
    """Return which protocol the greeting belongs to; empty if to the right one, or unknown."""
    if first.kind is not Trouble.GARBLED:  # the greeting was understood, or none came
        return ""
    found = (name for pattern, name in _GREETINGS if pattern.match(first.banner))
    spoken = next(found, "")
    return "" if spoken == server.protocol else spoken


def _filled_in(sentence: str, server: Server, spoken: str) -> str:
    return sentence.format(
        host=server.host,
        port=server.port,
        usual_port=USUAL_PORTS[server.protocol, server.security],
        tls_port=USUAL_PORTS[server.protocol, "ssl"],
        beginning=TLS_COMMANDS[server.protocol],
        asking=_ASKING[server.protocol],
        PROTOCOL=server.protocol.upper(),
        other=spoken,
        spoken=spoken.upper() if spoken in _ASKING else spoken,
    )
