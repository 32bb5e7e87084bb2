"""One block: what is an address and what is a login, and how it is written as JSON."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_common.block import (
    MATCHES,
    Block,
    blocks_in,
    canonical_block,
    format_block,
    parse_block,
)

NOON = 1_764_158_400  # 2025-11-26T12:00:00Z


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("Alice@EXAMPLE.com", "alice@example.com"),
        ("alice@bücher.example", "alice@xn--bcher-kva.example"),
        ("ÄRGER@example.com", "Ärger@example.com"),
        ("alice", "alice"),
        ("a/b@example.com", "a/b@example.com"),
        ("1234", "1234"),
        ("CORP\\alice", "corp\\alice"),
    ],
)
def test_a_login_is_compared_in_canonical_form(text: str, canonical: str) -> None:
    block = canonical_block(Block(text))
    assert block.what == canonical
    assert block.network is None


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7/32", "203.0.113.7"),
        ("203.0.113.0/24", "203.0.113.0/24"),
        ("2001:DB8::0:1", "2001:db8::1"),
        ("[2001:db8::]/64", "2001:db8::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
    ],
)
def test_an_address_or_a_network_has_one_spelling(text: str, canonical: str) -> None:
    block = canonical_block(Block(text))
    assert block.what == canonical
    assert block.network is not None


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        (Block("203.0.113.7/24"), 'an address within a network: "203.0.113.0/24" was'),
        (Block("203.0.113.0/33"), "is not an address or a network"),
        (Block("203.0.113.7", "contains"), "an address: it can only be matched by equals"),
        (Block("203.0.113.0/24", "starts-with"), "an address: it can only be matched by equals"),
    ],
)
def test_what_is_nearly_a_network_is_refused(block: Block, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        canonical_block(block)


@pytest.mark.parametrize(
    ("match", "what", "concerned"),
    [
        ("equals", "alice@example.com", [True, False, False]),
        ("starts-with", "alice", [True, True, False]),
        ("contains", "ice@", [True, False, True]),
    ],
)
def test_whom_a_block_concerns(match: Any, what: str, concerned: list[bool]) -> None:
    logins = ["alice@example.com", "alice2@example.com", "malice@example.com"]
    assert [Block(what, match).concerns(login) for login in logins] == concerned


def test_the_reason_and_who_says_so_are_in_its_words() -> None:
    block = Block("spam", "contains", reason="a wave", by="guard")
    assert block.in_words() == "what contains spam, by the guard: a wave"
    assert Block("alice").in_words() == "alice, by the administrator"


def test_as_json() -> None:
    block = Block("alice@example.com", "equals", NOON, "stolen", NOON - 60, "guard")
    assert format_block(block) == {
        "what": "alice@example.com",
        "match": "equals",
        "until": "2025-11-26T12:00:00Z",
        "reason": "stolen",
        "since": "2025-11-26T11:59:00Z",
        "by": "guard",
    }
    assert format_block(Block("alice"))["until"] is None


def test_of_json_only_what_is_required() -> None:
    assert parse_block({"what": "Alice@Example.com"}, NOON) == Block(
        "alice@example.com", since=NOON
    )


def test_a_time_may_be_of_any_time_zone() -> None:
    block = parse_block({"what": "alice", "until": "2025-11-26T13:00:00+01:00"})
    assert block.until == NOON


@given(
    st.builds(
        Block,
        what=st.sampled_from(["alice@example.com", "bob", "203.0.113.0/24", "2001:db8::1"]),
        until=st.none() | st.integers(0, 2**37),
        reason=st.text("stolen wörds 'x'", max_size=255),
        since=st.integers(0, 2**37),
        by=st.sampled_from(["administrator", "guard"]),
    )
)
def test_a_block_survives_being_written_and_read(block: Block) -> None:
    assert parse_block(format_block(block)) == block


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        ([], "is no JSON object"),
        ({}, "needs what, a text"),
        ({"what": 1}, "needs what, a text"),
        ({"what": ""}, "needs what, a text"),
        ({"what": "a" * 256}, "holds a what that is longer than 255 characters or unprintable"),
        ({"what": "a\nb"}, "unprintable"),
        ({"what": "a", "reason": "b\x1b"}, "holds a reason .* unprintable"),
        ({"what": "a", "match": "ends-with"}, "none of equals, starts-with, contains"),
        ({"what": "a", "match": []}, "none of equals, starts-with, contains"),
        ({"what": "a", "by": "me"}, "none of administrator, guard"),
        ({"what": "a", "until": "soon"}, "no time as 2026"),
        ({"what": "a", "until": 7}, "no time as 2026"),
        ({"what": "a", "until": "0001-01-01T00:00:00"}, "no time as 2026"),
        ({"what": "a", "untill": None}, "holds 'untill', which is no key of a block"),
        ({"what": "10.0.0.1/8"}, "an address within a network"),
    ],
)
def test_what_is_wrong_in_json_is_said(found: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_block(found)


def test_of_a_snapshot_what_can_be_read_is_taken() -> None:
    found = {"blocks": [{"what": "alice"}, {"what": ""}, 7, {"what": "bob", "match": "contains"}]}
    assert blocks_in(found) == (Block("alice"), Block("bob", "contains"))


@pytest.mark.parametrize("found", [None, [], {}, {"blocks": None}, "blocks"])
def test_what_is_no_snapshot_of_blocks_is_told_from_an_empty_one(found: Any) -> None:
    with pytest.raises(ValueError, match="holds no blocks"):
        blocks_in(found)
    assert blocks_in({"blocks": []}) == ()


def test_there_are_three_ways_to_match() -> None:
    assert MATCHES == ("equals", "starts-with", "contains")
