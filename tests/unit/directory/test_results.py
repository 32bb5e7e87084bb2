"""What a directory can say, as values."""

from bridge_common.directory.results import Entry


def test_an_attribute_has_one_name_in_any_case() -> None:
    entry = Entry("cn=alice", {"proxyaddresses": ("a", "b")})
    assert entry.values("proxyAddresses") == ("a", "b")
    assert entry.values("PROXYADDRESSES") == ("a", "b")
    assert entry.values("mail") == ()
