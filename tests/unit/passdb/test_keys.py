"""What stands for a login stands for no other one."""

from sasl_bridge.passdb.keys import keyed_digest


def test_each_part_ends_where_it_ends() -> None:
    assert keyed_digest(b"ab", b"c") == keyed_digest(b"ab", b"c")
    others = {keyed_digest(b"a", b"bc"), keyed_digest(b"abc"), keyed_digest(b"abc", b"")}
    assert keyed_digest(b"ab", b"c") not in others
    assert len(others) == 3
