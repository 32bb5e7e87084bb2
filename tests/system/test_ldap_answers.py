"""What OpenLDAP says instead of a plain yes or no, and what Postfix tells the user then.

The server's own log is the witness of what it was asked.
"""

from collections.abc import Iterator
from typing import Any

import ldap
import pytest
from lab.corp import PASSWORD, told
from lab.directory_entries import BASE, GATEWAY, SCRIPTED, Person
from lab.gateway import Gateway
from lab.openldap import (
    ALICE,
    DIRECT,
    PLAIN,
    SEARCH,
    bridge_of_profiles,
    reason_of_each,
    reasons,
    slapd_bridge,
    told_by_each,
)
from lab.replies import ACCEPTED, TRY_LATER, WRONG
from lab.slapd import Slapd
from lab.smtp import Reply
from lab.traffic import log_in_together

TWINS = [
    Person("one", PASSWORD, ("twins@example.com",)),
    Person("two", "another", ("twins@example.com",)),
]
REFUSED_ACCOUNT = "the directory refuses our own account (bind_dn): "
NOWHERE = "ldap://127.0.0.1:9"


@pytest.fixture(scope="module")
def slapd(running_gateway: Gateway) -> Iterator[Slapd]:
    """Serve Alice, and two who have one address, with every bind allowed that can be."""
    settings: dict[str, Any] = {"allow": "bind_anon_cred bind_anon_dn", "referral": NOWHERE}
    with running_gateway.slapd([ALICE, *TWINS], anonymous_search=True, **settings) as slapd:
        yield slapd


def _steps(gateway: Gateway, login: str, password: str) -> Reply:
    with gateway.submissions() as session:
        session.secure()
        return session.login_steps(login, password)


def test_an_empty_password_is_wrong_though_the_server_would_grant_it(
    gateway: Gateway, slapd: Slapd
) -> None:
    """RFC 4513 section 5.1.2: a bind with a name and no password succeeds, as nobody.

    To a program that ends its texts with a NUL, what begins with one is empty too.
    """
    client = ldap.initialize(slapd.uri)
    client.simple_bind_s(ALICE.dn, "")
    client.unbind_s()
    before = slapd.log.read_text().count(" ACCEPT ")
    profiles = {"search": SEARCH | PLAIN, "direct": DIRECT | PLAIN}
    with bridge_of_profiles(gateway, slapd, profiles) as bridge:
        for password in ("", "\0", "\0wrong"):
            assert told_by_each(gateway, profiles, "alice", password) == dict.fromkeys(
                profiles, WRONG
            )
            assert _steps(gateway, "alice@search.test", password) == WRONG
        assert "verdict=accepted" not in "".join(bridge.decisions(9))
    assert slapd.log.read_text().count(" ACCEPT ") == before


def test_two_entries_are_try_later_and_nobody_s_password_is_tried(
    gateway: Gateway, slapd: Slapd
) -> None:
    with slapd_bridge(gateway, slapd, **PLAIN) as bridge:
        assert told(gateway, "twins@example.com") == TRY_LATER
        assert told(gateway, "twins@example.com", "another") == TRY_LATER
        why, _ = reasons(bridge, 2)
        assert len(bridge.lines_with("error: ldap_profile corp: ")) == 1
    assert why.startswith(f"several entries match: {TWINS[0].dn}, {TWINS[1].dn}; by ")
    assert [slapd.binds(twin.dn) for twin in TWINS] == [0, 0]


def test_a_size_limit_does_not_make_the_first_of_two_the_one(gateway: Gateway) -> None:
    with (
        gateway.slapd([ALICE, *TWINS], sizelimit="1") as slapd,
        slapd_bridge(gateway, slapd, **PLAIN) as bridge,
    ):
        assert told(gateway, "twins@example.com") == TRY_LATER
        assert told(gateway, "alice@example.com") == ACCEPTED
        assert reasons(bridge, 1)[0] == "search: Size limit exceeded (4)"
        assert [slapd.binds(twin.dn) for twin in TWINS] == [0, 0]


def test_a_base_that_is_not_there_or_elsewhere_is_try_later(gateway: Gateway, slapd: Slapd) -> None:
    profiles = {
        "missing": PLAIN | {"base_dn": f"ou=missing,{BASE}"},
        "elsewhere": PLAIN | {"base_dn": "dc=elsewhere"},
    }
    with bridge_of_profiles(gateway, slapd, profiles) as bridge:
        assert told_by_each(gateway, profiles, "alice") == dict.fromkeys(profiles, TRY_LATER)
        assert reason_of_each(bridge, profiles) == {
            "missing": "search: No such object (32)",
            "elsewhere": "search: Referral (10)",
        }


def test_references_beside_an_entry_or_alone_are_no_entries(gateway: Gateway) -> None:
    with (
        gateway.slapd([ALICE], continuations=[f"{NOWHERE}/dc=elsewhere"] * 2) as slapd,
        slapd_bridge(gateway, slapd, **PLAIN) as bridge,
    ):
        assert told(gateway, "alice@example.com") == ACCEPTED
        assert told(gateway, "alice@example.com", "wrong") == WRONG
        assert told(gateway, "nobody@example.com") == WRONG
        assert reasons(bridge, 3)[2].startswith("no entry matches ")


RESULTS = {
    "1": "Operations error (1)",
    "10": "Referral (10)",
    "14": "SASL bind in progress (14)",
    "32": "No such object (32)",
    "34": "Invalid DN syntax (34)",
    "48": "Inappropriate authentication (48)",
    "50": "Insufficient access (50)",
    "51": "Server is busy (51)",
    "52": "Server is unavailable (52)",
    "53": "Server is unwilling to perform (53)",
    "80": "Other (e.g., implementation specific) error (80)",
}


def test_any_other_answer_to_a_password_is_try_later(gateway: Gateway) -> None:
    """And the connections go on to serve: each is asked about the next login."""
    people = [
        Person(f"code{code}", PASSWORD, bind_result=f"{int(code):#04x} ref={NOWHERE}")
        for code in RESULTS
    ]
    direct = {"auth": "direct", "bind_template": f"uid={{local}},{SCRIPTED}"}
    profiles = {"search": SEARCH | PLAIN, "direct": direct | PLAIN}
    with (
        gateway.slapd([*people, ALICE]) as slapd,
        bridge_of_profiles(gateway, slapd, profiles) as bridge,
    ):
        for number, (code, words) in enumerate(RESULTS.items(), start=1):
            replies = told_by_each(gateway, profiles, f"code{code}")
            assert (code, replies) == (code, dict.fromkeys(profiles, TRY_LATER))
            told_why = reason_of_each(bridge, profiles, number)
            assert all(words in why for why in told_why.values()), told_why
        assert told(gateway, "alice@search.test") == ACCEPTED


def _log_in_twelve_together(gateway: Gateway) -> list[Reply]:
    return log_in_together(gateway.submissions, "alice@example.com", PASSWORD, sessions=12)


def test_our_own_account_refused_is_try_later_loud_and_not_tried_for_each_login(
    gateway: Gateway,
) -> None:
    """Many at once neither: a directory that locks accounts would lock the gateway's own."""
    with (
        gateway.slapd([ALICE]) as slapd,
        slapd_bridge(gateway, slapd, bind_password="another", **PLAIN) as bridge,
    ):
        assert _log_in_twelve_together(gateway) == [TRY_LATER] * 12
        assert told(gateway, "alice@example.com") == TRY_LATER
        asked = [why.removeprefix("not asked: ").split(";")[0] for why in reasons(bridge, 13)]
        assert set(asked) == {f"{REFUSED_ACCOUNT}Invalid credentials (49)"}
        [error] = bridge.lines_with("error: ldap_profile corp: ")
        assert slapd.binds(GATEWAY) == 1
    assert error.endswith(f"{REFUSED_ACCOUNT}Invalid credentials (49)")


def test_once_our_own_account_is_let_in_again_a_restart_serves_at_once(gateway: Gateway) -> None:
    with gateway.slapd([ALICE]) as slapd:
        slapd.set_password(GATEWAY, "another")
        with slapd_bridge(gateway, slapd, **PLAIN):
            assert told(gateway, "alice@example.com") == TRY_LATER
        with slapd_bridge(gateway, slapd, bind_password="another", **PLAIN) as bridge:
            assert told(gateway, "alice@example.com") == ACCEPTED
            slapd.set_password(GATEWAY, "a third")
            assert told(gateway, "alice@example.com") == ACCEPTED, "its connection is still good"
            slapd.stop()
            slapd.start()
            assert told(gateway, "alice@example.com") == TRY_LATER
            assert reasons(bridge, 3)[2] == f"{REFUSED_ACCOUNT}Invalid credentials (49)"
