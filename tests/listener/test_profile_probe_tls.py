"""The daemon's probe of a directory: encryption, and the certificates that it shows."""

import asyncio
import socket
from typing import Any

import pytest
from lab.asking import NAME, Contexts, serving
from lab.directory_entries import GATEWAY
from lab.fake_server import hang, script
from lab.leftovers import settled
from lab.probing import by_turns
from lab.profile_probing import good, hear_something, probe_profile, profile_of, profile_prober

from bridge_common.deadline import Deadline
from bridge_common.directory.build import build_directory
from bridge_common.network.addresses import Addresses
from sasl_bridge.probe.directory_probe import look_at_certificates, look_at_hosts
from sasl_bridge.probe.directory_report import HostSeen
from sasl_bridge.probe.trouble import Trouble as Kind


async def host_at(port: int, *addresses: str, **keys: Any) -> HostSeen:
    """Return what is seen of a host with these addresses, its certificate too."""
    directory = build_directory(profile_of(port, "dc.example.com", **keys))
    found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (one, 0)) for one in addresses]
    directory.hosts[0].addresses = Addresses("dc.example.com", lookup=lambda *_, **__: found)
    (seen,) = hosts = await look_at_hosts(directory, Deadline.after(5.0))
    await look_at_certificates(directory, hosts, 5.0)
    return seen


@pytest.mark.parametrize("security", ["ssl", "tls"])
async def test_encryption_and_the_certificate_are_shown(contexts: Contexts, security: str) -> None:
    from_start = security == "ssl"
    entries = good(tls=None if from_start else contexts.server)
    async with serving(entries, contexts.server if from_start else None) as server:
        profile = profile_of(
            server.port, security=security, tls_name=NAME, ca_file=str(contexts.ca_file)
        )
        report = await probe_profile(profile)
    (host,) = report["hosts"]
    assert host["tls"].startswith("TLSv1.3, ")
    certificate = host["certificate"]
    assert certificate["names"] == ("mail.example.com", "127.0.0.1")
    assert certificate["fingerprint"] == host["fingerprint"]
    assert (certificate["trouble"], host["certificate_trouble"]) == ("", "")
    assert len(server.peers) == 2
    assert GATEWAY.encode() not in server.in_the_clear


@pytest.mark.parametrize("security", ["ssl", "tls"])
@pytest.mark.parametrize("verify", [True, False])
async def test_a_certificate_that_does_not_pass_is_shown_too(
    contexts: Contexts, security: str, *, verify: bool
) -> None:
    from_start = security == "ssl"
    bad = contexts.bad["unknown authority"]
    entries = good(tls=None if from_start else bad)
    async with serving(entries, bad if from_start else None) as server:
        profile = profile_of(server.port, security=security, tls_name=NAME, verify=verify)
        report = await probe_profile(profile)
    (host,) = report["hosts"]
    trouble = "certificate is not signed by a trusted authority"
    assert host["certificate"]["trouble"] == trouble
    assert host["trouble"] == (trouble if verify else "")
    assert report["state"] == ("unavailable" if verify else "ready")
    assert entries.binds == ([] if verify else [GATEWAY])


async def test_a_server_that_does_not_begin_tls() -> None:
    refusal = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x34\x04\x00\x04\x00"
    async with serving(script(hear_something, refusal, hang)) as server:
        report = await probe_profile(profile_of(server.port, security="tls"))
    (host,) = report["hosts"]
    where = f"127.0.0.1 port {server.port}"
    assert host["trouble"] == f"{where} does not begin TLS: Server is unavailable (52)"
    assert (host["kind"], host["certificate"]) == ("TLS refused", None)
    assert len(server.peers) == 1


async def test_two_hosts_have_their_own_certificates(contexts: Contexts) -> None:
    bad = contexts.bad["expired"]
    async with (
        serving(good(), contexts.server) as server,
        serving(good(), bad, address="127.0.0.2", port=server.port),
    ):
        hosts = ("127.0.0.1", "127.0.0.2")
        keys = {"security": "ssl", "tls_name": NAME, "ca_file": str(contexts.ca_file)}
        report = await probe_profile(profile_of(server.port, *hosts, **keys))
    first, second = report["hosts"]
    assert (first["state"], second["state"]) == ("ready", "unavailable")
    assert first["certificate"]["trouble"] == ""
    assert second["certificate"]["trouble"] == "certificate has expired"


@pytest.mark.parametrize("expired", ["127.0.0.1", "127.0.0.2"])
async def test_of_two_addresses_the_one_with_the_certificate_is_asked_for_it(
    contexts: Contexts, expired: str
) -> None:
    """The other one refuses the connection."""
    async with serving(good(), contexts.bad["expired"], address=expired) as server:
        keys = {"security": "ssl", "tls_name": NAME, "ca_file": str(contexts.ca_file)}
        seen = await host_at(server.port, "127.0.0.1", "127.0.0.2", **keys)
    assert seen.kind is Kind.CERTIFICATE
    assert seen.certificate is not None
    assert seen.certificate.trouble == "certificate has expired"


async def test_of_two_addresses_the_one_that_was_connected_to_is_asked_for_its_certificate(
    contexts: Contexts,
) -> None:
    async with (
        serving(good(), contexts.bad["expired"]) as server,
        serving(good(), contexts.server, address="127.0.0.2", port=server.port),
    ):
        keys = {"security": "ssl", "tls_name": NAME, "ca_file": str(contexts.ca_file)}
        seen = await host_at(server.port, "127.0.0.1", "127.0.0.2", **keys)
    assert seen.certificate is not None
    assert (seen.state, seen.certificate.trouble) == ("ready", "")


async def test_a_certificate_that_does_not_come_holds_nothing_up(contexts: Contexts) -> None:
    async with serving(by_turns(good(tls=contexts.server), hang)) as server:
        keys = {"security": "tls", "tls_name": NAME, "ca_file": str(contexts.ca_file)}
        report = await probe_profile(profile_of(server.port, **keys), seconds=0.2)
    (host,) = report["hosts"]
    assert (report["state"], host["certificate"]) == ("ready", None)
    assert host["certificate_trouble"] == "no certificate within 0.2 s"


async def test_a_probe_that_nobody_waits_for_ends_with_its_process(contexts: Contexts) -> None:
    entries = good()
    async with serving(by_turns(entries, hang), contexts.server) as server:
        keys = {"security": "ssl", "tls_name": NAME, "ca_file": str(contexts.ca_file)}
        prober = profile_prober(profile_of(server.port, **keys), seconds=60.0)
        running = asyncio.create_task(prober.probe({"profile": "corp"}))
        await settled(lambda: len(server.peers) == 2)
        running.cancel()
        await asyncio.wait({running})
