"""Who logs in at OpenLDAP, in which way, and as whom: through Postfix."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from lab.corp import PASSWORD, field, told
from lab.directory_entries import GROUPS, PEOPLE, Group, Person
from lab.gateway import Gateway
from lab.openldap import (
    ALICE,
    BOB,
    DIRECT,
    SEARCH,
    bridge_of_profiles,
    reason_of_each,
    reasons,
    slapd_bridge,
    told_by_each,
)
from lab.replies import ACCEPTED, TRY_LATER, WRONG
from lab.slapd import Slapd

# Nicknames are kept in "description".
LEWIS = Person(
    "c.dodgson",
    PASSWORD,
    ("Lewis.Carroll@Example.com",),
    {"description": ["lewis@example.com", "charles dodgson@example.com"]},
)
STAFF = Group("staff", (ALICE.dn,))
EVERYBODY = Group("everybody", (STAFF.dn,))
ANONYMOUS: dict[str, Any] = {"bind_dn": "", "bind_password": ""}
BY_NICKNAME: dict[str, Any] = {
    "login_filter": "(|(mail={login})(description={login}))",
    "identity_attribute": "mail",
}


@pytest.fixture(scope="module")
def slapd(running_gateway: Gateway) -> Iterator[Slapd]:
    """Serve all who log in here."""
    people = [ALICE, BOB, LEWIS]
    groups = [STAFF, EVERYBODY]
    with running_gateway.slapd(people, running_gateway.tls, groups=groups) as slapd:
        yield slapd


WAYS: dict[str, dict[str, Any]] = {
    f"{way}-{security}": {**keys, "security": security}
    for way, keys in (("search", SEARCH), ("direct", DIRECT), ("anonymous", ANONYMOUS))
    for security in ("plain", "tls", "ssl")
}


def test_a_user_logs_in_in_every_way(gateway: Gateway) -> None:
    people = [ALICE, BOB]
    with (
        gateway.slapd(people, gateway.tls, anonymous_search=True) as slapd,
        bridge_of_profiles(gateway, slapd, WAYS) as bridge,
    ):
        assert told_by_each(gateway, WAYS, "alice") == dict.fromkeys(WAYS, ACCEPTED)
        assert told_by_each(gateway, WAYS, "ALICE") == dict.fromkeys(WAYS, ACCEPTED)
        assert told_by_each(gateway, WAYS, "bob", "his") == dict.fromkeys(WAYS, ACCEPTED)
        assert told_by_each(gateway, WAYS, "nobody") == dict.fromkeys(WAYS, WRONG)
        assert told_by_each(gateway, WAYS, "alice", "his") == dict.fromkeys(WAYS, WRONG)
        reasons = reason_of_each(bridge, WAYS, 5)
        logins = {field(line, "login") for line in bridge.decisions(5 * len(WAYS))}
        assert slapd.binds("") == 0
    assert reasons == dict.fromkeys(WAYS, "Invalid credentials (49)")
    users = ("alice", "bob", "nobody")
    assert logins == {f"{user}@{name}.test" for user in users for name in WAYS}


def test_where_strangers_may_not_search_nobody_is_called_wrong(
    gateway: Gateway, slapd: Slapd
) -> None:
    with slapd_bridge(gateway, slapd, **ANONYMOUS) as bridge:
        assert told(gateway, "alice@example.com") == TRY_LATER
        assert reasons(bridge, 1) == ["search: No such object (32)"]
    with (
        gateway.slapd([ALICE], anonymous_search=True, require="authc") as strict,
        slapd_bridge(gateway, strict, security="plain", **ANONYMOUS) as bridge,
    ):
        assert told(gateway, "alice@example.com") == TRY_LATER
        [reason] = reasons(bridge, 1)
    assert "authentication required" in reason
    assert "TLS" not in reason


def test_a_bare_name_is_a_uid_and_never_the_local_part_of_an_address(
    gateway: Gateway, slapd: Slapd
) -> None:
    identity = {"default_domain": "example.com", "windows_domains.CORP": "example.com"}
    with slapd_bridge(gateway, slapd, identity=identity, identity_attribute="mail") as bridge:
        assert told(gateway, "C.Dodgson") == ACCEPTED
        assert told(gateway, "CORP\\c.dodgson") == ACCEPTED
        assert told(gateway, "c.dodgson@example.com") == WRONG
        assert told(gateway, "lewis.carroll") == WRONG
        accepted = bridge.decisions(4)[:2]
    assert [field(line, "login") for line in accepted] == ["lewis.carroll@example.com"] * 2


def test_an_alias_logs_in_as_the_account_and_postfix_hears_it(
    gateway: Gateway, slapd: Slapd
) -> None:
    with slapd_bridge(gateway, slapd, **BY_NICKNAME) as bridge, gateway.submissions() as session:
        session.secure()
        assert session.plain("Lewis@example.com", PASSWORD) == ACCEPTED
        _, text = session.deliver("lewis@example.com", "bob@example.net", "\r\n")
        assert told(gateway, "Lewis.Carroll@example.com") == ACCEPTED
        decisions = bridge.decisions(2)
    assert [field(line, "login") for line in decisions] == ["lewis.carroll@example.com"] * 2
    queue_id = text.rpartition(" ")[2]
    logged = gateway.postfix.log_with(f"{queue_id}: client=")
    assert re.findall(rf"{queue_id}: client=.* sasl_username=(.*)", logged) == [
        "lewis.carroll@example.com"
    ]


SPELLINGS = [
    " lewis",
    "lewis ",
    "lewis\u3000",
    "\uff4cewis",
    "\uff2cEWIS",
    "lewi\u017f",
    "l\u00e8wis",
    "charles  dodgson",
]
WIDE = {"login_characters": "abcdefghijklmnopqrstuvwxyz.- \uff4c\uff2c\u017f\u00e8"}


@pytest.mark.parametrize("identity", [{}, WIDE], ids=["usual characters", "wide"])
def test_no_other_spelling_gives_a_second_identity(
    gateway: Gateway, slapd: Slapd, identity: dict[str, Any]
) -> None:
    """OpenLDAP itself finds Lewis by most: its rules ignore case, width and surplus spaces."""
    with slapd_bridge(gateway, slapd, identity=identity, **BY_NICKNAME) as bridge:
        for spelling in SPELLINGS:
            assert told(gateway, f"{spelling}@example.com") == WRONG
        assert "verdict=accepted" not in "".join(bridge.decisions(len(SPELLINGS)))
        reply = told(gateway, "Charles DODGSON@example.com")
        last = bridge.decisions(len(SPELLINGS) + 1)[-1]
    if identity:
        assert reply == ACCEPTED
        assert field(last, "login") == "lewis.carroll@example.com"
    else:
        assert reply == WRONG


def test_only_members_of_a_group_log_in_through_groups_in_groups_too(
    gateway: Gateway, slapd: Slapd
) -> None:
    staff = f"(&(mail={{login}})(memberOf=cn=everybody,{GROUPS}))"
    with slapd_bridge(gateway, slapd, login_filter=staff):
        assert told(gateway, "alice@example.com") == ACCEPTED
        assert told(gateway, "bob@example.com", "his") == WRONG


@pytest.mark.parametrize(("scope", "reply"), [("base", WRONG), ("one", ACCEPTED)])
def test_the_scope_says_how_far_below_the_base_somebody_is(
    gateway: Gateway, slapd: Slapd, scope: str, reply: tuple[int, str]
) -> None:
    with slapd_bridge(gateway, slapd, base_dn=PEOPLE, scope=scope):
        assert told(gateway, "alice@example.com") == reply
