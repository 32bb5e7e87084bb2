"""What is known of a directory's answers, for how long, and who waits for whom."""

import asyncio

import pytest
from lab.asking_directory import ALICE
from lab.scripted_directory import Asked, ScriptedDirectory, own, run

from bridge_common.directory.results import (
    AddressesResult,
    Fault,
    ManyEntries,
    NoEntry,
    OwnAddresses,
    Trouble,
)
from bridge_common.identity import Identity, LoginForm
from policyd.ownership.directory import Addresses

OWNED = Addresses(frozenset({"alice@example.com"}))
NOBODY = Addresses(frozenset())
DOWN = Trouble("connection refused by 127.0.0.1 port 389", Fault.HOST)
DOWN_TEXT = "ldap_profile corp: connection refused by 127.0.0.1 port 389"


def alice_directory(seconds: float = 0.0) -> ScriptedDirectory:
    return ScriptedDirectory(own("alice@example.com"), seconds)


# What an answer is worth


ANSWERS: list[tuple[AddressesResult, Addresses]] = [
    (own("alice@example.com"), OWNED),
    (
        OwnAddresses(("alice@example.com",), ("sales@example.com", "alice@example.com")),
        Addresses(
            frozenset({"alice@example.com", "sales@example.com"}),
            send_as=frozenset({"sales@example.com"}),
        ),
    ),
    (
        OwnAddresses(("alice@example.com",), (), "send_as_filter: Size limit exceeded (4)"),
        Addresses(
            frozenset({"alice@example.com"}),
            "ldap_profile corp: send_as_filter: Size limit exceeded (4)",
        ),
    ),
    (NoEntry("no entry matches"), NOBODY),
    (
        ManyEntries("several entries match: a, b"),
        Addresses(frozenset(), "ldap_profile corp: several entries match: a, b"),
    ),
    (DOWN, Addresses(frozenset(), DOWN_TEXT)),
    (
        Trouble("Invalid credentials (49)", Fault.ACCOUNT),
        Addresses(
            frozenset(),
            "ldap_profile corp: the directory refuses our own account (bind_dn): "
            "Invalid credentials (49)",
        ),
    ),
]


@pytest.mark.parametrize(("said", "addresses"), ANSWERS)
def test_only_what_a_directory_says_is_a_no_and_all_else_is_trouble(
    said: AddressesResult, addresses: Addresses
) -> None:
    async def test(asked: Asked) -> None:
        assert asked.known.recall(ALICE) is None
        assert await asked.look_up() == addresses
        assert asked.known.recall(ALICE) == addresses

    run(ScriptedDirectory(said), test)


# For how long it is known


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (own("alice@example.com"), 60.0),
        (NoEntry("no entry matches"), 60.0),
        (OwnAddresses(("alice@example.com",), (), "send_as_filter finds more"), 2.0),
        (ManyEntries("several entries match"), 2.0),
        (DOWN, 2.0),
    ],
)
def test_an_answer_is_known_for_a_minute_and_trouble_for_two_seconds(
    said: AddressesResult, seconds: float
) -> None:
    """Then it is asked for anew: what was known before is no answer to a directory's silence."""

    async def test(asked: Asked) -> None:
        first = await asked.look_up()
        await asyncio.sleep(seconds - 0.1)
        assert asked.known.recall(ALICE) == first
        assert await asked.look_up() == first
        assert len(asked.directory.asked) == 1
        asked.directory.says = DOWN
        await asyncio.sleep(0.2)
        assert asked.known.recall(ALICE) is None
        assert await asked.look_up() == Addresses(frozenset(), DOWN_TEXT)
        asked.directory.says = own("alice@example.com")
        await asyncio.sleep(2.1)
        assert await asked.look_up() == OWNED
        assert asked.known.recall(ALICE) == OWNED

    assert len(run(ScriptedDirectory(said), test).asked) == 3


def test_the_same_name_typed_in_another_form_is_another_login() -> None:
    async def test(asked: Asked) -> None:
        await asked.look_up()
        assert asked.known.recall(Identity("alice", "example.com", LoginForm.BARE)) is None
        assert asked.known.recall(Identity("alice", "example.net", LoginForm.ADDRESS)) is None

    run(alice_directory(), test)


def test_of_ten_thousand_and_one_logins_the_oldest_is_forgotten() -> None:
    logins = [Identity(f"u{number}", "example.com", LoginForm.ADDRESS) for number in range(10_001)]

    async def test(asked: Asked) -> None:
        for login in logins[:-1]:
            await asked.look_up(who=login)
        assert asked.known.recall(logins[0]) == OWNED
        await asked.look_up(who=logins[-1])
        assert asked.known.recall(logins[0]) is None
        assert asked.known.recall(logins[1]) == asked.known.recall(logins[-1]) == OWNED

    run(alice_directory(), test)


def test_what_is_too_old_does_not_stay_in_memory() -> None:
    logins = [Identity(f"u{number}", "example.com", LoginForm.ADDRESS) for number in range(100)]

    async def test(asked: Asked) -> None:
        for login in logins:
            await asked.look_up(who=login)
        await asyncio.sleep(61.0)
        await asked.look_up()
        assert len(asked.known._known) == 1

    run(alice_directory(), test)


def test_what_was_renewed_is_not_the_oldest() -> None:
    """It is forgotten when it is too old itself, and not with those that came with it at first."""
    bob = Identity("bob", "example.com", LoginForm.ADDRESS)
    carol = Identity("carol", "example.com", LoginForm.ADDRESS)

    async def test(asked: Asked) -> None:
        asked.directory.says = DOWN
        await asked.look_up()
        asked.directory.says = own("alice@example.com")
        await asked.look_up(who=bob)
        await asyncio.sleep(30.0)
        await asked.look_up()
        await asyncio.sleep(31.0)
        await asked.look_up(who=carol)
        assert list(asked.known._known) == [ALICE, carol]

    run(alice_directory(), test)


def test_after_closing_nothing_is_known() -> None:
    async def test(asked: Asked) -> None:
        await asked.look_up()
        asked.known.close()
        assert asked.known.recall(ALICE) is None

    assert run(alice_directory(), test).closed


# Who waits for whom


def test_fifty_who_ask_at_the_same_time_wait_for_one_answer() -> None:
    async def test(asked: Asked) -> None:
        answers = await asyncio.gather(*[asked.look_up() for _ in range(50)])
        assert answers == [OWNED] * 50
        assert asked.now() == 3.0

    assert run(alice_directory(3.0), test).asked == [ALICE]


def test_fifty_who_ask_one_after_the_other_wait_for_one_trouble() -> None:
    async def test(asked: Asked) -> None:
        for _ in range(50):
            assert (await asked.look_up()).trouble == DOWN_TEXT
        assert asked.now() == 3.0

    assert run(ScriptedDirectory(DOWN, 3.0), test).asked == [ALICE]


def test_other_logins_are_asked_about_beside() -> None:
    bob = Identity("bob", "example.com", LoginForm.ADDRESS)

    async def test(asked: Asked) -> None:
        await asyncio.gather(asked.look_up(), asked.look_up(who=bob))
        assert asked.now() == 3.0

    assert run(alice_directory(3.0), test).asked == [ALICE, bob]


def test_each_waits_until_its_own_deadline_and_no_longer() -> None:
    async def test(asked: Asked) -> None:
        patient = asyncio.create_task(asked.look_up(4.0))
        await asyncio.sleep(0.5)
        hasty = await asked.look_up(1.0)
        assert hasty.trouble == "ldap_profile corp: no answer within 1.0 s"
        assert hasty.addresses == frozenset()
        assert asked.now() == 1.5
        assert asked.known.recall(ALICE) is None  # that one was in a hurry says nothing
        assert await patient == OWNED
        assert asked.now() == 3.0

    run(alice_directory(3.0), test)


def test_whoever_asked_first_may_go_before_the_others() -> None:
    async def test(asked: Asked) -> None:
        first = asyncio.create_task(asked.look_up())
        await asyncio.sleep(0.5)
        second = asyncio.create_task(asked.look_up())
        await asyncio.sleep(0.5)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert await second == OWNED

    directory = run(alice_directory(3.0), test)
    assert (directory.asked, directory.stopped) == ([ALICE], [])


def test_when_nobody_waits_any_more_the_question_is_dropped() -> None:
    async def test(asked: Asked) -> None:
        waiting = [asyncio.create_task(asked.look_up()) for _ in range(3)]
        await asyncio.sleep(1.0)
        for one in waiting:
            one.cancel()
        await asyncio.wait(waiting)
        assert all(one.cancelled() for one in waiting)
        assert await asked.look_up() == OWNED  # at once after that, too
        assert asked.now() == 4.0

    directory = run(alice_directory(3.0), test)
    assert (directory.asked, directory.stopped) == ([ALICE, ALICE], [ALICE])


def test_without_an_answer_all_have_one_by_their_deadlines_and_the_question_ends() -> None:
    async def test(asked: Asked) -> None:
        answers = await asyncio.gather(asked.look_up(2.0), asked.look_up(3.0))
        assert [one.trouble for one in answers] == [
            "ldap_profile corp: no answer within 2.0 s",
            "ldap_profile corp: no answer within 3.0 s",
        ]
        assert asked.now() == 3.0

    directory = run(alice_directory(1000.0), test)
    assert directory.stopped == [ALICE]


def test_the_directory_has_a_little_less_time_to_say_in_its_own_words_what_is_wrong() -> None:
    async def test(asked: Asked) -> None:
        await asked.look_up(4.0)

    assert run(alice_directory(), test).granted == [3.8]


def test_without_any_time_nobody_is_asked_and_what_is_known_is_told() -> None:
    async def test(asked: Asked) -> None:
        assert (await asked.look_up(0.0)).trouble == "ldap_profile corp: no answer within 0.0 s"
        assert asked.directory.asked == []
        assert asked.known.recall(ALICE) is None
        await asked.look_up()
        assert await asked.look_up(0.0) == OWNED

    run(alice_directory(), test)


def test_who_waits_when_it_is_closed_is_still_answered() -> None:
    async def test(asked: Asked) -> None:
        waiting = asyncio.create_task(asked.look_up())
        await asyncio.sleep(1.0)
        asked.known.close()
        assert await waiting == OWNED

    run(alice_directory(3.0), test)
