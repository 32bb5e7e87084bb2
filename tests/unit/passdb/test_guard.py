"""The guard: what counts, what comes of it, and what stays of it over a reload and a restart."""

import json
from typing import Any

import pytest

from bridge_common.block import Block
from bridge_common.blocks import Blocks
from bridge_common.secret import Secret
from bridge_common.settings.restraint import Restraint
from sasl_bridge.credentials import Claim
from sasl_bridge.passdb.guard import Guard
from sasl_bridge.passdb.success_cache import Keys, Success, Successes
from sasl_bridge.verdict import Answer, Cause, Verdict

CLIENT = "192.0.2.9"
ALICE = "alice@example.com"

tells = pytest.mark.expect_warnings("guard: .* (is|would be) blocked for ")


class Watched:
    """A guard, its blocks and its clock."""

    def __init__(self, **restraint: Any) -> None:
        self.now = 1000.0
        self.blocks = Blocks(lambda: 1_800_000_000 + self.now)
        self.successes = Successes()
        self.guard = Guard(self.blocks, self.successes, lambda: self.now)
        self.obey(**restraint)

    def obey(self, **restraint: Any) -> None:
        small: dict[str, Any] = {"interval": 60.0, "block_for": 300.0}
        small |= {"failures_per_address": 0, "failing_logins_per_address": 0}
        small |= {"addresses_per_login": 0}
        self.guard.obey(
            Restraint(**{"mode": "enforce", "exempt_networks": (), **small, **restraint})
        )

    def fails(self, login: str = ALICE, password: str = "wrong", client: str = CLIENT) -> None:
        self.answered(Answer(Verdict.REJECTED, login, "imap", "no"), login, password, client)

    def succeeds(self, login: str = ALICE, client: str = CLIENT) -> None:
        self.answered(Answer(Verdict.ACCEPTED, login, "imap", "OK"), login, "right", client)

    def answered(
        self, answer: Answer, login: str = ALICE, password: str = "wrong", client: str = CLIENT
    ) -> None:
        self.guard.note(Claim(login.encode(), Secret(password.encode())), client, answer)

    def guesses(self, number: int, client: str = CLIENT) -> None:
        for each in range(number):
            self.fails(password=f"guess {each}", client=client)

    @property
    def blocked(self) -> list[str]:
        return [block.what for block in self.blocks.all()]


# The three counts


@tells
def test_many_wrong_passwords_block_the_address(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(failures_per_address=3)
    watched.guesses(3)
    assert watched.blocked == []
    watched.guesses(4)
    why = "more than 3 wrong passwords came from it within 1m (failures_per_address)"
    assert watched.blocks.all() == (
        Block(CLIENT, until=1_800_001_300, reason=why, since=1_800_001_000, by="guard"),
    )
    assert caplog.messages == [f"guard: {CLIENT} is blocked for 5m: {why}"]
    assert watched.blocks.find("bob@example.com", CLIENT) is not None
    assert watched.blocks.find("bob@example.com", "192.0.2.8") is None
    watched.now += 300.0
    assert watched.blocks.find("bob@example.com", CLIENT) is None


@tells
def test_many_failing_logins_block_the_address(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(failing_logins_per_address=2)
    watched.guesses(50)
    watched.fails("bob@example.com")
    assert watched.blocked == []
    watched.fails("carol@example.com")
    why = "more than 2 logins failed from it within 1m (failing_logins_per_address)"
    assert [block.reason for block in watched.blocks.all()] == [why]
    assert caplog.messages == [f"guard: {CLIENT} is blocked for 5m: {why}"]


@tells
def test_a_login_from_many_addresses_is_blocked(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(addresses_per_login=2)
    for number in (1, 2, 1, 2):
        watched.succeeds(client=f"192.0.2.{number}")
        watched.succeeds("bob@example.com", client=f"192.0.2.{number}")
    assert watched.blocked == []
    watched.succeeds(client="192.0.2.3")
    why = "more than 2 addresses logged in as it within 1m (addresses_per_login)"
    assert [(block.what, block.reason) for block in watched.blocks.all()] == [(ALICE, why)]
    assert caplog.messages == [f"guard: {ALICE} is blocked for 5m: {why}"]


@tells
def test_one_answer_may_pass_two_limits_and_is_one_block() -> None:
    watched = Watched(failures_per_address=1, failing_logins_per_address=1)
    watched.fails("bob@example.com")
    watched.fails("carol@example.com")
    assert watched.guard.blocked.total() == 1
    assert watched.blocked == [CLIENT]


@tells
def test_after_a_block_counting_begins_anew() -> None:
    watched = Watched(failures_per_address=2, failing_logins_per_address=50, block_for=1.0)
    watched.guesses(3)
    watched.now += 1.0
    watched.guesses(2)
    assert watched.guard.blocked.total() == 1
    watched.fails(password="one more")
    assert watched.guard.blocked == {"failures_per_address": 2}


@tells
def test_who_is_blocked_is_not_counted_so_that_the_block_ends() -> None:
    """Admission refuses some logins before anybody looks for a block."""
    watched = Watched(failures_per_address=2)
    watched.guesses(100)
    watched.now += 299.0
    watched.guesses(100)
    assert watched.guard.blocked.total() == 1
    watched.now += 1.0
    assert watched.blocked == []


def test_a_block_by_an_administrator_is_not_shortened_nor_counted_towards() -> None:
    watched = Watched(failures_per_address=2)
    watched.blocks.impose("192.0.2.0/24", None, "", "administrator")
    watched.guesses(100)
    assert watched.blocked == ["192.0.2.0/24"]


@tells
def test_what_is_remembered_of_a_blocked_login_is_forgotten() -> None:
    watched = Watched(addresses_per_login=1, failures_per_address=1)
    for login in (ALICE, "bob@example.com"):
        answer = Answer(Verdict.ACCEPTED, login, "cache", "OK")
        key = login.encode()
        watched.successes.remember(key, Success(login, b"digest", 1000.0, answer))
    watched.guesses(2, "192.0.2.7")
    assert len(watched.successes) == 2
    watched.succeeds(client="192.0.2.1")
    watched.succeeds(client="192.0.2.2")
    assert watched.successes.get(Keys(ALICE.encode(), b"digest")) is None
    assert watched.successes.get(Keys(b"bob@example.com", b"digest")) is not None


# What counts


def test_the_same_wrong_password_of_the_same_login_counts_once() -> None:
    watched = Watched(failures_per_address=1)
    for _ in range(100):
        watched.fails(password="an old one")
    assert watched.blocked == []


@tells
def test_the_same_wrong_password_of_another_login_is_another_guess() -> None:
    watched = Watched(failures_per_address=1)
    watched.fails(password="summer")
    watched.fails("bob@example.com", "summer")
    assert watched.blocked == [CLIENT]


@pytest.mark.parametrize("client", ["", "unknown", "192.0.2.300", "fe80::1%eth0/x"])
def test_what_came_without_an_address_does_not_count(client: str) -> None:
    """Two without one are not one client."""
    watched = Watched(failures_per_address=1, failing_logins_per_address=1, addresses_per_login=1)
    watched.guesses(10, client)
    for number in range(10):
        watched.fails(f"user{number}@example.com", client=client)
        watched.succeeds(client=client)
    assert watched.blocked == []
    assert watched.guard.summary()["counted"] == {
        "failures_per_address": 0,
        "failing_logins_per_address": 0,
        "addresses_per_login": 0,
    }


@tells
def test_an_ipv6_client_is_its_network_of_64_bits() -> None:
    watched = Watched(failures_per_address=2, addresses_per_login=1)
    for number in range(3):
        watched.fails(password=str(number), client=f"2001:db8:1:2:{number}::1")
        watched.succeeds(client=f"2001:db8:1:3::{number}")
    assert watched.blocked == ["2001:db8:1:2::/64"]
    assert watched.blocks.find("", "2001:db8:1:2:ffff::") is not None
    assert watched.blocks.find("", "2001:db8:1:3::") is None


@tells
def test_an_ipv4_client_may_be_written_as_ipv6() -> None:
    watched = Watched(failures_per_address=1)
    watched.fails(password="one", client="::ffff:192.0.2.9")
    watched.fails(password="two", client="192.0.2.9")
    assert watched.blocked == [CLIENT]


@tells
def test_exempt_networks_are_not_counted() -> None:
    watched = Watched(
        failures_per_address=1,
        failing_logins_per_address=1,
        addresses_per_login=1,
        exempt_networks=("192.0.2.0/24", "::ffff:198.51.100.0/120", "2001:db8::/32"),
    )
    for client in ("192.0.2.9", "::ffff:192.0.2.9", "198.51.100.1", "2001:db8::1"):
        watched.guesses(5, client)
        watched.succeeds(client=client)
    assert watched.blocked == []
    watched.guesses(5, "198.51.101.1")
    assert watched.blocked == ["198.51.101.1"]


@tells
def test_who_shares_a_network_with_an_exempt_address_is_by_himself() -> None:
    """Or the block of one would be that of the other."""
    watched = Watched(failures_per_address=1, exempt_networks=("2001:db8:1:2::25/128",))
    for number in range(3):
        watched.guesses(5, f"2001:db8:1:2::{number}")
        watched.guesses(5, f"2001:db8:1:3::{number}")
    assert watched.blocked == [
        "2001:db8:1:2::",
        "2001:db8:1:3::/64",
        "2001:db8:1:2::1",
        "2001:db8:1:2::2",
    ]
    assert watched.blocks.find("", "2001:db8:1:2::25") is None


@tells
def test_to_exempt_a_network_takes_the_guards_blocks_there_back() -> None:
    watched = Watched(failures_per_address=1)
    for client in ("192.0.2.9", "198.51.100.1", "2001:db8::1"):
        watched.guesses(2, client)
    watched.blocks.impose("192.0.2.8", None, "", "administrator")
    kept = watched.blocks.snapshot()
    networks = ("192.0.2.0/24", "2001:db8::25/128")
    watched.obey(exempt_networks=networks)
    assert watched.blocked == ["198.51.100.1", "192.0.2.8"]
    later = Watched(exempt_networks=networks)
    later.blocks.restore(kept, 0.0)
    later.guard.restore({}, 0.0)
    assert later.blocked == ["198.51.100.1", "192.0.2.8"]


def test_by_default_this_machine_is_exempt() -> None:
    watched = Watched(failures_per_address=1, exempt_networks=Restraint().exempt_networks)
    watched.guesses(9, "127.0.0.1")
    watched.guesses(9, "::1")
    assert watched.blocked == []


@pytest.mark.parametrize(
    "answer",
    [
        Answer(Verdict.UNAVAILABLE, ALICE, "imap", "down", password_sent=True),
        Answer(Verdict.UNAVAILABLE, ALICE, "imap", "budget", cause=Cause.RESTRAINT),
        Answer(Verdict.REJECTED, ALICE, "imap", "password expired", account_state=True),
        Answer(Verdict.REJECTED, ALICE, "guard", "blocked", cause=Cause.RESTRAINT),
    ],
)
def test_what_is_no_wrong_password_does_not_count(answer: Answer) -> None:
    watched = Watched(failures_per_address=1, failing_logins_per_address=1)
    for number in range(9):
        watched.answered(answer, f"user{number}@example.com", str(number))
    assert watched.blocked == []


@tells
def test_a_login_that_admission_refuses_counts_as_typed() -> None:
    refused = Answer(Verdict.REJECTED, "", "admission", "the login's domain is not one of ours")
    watched = Watched(failing_logins_per_address=2)
    for login in ("root", "admin", "root", "admin"):
        watched.answered(refused, login)
    assert watched.blocked == []
    watched.answered(refused, "info@elsewhere.example")
    assert watched.blocked == [CLIENT]


def test_nobody_gets_a_login_blocked_by_guessing_at_it() -> None:
    watched = Watched(addresses_per_login=1)
    for number in range(200):
        watched.guesses(5, f"192.0.2.{number}")
    watched.succeeds()
    assert watched.blocked == []


@tells
def test_a_success_does_not_set_back_the_count_of_its_address() -> None:
    watched = Watched(failures_per_address=3)
    for number in range(4):
        watched.fails(password=str(number))
        watched.succeeds("mallory@example.com")
    assert watched.blocked == [CLIENT]


# Modes


@tells
def test_monitor_tells_once_in_an_interval_whom_it_would_block(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watched = Watched(mode="monitor", failures_per_address=2)
    watched.guesses(50)
    assert watched.blocked == []
    why = "more than 2 wrong passwords came from it within 1m (failures_per_address)"
    [told] = caplog.messages
    assert told == f'guard: {CLIENT} would be blocked for 5m by mode = "enforce": {why}'
    watched.guesses(3, "192.0.2.8")
    watched.now += 60.0
    watched.guesses(3)
    assert [message.split()[1] for message in caplog.messages] == [CLIENT, "192.0.2.8", CLIENT]
    assert watched.guard.would_have_blocked == {"failures_per_address": 3}
    assert watched.guard.summary() == {
        "mode": "monitor",
        "counted": {
            "failures_per_address": 0,
            "failing_logins_per_address": 0,
            "addresses_per_login": 0,
        },
        "blocked": {
            "failures_per_address": 0,
            "failing_logins_per_address": 0,
            "addresses_per_login": 0,
        },
        "would_have_blocked": {
            "failures_per_address": 3,
            "failing_logins_per_address": 0,
            "addresses_per_login": 0,
        },
    }


def test_off_counts_nothing() -> None:
    watched = Watched(mode="off", failures_per_address=1)
    watched.guesses(50)
    assert watched.guard.version == 0
    watched.obey(failures_per_address=1)
    watched.fails()
    assert watched.blocked == []


@tells
def test_what_monitor_counted_counts_when_enforce_begins() -> None:
    watched = Watched(mode="monitor", failures_per_address=2)
    watched.guesses(2)
    watched.obey(failures_per_address=2)
    watched.fails(password="a third")
    assert watched.blocked == [CLIENT]


@tells
def test_what_was_told_has_a_bound() -> None:
    watched = Watched(mode="monitor", failing_logins_per_address=1)
    for number in range(10_010):
        client = f"10.0.{number // 256}.{number % 256}"
        watched.fails("a@example.com", client=client)
        watched.fails("b@example.com", client=client)
    assert len(watched.guard._told) == 10_000


# Over a restart


@tells
def test_counts_survive_a_restart_without_a_trace_of_a_password() -> None:
    watched = Watched(failures_per_address=2, failing_logins_per_address=3, addresses_per_login=2)
    watched.fails()
    watched.answered(Answer(Verdict.REJECTED, "", "admission", "no domain"), "s3cret")
    watched.succeeds()
    watched.now += 10.0
    state = watched.guard.snapshot()
    assert json.loads(json.dumps(state)) == {
        "failures_per_address": [[CLIENT, [[None, 10.0], [None, 10.0]]]],
        "failing_logins_per_address": [[CLIENT, [[ALICE, 10.0], [None, 10.0]]]],
        "addresses_per_login": [[ALICE, [[CLIENT, 10.0]]]],
    }
    later = Watched(failures_per_address=2, addresses_per_login=2)
    later.guard.restore(state, 40.0)
    later.fails(password="another")
    assert later.blocked == [CLIENT]
    too_late = Watched(failures_per_address=2, addresses_per_login=2)
    too_late.guard.restore(state, 50.0)
    too_late.guesses(2)
    assert too_late.blocked == []


@pytest.mark.parametrize("state", [None, [], {"failures_per_address": 7}, {"x": []}])
def test_a_state_that_is_none_is_ignored(state: Any) -> None:
    watched = Watched(failures_per_address=2)
    watched.guard.restore(state, 1.0)
    watched.guesses(2)
    assert watched.blocked == []


def test_the_version_changes_with_what_is_counted() -> None:
    watched = Watched(failures_per_address=5)
    versions = [watched.guard.version]
    watched.fails()
    versions.append(watched.guard.version)
    watched.succeeds()
    versions.append(watched.guard.version)
    assert len(set(versions)) == 3
