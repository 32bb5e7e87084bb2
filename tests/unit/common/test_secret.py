"""A secret shows itself to nobody but who asks for it by name."""

import copy
import pickle
import traceback

import pytest

from bridge_common.secret import Secret

SECRET = Secret(b"pa55 w0rd")


def test_reveal_hands_out_the_bytes() -> None:
    assert SECRET.reveal() == b"pa55 w0rd"


def test_no_way_of_printing_shows_it() -> None:
    shown = [repr(SECRET), str(SECRET), f"{SECRET}", f"{SECRET!r}", f"{SECRET!s}", f"{SECRET!a}"]
    assert [*shown, "%s" % SECRET, repr([SECRET]), repr({"a": SECRET})] == [  # noqa: UP031  # the old way of formatting is the subject
        *["<secret>"] * 7,
        "[<secret>]",
        "{'a': <secret>}",
    ]


def test_a_traceback_that_names_it_does_not_show_it() -> None:
    with pytest.raises(ValueError, match="<secret>") as caught:
        raise ValueError(SECRET)
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    text = "".join(shown.format())
    assert "<secret>" in text
    assert "pa55" not in text


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_is_neither_pickled_nor_copied(way: object) -> None:
    assert callable(way)
    with pytest.raises(TypeError, match="a secret is not to be pickled or copied"):
        way(SECRET)


def test_it_has_no_hash_and_no_dict() -> None:
    with pytest.raises(TypeError):
        hash(SECRET)
    assert not hasattr(SECRET, "__dict__")


def test_equal_secrets_are_equal_and_nothing_else_is() -> None:
    assert Secret(b"pa55 w0rd") == SECRET
    assert Secret(b"pa55 w0re") != SECRET
    assert Secret(b"pa55") != SECRET
    assert SECRET != b"pa55 w0rd"


def test_only_its_length_can_be_seen() -> None:
    assert len(SECRET) == 9
    assert SECRET
    assert not Secret(b"")
