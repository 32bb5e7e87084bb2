"""The page that the bench writes its figures into."""

import pytest

from bench.page import PAGE, with_figures


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    page = "# Head\n\n<!-- figures: begin -->\n\nold\n\n<!-- figures: end -->\n\nFoot\n"
    new = "# Head\n\n<!-- figures: begin -->\n\nnew\n\n<!-- figures: end -->\n\nFoot\n"
    assert with_figures(page, "new\n") == new
    assert with_figures(new, "new\n") == new


def test_a_page_without_a_place_is_not_touched() -> None:
    with pytest.raises(ValueError, match="substring not found"):
        with_figures("# Head\n", "new")


def test_the_page_has_a_place_for_the_figures() -> None:
    assert "\nfigures of today\n" in with_figures(PAGE.read_text(), "figures of today\n")
