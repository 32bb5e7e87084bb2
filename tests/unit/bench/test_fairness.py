"""Which rounds of the bench count."""

from collections.abc import Mapping

from bench.fairness import Shares, why_void


def shares(
    measured: float,
    helpers: Mapping[str, float],
    *,
    strangers: float = 0.0,
    cores: int = 2,
    spreads: bool = False,
) -> Shares:
    machine = measured + sum(helpers.values()) + strangers
    return Shares(measured=measured, helpers=helpers, machine=machine, cores=cores, spreads=spreads)


def test_a_saturated_program_counts() -> None:
    assert why_void(shares(0.98, {"the load": 0.55, "slapd": 0.3})) == ""


def test_a_round_with_a_full_helper_is_void() -> None:
    void = why_void(shares(1.0, {"the load": 0.2, "slapd": 0.85}))
    assert void == "slapd was the bottleneck: 0.85 cores, beside 1.00"


def test_a_helper_must_be_clearly_less_busy_than_what_is_measured() -> None:
    assert why_void(shares(0.8, {"the load": 0.75})).startswith("the load was the bottleneck")
    assert why_void(shares(0.85, {"the load": 0.75})) == ""


def test_a_helper_that_does_little_holds_nobody_up() -> None:
    assert why_void(shares(0.1, {"the load": 0.45})) == ""


def test_a_program_of_many_processes_may_leave_a_helper_half_a_core() -> None:
    assert why_void(shares(1.3, {"the load": 0.2, "slapd": 0.5})) == ""


def test_a_program_that_waits_while_there_are_cores_to_spare_is_made_so() -> None:
    assert why_void(shares(0.02, {"the load": 0.0, "the line": 0.05})) == ""


def test_a_program_that_others_crowd_out_is_void() -> None:
    void = why_void(shares(0.5, {"the load": 0.1}, strangers=1.4))
    assert void == "it got 0.50 cores only, and strangers used 1.40"


def test_strangers_beside_a_saturated_program_take_nothing_from_it() -> None:
    assert why_void(shares(0.95, {"the load": 0.1}, strangers=0.9)) == ""


def test_strangers_take_cores_from_a_program_that_could_use_all() -> None:
    void = why_void(shares(1.1, {"the load": 0.1}, strangers=0.7, spreads=True))
    assert void == "it got 1.10 cores only, and strangers used 0.70"
    assert why_void(shares(1.7, {"the load": 0.1}, strangers=0.2, spreads=True)) == ""
    assert why_void(shares(0.3, {"the load": 0.1}, strangers=0.7, spreads=True)) == ""


def test_one_core_for_all_is_too_little() -> None:
    assert "0.60 cores only" in why_void(shares(0.6, {"the load": 0.4}, cores=1))


def test_where_answers_are_remembered_the_back_end_is_silent() -> None:
    asked = shares(1.0, {"the load": 0.4, "slapd": 0.06})
    assert why_void(asked, silent="slapd") == "not answered from a cache: slapd used 0.06 cores"
    assert why_void(asked) == ""
    assert why_void(shares(1.0, {"the load": 0.4, "slapd": 0.01}), silent="slapd") == ""


def test_rounding_makes_no_negative_strangers() -> None:
    assert Shares(measured=1.0, helpers={"the load": 0.5}, machine=1.49, cores=2).strangers == 0.0
