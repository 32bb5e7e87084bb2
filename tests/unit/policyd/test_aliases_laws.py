"""What holds for every aliases file, whatever somebody has written into it."""

from hypothesis import given
from hypothesis import strategies as st

from bridge_common.identity import Identity, IdentityRules, canonical_identity
from policyd.ownership.aliases import MOST_TOLD, AliasRules, parse_aliases

IDENTITY = IdentityRules(frozenset({"example.com"}))
RULES = AliasRules("example.com", IDENTITY)

BLANKS = st.text(" \t", min_size=1, max_size=3)
KEYS = st.sampled_from(
    ["*", "@example.com", "@sub.example.org", "sales@example.com", "a+b@example.com", "bob@x.org"]
)
LOGINS = st.lists(
    st.from_regex(r"[a-z][a-z0-9.]{0,8}@example\.com", fullmatch=True), min_size=1, max_size=4
)
ENTRIES = st.lists(st.tuples(KEYS, LOGINS), max_size=6)

# Of these characters the notation is made.
NOTATION = 'aZ@.*:,"\\# \t\r\v+!%\u00e9\u00a0\ud800\udcff\0-'
NONSENSE = st.lists(
    st.one_of(
        st.text(NOTATION, max_size=20),
        st.text(st.characters(blacklist_categories=()), max_size=20),
        st.builds("{}: {}".format, KEYS, st.text(NOTATION, max_size=12)),
    ),
    max_size=8,
).map("\n".join)

# Each gives nothing, whatever is around it; none continues a line, or is continued by one.
BROKEN = st.sampled_from(
    [
        "nonsense",
        '"a@example.com bob@example.com',
        "a@b@c: alice@example.com",
        ": x",
        "@: y",
        "\udcff",
    ]
)


def ours(entries: list[tuple[str, list[str]]], separator: str, mark: str) -> list[str]:
    return [f"{key}{mark}{separator.join(logins)}" for key, logins in entries]


def given_by(text: str) -> dict[str, set[str]]:
    """Return the logins of each key that is anybody's."""
    owners = parse_aliases(text, RULES).owners
    return {key: set(logins) for key, logins in owners.items() if logins}


def added_up(entries: list[tuple[str, list[str]]]) -> dict[str, set[str]]:
    """Return the same, from what the entries were made of."""
    whole: dict[str, set[str]] = {}
    for key, logins in entries:
        whole.setdefault(key, set()).update(logins)
    return whole


@given(NONSENSE)
def test_no_text_raises_and_what_is_told_of_it_is_printable_and_short(text: str) -> None:
    aliases = parse_aliases(text, RULES)
    numbers = [line.number for line in aliases.broken]
    assert numbers == sorted(numbers)
    assert len(numbers) == min(aliases.broken_count, MOST_TOLD)
    for line in aliases.broken:
        assert 1 <= line.number <= text.count("\n") + 1
        assert str(line).isprintable()
        assert len(str(line)) < 500


@given(NONSENSE)
def test_only_logins_of_ours_own_anything_by_lines_that_there_are(text: str) -> None:
    for logins in parse_aliases(text, RULES).owners.values():
        for login, number in logins.items():
            identity = canonical_identity(login.encode(), IDENTITY)
            assert isinstance(identity, Identity)
            assert identity.address == login
            assert 1 <= number <= text.count("\n") + 1


@given(ENTRIES, BLANKS)
def test_both_notations_say_the_same(entries: list[tuple[str, list[str]]], blanks: str) -> None:
    with_colons = "\n".join(ours(entries, ", ", ": "))
    as_postfix = "\n".join(ours(entries, blanks, blanks))
    assert given_by(with_colons) == given_by(as_postfix) == added_up(entries)


@given(st.lists(st.tuples(st.tuples(KEYS, LOGINS), st.lists(BROKEN, max_size=3)), max_size=6))
def test_every_good_line_is_used_whatever_else_is_broken(
    lines: list[tuple[tuple[str, list[str]], list[str]]],
) -> None:
    text, count = "", 0
    for (key, logins), broken in lines:
        text += "".join(f"{line}\n" for line in broken) + f"{key}: {' '.join(logins)}\n"
        count += len(broken)
    aliases = parse_aliases(text, RULES)
    assert aliases.broken_count == count
    assert given_by(text) == added_up([entry for entry, _ in lines])


@given(ENTRIES, st.sampled_from(["\n", "\r\n"]))
def test_a_login_on_a_line_of_its_own_that_goes_on_is_a_login_of_the_first(
    entries: list[tuple[str, list[str]]], end: str
) -> None:
    lines = ours(entries, f",{end}# remark{end}{end}\t", f":{end} ")
    assert given_by(end.join(lines)) == added_up(entries)
