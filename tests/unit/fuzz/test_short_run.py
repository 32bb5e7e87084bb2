"""A short run of each fuzz program; `make fuzz` runs them for longer, with other seeds."""

import pytest
from fuzz import fuzz_auth, fuzz_imap, fuzz_ldap, fuzz_policy, fuzz_pop3
from fuzz.engine import Search, Target
from fuzz.steps import Steps


def searched(target: Target, *, seed: int, executions: int) -> Search:
    search = Search(target, seed)
    search.run(lambda: search.executions < executions)
    return search


TARGETS: list[Target] = [
    fuzz_imap.TARGET,
    fuzz_pop3.TARGET,
    fuzz_auth.TARGET,
    fuzz_ldap.TARGET,
    fuzz_policy.TARGET,
]


@pytest.mark.parametrize("target", TARGETS, ids=lambda one: one.name)
def test_nothing_is_found(target: Target) -> None:
    search = searched(target, seed=1, executions=1500)
    assert search.finding is None, str(search.finding)
    assert search.executions == 1500


def test_a_seed_says_it_all() -> None:
    """So that a finding can be had again."""

    def kept(seed: int) -> list[Steps]:
        return searched(fuzz_pop3.TARGET, seed=seed, executions=400).pool

    assert kept(2) == kept(2) != kept(3)


@pytest.mark.parametrize("target", TARGETS, ids=lambda one: one.name)
def test_the_corpus_comes_first(target: Target) -> None:
    assert searched(target, seed=1, executions=0).executions == len(target.seeds()) >= 30
