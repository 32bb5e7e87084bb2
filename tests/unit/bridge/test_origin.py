"""Who had the last word about a login."""

from collections.abc import Sequence

import pytest

from sasl_bridge.origin import ORIGINS, Origin, origin_of
from sasl_bridge.passdb.success_cache import SOURCE
from sasl_bridge.service import BLOCKS
from sasl_bridge.verdict import Answer, Cause, Step, Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE


def answer(verdict: Verdict, source: str, *steps: Verdict, cause: Cause | None = None) -> Answer:
    asked = tuple(Step("mail", step, "its words", 0.1) for step in steps)
    return Answer(verdict, "alice@example.com", source, "its words", asked, cause=cause)


CASES: Sequence[tuple[Answer, Origin]] = [
    (answer(ACCEPTED, "mail", ACCEPTED), "servers"),
    (answer(REJECTED, "mail", REJECTED, REJECTED), "servers"),
    (answer(UNAVAILABLE, "mail", UNAVAILABLE), "servers"),
    (answer(ACCEPTED, "mail", UNAVAILABLE, ACCEPTED), "servers"),
    (answer(ACCEPTED, SOURCE), "cache"),
    (answer(ACCEPTED, SOURCE, UNAVAILABLE), "grace"),
    (answer(REJECTED, "mail"), "shared"),
    (answer(ACCEPTED, "mail"), "shared"),
    (answer(UNAVAILABLE, SOURCE), "shared"),
    (answer(REJECTED, "admission"), "admission"),
    (answer(UNAVAILABLE, "admission"), "admission"),
    (answer(REJECTED, BLOCKS), "blocks"),
    (answer(REJECTED, "list"), "list"),
    (answer(UNAVAILABLE, "mail", UNAVAILABLE, cause=Cause.RESTRAINT), "restraint"),
    (answer(UNAVAILABLE, "mail", UNAVAILABLE, cause=Cause.SERVER), "servers"),
    (answer(UNAVAILABLE, "client"), "client"),
    (answer(UNAVAILABLE, "pipe"), "pipe"),
]


@pytest.mark.parametrize(("answered", "origin"), CASES)
def test_an_answer_tells_who_had_the_last_word(answered: Answer, origin: Origin) -> None:
    assert origin_of(answered) == origin


def test_all_words_there_are_can_come() -> None:
    assert {origin for _, origin in CASES} == set(ORIGINS)


@pytest.mark.parametrize("name", [SOURCE, "admission", "list", "client", "pipe", BLOCKS])
def test_a_server_may_be_called_as_it_likes(name: str) -> None:
    step = Step(name, ACCEPTED, "its words", 0.1)
    assert origin_of(Answer(ACCEPTED, "alice@example.com", name, "", (step,))) == "servers"
