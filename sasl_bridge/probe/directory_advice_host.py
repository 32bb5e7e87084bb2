"""What to do about a host of a directory that cannot be asked, and about its certificate.

Pure. Knows a sentence for each kind of trouble, and the keys of a profile that they name.
Raises nothing.
"""

from collections.abc import Iterator

from bridge_common.settings.ldap_profile import USUAL_PORTS, LdapProfile
from sasl_bridge.probe.advice_certificate import Certified, flaws, openssl_command
from sasl_bridge.probe.advice_trouble import SENTENCES
from sasl_bridge.probe.directory_report import DirectoryReport, HostSeen
from sasl_bridge.probe.trouble import Trouble

_NO_TLS = (
    'Port {port} does not begin with TLS: set `security = "tls"` if it is one for StartTLS, as '
    "{tls_port} usually is, or `port` to the one for TLS from the start, usually {ssl_port}."
)
_LIKE_OTHERS = (
    Trouble.NO_ROUTE,
    Trouble.NO_CONNECTION,
    Trouble.REFUSED,
    Trouble.HUNG_UP,
    Trouble.TLS_FAILED,
)
_SENTENCES: dict[Trouble, str] = {kind: SENTENCES[kind] for kind in _LIKE_OTHERS} | {
    Trouble.NO_ADDRESS: (
        "The name {host} has no address here: correct `hosts`, or this machine's resolver "
        "(`getent ahosts {host}` asks it)."
    ),
    Trouble.NO_TLS: _NO_TLS,
    Trouble.SILENT_TLS: (
        "Something listens at port {port} but does not answer in TLS: if it is one for StartTLS, "
        'as {tls_port} usually is, set `security = "tls"`; otherwise the service hangs.'
    ),
    Trouble.SILENT_LATER: (
        "The connection to {host} stands, but no answer comes: the directory hangs or is "
        "overloaded."
    ),
    Trouble.TLS_REFUSED: (
        "The server does not begin TLS by StartTLS: give it a certificate, or use TLS from the "
        'start (`security = "ssl"`, usually port {ssl_port}).'
    ),
    Trouble.GARBLED: (
        "What answers at {host} port {port} does not speak LDAP: correct `hosts` or `port`, which "
        "is usually {usual_port}."
    ),
    Trouble.TOO_MUCH: (
        "What answers at {host} port {port} sends far more than belongs to a login: see that "
        "`hosts` and `port` lead to a directory."
    ),
    Trouble.TURNED_AWAY: (
        "The directory is there but turns us away: it may be starting, ending or overloaded; "
        "its log says why."
    ),
}
_WITH_SECURITY: dict[tuple[Trouble, bool], str] = {
    # slapd closes a connection that begins with what it does not take for LDAP, or for TLS.
    (Trouble.HUNG_UP, True): (
        "The server hangs up in place of TLS: port {port} may be one for StartTLS "
        '(`security = "tls"`), as {tls_port} usually is; or it has no use for this machine\'s '
        "address, or no certificate; its log says why."
    ),
    (Trouble.HUNG_UP, False): (
        "The server hangs up: port {port} may be one for TLS from the start "
        '(`security = "ssl"`), as {ssl_port} usually is; or it has no use for this machine\'s '
        "address; its log says why."
    ),
    (Trouble.SILENT_LATER, False): (
        "The connection to {host} stands, but no answer comes: the directory hangs or is "
        "overloaded, or port {port} is one for TLS from the start "
        '(`security = "ssl"`), as {ssl_port} usually is.'
    ),
}


def host_advice(report: DirectoryReport) -> Iterator[str]:
    """Yield what to do about each host that cannot be asked, certificates aside."""
    for seen in report.hosts:
        yield from _about_trouble(report.profile, seen)


def certificate_advice(report: DirectoryReport, *, refused: bool) -> Iterator[str]:
    """Yield what to do about certificates: those for which nobody is asked, or the others."""
    hosts: dict[str, list[str]] = {}
    for seen in report.hosts:
        if (seen.kind is Trouble.CERTIFICATE) is refused:
            for sentence in _about_certificate(report.profile, seen):
                hosts.setdefault(sentence, []).append(seen.host)
    for sentence, whose in hosts.items():
        everywhere = len(whose) == len(report.hosts)
        yield sentence if everywhere else f"{', '.join(whose)}: {sentence}"


def _about_trouble(profile: LdapProfile, seen: HostSeen) -> Iterator[str]:
    from_start = profile.security == "ssl" and not seen.tls
    known = _WITH_SECURITY.get((seen.kind, from_start)) if not seen.tls else None
    known = known or _SENTENCES.get(seen.kind)
    if known:
        yield known.format(
            host=seen.host,
            port=profile.port,
            usual_port=USUAL_PORTS[profile.security],
            tls_port=USUAL_PORTS["tls"],
            ssl_port=USUAL_PORTS["ssl"],
        )


def _about_certificate(profile: LdapProfile, seen: HostSeen) -> Iterator[str]:
    certificate = seen.certificate
    if certificate is None:
        if seen.certificate_trouble:
            what_next = "another test may show it."
            if seen.certificate_kind is Trouble.NOT_STARTED:
                what_next = (
                    "see that the Python package `cryptography` is installed where sasl-bridge is."
                )
            fetched = "The certificate could not be fetched to be shown"
            yield f"{fetched} ({seen.certificate_trouble}): {what_next}"
        return
    starttls = "ldap" if profile.security == "tls" else ""
    openssl = openssl_command(seen.host, profile.port, profile.tls_name, starttls)
    name = profile.tls_name or seen.host
    yield from flaws(
        certificate, Certified(name, "hosts", profile.verify, profile.ca_file, openssl)
    )
    if seen.fingerprint and seen.fingerprint != certificate.fingerprint:
        yield "More than one machine seems to answer at that address: test it more than once."
