"""The soak's weather: all of it from the seed, over in time, and known of each server."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from soak.weather import Spell, Weather, forecast

TROUBLES = {"imap": ("hang", "reset"), "pop3": ("hang", "drip"), "corp": ("hang", "restart")}


@given(seed=st.integers(0, 2**32 - 1), seconds=st.floats(10.0, 900.0))
def test_one_server_has_one_trouble_at_a_time_and_all_is_over_in_the_end(
    seed: int, seconds: float
) -> None:
    spells = forecast(seed, seconds, TROUBLES)
    assert spells == forecast(seed, seconds, TROUBLES)
    assert all(spell.trouble in TROUBLES[spell.server] for spell in spells)
    assert all(spell.at + spell.seconds <= seconds for spell in spells)
    for server in TROUBLES:
        own = [spell for spell in spells if spell.server == server]
        assert all(one.at + one.seconds < next_.at for one, next_ in pairwise(own))


def _at_once(spells: Sequence[Spell], moment: float) -> int:
    return sum(spell.at <= moment < spell.at + spell.seconds for spell in spells)


def test_a_long_run_begins_with_all_servers_hung_and_goes_on_with_every_trouble() -> None:
    spells = forecast(1, 900.0, TROUBLES)
    first = spells[: len(TROUBLES)]
    assert {(spell.server, spell.trouble, spell.at) for spell in first} == {
        ("imap", "hang", 5.0),
        ("pop3", "hang", 5.0),
        ("corp", "hang", 5.0),
    }
    assert {spell.trouble for spell in spells} == {"hang", "reset", "drip", "restart"}
    assert {1, 2} <= {_at_once(spells[3:], spell.at) for spell in spells[3:]}


def test_a_server_is_sure_to_be_asked_again_half_a_minute_after_its_recovery() -> None:
    weather = Weather()
    assert weather.was_settled("imap", since=0.0)
    weather.strike("imap", "hang", 10.0)
    assert not weather.was_settled("imap", since=5.0)
    assert weather.ill() == "imap hang"
    weather.relent("imap", 20.0)
    assert not weather.was_settled("imap", since=54.9)
    assert weather.was_settled("imap", since=55.0)
    assert weather.ill() == "none"


def test_the_first_login_after_a_recovery_tells_how_long_it_took() -> None:
    weather = Weather()
    weather.strike("imap", "hang", 10.0)
    weather.relent("imap", 20.0)
    weather.heard_of("imap", asked_at=19.0, now=20.5)  # asked while it was ill
    weather.heard_of("imap", asked_at=22.0, now=23.0)
    weather.heard_of("imap", asked_at=24.0, now=25.0)
    assert weather.recoveries == {"imap": [3.0]}
