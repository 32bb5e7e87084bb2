"""Domains as they are compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_common.address import domain_to_a_label, strict_a_label


@pytest.mark.parametrize(
    ("typed", "label"),
    [
        ("example.com", "example.com"),
        ("EXAMPLE.Com", "example.com"),
        ("localhost", "localhost"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("example。com", "example.com"),
        ("straße.example", "xn--strae-oqa.example"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
    ],
)
def test_a_domain_is_compared_as_its_a_label(typed: str, label: str) -> None:
    assert domain_to_a_label(typed) == label


@pytest.mark.parametrize(
    "typed",
    [
        "",
        ".",
        "example.com.",
        "example.com。",
        ".example.com",
        "example..com",
        "..",
        "../x",
        "[192.0.2.1]",
        "exa_mple.com",
        "exa mple.com",
        "example.com\n",
        "example.com\0",
        "a@example.com",
        "-a.example",
        "a-.example",
        "a" * 64 + ".example",
        "a." * 126 + "example",
        "ü." * 60 + "example",
        "xn--a",
        "xn--bücher.example",
        "a\u200db.example",
        "\ud800.example",
        "%u.example",
        "☃.example",
    ],
)
def test_what_is_no_domain_name_is_none(typed: str) -> None:
    assert domain_to_a_label(typed) is None


def test_the_longest_domain_has_253_characters() -> None:
    longest = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
    assert len(longest) == 253
    assert domain_to_a_label(longest) == longest
    assert domain_to_a_label(longest + "d") is None


@given(st.text())
def test_any_text_is_a_label_of_ldh_or_none(text: str) -> None:
    """And an A-label's own A-label is itself."""
    label = domain_to_a_label(text)
    if label is not None:
        assert set(label) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
        assert domain_to_a_label(label) == label


@given(st.lists(st.text("aZ9-ü\u0308ßא.。xn", min_size=1, max_size=8), max_size=4).map(".".join))
def test_a_label_of_a_label_is_itself(text: str) -> None:
    label = domain_to_a_label(text)
    assert label is None or domain_to_a_label(label) == label


@pytest.mark.parametrize(
    ("typed", "label"),
    [
        ("Example.COM", "example.com"),
        ("BU\u0308CHER.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("example\u3002com", None),
        ("\uff45xample.com", None),
        ("example.com\u3002", None),
        ("example.com.", None),
        ("exa_mple.com", None),
        ("ü." * 60 + "example", None),
        ("", None),
    ],
)
def test_a_strict_label_needs_no_look_alikes_mapped(typed: str, label: str | None) -> None:
    assert strict_a_label(typed) == label
