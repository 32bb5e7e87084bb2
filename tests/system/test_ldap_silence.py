"""An LDAP server that says nothing while many wait for it: the daemon stays well, and can end."""

import contextlib
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.bridge import Bridge
from lab.corp import PASSWORD, field, told
from lab.gateway import Gateway
from lab.openldap import ALICE
from lab.ports import LOOPBACK
from lab.processes import LabError
from lab.replies import ACCEPTED, TRY_LATER
from lab.settings import ldap_profile, listed_profile, profile_at, server
from lab.traffic import log_in_together

from bridge_common.runtime.lifecycle import DRAIN_SECONDS

LOGIN = "alice@example.com"
ELSEWHERE = "bob@example.net"

_MANY = 100
_CONNECTIONS = 20
_SOCKETS_EACH = 3  # the connection, and the pair that decodes what it says
_MOST_KILOBYTES = 10_000
_WAIT_SECONDS = 20.0


@dataclass(frozen=True)
class Use:
    """What a process has of the machine: proc(5)."""

    memory_kilobytes: int
    threads: int
    sockets: int


def use_of(pid: int) -> Use:
    """Return what a process has at this moment."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    sockets = [one for one in _opened(pid) if one.startswith("socket:")]
    return Use(int(status["VmRSS"].split()[0]), int(status["Threads"]), len(sockets))


def _opened(pid: int) -> Iterator[str]:
    """Yield what a process's descriptors stand for."""
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            yield str(descriptor.readlink())


def _with_sockets(pid: int, number: int) -> Use:
    """Return what a process has, once it has so many sockets."""
    end = time.monotonic() + _WAIT_SECONDS
    while (use := use_of(pid)).sockets < number:
        if time.monotonic() > end:
            raise LabError(f"{use.sockets} sockets of {number}")
        time.sleep(0.02)  # nobody tells what a process has opened
    return use


def test_sigterm_ends_the_daemon_while_logins_wait_for_a_silent_ldaps_peer(
    gateway: Gateway,
) -> None:
    """Five are in a TLS handshake that never ends, the others wait for their turn."""
    profile_keys: dict[str, Any] = {"security": "ssl", "max_connections": 5}
    keys: dict[str, Any] = {"method": "ldap", "ldap_profile": "corp"}
    with contextlib.ExitStack() as stack:
        peer = stack.enter_context(socket.create_server((LOOPBACK, 0), backlog=50))
        pool = stack.enter_context(ThreadPoolExecutor(1))
        profile = profile_at(peer.getsockname()[1], **profile_keys)
        bridge = stack.enter_context(gateway.bridge(profile, connection_timeout="9.5s", **keys))
        logins = pool.submit(log_in_together, gateway.submissions, LOGIN, PASSWORD, 20)
        peer.settimeout(_WAIT_SECONDS)
        for _ in range(5):
            waiting, _ = peer.accept()
            assert stack.enter_context(waiting).recv(1) == b"\x16"  # the client has begun TLS
        began = time.monotonic()
        assert bridge.stop() == 0
        assert time.monotonic() - began < DRAIN_SECONDS + 1.5
        replies = logins.result(_WAIT_SECONDS)
    assert Counter(code for code, _ in replies) == {454: 20}


def _seconds_elsewhere(gateway: Gateway, bridge: Bridge) -> float:
    """Return how long the slowest of ten logins at the other server took."""
    known = len([line for line in bridge.lines if f"login={ELSEWHERE} " in line])
    assert [told(gateway, ELSEWHERE, "his") for _ in range(10)] == [ACCEPTED] * 10
    lines = bridge.lines_with(f"login={ELSEWHERE} ", known + 10)[known:]
    return max(float(field(line, "seconds")) for line in lines)


def test_a_frozen_server_with_a_hundred_waiting_leaves_the_rest_as_it_was(
    gateway: Gateway,
) -> None:
    """Memory, threads and sockets stay bounded, and another server's users notice nothing."""
    with gateway.slapd([ALICE]) as slapd, gateway.dovecot({ELSEWHERE: "his"}) as dovecot:
        servers = [
            ldap_profile("corp", slapd, security="plain", max_connections=_CONNECTIONS),
            listed_profile("corp", domains=["example.com"]),
            server("mail", dovecot.port, domains=["example.net"]),
        ]
        about: dict[str, Any] = {
            "domains": ["example.com", "example.net"],
            "connection_timeout": "3s",
        }
        with gateway.bridge(*servers, **about) as bridge, ThreadPoolExecutor(1) as pool:
            usual = _seconds_elsewhere(gateway, bridge)
            before = use_of(bridge.pid)
            slapd.pause()
            logins = pool.submit(log_in_together, gateway.submissions, LOGIN, PASSWORD, _MANY)
            busy = _MANY + _SOCKETS_EACH * _CONNECTIONS
            _with_sockets(bridge.pid, busy)
            elsewhere = _seconds_elsewhere(gateway, bridge)
            during = use_of(bridge.pid)
            assert logins.running()
            assert Counter(logins.result(_WAIT_SECONDS)) == {TRY_LATER: _MANY}
            waited = [float(field(line, "seconds")) for line in bridge.lines_with("=unav", _MANY)]
            slapd.resume()
            replies = log_in_together(gateway.submissions, LOGIN, PASSWORD, _MANY)
            assert Counter(replies) == {ACCEPTED: _MANY}
            after = use_of(bridge.pid)
        assert during.memory_kilobytes - before.memory_kilobytes < _MOST_KILOBYTES
        assert after.memory_kilobytes - before.memory_kilobytes < _MOST_KILOBYTES
        assert {during.threads, after.threads} == {before.threads}
        assert during.sockets <= before.sockets + busy
        assert after.sockets <= before.sockets + busy + _SOCKETS_EACH * _CONNECTIONS
        assert elsewhere < min(waited) / 4, usual
