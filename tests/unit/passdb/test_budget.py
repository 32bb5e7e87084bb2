"""How many wrong passwords are sent, and whose; with a clock of the test's own."""

import time
from collections.abc import Iterator

import pytest
from lab.budgets import (
    AFAR,
    DISABLED,
    HOME,
    NO,
    NOT_REACHED,
    SILENCE,
    YES,
    BudgetLab,
    login,
    says,
)

from sasl_bridge.passdb.lockout import share_of
from sasl_bridge.verdict import Answer, Cause, Verdict


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let clocks on the wall show UTC."""
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


# Who may use how much


@pytest.mark.parametrize(
    ("budget", "strangers", "refused_before", "owner"),
    [(1, 1, 1, 1), (2, 1, 1, 2), (3, 2, 1, 3), (4, 3, 2, 4), (8, 6, 4, 8), (12, 9, 6, 12)],
)
def test_the_shares_of_strangers_of_an_old_password_and_of_owners(
    budget: int, strangers: int, refused_before: int, owner: int
) -> None:
    assert share_of(budget, known=False, refused_before=False) == strangers
    assert share_of(budget, known=True, refused_before=True) == refused_before
    assert share_of(budget, known=False, refused_before=True) == refused_before
    assert share_of(budget, known=True, refused_before=False) == owner


def test_a_stranger_s_fourth_wrong_password_is_not_sent() -> None:
    assert BudgetLab().guess(100) == 3


def test_it_is_unavailable_and_why_is_told() -> None:
    lab = BudgetLab()
    lab.guess(3)
    lab.now += 300
    answer = lab.ask(login("right")).answer
    assert answer is not None
    assert (answer.verdict, answer.password_sent) == (Verdict.UNAVAILABLE, False)
    assert (answer.cause, answer.source) == (Cause.RESTRAINT, "mail")
    assert answer.identity == "alice@example.com"
    assert answer.reason == (
        "lock-out budget: 3 wrong passwords of alice@example.com were sent to corp in the last "
        "30m, and the rest is kept for its owner; not asked until 12:30"
    )
    assert [step.verdict for step in answer.steps] == [Verdict.UNAVAILABLE]


def test_the_owner_is_asked_about_from_an_address_that_logged_in_before() -> None:
    lab = BudgetLab()
    lab.log_in(client=HOME)
    assert lab.guess(100, client=AFAR) == 3
    assert not lab.is_asked(login("right", client="192.0.2.2"))
    lab.log_in(client=HOME)
    assert lab.guess(100, client=AFAR) == 3


def test_of_an_owner_s_wrong_passwords_the_fifth_is_not_sent() -> None:
    lab = BudgetLab()
    lab.log_in(client=HOME)
    assert lab.guess(100, client=HOME) == 4
    answer = lab.ask(login("right", client=HOME)).answer
    assert answer is not None
    assert answer.reason == (
        "lock-out budget: 4 wrong passwords of alice@example.com were sent to corp in the last "
        "30m; not asked until 12:30"
    )


def test_a_telephone_with_an_old_password_leaves_half_of_it_to_its_owner() -> None:
    lab = BudgetLab()
    lab.log_in()
    sent = 0
    for _ in range(50):
        asked = lab.ask(login("the old one", client=HOME))
        if asked.answer is None:
            asked.hear(NO)
            sent += 1
    assert sent == 2
    lab.log_in(client=HOME)


def test_each_account_and_each_directory_has_its_own() -> None:
    lab = BudgetLab()
    lab.guess(3)
    assert lab.is_asked(login("right", local="bob"))
    assert lab.ask(login("right"), directory="other").answer is None


def test_a_budget_of_0_is_none() -> None:
    lab = BudgetLab(limit=0)
    assert lab.guess(100) == 100
    assert lab.budgets.listed() == []


# What counts


@pytest.mark.parametrize("answer", [NO, SILENCE])
def test_a_password_that_is_wrong_or_may_be_counts(answer: Answer) -> None:
    lab = BudgetLab()
    for number in range(3):
        lab.ask(login(f"guess {number}")).hear(answer)
    assert not lab.is_asked(login("right"))


@pytest.mark.parametrize("answer", [YES, NOT_REACHED, DISABLED])
def test_a_right_password_one_that_was_not_sent_and_a_disabled_account_do_not(
    answer: Answer,
) -> None:
    lab = BudgetLab()
    for number in range(10):
        assert lab.ask(login(f"guess {number}")).hear(answer) is answer
    assert lab.budgets.listed() == []
    assert lab.is_asked(login("right"))


def test_a_login_whose_client_hung_up_counts() -> None:
    lab = BudgetLab()
    for number in range(3):
        lab.ask(login(f"guess {number}")).cancel()
    assert not lab.is_asked(login("right"))


def test_a_right_password_makes_the_budget_whole() -> None:
    lab = BudgetLab()
    for _ in range(10):
        assert lab.guess(2) == 2
        lab.log_in()


def test_a_right_one_does_not_forgive_what_was_answered_after_it_was_sent() -> None:
    """The directory may have seen it before the wrong ones, and counts those."""
    lab = BudgetLab()
    lab.log_in(client=HOME)
    right = lab.ask(login("right", client=HOME))
    assert lab.guess(2) == 2
    right.hear(YES)
    assert lab.guess(100) == 1


def test_a_right_one_does_not_forgive_what_is_being_tried() -> None:
    lab = BudgetLab()
    guesses = [lab.ask(login(f"guess {number}")) for number in range(2)]
    lab.log_in(client=HOME)
    for guess in guesses:
        guess.hear(NO)
    assert lab.guess(100) == 1


# For how long


def test_the_budget_is_whole_once_the_interval_passed_without_a_wrong_password() -> None:
    lab = BudgetLab()
    lab.guess(1)
    lab.now += 1799
    lab.guess(2)
    lab.now += 1799.9
    assert lab.guess(100) == 0
    lab.now += 0.1
    assert lab.guess(100) == 3


def test_who_goes_on_guessing_does_not_keep_the_owner_out_for_ever() -> None:
    """What is refused is not sent, so that the interval passes."""
    lab = BudgetLab()
    asked_about = []
    for minute in range(65):
        if lab.guess(1):
            asked_about.append(minute)
        lab.now += 60
    assert asked_about == [0, 1, 2, 32, 33, 34, 64]


def test_a_password_that_is_being_tried_keeps_those_that_were_wrong_counted() -> None:
    """When the directory looks at it, nobody knows."""
    lab = BudgetLab()
    lab.log_in()
    lab.guess(2)
    trying = lab.ask(login("guess 2"))
    lab.now += 1800
    assert lab.guess(1, client=HOME) == 1
    trying.hear(NO)
    assert lab.guess(1, client=HOME) == 0


# Administrators


def test_an_administrator_lets_an_owner_in_at_once() -> None:
    lab = BudgetLab()
    lab.guess(3)
    lab.guess(3, local="bob")
    assert lab.budgets.clear("alice@example.com") == 1
    assert lab.is_asked(login("right"))
    assert not lab.is_asked(login("right", local="bob"))
    assert lab.budgets.clear() == 1
    assert lab.is_asked(login("right", local="bob"))
    assert lab.budgets.clear() == 0


def test_what_is_being_tried_counts_all_the_same() -> None:
    lab = BudgetLab()
    trying = lab.ask(login("guess"))
    lab.budgets.clear("alice@example.com")
    trying.hear(NO)
    assert lab.guess(100) == 2


def test_the_list_says_who_may_still_be_asked_about() -> None:
    lab = BudgetLab()
    lab.guess(2, local="carol")
    lab.log_in("bob")
    lab.guess(4, local="bob", client=HOME)
    lab.now += 60
    lab.guess(4)
    listed = [
        (one["account"], one["wrong"], one["of"], one["spent"], one["seconds_left"])
        for one in lab.budgets.listed()
    ]
    assert listed == [
        ("carol@example.com", 2, 4, "", 1740),
        ("bob@example.com", 4, 4, "for all", 1740),
        ("alice@example.com", 3, 4, "for strangers", 1800),
    ]
    assert lab.budgets.summary() == {"counted": 3, "spent": 2, "refused": 1}


def test_limits_may_change_while_passwords_are_being_tried() -> None:
    lab = BudgetLab()
    trying = lab.ask(login("guess"))
    lab.budgets.obey(0, 1800.0)
    trying.hear(NO)
    assert lab.guess(5) == 5
    lab.budgets.obey(2, 60.0)
    assert lab.guess(5) == 0
    lab.now += 60
    assert lab.guess(5) == 1


# Bounds


def test_a_spent_budget_stays_spent_however_many_logins_are_sprayed() -> None:
    lab = BudgetLab(size=20)
    lab.guess(3)
    for number in range(100):
        lab.guess(3, local=f"user{number}")
    assert not lab.is_asked(login("right"))
    assert lab.budgets.summary()["counted"] == 18


def test_a_table_that_strangers_filled_has_a_tenth_for_owners() -> None:
    lab = BudgetLab(size=20)
    for number in range(4):
        lab.log_in(f"owner{number}")
    for number in range(100):
        lab.guess(1, local=f"user{number}")
    assert not lab.is_asked(login("right", local="owner0", client=AFAR))
    assert [lab.guess(1, f"owner{number}", HOME) for number in range(4)] == [1, 1, 0, 0]
    answer = lab.ask(login("right", local="owner3", client=HOME)).answer
    assert answer is not None
    assert answer.reason == (
        "lock-out budget: wrong passwords of 20 accounts are counted, which is the most"
    )


def test_a_table_that_was_filled_empties_with_the_interval() -> None:
    lab = BudgetLab(size=20)
    for number in range(100):
        lab.guess(1, local=f"user{number}")
    lab.now += 1800
    assert lab.is_asked(login("right"))
    assert lab.budgets.summary()["counted"] == 0


# Over a restart


def test_budgets_outlive_the_process_and_it_took_its_time() -> None:
    lab = BudgetLab()
    lab.log_in()
    lab.guess(2)
    lab.now += 100
    snapshot = lab.budgets.snapshot()
    lab.budgets = lab.new_budgets()
    lab.now = 5.0
    lab.budgets.restore(snapshot, elapsed=1000.0)
    assert lab.guess(100) == 1
    assert lab.guess(100, client=HOME) == 1
    lab.budgets = lab.new_budgets()
    lab.budgets.restore(snapshot, elapsed=1700.0)
    assert lab.guess(100) == 3


def test_what_is_restored_late_is_added_to_what_came_since() -> None:
    lab = BudgetLab()
    lab.guess(1)
    snapshot = lab.budgets.snapshot()
    lab.budgets = lab.new_budgets()
    assert lab.guess(1) == 1
    lab.budgets.restore(snapshot, elapsed=10.0)
    assert [one["wrong"] for one in lab.budgets.listed()] == [2]
    assert lab.guess(100) == 1


def test_a_snapshot_holds_no_password_nor_what_one_can_be_recognised_by() -> None:
    lab = BudgetLab()
    lab.log_in()
    lab.guess(1)
    lab.now += 10
    assert lab.budgets.snapshot() == {
        "accounts": [
            {
                "directory": "corp",
                "account": "alice@example.com",
                "logins": ["alice@example.com"],
                "wrong": 1,
                "age": 10.0,
            }
        ],
        "addresses": [
            {
                "directory": "corp",
                "account": "alice@example.com",
                "addresses": {"192.0.2.1": 10.0},
            }
        ],
    }


@pytest.mark.parametrize(
    "nonsense",
    [
        None,
        [],
        "accounts",
        {"accounts": {}, "addresses": 7},
        {"accounts": [None, 1, "x", {}, {"directory": 1, "account": "a"}]},
        {"accounts": [{"directory": "corp", "account": "alice@example.com"}]},
        {"addresses": [{"directory": "corp", "account": "a", "addresses": ["192.0.2.1"]}]},
        {"addresses": [{"directory": "corp", "account": "a", "addresses": {"192.0.2.1": "x"}}]},
    ],
)
def test_nonsense_is_passed_over(nonsense: object) -> None:
    lab = BudgetLab()
    lab.budgets.restore(nonsense, elapsed=0.0)
    assert lab.budgets.snapshot() == {"accounts": [], "addresses": []}


@pytest.mark.parametrize(
    "change",
    [
        {"wrong": True},
        {"wrong": -1},
        {"wrong": "3"},
        {"wrong": 1.5},
        {"age": float("nan")},
        {"age": float("inf")},
        {"age": -1.0},
        {"age": 10**400},
        {"age": None},
        {"logins": "alice"},
        {"account": 7},
    ],
)
def test_an_entry_with_nonsense_in_it_is_passed_over(change: dict[str, object]) -> None:
    lab = BudgetLab()
    entry = {"directory": "corp", "account": "x", "logins": [], "wrong": 3, "age": 1.0}
    lab.budgets.restore({"accounts": [entry | change, entry]}, elapsed=0.0)
    assert [one["account"] for one in lab.budgets.listed()] == ["x"]


def test_there_is_news_to_keep_only_when_something_changed() -> None:
    lab = BudgetLab()
    versions = [lab.budgets.version]
    for act in (
        lambda: lab.guess(1),
        lab.log_in,
        lambda: lab.guess(1),
        lambda: lab.budgets.clear("alice@example.com"),
    ):
        act()
        versions.append(lab.budgets.version)
    assert len(set(versions)) == 5
    lab.log_in()
    lab.is_asked(login("x"))
    lab.ask(login("x")).hear(says(Verdict.REJECTED, account_state=True))
    assert lab.budgets.version == versions[-1]
