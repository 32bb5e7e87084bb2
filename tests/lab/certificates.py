"""A certificate authority of the lab's own, and a certificate for localhost; by openssl(1)."""

from dataclasses import dataclass
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
subjectAltName = DNS:localhost, IP:127.0.0.1
"""


@dataclass(frozen=True, slots=True)
class Certificates:
    """Where the files are: the authority to trust, the server's chain, its key; the authority's."""

    authority: Path
    certificate: Path
    key: Path
    authority_key: Path


def make_certificates(folder: Path) -> Certificates:
    """Make them in ``folder`` (it must exist), valid for two days."""
    made = Certificates(
        authority=folder / "ca.pem",
        certificate=folder / "server.pem",
        key=folder / "server.key",
        authority_key=folder / "ca.key",
    )
    configuration = folder / "openssl.cnf"
    configuration.write_text(_CONFIGURATION)
    request = (program("openssl", "openssl"), "req", "-x509", "-config", str(configuration))
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    authority = ("-keyout", str(made.authority_key), "-out", str(made.authority))
    run(*request, *key, *authority, "-subj", "/CN=Lab CA", "-extensions", "authority")
    signer = ("-CA", str(made.authority), "-CAkey", str(made.authority_key))
    server = ("-keyout", str(made.key), "-out", str(made.certificate))
    run(*request, *key, *server, *signer, "-subj", "/CN=localhost", "-extensions", "server")
    return made
