"""Probing fake servers: the settings of one server, and the daemon's prober for it."""

from typing import Any

from bridge_common.decisions import DecisionLog
from bridge_common.identity import IdentityRules
from bridge_common.settings.model import Server, Settings
from lab.asking import NAME, Channel
from sasl_bridge.admission import AdmissionRules
from sasl_bridge.passdb.build import build_servers
from sasl_bridge.probe.prober import Prober, ProbeRules

ADMISSION = AdmissionRules(
    enabled=False,  # a server is tested before its users are let in
    require_tls=True,
    identity=IdentityRules(frozenset({"example.com", "example.org"})),
)
ALICE: dict[str, Any] = {"login": "alice@example.com", "password": "secret"}


def server_of(channel: Channel, port: int, **keys: Any) -> Server:
    """Return the settings for a server of this kind at this port."""
    ca_file = "" if channel.security == "plain" else str(channel.contexts.ca_file)
    where: dict[str, Any] = {
        "name": "first",
        "protocol": channel.protocol,
        "security": channel.security,
        "host": "127.0.0.1",
        "port": port,
        "ca_file": ca_file,
        "tls_name": NAME,
    }
    return Server(**{**where, **keys})


def prober_of(*servers: Server, seconds: float = 5.0) -> Prober:
    """Return a prober with these servers in force."""
    prober = Prober(DecisionLog())
    built = build_servers(Settings(servers=servers))
    prober.apply(ProbeRules(built, ADMISSION, seconds, failure_delay=0.0))
    return prober


async def probe(server: Server, seconds: float = 5.0, **request: str) -> dict[str, Any]:
    """Return the report on the server."""
    return await prober_of(server, seconds=seconds).probe({"server": server.name, **request})
