"""The soak's laws: each way to break one is noticed, and what is no fault is let pass."""

from dataclasses import replace

import pytest
from soak.laws import Said, Told, broken_law, broken_sender_law, is_excused
from soak.people import Question

RIGHT = Question("alice@example.com", "hers", "192.0.2.1", frozenset({"imap"}), steady=True)
GUESSED = replace(RIGHT, steady=False)
WRONG = replace(RIGHT, password="his", homes=frozenset(), steady=False)
ALICE = "alice@example.com"
NOT_IN = "a server knows this login and is well, and it did not get in"


def law(question: Question, told: Told, *, sure: bool = False) -> str:
    return broken_law(question, told, 8.0, sure=sure)


@pytest.mark.parametrize(
    ("question", "told", "sure", "broken"),
    [
        (WRONG, Told(Said.YES, ALICE, 0.1), False, "a wrong password was accepted"),
        (WRONG, Told(Said.YES, ALICE, 0.1, lag=99.0), False, "a wrong password was accepted"),
        (RIGHT, Told(Said.YES, "bob@example.com", 0.1), True, "accepted as somebody else: bob@"),
        (RIGHT, Told(Said.NO, ALICE, 0.1), False, "a right password was refused"),
        (GUESSED, Told(Said.NO, ALICE, 0.1, lag=99.0), False, "a right password was refused"),
        (RIGHT, Told(Said.HUNG_UP, "", 0.1), True, NOT_IN),
        (WRONG, Told(Said.HUNG_UP, "", 9.1), False, "answered after 9.1 s only"),
        (RIGHT, Told(Said.YES, ALICE, 9.1), True, "answered after 9.1 s only"),
        (WRONG, Told(Said.NOTHING, "", 14.0), False, "every login is answered: no answer"),
        (RIGHT, Told(Said.NONSENSE, "OK", 0.1), False, "every login is answered: nonsense"),
    ],
)
def test_a_broken_law_is_noticed(question: Question, told: Told, sure: bool, broken: str) -> None:
    assert law(question, told, sure=sure).startswith(broken)


@pytest.mark.parametrize(
    ("question", "told", "sure"),
    [
        (RIGHT, Told(Said.YES, ALICE, 8.9), True),
        (WRONG, Told(Said.NO, ALICE, 2.0), True),
        (WRONG, Told(Said.HUNG_UP, "", 8.5), True),  # its budget may be spent
        (GUESSED, Told(Said.HUNG_UP, "", 0.1), True),  # the same
        (RIGHT, Told(Said.HUNG_UP, "", 8.5), False),
        (WRONG, Told(Said.HUNG_UP, "", 9.5, lag=0.6), False),
    ],
)
def test_what_is_no_fault_passes(question: Question, told: Told, sure: bool) -> None:
    assert law(question, told, sure=sure) == ""


def test_a_machine_that_stands_still_excuses_a_login_and_that_is_counted() -> None:
    late = Told(Said.HUNG_UP, "", 8.0, lag=1.0)
    assert law(RIGHT, late, sure=True) == ""
    assert is_excused(RIGHT, late, sure=True)
    assert not is_excused(RIGHT, late, sure=False)
    assert not is_excused(RIGHT, Told(Said.HUNG_UP, "", 8.0, lag=0.9), sure=True)


@pytest.mark.parametrize(
    ("action", "owned", "sure", "broken"),
    [
        ("DUNNO", True, True, ""),
        ("DUNNO", False, False, "a sender of others was let through"),
        ("553 5.7.1 not owned by user alice@example.com", False, True, ""),
        ("553 5.7.1 not owned by user alice@example.com", True, False, "an own sender was refused"),
        ("451 4.3.0 try again later", True, False, ""),
        ("451 4.3.0 try again later", True, True, "the directory is well, and a sender was not"),
        ("550 5.7.1 no", False, True, "no known action: 550 5.7.1 no"),
    ],
)
def test_the_laws_of_senders(action: str, owned: bool, sure: bool, broken: str) -> None:
    assert broken_sender_law(action, owned=owned, sure=sure).startswith(broken)
    assert bool(broken_sender_law(action, owned=owned, sure=sure)) == bool(broken)
