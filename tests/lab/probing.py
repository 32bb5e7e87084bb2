"""Probing fake servers: the settings of one server, and the daemon's prober for it."""

from typing import Any

from bridge_common.decisions import DecisionLog
from bridge_common.identity import IdentityRules
from bridge_common.settings.model import Settings
from bridge_common.settings.server import Server
from lab.asking import NAME, Channel
from lab.fake_server import Behaviour, Peer
from sasl_bridge.admission import AdmissionRules
from sasl_bridge.passdb.build import build_parts
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
    parts = build_parts(Settings(servers=servers))
    prober.apply(ProbeRules(parts, ADMISSION, seconds, failure_delay=0.0))
    return prober


def by_turns(*behaviours: Behaviour) -> Behaviour:
    """Return a server that treats each connection in its own way."""
    turns = iter(behaviours)

    def behave(peer: Peer) -> None:
        next(turns)(peer)

    return behave


async def probe(server: Server, seconds: float = 5.0, **request: str) -> dict[str, Any]:
    """Return the report on the server."""
    return await prober_of(server, seconds=seconds).probe({"server": server.name, **request})
