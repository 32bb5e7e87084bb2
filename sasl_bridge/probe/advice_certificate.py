"""What to do about a server's certificate, and how its time and names are put in words.

Pure. Knows the sentences of `passdb.trouble` about certificates. Raises nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bridge_common.settings.endpoint import host_and_port
from sasl_bridge.probe.report import Certificate, Report
from sasl_bridge.probe.trouble import Trouble

SOON_DAYS = 21
"""A certificate that expires within these is worth a word."""

_FEW_NAMES = 3

_EXPIRED = "certificate has expired"
_NOT_YET = "certificate is not yet valid"
_SELF_SIGNED = "certificate is self-signed"
_UNKNOWN = "certificate is not signed by a trusted authority"
_WRONG_NAME = "certificate is not valid for "


@dataclass(frozen=True, slots=True)
class Certified:
    """Who shows a certificate, and what the settings say about it.

    ``name`` is the one that it has to be for, and ``keys`` are those that name the host.
    ``openssl`` is the command that prints what is sent.
    """

    name: str
    keys: str
    verify: bool
    ca_file: str
    openssl: str


def certificate_advice(report: Report) -> Iterator[str]:
    """Yield a sentence for each flaw of a server's certificate."""
    certificate = report.certificate
    if certificate is None:
        if report.first.kind is Trouble.CERTIFICATE and report.second.had:
            yield f"The certificate could not be fetched to be shown: {report.second.detail}."
        return
    server = report.server
    starttls = server.protocol if server.security == "tls" else ""
    openssl = openssl_command(server.host, server.port, server.tls_name, starttls)
    name = report.certificate_name
    yield from flaws(certificate, Certified(name, "host", server.verify, server.ca_file, openssl))


def flaws(certificate: Certificate, whose: Certified) -> Iterator[str]:
    """Yield a sentence for each flaw."""
    yield from _about_names(certificate, whose)
    yield from _about_authority(certificate, whose)
    yield from _about_validity(certificate, whose)


def _about_names(certificate: Certificate, whose: Certified) -> Iterator[str]:
    if certificate.covers:
        return
    if certificate.names:
        names = names_text(certificate.names, certificate.number_of_names, _FEW_NAMES)
        yield (
            f"The certificate is for {names}, not for {whose.name}: set `{whose.keys}` or "
            "`tls_name` to a name that it is for, or have it issued anew."
        )
    elif certificate.trouble.startswith(_WRONG_NAME):
        yield f"The certificate names no host: have it issued anew, for {whose.name}."


def _about_authority(certificate: Certificate, whose: Certified) -> Iterator[str]:
    trouble = certificate.trouble
    if trouble == _SELF_SIGNED:
        yield (
            "No authority that is trusted here signed the certificate: if it is the right one, "
            f"save it in a PEM file (`{whose.openssl}` prints it) and name that in `ca_file`."
        )
    elif trouble == _UNKNOWN:
        where = whose.ca_file or "this machine"
        yield (
            f"The certificate was issued by {certificate.issuer}, whom {where} does not know: "
            "name a PEM file with that authority's certificate in `ca_file`; or the server does "
            f"not send the certificates in between (`{whose.openssl}` prints those it sends)."
        )
    elif trouble and not trouble.startswith((_EXPIRED, _NOT_YET, _WRONG_NAME)):
        yield f"The certificate does not pass: {trouble}."


def openssl_command(host: str, port: int, tls_name: str, starttls: str) -> str:
    """Return the command that prints what the server sends; ``starttls``: by which protocol."""
    begin = f" -starttls {starttls}" if starttls else ""
    name = f" -servername {tls_name}" if tls_name else ""
    return (
        f"openssl s_client -connect {host_and_port(host, port)}{name}{begin} -showcerts </dev/null"
    )


def _about_validity(certificate: Certificate, whose: Certified) -> Iterator[str]:
    trouble, days_left = certificate.trouble, certificate.days_left
    if days_left < 0:
        yield f"The certificate expired on {certificate.not_after}: renew it at the server."
    elif not certificate.begun:
        yield (
            f"The certificate is not valid before {certificate.not_before}: "
            "compare the clocks of both machines."
        )
    elif trouble in {_EXPIRED, _NOT_YET}:
        what = "has expired" if trouble == _EXPIRED else "is not yet valid"
        yield (
            f"A certificate in its chain {what}, though the server's own is valid: have the server "
            "send the present ones, or renew what stands in `ca_file`."
        )
    elif certificate.not_after and days_left < SOON_DAYS:
        otherwise = "or every login here ends in a temporary failure."
        if not whose.verify:
            otherwise = "or other mail programs will complain; here nobody looks (`verify`)."
        yield (
            f"The certificate {expiry_text(days_left)}: renew it before {certificate.not_after}, "
            + otherwise
        )


def names_text(names: Sequence[str], number: int, most: int) -> str:
    """Return the first names, and how many there are besides."""
    shown = names[:most]
    more = max(number, len(names)) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def expiry_text(days_left: int) -> str:
    """Return "expires in 12 days" and the like."""
    if days_left < 0:
        past = -days_left - 1
        return f"expired {_days(past)} ago" if past else "has just expired"
    return f"expires in {_days(days_left)}" if days_left else "expires within a day"


def _days(number: int) -> str:
    return f"{number} day" + ("" if number == 1 else "s")
