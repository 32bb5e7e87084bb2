"""The list in virtual time, against a plain model: when each is asked, and what it amounts to."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st
from lab.scripted_list import DELAY, TOTAL, Script, run

from sasl_bridge.verdict import Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE


def answers_in_order(serving: list[Script]) -> Iterator[tuple[float, int]]:
    """Yield (second, place) of every answer, if nothing ended it before."""
    asked = 0.0
    times = []
    for place, script in enumerate(serving):
        if asked >= TOTAL:
            break
        times.append((asked + script.seconds, place))
        share = max(1.0, (TOTAL - asked - DELAY) / (len(serving) - place))
        asked += min(script.seconds, share)
    yield from sorted(time for time in times if time[0] < TOTAL)


def model(scripts: list[Script]) -> Verdict:
    serving = [each for each in scripts if not each.domains or "example.com" in each.domains]
    counting = len(serving)
    said: dict[int, Verdict] = {}
    for _, place in answers_in_order(serving):
        if place >= counting:
            continue
        said[place] = serving[place].verdict
        if said[place] is ACCEPTED:
            return ACCEPTED
        if said[place] is REJECTED and serving[place].on_reject == "stop":
            counting = place + 1
        if all(earlier in said for earlier in range(counting)):
            break
    places = range(counting)
    if any(serving[p].required and said.get(p) is not REJECTED for p in places):
        return UNAVAILABLE
    if places and REJECTED not in [said.get(p) for p in places]:
        return UNAVAILABLE
    return REJECTED


def scripts_of(draw: st.DrawFn) -> list[Script]:
    """Draw a list; no two moments of it coincide, for then the model would have to guess."""
    scripts = []
    for place in range(draw(st.integers(0, 5))):
        tenths = draw(st.one_of(st.integers(0, 20), st.integers(0, 100)))
        script = Script(
            verdict=draw(st.sampled_from(Verdict)),
            seconds=tenths / 10 + (place + 1) * 0.0013,
            required=draw(st.booleans()),
            on_reject=draw(st.sampled_from(["next", "stop"])),
            domains=draw(st.sampled_from([frozenset(), frozenset({"example.org"})])),
        )
        scripts.append(script)
    return scripts


@given(st.composite(scripts_of)())
def test_the_chain_is_its_model(scripts: list[Script]) -> None:
    done = run(*scripts)
    assert done.answer.verdict is model(scripts)
    assert done.seconds <= TOTAL + 1e-5
    serving = [script for script in scripts if not script.domains]
    asked = [script for script, at in zip(scripts, done.asked, strict=True) if at is not None]
    assert asked == serving[: len(asked)]
    assert len(done.answer.steps) == len(asked)
    if done.answer.verdict is REJECTED and asked:
        stop = next(
            (
                place
                for place, script in enumerate(asked)
                if script.on_reject == "stop" and done.answer.steps[place].verdict is REJECTED
            ),
            len(serving),
        )
        counting = zip(asked, done.answer.steps, strict=True)
        for script, step in list(counting)[: stop + 1]:
            assert not script.required or step.verdict is REJECTED
