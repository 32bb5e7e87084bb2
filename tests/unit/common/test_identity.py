"""One canonical identity: what a login becomes, and which logins are refused."""

import dataclasses
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge_common.identity import (
    DEFAULT_LOGIN_CHARACTERS,
    Identity,
    IdentityRules,
    LoginForm,
    RefusedLogin,
    canonical_identity,
)

OURS = IdentityRules(domains=frozenset({"example.com", "xn--bcher-kva.example"}))
WITH_BARE = dataclasses.replace(OURS, bare_allowed=True, default_domain="example.com")
BARE_ONLY = dataclasses.replace(WITH_BARE, bare_required=True)
WINDOWS = dataclasses.replace(
    OURS, windows_domains={"corp": "example.com", "bücher": "bücher.example", "evil": "evil.test"}
)
EVERY_DOMAIN = IdentityRules(domains=frozenset())
# Whatever an administrator may allow, combining characters and look-alikes included.
GENEROUS = dataclasses.replace(
    WITH_BARE,
    domains=frozenset(),
    windows_domains={"corp": "example.com"},
    login_characters=frozenset(map(chr, range(0x20, 0x3000))),
)


def accepted(login: str, rules: IdentityRules) -> str:
    identity = canonical_identity(login.encode(), rules)
    assert isinstance(identity, Identity), identity
    return identity.address


def refused(login: bytes, rules: IdentityRules) -> str:
    refusal = canonical_identity(login, rules)
    assert isinstance(refusal, RefusedLogin), refusal
    return refusal.reason


@pytest.mark.parametrize(
    ("login", "address"),
    [
        ("alice@example.com", "alice@example.com"),
        ("Alice@EXAMPLE.com", "alice@example.com"),
        ("a.b-c_d0@example.com", "a.b-c_d0@example.com"),
        ("alice@bücher.example", "alice@xn--bcher-kva.example"),
        ("alice@BÜCHER.example", "alice@xn--bcher-kva.example"),
        ("alice@bu\u0308cher.example", "alice@xn--bcher-kva.example"),
        ("alice@xn--bcher-kva.example", "alice@xn--bcher-kva.example"),
        ("alice@XN--BCHER-KVA.example", "alice@xn--bcher-kva.example"),
        ("../../etc/passwd@example.com", "../../etc/passwd@example.com"),
        ("%u@example.com", "%u@example.com"),
        ("{0}@example.com", "{0}@example.com"),
        ("victim*admin@example.com", "victim*admin@example.com"),
    ],
)
def test_a_login_becomes_its_canonical_address(login: str, address: str) -> None:
    """Nothing in a login is ever expanded: case 34 of the adversarial list."""
    rules = dataclasses.replace(OURS, login_characters=frozenset(map(chr, range(0x20, 0x7F))))
    assert accepted(login, rules) == address


def test_the_identity_keeps_the_form_in_which_it_was_typed() -> None:
    rules = dataclasses.replace(WITH_BARE, windows_domains={"corp": "example.com"})
    assert [canonical_identity(login, rules) for login in (b"A@example.com", b"A", b"CORP\\A")] == [
        Identity("a", "example.com", LoginForm.ADDRESS),
        Identity("a", "example.com", LoginForm.BARE),
        Identity("a", "example.com", LoginForm.WINDOWS),
    ]


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0), 0xAD, 0x200B, 0x202E, 0xFEFF])
def test_a_control_character_is_refused_wherever_it_stands(code: int) -> None:
    """Case 30: TAB, LF, CR, 0x01, 0x7f, C1, NUL; and format characters, whatever is allowed."""
    for login in (f"al{chr(code)}ice@example.com", f"alice@exam{chr(code)}ple.com"):
        assert refused(login.encode(), GENEROUS) == "the login holds a control character"


@pytest.mark.parametrize(
    "login", [b"\xff@example.com", b"al\xc3@example.com", b"\xed\xa0\x80@e.de"]
)
def test_invalid_utf8_is_refused(login: bytes) -> None:
    """Case 31; surrogates are none in UTF-8."""
    assert refused(login, GENEROUS) == "the login is not valid UTF-8"


@pytest.mark.parametrize(
    "login", ["\uff41lice@example.com", "alice\uff20example.com", "\ufb01@example.com", "alice@ex²"]
)
def test_a_login_that_nfkc_would_change_is_refused(login: str) -> None:
    """Case 32."""
    assert refused(login.encode(), GENEROUS) == "the login holds a look-alike character"


@pytest.mark.parametrize(
    "local",
    ["a*", "a)(uid=*", "*)(objectClass=*", "%u", "%{user}", "{0}", "$(x)", "../../etc/passwd"],
)
def test_what_another_language_would_read_is_refused_by_default(local: str) -> None:
    """Cases 33 and 34: LDAP, printf, format strings, shells, paths."""
    reason = "the login holds a character that login_characters does not allow"
    assert refused(f"{local}@example.com".encode(), OURS) == reason
    assert refused(local.encode(), WITH_BARE) == reason


@pytest.mark.parametrize(
    "local", ["al ice", " alice", "alice ", "victim*admin", "victim%admin", "álice", "\u0430lice"]
)
def test_only_dovecots_characters_are_allowed_by_default(local: str) -> None:
    """Master-user separators (case 37), letters beyond ASCII, a Cyrillic look-alike."""
    reason = "the login holds a character that login_characters does not allow"
    assert refused(f"{local}@example.com".encode(), OURS) == reason


@pytest.mark.parametrize(
    "login", ["alice@../x", "alice@example.com.", "alice@", "alice@[192.0.2.1]"]
)
def test_what_is_no_domain_is_refused(login: str) -> None:
    for rules in (OURS, EVERY_DOMAIN):
        assert refused(login.encode(), rules) == "the part after the @ is no domain name"


@pytest.mark.parametrize(
    "login", ["alice@evil.test", "alice@sub.example.com", "alice@example.com.evil.test"]
)
def test_only_our_domains_log_in(login: str) -> None:
    assert refused(login.encode(), OURS) == "the login's domain is not one of ours"
    assert accepted(login, EVERY_DOMAIN) == login


@pytest.mark.parametrize(
    "login", ["@example.com", "victim@example.com@example.com", "a@b@example.com"]
)
def test_there_is_one_at_sign_with_something_before_it(login: str) -> None:
    reason = "the part before the @ is empty or holds another @ or \\"
    assert refused(login.encode(), OURS) == reason


def test_an_empty_login_is_refused() -> None:
    """Case 29."""
    assert refused(b"", GENEROUS) == "the login is empty"


def test_a_login_has_255_bytes_at_most() -> None:
    """Case 35."""
    longest = b"a" * 243 + b"@example.com"
    assert isinstance(canonical_identity(longest, OURS), Identity)
    assert refused(b"a" + longest, OURS) == "the login is longer than 255 bytes"


def test_the_domain_counts_even_where_it_was_not_typed() -> None:
    """The address is the identity, and must itself be a login that is admitted."""
    assert isinstance(canonical_identity(b"a" * 243, WITH_BARE), Identity)
    reason = "the login and its domain are longer than 255 bytes"
    assert refused(b"a" * 244, WITH_BARE) == reason
    u_labels = "a" * 100 + "@" + "ü." * 20 + "de"
    assert refused(u_labels.encode(), EVERY_DOMAIN) == reason


def test_a_bare_login_needs_a_default_domain() -> None:
    assert refused(b"alice", OURS) == "the login has no domain, and there is no default_domain"
    assert accepted("Alice", WITH_BARE) == "alice@example.com"


def test_where_bare_logins_are_required_the_default_domain_is_the_only_one() -> None:
    assert accepted("alice", BARE_ONLY) == "alice@example.com"
    assert accepted("alice@Example.Com", BARE_ONLY) == "alice@example.com"
    assert (
        refused("alice@bücher.example".encode(), BARE_ONLY) == "the login is not of default_domain"
    )


def test_the_default_domain_is_compared_as_an_a_label() -> None:
    rules = dataclasses.replace(BARE_ONLY, default_domain="xn--bcher-kva.example")
    assert accepted("alice@bücher.example", rules) == "alice@xn--bcher-kva.example"


def test_a_windows_domain_stands_for_a_mail_domain() -> None:
    assert accepted("CORP\\Alice", WINDOWS) == "alice@example.com"
    assert accepted("bücher\\alice", WINDOWS) == "alice@xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("login", "reason"),
    [
        ("OTHER\\alice", "the login's Windows domain is not in windows_domains"),
        ("\\alice", "the login's Windows domain is not in windows_domains"),
        ("CORP\\", "the part before the @ is empty or holds another @ or \\"),
        ("CORP\\alice@example.com", "the part before the @ is empty or holds another @ or \\"),
        ("CORP\\a\\b", "the part before the @ is empty or holds another @ or \\"),
        ("EVIL\\alice", "the login's domain is not one of ours"),
    ],
)
def test_a_windows_login_is_refused(login: str, reason: str) -> None:
    assert refused(login.encode(), WINDOWS) == reason


def test_login_characters_are_about_what_stands_before_the_at_sign() -> None:
    rules = dataclasses.replace(OURS, login_characters=frozenset("abc"))
    assert accepted("abc@example.com", rules) == "abc@example.com"
    reason = "the login holds a character that login_characters does not allow"
    assert refused(b"abcd@example.com", rules) == reason


@pytest.mark.parametrize("local", [" alice", "alice ", "al  ice", "\u2028alice", "al\u1680ice"])
def test_spaces_that_a_directory_ignores_make_no_second_identity(local: str) -> None:
    reason = "the part before the @ has spaces at an end, or two in a row"
    assert refused(f"{local}@e.de".encode(), GENEROUS) == reason
    assert refused(f"{local}".encode(), GENEROUS) == reason


def test_a_single_space_within_may_be_allowed() -> None:
    assert accepted("al ice@e.de", GENEROUS) == "al ice@e.de"


def test_composition_that_only_lower_case_has_does_not_make_two_identities() -> None:
    """H with a macron below has no composed form, h has one."""
    assert unicodedata.normalize("NFC", "H\u0331h\u0331") == "H\u0331\u1e96"
    spellings = ["H\u0331", "h\u0331", "\u1e96"]
    assert {accepted(f"{local}@e.de", GENEROUS) for local in spellings} == {"\u1e96@e.de"}


LOGINS = st.one_of(
    st.binary(max_size=260),
    st.text().map(lambda text: text.encode("utf-8", "replace")),
    st.tuples(
        st.text("aBHTk0.-_ *%{}é\u0331\u0308\u030a\\@Kß", max_size=12),
        st.sampled_from(["", "@", "\\", "@@"]),
        st.sampled_from(
            ["example.com", "EXAMPLE.COM", "bücher.example", "e.de.", "..", "", "e。de"]
        ),
    ).map(lambda parts: "".join(parts).encode()),
)


@given(LOGINS)
@example("H\u0331@e.de".encode())
@example(b"a" * 250)
@example("\u212a@e.de".encode())
def test_an_identitys_own_address_has_the_same_address(login: bytes) -> None:
    """Idempotence: canonicalising what is canonical changes nothing but the form."""
    identity = canonical_identity(login, GENEROUS)
    if isinstance(identity, Identity):
        again = canonical_identity(identity.address.encode(), GENEROUS)
        assert again == Identity(identity.local, identity.domain, LoginForm.ADDRESS)


@given(LOGINS)
def test_an_identity_keeps_every_promise(login: bytes) -> None:
    """One field of the reply, in our domains, of allowed characters; or a printable reason."""
    identity = canonical_identity(login, WITH_BARE)
    if isinstance(identity, RefusedLogin):
        assert identity.reason.isprintable()
        return
    assert identity.domain in WITH_BARE.domains
    assert set(identity.address) <= set(DEFAULT_LOGIN_CHARACTERS)
    assert identity.address.count("@") == 1
    assert 0 < len(identity.local) <= 255


@given(st.text("abcXYZ019.-_", min_size=1, max_size=40))
def test_capitals_make_no_difference(local: str) -> None:
    spellings = {local, local.upper(), local.lower(), local.swapcase()}
    assert len({accepted(f"{each}@example.com", OURS) for each in spellings}) == 1
