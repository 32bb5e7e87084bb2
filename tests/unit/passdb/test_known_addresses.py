"""From where accounts logged in lately."""

import pytest

from sasl_bridge.passdb.known_addresses import KnownAddresses, network_of

ALICE, BOB, CAROL = ("corp", "alice"), ("corp", "bob"), ("corp", "carol")
DAY = 86_400.0


class Lab:
    def __init__(self, size: int = 100) -> None:
        self.now = 1000.0
        self.size = size
        self.known = self.new()

    def new(self) -> KnownAddresses:
        return KnownAddresses(lambda: self.now, self.size)


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unknown", ""),
    ],
)
def test_a_client_is_its_address_or_its_network(client: str, network: str) -> None:
    assert network_of(client) == network


def test_an_address_is_known_for_the_account_that_logged_in_from_it() -> None:
    known = Lab().known
    known.add(ALICE, "192.0.2.1")
    assert known.has(ALICE, "192.0.2.1")
    assert not known.has(ALICE, "192.0.2.2")
    assert not known.has(BOB, "192.0.2.1")
    assert not known.has(("other", "alice"), "192.0.2.1")


def test_all_addresses_of_an_ipv6_network_are_one() -> None:
    known = Lab().known
    known.add(ALICE, "2001:db8:1:2:3:4:5:6")
    assert known.has(ALICE, "2001:db8:1:2:ffff::1")
    assert not known.has(ALICE, "2001:db8:1:3:3:4:5:6")


def test_where_postfix_told_no_address_none_is_known() -> None:
    known = Lab().known
    assert not known.add(ALICE, "")
    assert not known.has(ALICE, "")
    assert len(known) == 0


def test_an_address_is_known_for_seven_days_since_it_was_last_used() -> None:
    lab = Lab()
    lab.known.add(ALICE, "192.0.2.1")
    lab.now += 6 * DAY
    lab.known.add(ALICE, "192.0.2.1")
    lab.now += 7 * DAY - 1
    assert lab.known.has(ALICE, "192.0.2.1")
    lab.now += 1
    assert not lab.known.has(ALICE, "192.0.2.1")


def test_one_that_is_used_all_the_time_is_news_once_an_hour() -> None:
    lab = Lab()
    assert lab.known.add(ALICE, "192.0.2.1")
    lab.now += 3599
    assert not lab.known.add(ALICE, "192.0.2.1")
    lab.now += 1
    assert lab.known.add(ALICE, "192.0.2.1")


def test_of_nine_addresses_the_one_used_longest_ago_goes() -> None:
    lab = Lab()
    for number in range(1, 9):
        lab.known.add(ALICE, f"192.0.2.{number}")
    lab.now += DAY
    lab.known.add(ALICE, "192.0.2.1")
    lab.known.add(ALICE, "192.0.2.9")
    known = [number for number in range(1, 10) if lab.known.has(ALICE, f"192.0.2.{number}")]
    assert known == [1, 3, 4, 5, 6, 7, 8, 9]


def test_of_too_many_accounts_the_one_that_logged_in_longest_ago_goes() -> None:
    lab = Lab(size=2)
    for account in (ALICE, BOB, CAROL):
        lab.known.add(account, "192.0.2.1")
    known = [one for one in (ALICE, BOB, CAROL) if lab.known.has(one, "192.0.2.1")]
    assert known == [BOB, CAROL]


def test_they_are_known_again_after_a_restart_and_it_took_its_time() -> None:
    before = Lab()
    before.known.add(ALICE, "192.0.2.1")
    before.now += 5 * DAY
    before.known.add(ALICE, "192.0.2.2")
    after = Lab()
    after.known.restore(before.known.snapshot(), elapsed=2 * DAY - 1)
    assert after.known.has(ALICE, "192.0.2.1")
    assert after.known.has(ALICE, "192.0.2.2")
    after.now += 1
    assert not after.known.has(ALICE, "192.0.2.1")
    assert after.known.has(ALICE, "192.0.2.2")
