"""Who is blocked: found as a naive look at each block would find it, and only while it holds."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_common.block import Block, Match, canonical_block, parse_block
from bridge_common.blocks import Blocks

NOW = 1_000_000
ALICE = "alice@example.com"


class Lab:
    """Blocks, and the time."""

    def __init__(self, *blocks: Block) -> None:
        self.now = float(NOW)
        self.blocks = Blocks(lambda: self.now)
        self.blocks.add(*blocks)


def test_nobody_is_blocked_at_first() -> None:
    blocks = Blocks()
    assert blocks.find(ALICE, "192.0.2.1") is None
    assert (len(blocks), blocks.all(), blocks.version) == (0, (), 0)


def test_a_block_holds_until_its_end_and_then_is_gone() -> None:
    lab = Lab(Block(ALICE, until=NOW + 60))
    lab.now = NOW + 59.9
    assert lab.blocks.find(ALICE) == Block(ALICE, until=NOW + 60)
    lab.now = NOW + 60
    assert lab.blocks.find(ALICE) is None
    assert lab.blocks.all() == ()
    assert lab.blocks.remove(ALICE) is None
    assert lab.blocks.snapshot() == {"blocks": []}


def test_what_is_over_is_dropped_with_the_next_change() -> None:
    lab = Lab(Block(ALICE, until=NOW + 60), Block("10.0.0.0/8", until=NOW + 60))
    lab.now = NOW + 60
    lab.blocks.add(Block("bob"))
    assert len(lab.blocks) == 1


def test_one_that_is_over_takes_nobody_s_place() -> None:
    lab = Lab(Block(ALICE))
    assert lab.blocks.add(Block(ALICE, until=NOW - 1), Block("bob@example.com")) == 1
    assert lab.blocks.find(ALICE) == Block(ALICE)


@pytest.mark.parametrize("key", ["until", "since"])
@pytest.mark.parametrize("time", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+10:00"])
def test_a_time_that_could_not_be_written_is_not_read(key: str, time: str) -> None:
    with pytest.raises(ValueError, match=f"holds a {key} that is no time"):
        parse_block({"what": ALICE, key: time})


@pytest.mark.parametrize("match", ["starts-with", "contains"])
def test_a_part_of_a_name_is_no_domain(match: Match) -> None:
    lab = Lab(canonical_block(Block("M\u00fcll", match)))
    assert lab.blocks.find("m\u00fcller@example.org") is not None
    assert canonical_block(Block("@M\u00fcll.example", match)).what == "@xn--mll-hoa.example"


def test_behind_a_block_that_is_over_another_one_still_holds() -> None:
    general = Block("@example.com", "contains")
    lab = Lab(Block(ALICE, until=NOW + 60), general)
    lab.now = NOW + 60
    assert lab.blocks.find(ALICE) == general


def test_a_login_that_reads_like_an_address_is_none() -> None:
    assert Lab(Block("192.0.2.1")).blocks.find("192.0.2.1") is None


@pytest.mark.parametrize("address", ["192.0.2.1", "::ffff:192.0.2.1", "::FFFF:c000:201"])
def test_an_address_is_blocked_however_it_is_written(address: str) -> None:
    assert Lab(Block("192.0.2.0/24")).blocks.find("", address) == Block("192.0.2.0/24")


@pytest.mark.parametrize("address", ["", "unknown", "192.0.3.1", "::", "::c000:201"])
def test_what_is_no_such_address_is_not_blocked(address: str) -> None:
    assert Lab(Block("192.0.2.0/24")).blocks.find("", address) is None


def test_each_change_changes_the_version() -> None:
    lab = Lab()
    seen = [lab.blocks.version]
    lab.blocks.add(Block(ALICE))
    seen.append(lab.blocks.version)
    lab.blocks.impose("bob", None, "", "guard")
    seen.append(lab.blocks.version)
    lab.blocks.remove(ALICE)
    seen.append(lab.blocks.version)
    lab.blocks.replace_all((Block("carol"),))
    seen.append(lab.blocks.version)
    assert len(set(seen)) == 5


def test_taking_back_what_is_not_there_changes_nothing() -> None:
    lab = Lab(Block(ALICE, "contains"))
    before = lab.blocks.version
    assert lab.blocks.remove(ALICE) is None
    assert lab.blocks.version == before
    assert lab.blocks.remove(ALICE, "contains") == Block(ALICE, "contains")
    assert lab.blocks.find(ALICE) is None


def test_it_is_imposed_from_now_on_for_so_long() -> None:
    lab = Lab()
    lab.now = NOW + 0.5
    block = lab.blocks.impose("2001:DB8::/64", 60.0, "guessing", "guard")
    assert block == Block("2001:db8::/64", "equals", NOW + 61, "guessing", NOW, "guard")
    assert lab.blocks.find("", "2001:db8::7") == block
    assert lab.blocks.impose(ALICE, None, "", "administrator").until is None
    assert lab.blocks.impose("bob", 1e12, "", "administrator").until == 253402214400


def test_the_guard_does_not_shorten_what_an_administrator_said() -> None:
    said = Block(ALICE, reason="stolen")
    lab = Lab(said)
    assert lab.blocks.impose(ALICE, 60.0, "many addresses", "guard") == said
    assert lab.blocks.find(ALICE) == said


def test_an_administrator_s_block_that_is_over_is_no_obstacle_to_the_guard() -> None:
    lab = Lab(Block(ALICE, until=NOW + 1))
    lab.now = NOW + 1
    assert lab.blocks.impose(ALICE, 60.0, "", "guard").by == "guard"
    assert lab.blocks.find(ALICE) is not None


def test_of_the_guard_s_the_oldest_goes_and_none_of_an_administrator_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bridge_common.blocks._MAX_BY_GUARD", 3)
    lab = Lab(Block(ALICE))
    for number in range(1, 6):
        lab.blocks.impose(f"192.0.2.{number}", 60.0, "", "guard")
    held = [block.what for block in lab.blocks.all()]
    assert held == [ALICE, "192.0.2.3", "192.0.2.4", "192.0.2.5"]
    lab.blocks.remove("192.0.2.4")
    lab.blocks.impose("192.0.2.9", 60.0, "", "guard")
    assert len(lab.blocks) == 4


def test_a_snapshot_is_restored_beside_what_came_since() -> None:
    before = Lab(Block(ALICE, reason="before"), Block("bob", until=NOW + 60))
    after = Lab(Block(ALICE, reason="since"))
    after.blocks.restore(before.blocks.snapshot(), 10.0)
    assert {block.what: block.reason for block in after.blocks.all()} == {
        "bob": "",
        ALICE: "since",
    }


@pytest.mark.parametrize("garbage", [None, 7, [], {"blocks": 7}, {"blocks": [{}, None, "x"]}])
def test_garbage_restores_nothing(garbage: object) -> None:
    lab = Lab(Block(ALICE))
    lab.blocks.restore(garbage, 10.0)
    assert lab.blocks.all() == (Block(ALICE),)


# Against a naive model

LOGINS = ["alice@example.com", "alice2@example.com", "bob@example.com", "bob", ""]
ADDRESSES = ["192.0.2.1", "192.0.2.200", "198.51.100.1", "2001:db8::1", "2001:db8:0:1::1", "", "x"]
NETWORKS = [
    "192.0.2.1", "192.0.2.0/25", "192.0.2.0/24", "0.0.0.0/0", "2001:db8::/64", "2001:db8::/32",
]  # fmt: skip
PARTS = ["alice", "bob@", "@example.com", "alice@example.com", "2"]
MATCHES: list[Match] = ["equals", "starts-with", "contains"]

some_blocks = st.builds(
    Block,
    what=st.sampled_from(NETWORKS),
    until=st.none() | st.integers(NOW - 1, NOW + 2),
) | st.builds(
    Block,
    what=st.sampled_from(LOGINS[:-1] + PARTS),
    match=st.sampled_from(MATCHES),
    until=st.none() | st.integers(NOW - 1, NOW + 2),
)
changes = st.lists(st.tuples(st.booleans(), some_blocks), max_size=20)


def holds(block: Block, login: str, address: str, now: float) -> bool:
    if block.until is not None and now >= block.until:
        return False
    if block.what in NETWORKS:
        try:
            return ip_address(address) in ip_network(block.what)
        except ValueError:
            return False
    if not login:
        return False
    return {
        "equals": login == block.what,
        "starts-with": login.startswith(block.what),
        "contains": block.what in login,
    }[block.match]


@given(changes, st.sampled_from(LOGINS), st.sampled_from(ADDRESSES), st.integers(0, 2))
def test_what_is_found_is_what_a_look_at_each_block_finds(
    made: list[tuple[bool, Block]], login: str, address: str, later: int
) -> None:
    lab = Lab()
    model: dict[tuple[str, str], Block] = {}
    for added, block in made:
        if added:
            lab.blocks.add(canonical_block(block))
            if block.holds_at(NOW):  # else it takes nobody's place
                model[block.what, block.match] = block
        else:
            lab.blocks.remove(block.what, block.match)
            model.pop((block.what, block.match), None)
    lab.now += later
    expected = {block for block in model.values() if holds(block, login, address, lab.now)}
    found = lab.blocks.find(login, address)
    assert found in expected if expected else found is None
    assert set(lab.blocks.all()) == {one for one in model.values() if one.holds_at(lab.now)}


@given(changes)
def test_when_all_are_taken_back_nothing_is_left(made: list[tuple[bool, Block]]) -> None:
    lab = Lab()
    for _, block in made:
        lab.blocks.add(block)
    for _, block in made:
        lab.blocks.remove(block.what, block.match)
    fresh = Blocks()
    fresh.version, fresh._wall_clock = lab.blocks.version, lab.blocks._wall_clock
    assert vars(lab.blocks) == vars(fresh)
