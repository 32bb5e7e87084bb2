"""Which mechanisms are offered."""

import pytest

from sasl_bridge.sasl.login import Login
from sasl_bridge.sasl.plain import Plain
from sasl_bridge.sasl.registry import OFFERED, find_mechanism


def test_plain_and_login_are_offered_with_the_flag_by_which_postfix_withholds_them() -> None:
    assert [(mechanism.name, mechanism.flags) for mechanism in OFFERED] == [
        ("PLAIN", ("plaintext",)),
        ("LOGIN", ("plaintext",)),
    ]


@pytest.mark.parametrize("name", [b"PLAIN", b"plain", b"pLaIn"])
def test_a_name_is_found_in_whatever_case(name: bytes) -> None:
    assert find_mechanism(name) is Plain


def test_login_is_found() -> None:
    assert find_mechanism(b"login") is Login


@pytest.mark.parametrize("name", [b"", b"EXTERNAL", b"ANONYMOUS", b"APOP", b"PLAIN ", b"\xff"])
def test_what_is_not_offered_is_not_found(name: bytes) -> None:
    assert find_mechanism(name) is None
