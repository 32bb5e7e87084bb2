"""TOML as text."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_common.settings.toml_text import Plain, format_key, format_value, quote

TEXT = st.text(st.characters(blacklist_categories=["Cs"]))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (993, "993"),
        (1e-05, "1e-05"),
        ('a "b" \\c', '"a \\"b\\" \\\\c"'),
        ("a\nb\x7f\x85\u2028c", '"a\\nb\\u007f\\u0085\\u2028c"'),
        ("\U000e0001\U0001f600", '"\\U000e0001\U0001f600"'),
        ("bücher", '"bücher"'),
        ([], "[]"),
        (["a", 'b"'], '["a", "b\\""]'),
        ({}, "{}"),
        ({"CORP": "a.de", "b c": "d.de"}, '{ CORP = "a.de", "b c" = "d.de" }'),
    ],
)
def test_a_value_is_written_as_toml_has_it(value: Plain, text: str) -> None:
    assert format_value(value) == text
    assert tomllib.loads(f"key = {text}") == {"key": value}


def test_a_key_is_quoted_only_where_it_must_be() -> None:
    names = ["login_format", "a-1", "a b", "", "a.b", "a\nb"]
    written = ["login_format", "a-1", '"a b"', '""', '"a.b"', '"a\\nb"']
    assert [format_key(name) for name in names] == written


@given(TEXT)
def test_what_is_quoted_reads_back_and_stays_on_one_line(text: str) -> None:
    assert tomllib.loads(f"{format_key(text)} = {quote(text)}") == {text: text}
    assert quote(text).isprintable()
