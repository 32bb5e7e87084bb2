"""Actions in short, as the log names them."""

import pytest

from policyd.action import DUNNO, HANG_UP, Action, Code, Refuse, in_short


@pytest.mark.parametrize(
    ("action", "short"),
    [
        (DUNNO, "DUNNO"),
        (HANG_UP, "close"),
        (Refuse(Code.NOT_ALLOWED, "x"), "553 5.7.1"),
        (Refuse(Code.TRY_LATER, "x"), "451 4.3.0"),
    ],
)
def test_an_action_in_short(action: Action, short: str) -> None:
    assert in_short(action) == short


def test_there_is_no_other_code() -> None:
    """Each is a permanent or a temporary refusal, with an enhanced code of the same class."""
    assert [code.value for code in Code] == ["553 5.7.1", "451 4.3.0"]
