"""Search filters: their form, and which of them could find somebody else's account."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_common.settings.ldap_filter import login_filter, parse_filter, pins, send_as_filter
from bridge_common.settings.ldap_profile import LdapProfile

SOMEBODY_ELSE = "can match the entry of somebody else: {login} or {local} must be in a comparison"


@pytest.mark.parametrize(
    "text",
    [
        "(mail={login})",
        "(&(objectClass=person)(uid={local}))",
        "(|(mail={login})(uid={local})(&(o=x)(cn={local}@{domain})))",
        "(&(mail={login})(!(disabled=TRUE)))",
        "(&(mail={login})(memberOf:1.2.840.113556.1.4.1941:=CN=mail users,DC=example))",
        "(&(mail={login})(age>=18)(age<=99)(cn~=x)(sn=a*b*)(seeAlso=*))",
        r"(&(mail={login})(cn=\28x\29 \2a\5C\c3\a4 ä))",
        "(mail;lang-de={login})",
        "(&(mail={login})(cn:dn:2.4.6.8.10:={login})(:caseExactMatch:=x)(ou:dn:=staff)(sn:=a))",
        "(&(mail={login})(anr=x))",
        "(proxyAddresses=smtp:{login})",
        "(2.5.4.3={login})",
        "(&(mail={login})(cn=))",
        "(cn==:={login})",
    ],
)
def test_a_filter_is_one_of_rfc_4515(text: str) -> None:
    assert login_filter(text) == text


def test_an_item_need_not_be_in_parentheses() -> None:
    assert login_filter("sAMAccountName={local}") == "(sAMAccountName={local})"
    assert login_filter("&(a=b)(uid={local})") == "(&(a=b)(uid={local}))"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(mail={login}", r'expected "\)" at its end'),
        ("(&(mail={login})", r'expected "\(" at its end'),
        ("(&(mail={login})x)", r'expected "\(" at character 17, "x\)"'),
        ("(&)", r'expected "\(" at character 3'),
        ("(mail={login})(a=b)", r'nothing may follow its last parenthesis: "\(a=b\)"'),
        ("mail={login})", "nothing may follow its last parenthesis"),
        ("(mail={login}))", "nothing may follow its last parenthesis"),
        ("(!(mail={login})(a=b))", r"\(!...\) takes one part only"),
        ("((mail={login}))", "is not attribute=value"),
        ("(={login})", "is not attribute=value"),
        ("(mail)", "is not attribute=value"),
        ("({login}=mail)", "is not attribute=value"),
        ("(ma{local}=x)", "is not attribute=value"),
        ("(mail:{local}:=x)", "is not attribute=value"),
        ("(mail :={login})", "is not attribute=value"),
        ("(&{login}(a=b))", r'expected "\(" at character 3'),
        (r"(mail=\zz{login})", "must be written as"),
        (r"(mail=\{login})", "must be written as"),
        (r"(mail=\6{login})", "must be written as"),
        ("(mail=a(b{login})", "must be written as"),
        ("(&(age>=1*)(mail={login}))", "has a meaning after = only"),
        ("(mail:=*{login})", "has a meaning after = only"),
        ("(mail={user})", "only {login}, {local} and {domain} may stand in braces"),
        ("(member={dn})", "only {login}, {local} and {domain} may stand in braces"),
        ("(&(mail={login})(cn={}))", "may stand in braces"),
        ("(mail={login})\n", "control character"),
        ("(mail={login}\0)", "control character"),
        ("(!" * 51 + "(mail={login})" + ")" * 51, "nested deeper than 50 levels"),
        ("(&" * 100_000, "nested deeper than 50 levels"),
    ],
)
def test_what_is_no_filter_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        login_filter(text)


@pytest.mark.parametrize(
    "text",
    [
        "(objectClass=person)",
        "(o={domain})",
        "(|(mail={login})(objectClass=person))",
        "(!(mail={login}))",
        "(&(objectClass=person)(!(mail={login})))",
        "(mail={login}*)",
        "(mail=*{login})",
        "(mail>={login})",
        "(mail<={login})",
        "(mail~={login})",
        "(mail:={login})",
        "(uid:dn:={local})",
        "(&(uid:dn:={local})(sn=p))",
        "(cn:DN:2.4.6.8.10:={login})",
        "(:caseExactMatch:={login})",
        "(uidNumber:1.2.840.113556.1.4.804:={local})",
        "(entryDN:dnSubtreeMatch:=ou={local},dc=example)",
        "(mail:caseIgnoreSubstringsMatch:={login})",
        "(manager:1.2.840.113556.1.4.1941:=CN={local},DC=example)",
        "(|(mail={login})(uid:dn:={local}))",
        "(anr={login})",
        "(aNR=={local})",
        "(1.2.840.113556.1.4.1208={login})",
    ],
)
def test_a_filter_that_could_find_somebody_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=SOMEBODY_ELSE):
        login_filter(text)


def test_a_filter_for_what_one_may_send_as_knows_the_name_of_the_entry() -> None:
    for text in ("(member={dn})", "(|(member={dn})(owner={login})(o={local}))"):
        assert send_as_filter(text) == text
    with pytest.raises(ValueError, match=r"{dn}, {login} or {local} must be in a comparison"):
        send_as_filter("(|(member={dn})(objectClass=group))")
    with pytest.raises(ValueError, match=r"only {dn}, {login}, {local} and {domain} may stand"):
        send_as_filter("(member={entry})")


def test_the_groups_of_groups_are_the_account_s_too() -> None:
    text = "(&(objectClass=group)(member:1.2.840.113556.1.4.1941:={dn}))"
    assert send_as_filter(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "(member:1.2.840.113556.1.4.1941:=CN={local},DC=example)",
        "(member:dn:1.2.840.113556.1.4.1941:={dn})",
        "(:1.2.840.113556.1.4.1941:={dn})",
        "(member:dnSubtreeMatch:={dn})",
        "(entryDN:dnSubordinateMatch:={dn})",
        "(member:={dn})",
        "(member:dn:={dn})",
    ],
)
def test_no_other_rule_pins_what_is_the_account_s(text: str) -> None:
    with pytest.raises(ValueError, match=r"the entry of somebody else: {dn}, {login} or {local}"):
        send_as_filter(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("(uid={local})", False),
        ("(mail={login})", True),
        ("(mail={local}@{domain})", True),
        ("(&(uid={local})(o={domain}))", True),
        ("(|(mail={login})(uid={local}))", False),
        ("(&(uid={local})(!(o={domain})))", False),
        ("(&(uid={local})(o={domain}*))", False),
        ("(&(uid={local})(o:dn:={domain}))", False),
    ],
)
def test_whether_domains_are_told_apart_is_a_matter_of_every_branch(text: str, told: bool) -> None:
    assert pins(text, {"login", "domain"}) is told


@pytest.mark.parametrize("kind", ["active-directory", "openldap"])
def test_the_filters_that_kinds_stand_for_are_filters(kind: str) -> None:
    profile = LdapProfile(name="a", kind=kind, hosts=("b",))  # type: ignore[arg-type]  # a Literal
    for text in (profile.login_filter, profile.bare_login_filter):
        assert login_filter(text) == text


ATTRIBUTES = st.sampled_from(["mail", "x-y", "2.5.4.3", "cn;lang-de"])
PLAIN = st.text(string.ascii_letters + " =:ä,", max_size=4)
ESCAPES = st.sampled_from([r"\28", r"\29", r"\2A", r"\5c", r"\c3\a4", "{domain}"])
VALUES = st.lists(PLAIN | ESCAPES, max_size=4).map("".join)
ITEMS = st.builds(
    "({}{}{})".format,
    ATTRIBUTES,
    st.sampled_from(["=", "~=", ">=", "<=", ":=", ":dn:=", ":1.2:="]),
    VALUES,
)
WILD = st.builds("({}={}*{})".format, ATTRIBUTES, VALUES, VALUES)
FILTERS = st.recursive(
    ITEMS | WILD,
    lambda inner: (
        st.builds("(!{})".format, inner)
        | st.builds(
            "({}{})".format,
            st.sampled_from("&|"),
            st.lists(inner, min_size=1, max_size=3).map("".join),
        )
    ),
    max_leaves=8,
)


@given(FILTERS)
def test_any_filter_by_the_grammar_is_one_and_pins_nobody_until_a_login_is_in_it(text: str) -> None:
    assert not pins(text, {"login"})
    whole = f"(&{text}(mail={{login}}))"
    assert login_filter(whole) == whole
    with pytest.raises(ValueError, match=SOMEBODY_ELSE):
        login_filter(f"(|{text}(mail={{login}}))")


@given(FILTERS, st.data())
def test_a_filter_that_lost_a_parenthesis_is_none(text: str, data: st.DataObject) -> None:
    places = [at for at, character in enumerate(text) if character in "()"]
    at = data.draw(st.sampled_from(places))
    with pytest.raises(ValueError, match="is not a filter"):
        parse_filter(text[:at] + text[at + 1 :])


@given(st.text("()&|!=*\\{}login2a~<>: ", max_size=20))
def test_any_text_is_a_filter_or_refused_with_a_reason(text: str) -> None:
    reason = ""
    try:
        assert pins(login_filter(text), {"login", "local"})
    except ValueError as error:
        reason = str(error)
    assert reason.isprintable()
