"""Domain controllers that are away, frozen or back again, between one login and the next."""

import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from lab.corp import PASSWORD, corp_bridge, field, told
from lab.domain_controller import DomainController, free_address
from lab.gateway import Gateway
from lab.replies import ACCEPTED, TRY_LATER, WRONG

USER = "away@corp.example.com"
SEARCH: dict[str, Any] = {}
DIRECT: dict[str, Any] = {"auth": "direct", "bind_template": "{login}"}


@pytest.fixture(scope="module", autouse=True)
def user(domain: DomainController) -> None:
    """Create the user who logs in."""
    domain.create_user("away", PASSWORD)


@pytest.fixture
def silent_host() -> Iterator[str]:
    """Yield an address where a domain controller is frozen: it takes connections, and is silent.

    All hosts of a profile have one port, so it is an address of its own.
    """
    address = free_address()
    with socket.create_server((address, 636)):
        yield address


@pytest.mark.parametrize("keys", [SEARCH, DIRECT], ids=["search", "direct"])
def test_stopped_it_is_try_later_and_started_again_it_lets_in(
    gateway: Gateway, domain: DomainController, keys: dict[str, Any]
) -> None:
    """The connections that the first login left behind are of no use to the others."""
    with corp_bridge(gateway, domain, **keys) as bridge:
        assert told(gateway, USER) == ACCEPTED
        domain.stop()
        try:
            assert told(gateway, USER) == TRY_LATER
            assert told(gateway, USER, "wrong") == TRY_LATER
        finally:
            domain.start()
        assert told(gateway, USER) == ACCEPTED
        assert told(gateway, USER, "wrong") == WRONG
        assert "refused" in field(bridge.decisions(5)[1], "reason")


@pytest.mark.parametrize("keys", [SEARCH, DIRECT], ids=["search", "direct"])
def test_restarted_between_two_logins_nobody_notices(
    gateway: Gateway, domain: DomainController, keys: dict[str, Any]
) -> None:
    with corp_bridge(gateway, domain, **keys):
        assert told(gateway, USER) == ACCEPTED
        domain.stop()
        domain.start()
        assert told(gateway, USER) == ACCEPTED


def test_frozen_it_is_try_later_within_the_deadline(
    gateway: Gateway, domain: DomainController
) -> None:
    """Postfix waits ten seconds; a kept connection to it is found to be silent, and let go."""
    with corp_bridge(gateway, domain) as bridge:
        assert told(gateway, USER) == ACCEPTED
        domain.pause()
        try:
            assert told(gateway, USER) == TRY_LATER
        finally:
            domain.resume()
        assert told(gateway, USER) == ACCEPTED
        [_, frozen, _] = bridge.decisions(3)
    assert re.fullmatch(r"no answer to a search from .*", field(frozen, "reason"))
    assert float(field(frozen, "seconds")) < 9


def test_behind_a_frozen_host_the_next_one_is_asked_and_from_then_on_first(
    gateway: Gateway, domain: DomainController, silent_host: str
) -> None:
    hosts = [silent_host, domain.address]
    with corp_bridge(gateway, domain, hosts=hosts) as bridge:
        assert told(gateway, USER) == ACCEPTED
        assert told(gateway, USER) == ACCEPTED
        assert told(gateway, USER, "wrong") == WRONG
        first, *others = [float(field(line, "seconds")) for line in bridge.decisions(3)]
    assert max(others) < first / 2


def test_behind_a_host_that_is_down_the_next_one_is_asked(
    gateway: Gateway, domain: DomainController
) -> None:
    with corp_bridge(gateway, domain, hosts=[free_address(), domain.address]):
        assert told(gateway, USER) == ACCEPTED
        assert told(gateway, USER, "wrong") == WRONG


def test_with_every_host_away_each_one_s_trouble_is_told(
    gateway: Gateway, domain: DomainController
) -> None:
    away = [free_address(), free_address()]
    with corp_bridge(gateway, domain, hosts=away) as bridge:
        assert told(gateway, USER) == TRY_LATER
        [line] = bridge.decisions(1)
    assert all(f"{address} port 636" in field(line, "reason") for address in away)
