"""What is doubtful about the encryption of a connection, to a server or to a directory.

Pure: yields findings, raises nothing.
"""

from collections.abc import Iterator

from bridge_common.settings.endpoint import InetEndpoint, is_loopback
from bridge_common.settings.findings import Finding
from bridge_common.settings.ldap_profile import LdapProfile
from bridge_common.settings.server import Server


def doubts_about_secrecy(
    path: str, asked: Server | LdapProfile, hosts: tuple[str, ...]
) -> Iterator[Finding]:
    """Yield what lets passwords be read on the way to these hosts, or has no effect."""
    plain = asked.security == "plain"
    for host in hosts if plain else ():
        if not is_loopback(InetEndpoint(host, asked.port)):
            yield Finding(f"{path}.security", f"passwords travel unencrypted to {host}")
    if not plain and not asked.verify:
        message = "the certificate is not checked: anyone on the way can collect passwords"
        yield Finding(f"{path}.verify", message)
    if asked.tls_name and plain:
        yield Finding(f"{path}.tls_name", 'has no effect with security = "plain"')
    if asked.ca_file and (plain or not asked.verify):
        unused = 'security = "plain"' if plain else "verify = false"
        yield Finding(f"{path}.ca_file", f"has no effect with {unused}")
