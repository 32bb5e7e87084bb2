"""What the lines of an aliases file say."""

import time

import pytest

from bridge_common.identity import Identity, IdentityRules, LoginForm
from policyd.ownership.aliases import Aliases, AliasRules, BrokenLine, parse_aliases

RULES = AliasRules("example.com", IdentityRules(frozenset({"example.com", "xn--exmple-cua.com"})))
BOB = Identity("bob", "example.com", LoginForm.ADDRESS)
SALES, ALICES, BOBS = "sales@example.com", "alice@example.com", "bob@example.com"

NONE_OF_OURS = "the login's domain is not one of ours"


def parse(text: str) -> Aliases:
    return parse_aliases(text, RULES)


def owners(text: str) -> dict[str, list[str]]:
    """Return the logins of each key of a text without a broken line."""
    aliases = parse(text)
    assert aliases.broken == ()
    return {key: list(logins) for key, logins in aliases.owners.items()}


def broken(text: str) -> list[str]:
    return list(map(str, parse(text).broken))


# What a line gives to whom


@pytest.mark.parametrize(
    "line",
    [
        f"{SALES}: {ALICES}, {BOBS}",
        f"{SALES}: {ALICES} {BOBS}",
        f"{SALES}:{ALICES},{BOBS}",
        f"{SALES} : {ALICES},{BOBS}",
        f"{SALES}:\t{ALICES}\t,,\t{BOBS} ,",
        f"{SALES} {ALICES}, {BOBS}",
        f"{SALES}\t{ALICES}\t{BOBS}",
        f"{SALES} \t ,{ALICES} ,, {BOBS},",
        "Sales@EXAMPLE.com: Alice@Example.COM, BOB@example.com",
        f"sales@example.com.: {ALICES}, {BOBS}",
        f'"sales"@example.com: {ALICES}, {BOBS}',
        f'"s\\ales"@example.com {ALICES}, {BOBS}',
        f"{SALES}: {ALICES}, {BOBS}, {ALICES}",
        f"{SALES}: {ALICES},\n  {BOBS}",
        f"{SALES}:\n\t{ALICES}\n\t{BOBS}",
        f"{SALES}\n {ALICES}\n\n# remark\n   # another\n \t\n {BOBS}",
        f"{SALES}: {ALICES}\n{SALES} {BOBS}",
        f"{SALES}: {ALICES}\r\n{SALES} {BOBS}\r\n",
        f"{SALES}: {ALICES},\r\n\t{BOBS}\r\n\r\n",
        f"\n# remark\n\n{SALES}: {ALICES}, {BOBS}\n#",
    ],
)
def test_both_notations_of_an_address_and_its_logins(line: str) -> None:
    assert owners(line) == {SALES: [ALICES, BOBS]}


@pytest.mark.parametrize(
    ("key", "listed"),
    [
        ("@example.com", "@example.com"),
        ("@Example.ORG.", "@example.org"),
        ("@ex\u00e4mple.com", "@xn--exmple-cua.com"),
        ("j\u00f6rg@ex\u00e4mple.com", "j\u00f6rg@xn--exmple-cua.com"),
        ("jo\u0308rg@example.com", "j\u00f6rg@example.com"),
        ("*", "*"),
        ("alice+x@example.com", "alice+x@example.com"),
        ('"a b"@example.com', "a b@example.com"),
        ('"a:b"@example.com', "a:b@example.com"),
        ('"#a"@example.com', "#a@example.com"),
        ('"*"@example.com', "*@example.com"),
        ("a,b@example.com", "a,b@example.com"),
        ("Alice", "alice@"),
        ('"*"', "*@"),
        ("anybody@elsewhere.example", "anybody@elsewhere.example"),
    ],
)
def test_a_key_is_an_address_a_bare_name_a_domain_or_all_of_them(key: str, listed: str) -> None:
    for mark in (": ", " ", "\t", " : "):
        assert owners(f"{key}{mark}{BOBS}") == {listed: [BOBS]}


def test_a_bare_name_with_a_dot_is_one_where_it_is_no_domain_of_ours() -> None:
    assert owners(f"mary.ann: {BOBS}") == {"mary.ann@": [BOBS]}


@pytest.mark.parametrize("bare", ["help", '"a b"', "mary.ann"])
def test_without_myorigin_a_bare_name_is_nobodys(bare: str) -> None:
    rules = AliasRules("", IdentityRules(frozenset({"example.com"})))
    aliases = parse_aliases(f"{bare}: {BOBS}\n{SALES}: {BOBS}\n", rules)
    assert set(aliases.owners) == {SALES}
    (told,) = aliases.broken
    assert told.number == 1
    assert "has no domain, and myorigin is not set; write the whole address" in told.why


def test_lines_of_one_key_add_up_and_each_login_has_the_number_of_its_first() -> None:
    text = f"{SALES}: {BOBS}\n{SALES}: {ALICES},\n  {BOBS}\n"
    assert parse(text).owners == {SALES: {BOBS: 1, ALICES: 2}}


def test_a_login_on_a_line_that_goes_on_has_the_number_of_that_line() -> None:
    assert parse(f"{SALES}: {ALICES},\n# remark\n  {BOBS}\n").owners == {
        SALES: {ALICES: 1, BOBS: 3}
    }


def test_of_a_login_are_all_keys_that_list_it() -> None:
    aliases = parse(f"{SALES}: {BOBS}\n*: {ALICES}\n@example.org {ALICES} {BOBS}\nbobby {BOBS}")
    assert list(aliases.of(BOB)) == [(SALES, 1), ("@example.org", 3), ("bobby@", 4)]
    assert list(aliases.of(Identity("carol", "example.com", LoginForm.ADDRESS))) == []


def test_logins_are_read_as_when_they_log_in() -> None:
    identity = IdentityRules(
        frozenset({"example.com"}),
        bare_allowed=True,
        default_domain="example.com",
        windows_domains={"corp": "example.com"},
    )
    aliases = parse_aliases(f"{SALES}: alice CORP\\bob", AliasRules("example.com", identity))
    assert aliases == Aliases({SALES: {ALICES: 1, BOBS: 1}})


@pytest.mark.parametrize("text", ["", "\n", "\r\n", "# only a remark", "  # indented\n\t\n"])
def test_a_text_without_lines_gives_nothing_and_nothing_is_wrong_with_it(text: str) -> None:
    assert parse(text) == Aliases()


# Lines that are not used


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f" {SALES}: {BOBS}", "begins with a blank, but there is no line that it continues"),
        (f": {BOBS}", "has no address, or a quote without its end; write ADDRESS: LOGIN, LOGIN"),
        (f'"sales@example.com: {BOBS}', "has no address, or a quote without its end; write "),
        (f'sales"@example.com: {BOBS}', "has no address, or a quote without its end; write "),
        (f"a@example.com, b@example.com: {BOBS}", "is no domain name; write one address a line"),
        (f"a@example.com,b@example.com: {BOBS}", '"a@example.com,b@example.com" is no address; '),
        (f"victim@dom@evil.org: {BOBS}", '"victim@dom@evil.org" is no address; write an '),
        (f'"victim@dom"@evil.org: {BOBS}', "is no address that a login could be let use"),
        (f'"sales@example.com": {BOBS}', "is no address that a login could be let use"),
        (f"a%b@example.com: {BOBS}", "is no address that a login could be let use"),
        (f"example.org!a: {BOBS}", "is no address that a login could be let use"),
        (f'"a\\"b"@example.com: {BOBS}', "is no address that a login could be let use"),
        (f'""@example.com: {BOBS}', "is no address that a login could be let use"),
        (f"a\0b@example.com: {BOBS}", "is no address that a login could be let use"),
        (f"a\\b@example.com: {BOBS}", "is no address; write an address, @domain or *"),
        (f'"a"b@example.com: {BOBS}', "is no address; write an address, @domain or *"),
        (f"sales@: {BOBS}", '"" is no domain name; write one address a line'),
        (f"@: {BOBS}", '"" is no domain name; write one address a line'),
        (f"@example..com: {BOBS}", '"example..com" is no domain name'),
        (f"sales@[192.0.2.1]: {BOBS}", '"[192.0.2.1]" is no domain name'),
        (f"sales@[IPv6:2001:db8::1]: {BOBS}", '"[IPv6" is no domain name'),
        (f"*@example.com: {BOBS}", '"*@example.com" is no pattern; write @domain for all of a'),
        (f".example.com: {BOBS}", '".example.com" is no pattern; write @domain for all of a'),
        (f"a:b@example.com {BOBS}", "may be one word; write a blank behind the colon"),
        (f"sales:{BOBS}", "may be one word; write a blank behind the colon"),
        (f"/^sales@/: {BOBS}", '"/^sales@/": no pattern can stand here; write an address'),
        (f"/./ {BOBS}", '"/./": no pattern can stand here; write an address'),
        (f"example.com: {BOBS}", 'one of our domains, which is written "@example.com"'),
        (f"Example.COM. {BOBS}", 'is one of our domains, which is written "@'),
        (f"ex\u00e4mple.com: {BOBS}", "is one of our domains, which is written "),
        (f"\ud83dsales@example.com: {BOBS}", "is not UTF-8"),
    ],
)
def test_a_broken_key_is_told_and_its_line_gives_nothing_whatever_follows(
    line: str, why: str
) -> None:
    aliases = parse(f"info@example.com {BOBS}\n#\n{line}\n {BOBS}\n@example.org: {BOBS}")
    if line.startswith(" "):  # here it goes on with the line before it
        aliases = parse(f"#\n\n{line}\ninfo@example.com {BOBS}\n@example.org: {BOBS}")
    assert set(aliases.owners) == {"info@example.com", "@example.org"}
    (told,) = aliases.broken
    assert told.number == 3
    assert why in told.why


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (SALES, f'"{SALES}" has no login; write ADDRESS: LOGIN, LOGIN'),
        (f"{SALES}:", f'"{SALES}" has no login; write ADDRESS: LOGIN, LOGIN'),
        (f"{SALES} \t\r", f'"{SALES}" has no login; write ADDRESS: LOGIN, LOGIN'),
        (
            f"{SALES}: {BOBS} # head of sales",
            "has a comment behind an entry; give it a line of its own",
        ),
        (f"{SALES}: {BOBS} #", "has a comment behind an entry; give it a line of its own"),
        (
            f"{SALES}:: {BOBS}",
            '":" seems to begin another entry; begin its line without a blank',
        ),
        (
            f"{SALES}: {BOBS}\rinfo@example.com: {BOBS}",
            '"info@example.com:" seems to begin another entry; begin its line without a blank',
        ),
        (f"{SALES}: eve@evil.org", f'"eve@evil.org" is no login of ours: {NONE_OF_OURS}'),
        (
            f"{SALES}: eve@evil.org a@b.example x@y.example",
            (
                f'"eve@evil.org" is no login of ours: {NONE_OF_OURS}; '
                "nor are 2 other words of this line"
            ),
        ),
        (
            f"{SALES}: bob@example.com; alice@example.com;",
            (
                '"bob@example.com;" is no login of ours: the part after the @ is no domain name'
                "; a comma parts logins; nor are 1 other words of this line"
            ),
        ),
        (
            f"{SALES}: bob",
            '"bob" is no login of ours: the login has no domain, and there is no default_domain',
        ),
        (
            f"{SALES}: {BOBS}:{ALICES}",
            (
                f'"{BOBS}:{ALICES}" is no login of ours: '
                "the part before the @ is empty or holds another @ or \\"
            ),
        ),
        (
            f"{SALES}: bob\x0b{ALICES}",
            f'"bob?{ALICES}" is no login of ours: the login holds a control character',
        ),
    ],
)
def test_a_line_whose_logins_are_broken_makes_its_address_nobodys(line: str, why: str) -> None:
    """So a line for the whole domain gives it to nobody either, as in Postfix."""
    aliases = parse(f"{line}\n@example.com: {BOBS}\n")
    assert aliases.owners == {SALES: {}, "@example.com": {BOBS: 2}}
    assert aliases.broken == (BrokenLine(1, why),)


def test_of_a_login_that_is_none_of_ours_the_rest_of_the_line_is_used() -> None:
    aliases = parse(f"{SALES}: {ALICES}, eve@evil.org, {BOBS}")
    assert aliases.owners == {SALES: {ALICES: 1, BOBS: 1}}
    assert broken(f"{SALES}: {ALICES}, eve@evil.org, {BOBS}") == [
        f'line 1: "eve@evil.org" is no login of ours: {NONE_OF_OURS}'
    ]


@pytest.mark.parametrize("broken_line", [f"info@example.com: {BOBS}", "caf\udce9", f"{BOBS} # x"])
def test_a_line_that_goes_on_may_be_broken_and_the_others_with_it_count(broken_line: str) -> None:
    aliases = parse(f"{SALES}: {ALICES},\n  {broken_line}\n  {BOBS}\n")
    assert aliases.owners == {SALES: {ALICES: 1, BOBS: 3}}
    assert [line.number for line in aliases.broken] == [2]


def test_what_is_told_is_printable_and_short() -> None:
    text = f"{SALES}: \x1b[31m{'x' * 1000}\x7f\u2028"
    (told,) = broken(text)
    assert told.isprintable()
    assert len(told) < 400


def test_of_many_broken_lines_the_first_twenty_are_kept_and_all_are_counted() -> None:
    aliases = parse("nonsense\n" * 1000)
    assert [line.number for line in aliases.broken] == list(range(1, 21))
    assert aliases.broken_count == 1000


# Many lines


@pytest.mark.alone
def test_the_time_it_takes_grows_with_the_lines_and_not_faster() -> None:
    """As a ratio, the best of several: eight times the lines, far from 64 times the time."""

    def seconds(lines: int) -> float:
        text = "".join(f"user{n}@example.com: login{n}@example.com\n" for n in range(lines))
        best = 1e9
        for _ in range(3):
            began = time.perf_counter()
            assert len(parse(text).owners) == lines
            best = min(best, time.perf_counter() - began)
        return best

    assert seconds(16_000) < 24 * seconds(2_000)


@pytest.mark.parametrize(
    "text",
    [
        '"' * 200_000,
        '"\\' * 100_000,
        "a" * 200_000,
        f'{"a" * 100_000}"',
        "\\" * 200_000,
        '""' * 100_000,
        f"{SALES}: {',' * 200_000}",
        f"{SALES}: {'a,' * 50_000}",
        " \n" * 100_000,
        f"{SALES}\n{' a' * 50_000}",
        "@" * 200_000,
        f'"{"a" * 100_000}"@{"a." * 50_000}',
    ],
)
@pytest.mark.timeout(20)
def test_no_line_takes_time_beyond_its_length(text: str) -> None:
    """Of a pattern that tries everything twice, one of these would not end."""
    assert parse(text).broken_count < 3
