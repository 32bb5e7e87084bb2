"""A certificate authority of the lab's own, and certificates by it; by openssl(1)."""

from dataclasses import dataclass, replace
from pathlib import Path

from lab.processes import program, run

_CONFIGURATION = """\
[req]
distinguished_name = name
prompt = no
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""


@dataclass(frozen=True, slots=True)
class Certificates:
    """Where the files are: the authority to trust, the server's chain, its key; the authority's."""

    authority: Path
    certificate: Path
    key: Path
    authority_key: Path


def make_certificates(folder: Path) -> Certificates:
    """Make an authority in ``folder`` (it must exist), and a certificate for localhost."""
    made = Certificates(
        authority=folder / "ca.pem",
        certificate=folder / "server.pem",
        key=folder / "server.key",
        authority_key=folder / "ca.key",
    )
    _request(folder, "authority", "Lab CA", made.authority_key, made.authority)
    return certificate_for(folder, made, "DNS:localhost", "IP:127.0.0.1")


def certificate_for(folder: Path, issuer: Certificates, *names: str) -> Certificates:
    """Make a certificate by the authority of ``issuer``, for ``names`` as openssl writes them."""
    made = replace(issuer, certificate=folder / "server.pem", key=folder / "server.key")
    signer = ("-CA", str(issuer.authority), "-CAkey", str(issuer.authority_key))
    first = names[0].partition(":")[2]
    _request(folder, "server", first, made.key, made.certificate, *signer, names=names)
    return made


def _request(
    folder: Path,
    kind: str,
    common_name: str,
    key: Path,
    certificate: Path,
    *signer: str,
    names: tuple[str, ...] = (),
) -> None:
    """Make a key and its certificate, valid for two days; signed by itself without ``signer``."""
    configuration = folder / "openssl.cnf"
    configuration.write_text(_CONFIGURATION.format(names=", ".join(names)))
    request = (program("openssl", "openssl"), "req", "-x509", "-config", str(configuration))
    algorithm = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    files = ("-keyout", str(key), "-out", str(certificate))
    what = ("-days", "2", "-subj", f"/CN={common_name}", "-extensions", kind)
    run(*request, *algorithm, *files, *what, *signer)
