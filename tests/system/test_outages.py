"""A mail server that stops under load, beneath a real Postfix: nobody's login fails for its sake.

The daemon's own seconds are compared, those of its decision lines: Postfix and TLS take most of a
session's time here.
"""

from collections import Counter
from collections.abc import Callable
from statistics import median

import pytest
from lab.corp import field
from lab.dovecot import Dovecot
from lab.gateway import Gateway
from lab.replies import ACCEPTED, TRY_LATER
from lab.settings import server
from lab.traffic import Traffic

ALICE = "alice@example.com"
AWAY = "server first: away, not asked until it is back: "
BACK = "server first: back after "
# One account logs in again and again, and what a stopped server made of it nobody knows.
UNRESTRAINED = "[restraint]\nlockout_budget = 0\n"


def seconds_of(lines: list[str]) -> list[float]:
    return [float(field(line, "seconds")) for line in lines]


def flow(gateway: Gateway, logins: int) -> Traffic:
    traffic = Traffic(gateway.submissions, ALICE, "hers", logins)
    traffic.begin(workers=8)
    return traffic


@pytest.mark.alone
@pytest.mark.parametrize(
    ("stop", "go_on"),
    [(Dovecot.pause, Dovecot.resume), (Dovecot.stop, Dovecot.start)],
    ids=["frozen", "ended"],
)
def test_the_first_of_two_servers_stops_under_load(
    gateway: Gateway, stop: Callable[[Dovecot], None], go_on: Callable[[Dovecot], None]
) -> None:
    """Frozen it accepts connections and says nothing; ended it refuses them."""
    with (
        gateway.dovecot({ALICE: "hers"}) as first,
        gateway.dovecot({ALICE: "hers"}) as second,
        gateway.bridge(
            UNRESTRAINED, server("first", first.port), server("second", second.port)
        ) as bridge,
    ):
        assert Counter(flow(gateway, 150).replies()) == {ACCEPTED: 150}
        healthy = bridge.decisions(150)
        assert {field(line, "server") for line in healthy} == {"first"}

        traffic = flow(gateway, 150)
        assert traffic.reached(30)
        stop(first)
        bridge.lines_with(AWAY)
        assert Counter(traffic.replies()) == {ACCEPTED: 150}
        waited = max(seconds_of(bridge.decisions(300)[150:]))

        assert Counter(flow(gateway, 150).replies()) == {ACCEPTED: 150}
        without = bridge.decisions(450)[300:]
        assert {field(line, "server") for line in without} == {"second"}
        fine, broken = seconds_of(healthy), seconds_of(without)
        assert median(broken) <= 5 * median(fine), "the machine may be busy"
        assert stop is Dovecot.stop or max(broken) < waited / 2

        go_on(first)
        bridge.lines_with(BACK)
        assert Counter(flow(gateway, 50).replies()) == {ACCEPTED: 50}
        assert {field(line, "server") for line in bridge.decisions(500)[450:]} == {"first"}
        assert len(bridge.lines_with(AWAY)) == 1


def test_the_only_server_stops_and_users_hear_at_once_that_they_are_to_try_later(
    gateway: Gateway,
) -> None:
    with (
        gateway.dovecot({ALICE: "hers"}) as only,
        gateway.bridge(UNRESTRAINED, server("first", only.port)) as bridge,
        gateway.submissions() as session,
    ):
        session.secure()
        assert session.plain(ALICE, "hers") == ACCEPTED
        only.stop()
        for _ in range(5):
            assert flow(gateway, 1).replies() == [TRY_LATER]
        reason = field(bridge.decisions(6)[-1], "reason")
        assert reason.startswith("not asked: connection refused by ")
        only.start()
        bridge.lines_with(BACK)
        assert flow(gateway, 1).replies() == [ACCEPTED]
