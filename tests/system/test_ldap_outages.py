"""OpenLDAP servers that are away, silent or back again, between one login and the next."""

import contextlib
import socket
from collections import Counter
from collections.abc import Iterable, Iterator

from lab.corp import PASSWORD, field, told
from lab.directory_entries import GATEWAY
from lab.domain_controller import free_address
from lab.fake_server import FakeServer, Peer, hang_up, script
from lab.gateway import Gateway
from lab.openldap import (
    ALICE,
    DIRECT,
    PLAIN,
    SEARCH,
    bridge_of_profiles,
    reason_of_each,
    slapd_bridge,
    told_by_each,
)
from lab.ports import LOOPBACK
from lab.replies import ACCEPTED, TRY_LATER, WRONG
from lab.settings import profile_at
from lab.traffic import log_in_together

LOGIN = "alice@example.com"
WAYS = {
    "search-plain": SEARCH | PLAIN,
    "search-tls": SEARCH | {"security": "tls"},
    "search-ssl": SEARCH,
    "direct-ssl": DIRECT,
}


def test_stopped_it_is_try_later_and_started_again_it_lets_in(gateway: Gateway) -> None:
    """The connections that the first login left behind are of no use to the others."""
    with (
        gateway.slapd([ALICE], gateway.tls) as slapd,
        bridge_of_profiles(gateway, slapd, WAYS) as bridge,
    ):
        assert told_by_each(gateway, WAYS, "alice") == dict.fromkeys(WAYS, ACCEPTED)
        slapd.stop()
        assert told_by_each(gateway, WAYS, "alice") == dict.fromkeys(WAYS, TRY_LATER)
        assert told_by_each(gateway, WAYS, "alice", "no") == dict.fromkeys(WAYS, TRY_LATER)
        assert all("connection refused" in why for why in reason_of_each(bridge, WAYS, 3).values())
        slapd.start()
        assert told_by_each(gateway, WAYS, "alice") == dict.fromkeys(WAYS, ACCEPTED)
        assert told_by_each(gateway, WAYS, "alice", "no") == dict.fromkeys(WAYS, WRONG)


def test_restarted_between_two_logins_nobody_notices(gateway: Gateway) -> None:
    with gateway.slapd([ALICE], gateway.tls) as slapd, bridge_of_profiles(gateway, slapd, WAYS):
        for _ in range(2):
            assert told_by_each(gateway, WAYS, "alice") == dict.fromkeys(WAYS, ACCEPTED)
            assert told_by_each(gateway, WAYS, "alice", "no") == dict.fromkeys(WAYS, WRONG)
            slapd.stop()
            slapd.start()


def test_a_server_that_ends_idle_connections_loses_no_login(gateway: Gateway) -> None:
    with (
        gateway.slapd([ALICE], gateway.tls, idletimeout="1") as slapd,
        bridge_of_profiles(gateway, slapd, WAYS),
    ):
        assert told_by_each(gateway, WAYS, "alice") == dict.fromkeys(WAYS, ACCEPTED)
        slapd.log_with(r"closed \(idletimeout\)", 2 * len(WAYS) - 1)
        assert told_by_each(gateway, WAYS, "alice", "no") == dict.fromkeys(WAYS, WRONG)


_GRANTED = bytes.fromhex("300c02010161070a010004000400")
# RFC 4511 section 4.4.1, with result 52 (unavailable); it answers nothing, so its number is 0.
_NOTICE = bytes.fromhex("302402010078 1f0a013404000400 8a16") + b"1.3.6.1.4.1.1466.20036"


def _hear_request(peer: Peer) -> None:
    peer.hear_bytes(peer.hear_bytes(2)[1])


def test_a_notice_instead_of_an_answer_on_a_kept_connection_loses_no_login(
    gateway: Gateway,
) -> None:
    """Proxies and the like tell an idle client that it is gone once it comes back."""
    once = script(_hear_request, _GRANTED, _hear_request, _NOTICE, hang_up)
    with FakeServer(once) as server:
        profile = profile_at(server.port, **DIRECT)
        with gateway.bridge(profile, method="ldap", ldap_profile="corp") as bridge:
            assert [told(gateway, LOGIN) for _ in range(3)] == [ACCEPTED] * 3
            assert len(bridge.decisions(3)) == 3
        assert [peer.heard.count(b"uid=alice,") for peer in server.peers] == [2, 2, 1]


@contextlib.contextmanager
def _silent(ports: Iterable[int]) -> Iterator[str]:
    """Yield an address that takes connections and never says a word."""
    address = free_address()
    with contextlib.ExitStack() as stack:
        for port in ports:
            stack.enter_context(socket.create_server((address, port)))
        yield address


@contextlib.contextmanager
def _full(ports: Iterable[int]) -> Iterator[str]:
    """Yield an address that neither takes connections nor refuses them: its queue is full."""
    address = free_address()
    with contextlib.ExitStack() as stack:
        for port in ports:
            stack.enter_context(socket.create_server((address, port), backlog=0))
            for _ in range(3):
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex((address, port))
        yield address


def test_behind_a_useless_primary_the_secondary_is_asked_and_then_it_is_first(
    gateway: Gateway,
) -> None:
    with gateway.slapd([ALICE], gateway.tls) as slapd, contextlib.ExitStack() as stack:
        ports = slapd.ports["ldap"]
        silent = stack.enter_context(_silent({ports["plain"], ports["ssl"]}))
        full = stack.enter_context(_full({ports["plain"], ports["ssl"]}))
        primaries = {"refusing": free_address(), "silent": silent, "full": full}
        profiles = {
            f"{name}-{security}": {
                "hosts": [primary, LOOPBACK],
                "security": security,
                "tls_name": LOOPBACK,
            }
            for name, primary in primaries.items()
            for security in ("plain", "ssl")
        }
        with bridge_of_profiles(gateway, slapd, profiles, connection_timeout="1.5s") as bridge:
            assert told_by_each(gateway, profiles, "alice") == dict.fromkeys(profiles, ACCEPTED)
            assert told_by_each(gateway, profiles, "alice") == dict.fromkeys(profiles, ACCEPTED)
            replies = told_by_each(gateway, profiles, "alice", "no")
            assert replies == dict.fromkeys(profiles, WRONG)
            for name in profiles:
                lines = bridge.lines_with(rf"verdict=.* server={name} ", 3)
                first, *others = [float(field(line, "seconds")) for line in lines]
                assert first < 1.5
                assert name.startswith("refusing") or max(others) < first / 2, lines


def test_a_primary_that_freezes_costs_no_login_even_of_many_at_once(gateway: Gateway) -> None:
    """More than it may be asked about at a time: the others wait for their turn in vain."""
    with (
        gateway.slapd([ALICE]) as primary,
        gateway.slapd([ALICE], beside=primary) as secondary,
        slapd_bridge(
            gateway,
            primary,
            hosts=[primary.address, secondary.address],
            timeout="4s",
            max_connections=10,
            **PLAIN,
        ) as bridge,
    ):
        assert told(gateway, LOGIN) == ACCEPTED
        assert secondary.binds(ALICE.dn) == 0
        primary.pause()
        replies = log_in_together(gateway.submissions, LOGIN, PASSWORD, sessions=30)
        assert Counter(replies) == {ACCEPTED: 30}
        assert secondary.binds(ALICE.dn) == 30
        assert told(gateway, LOGIN) == ACCEPTED
        seconds = [float(field(line, "seconds")) for line in bridge.decisions(32)]
        assert seconds[-1] < max(seconds) / 2
        secondary.stop()
        primary.resume()
        assert told(gateway, LOGIN) == ACCEPTED, "it comes last, but it is asked"
        assert secondary.binds(GATEWAY) <= 10
