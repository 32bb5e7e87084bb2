"""Reports of probes, as if there had been one: of a good server, and of others."""

from dataclasses import replace
from typing import Any

from bridge_common.settings.server import Server
from sasl_bridge.probe.report import Certificate, Opinion, Report, State
from sasl_bridge.probe.trouble import Trouble, trouble_of

SERVER = Server(name="first", host="mail.example.com", forward_client="id")
CAPABILITIES = ("AUTH=PLAIN", "ID", "IMAP4REV1")
UNSEEN_TRUST = (
    'Whether the server believes `forward_client = "id"` cannot be seen from here: Dovecot '
    "does if its `login_trusted_networks` hold this machine, and its log then shows the "
    "mail client's address as `rip`."
)
"""What is always advised where that is set and offered."""
FINE = Opinion(
    "sasl-bridge",
    "ready",
    addresses=("192.0.2.1",),
    capabilities=CAPABILITIES,
    tls="TLSv1.3, X",
    seconds=0.1,
)
CERTIFICATE = Certificate(
    subject="mail.example.com",
    names=("mail.example.com", "*.example.org"),
    number_of_names=2,
    issuer="Some CA",
    not_before="2026-01-01",
    not_after="2026-12-31",
    days_left=40,
    fingerprint="ab" * 32,
)
GOOD = Report(
    server=SERVER,
    login="",
    client="",
    share=2.0,
    first=FINE,
    second=replace(FINE, by="imapclient"),
    certificate=CERTIFICATE,
)


def down(detail: str, **seen: Any) -> Report:
    """Return a report of a server that neither client could use; ``seen`` of the first opinion."""
    kind = trouble_of(detail)
    trouble = Opinion("sasl-bridge", "unavailable", detail, kind, addresses=("192.0.2.1",))
    second = replace(trouble, by="imapclient", kind=Trouble.OTHER)
    return replace(GOOD, first=replace(trouble, **seen), second=second, certificate=None)


def answered(state: State, detail: str, second: State | None = None) -> Report:
    """Return a report of a login; ``second`` is what the other client made of it."""
    kind = trouble_of(detail) if state == "unavailable" else Trouble.NONE
    first = replace(FINE, state=state, detail=detail, kind=kind, password_sent=True)
    other = replace(first, by="imapclient", state=second or state, kind=Trouble.NONE)
    return replace(GOOD, login="alice@example.com", first=first, second=other)


def certified(**changes: Any) -> Report:
    return replace(GOOD, certificate=replace(CERTIFICATE, **changes))


def in_the_clear(report: Report, **keys: Any) -> Report:
    """Return the report of a server on this machine, without TLS."""
    first = replace(report.first, addresses=("127.0.0.1",))
    return by(replace(report, first=first, certificate=None), security="plain", **keys)


def by(report: Report, **keys: Any) -> Report:
    """Return the report with other settings of the server."""
    return replace(report, server=replace(report.server, **keys))
