"""How the errors read that an administrator sees."""

from bridge_common.errors import Problem, SettingsError


def test_a_settings_error_lists_every_problem_one_a_line() -> None:
    problems = (
        Problem("smtp_auth.listen", "must name at least one endpoint"),
        Problem('server[2] "backup".port', "must be a whole number from 0 to 65535"),
    )
    error = SettingsError(problems)
    assert error.problems == problems
    assert str(error) == (
        "smtp_auth.listen: must name at least one endpoint\n"
        'server[2] "backup".port: must be a whole number from 0 to 65535'
    )
