"""A certificate in words, for people: for whom, by whom, for how long.

Knows X.509 by way of `cryptography`, which is imported here and nowhere else, for the process of
the second opinion. Trust is not judged here. Raises what `cryptography` raises; logs nothing.
"""

import datetime as dt
import ipaddress
from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

_MAX_NAMES = 50  # as many as one would read


def certificate_facts(der: bytes, wanted: str) -> dict[str, Any]:
    """Return the fields of `report.Certificate`, but for its ``trouble``.

    ``wanted`` is the name or address that it has to be for.
    """
    certificate = x509.load_der_x509_certificate(der)
    now = dt.datetime.now(dt.UTC)
    begins, ends = _moment(certificate, "not_valid_before"), _moment(certificate, "not_valid_after")
    names = _names(certificate)
    return {
        "subject": _name(certificate.subject),
        "names": names[:_MAX_NAMES],
        "number_of_names": len(names),
        "covers": name_matches(wanted, names),
        "issuer": _name(certificate.issuer),
        "not_before": f"{begins:%Y-%m-%d}",
        "not_after": f"{ends:%Y-%m-%d}",
        "days_left": (ends - now).days,
        "begun": begins <= now,
        "self_signed": certificate.issuer == certificate.subject,
        "fingerprint": certificate.fingerprint(SHA256()).hex(),
    }


def name_matches(wanted: str, certified: Sequence[str]) -> bool:
    """Say whether a certificate's names cover this one; a star is one label (RFC 6125 6.4.3)."""
    comparable = _comparable(wanted)
    _, _, parent = comparable.partition(".")
    known = {_comparable(one) for one in certified}
    return comparable in known or (bool(parent) and f"*.{parent}" in known)


def _comparable(name: str) -> str:
    """Return a name in lower case, an address in its one shortest form."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name.rstrip(".").casefold()


def _moment(certificate: x509.Certificate, attribute: str) -> dt.datetime:
    """Return it with its time zone; before version 42 it comes without."""
    moment = getattr(certificate, f"{attribute}_utc", None)
    if moment is None:
        moment = getattr(certificate, attribute).replace(tzinfo=dt.UTC)
    assert isinstance(moment, dt.datetime)  # noqa: S101  # for the type checker
    return moment


def _names(certificate: x509.Certificate) -> list[str]:
    """Return the DNS names and addresses that it is for."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    names = extension.value.get_values_for_type(x509.DNSName)
    addresses = extension.value.get_values_for_type(x509.IPAddress)
    return [*names, *map(str, addresses)]


def _name(name: x509.Name) -> str:
    """Return the common name, or else all of it."""
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(common[0].value) if common else name.rfc4514_string()
