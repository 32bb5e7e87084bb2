"""The law of the guard, against a model that keeps all of history and counts it anew each time.

Who did more different things within the interval than the limit, since it was last blocked, is
blocked at that moment, and nobody else is; whatever the order, the settings, a reload or a restart.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bridge_common.blocks import Blocks
from bridge_common.secret import Secret
from bridge_common.settings.restraint import COUNTS, Restraint
from bridge_common.settings.sender import Mode
from sasl_bridge.credentials import Claim
from sasl_bridge.passdb.guard import Guard
from sasl_bridge.passdb.success_cache import Successes
from sasl_bridge.verdict import Answer, Verdict

FAILURES, LOGINS_FAILING, ADDRESSES = COUNTS
INTERVAL, BLOCK_FOR = 60, 100

# As written, and as counted; 203.0.113.0/24 is exempt.
CLIENTS = {
    "192.0.2.1": "192.0.2.1",
    "::ffff:192.0.2.1": "192.0.2.1",
    "192.0.2.2": "192.0.2.2",
    "2001:db8::1": "2001:db8::/64",
    "2001:db8::2": "2001:db8::/64",
    "203.0.113.9": "",
    "": "",
}
LOGINS = ["alice@example.com", "bob@example.com", "carol@example.com"]
PASSWORDS = ["one", "two", "three", "four"]


@dataclass(frozen=True)
class Did:
    """Something that counts towards a rule."""

    rule: str
    subject: str
    thing: tuple[str, ...]
    at: int


class Guarded(RuleBasedStateMachine):
    """A guard whose clock, settings and process change between the answers that it notes."""

    @initialize(
        limits=st.lists(st.sampled_from([1, 2, 3, 5, 0]), min_size=3, max_size=3),
        mode=st.sampled_from(["monitor", "enforce"]),
    )
    def begin(self, limits: list[int], mode: Mode) -> None:
        self.now = 1000
        self.limits = dict(zip(COUNTS, limits, strict=True))
        self.mode = mode
        self.blocks = Blocks(lambda: float(self.now))
        self.guard = self.new_guard()
        self.history: list[Did] = []
        self.blocked: dict[str, int] = {}  # until when

    def new_guard(self) -> Guard:
        guard = Guard(self.blocks, Successes(), lambda: float(self.now))
        guard.obey(
            Restraint(
                mode=self.mode,
                interval=float(INTERVAL),
                block_for=float(BLOCK_FOR),
                exempt_networks=("203.0.113.0/24",),
                failures_per_address=self.limits[FAILURES],
                failing_logins_per_address=self.limits[LOGINS_FAILING],
                addresses_per_login=self.limits[ADDRESSES],
            )
        )
        return guard

    @rule(seconds=st.sampled_from([10, 1, INTERVAL - 10, INTERVAL, BLOCK_FOR]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule(
        client=st.sampled_from(sorted(CLIENTS)),
        login=st.sampled_from(LOGINS),
        password=st.sampled_from(PASSWORDS),
    )
    def fails(self, client: str, login: str, password: str) -> None:
        self.note(Verdict.REJECTED, client, login, password)
        subject = CLIENTS[client]
        if subject and not self.is_blocked(subject):
            self.does(LOGINS_FAILING, subject, (login,))
            self.does(FAILURES, subject, (login, password))

    @rule(client=st.sampled_from(sorted(CLIENTS)), login=st.sampled_from(LOGINS))
    def succeeds(self, client: str, login: str) -> None:
        if self.is_blocked(login) or self.is_blocked(CLIENTS[client]):
            return  # nobody gets that far
        self.note(Verdict.ACCEPTED, client, login, "right")
        if CLIENTS[client]:
            self.does(ADDRESSES, login, (CLIENTS[client],))

    @rule(client=st.sampled_from(sorted(CLIENTS)), login=st.sampled_from(LOGINS))
    def nobody_knows(self, client: str, login: str) -> None:
        self.note(Verdict.UNAVAILABLE, client, login, "x")

    @rule(mode=st.sampled_from(["monitor", "enforce"]))
    def reload(self, mode: Mode) -> None:
        self.mode = mode
        self.guard.obey(replace(self.guard._settings, mode=mode))

    @rule(seconds=st.integers(0, 70))
    def restart(self, seconds: int) -> None:
        """Count on, though what counted by its digest is another thing when it comes again."""
        state = json.loads(json.dumps(self.guard.snapshot()))
        self.now += seconds
        self.guard = self.new_guard()
        self.guard.restore(state, float(seconds))
        self.history = [
            Did(did.rule, did.subject, ("", str(number)), did.at) if did.rule == FAILURES else did
            for number, did in enumerate(_each_thing_last(self.history))
        ]

    def note(self, verdict: Verdict, client: str, login: str, password: str) -> None:
        claim = Claim(login.encode(), Secret(password.encode()))
        self.guard.note(claim, client, Answer(verdict, login, "imap", "so"))

    # The model

    def does(self, rule: str, subject: str, thing: tuple[str, ...]) -> None:
        if not self.limits[rule]:
            return
        self.history.append(Did(rule, subject, thing, self.now))
        things = {
            did.thing
            for did in self.history
            if (did.rule, did.subject) == (rule, subject) and did.at > self.now - INTERVAL
        }
        if len(things) <= self.limits[rule]:
            return
        if self.mode == "enforce":
            self.blocked[subject] = self.now + BLOCK_FOR
            self.forget(lambda did: did.subject == subject)
        else:
            self.forget(lambda did: (did.rule, did.subject) == (rule, subject))

    def forget(self, whom: Callable[[Did], bool]) -> None:
        self.history = [did for did in self.history if not whom(did)]

    def is_blocked(self, subject: str) -> bool:
        return self.blocked.get(subject, 0) > self.now

    @invariant()
    def those_are_blocked_who_passed_a_limit(self) -> None:
        found = {block.what: block.until for block in self.blocks.all()}
        assert found == {who: until for who, until in self.blocked.items() if until > self.now}

    @invariant()
    def no_more_is_kept_than_counts(self) -> None:
        for name, subjects in self.guard.snapshot().items():
            assert all(len(things) <= self.limits[name] for _, things in subjects)


def _each_thing_last(history: list[Did]) -> list[Did]:
    """Return the last time that each thing was done."""
    return list({(did.rule, did.subject, did.thing): did for did in history}.values())


TestGuarded = pytest.mark.expect_warnings("guard: ")(Guarded.TestCase)
