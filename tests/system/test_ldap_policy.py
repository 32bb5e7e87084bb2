"""OpenLDAP's password policy: what it says about a password beside yes and no makes no trouble."""

from lab.corp import PASSWORD, told
from lab.directory_entries import replacement
from lab.gateway import Gateway
from lab.openldap import (
    ALICE,
    BOB,
    DIRECT,
    PLAIN,
    SEARCH,
    bridge_of_profiles,
    reasons,
    slapd_bridge,
    told_by_each,
)
from lab.replies import ACCEPTED, WRONG

WAYS = {"search": SEARCH | PLAIN, "direct": DIRECT | PLAIN}


def test_a_locked_account_is_wrong_until_it_is_unlocked(gateway: Gateway) -> None:
    policy = {"pwdLockout": "TRUE", "pwdMaxFailure": "3"}
    with (
        gateway.slapd([ALICE, BOB], password_policy=policy) as slapd,
        slapd_bridge(gateway, slapd, **PLAIN) as bridge,
    ):
        assert told(gateway, "alice@example.com") == ACCEPTED
        assert [told(gateway, "alice@example.com", "no") for _ in range(3)] == [WRONG] * 3
        assert told(gateway, "alice@example.com") == WRONG
        assert told(gateway, "bob@example.com", "his") == ACCEPTED
        slapd.modify(replacement(ALICE.dn, "pwdAccountLockedTime"))
        assert told(gateway, "alice@example.com") == ACCEPTED
        assert reasons(bridge, 5)[4] == "Invalid credentials (49)"


def test_a_password_that_must_be_changed_or_is_about_to_expire_is_right(gateway: Gateway) -> None:
    """And it is verified, again and again, over connections whose owner may do nothing else."""
    policy = {"pwdMustChange": "TRUE"}
    policy |= {"pwdMaxAge": "2000000000", "pwdExpireWarning": "2000000000"}
    with (
        gateway.slapd([ALICE, BOB], password_policy=policy) as slapd,
        bridge_of_profiles(gateway, slapd, WAYS),
    ):
        slapd.set_password(BOB.dn, "his")
        slapd.modify(replacement(BOB.dn, "pwdReset"))
        slapd.modify(replacement(BOB.dn, "pwdChangedTime", "20200101000000Z"))
        slapd.modify(replacement(ALICE.dn, "pwdReset", "TRUE"))
        for _ in range(2):
            assert told_by_each(gateway, WAYS, "alice") == dict.fromkeys(WAYS, ACCEPTED)
            assert told_by_each(gateway, WAYS, "bob", "his") == dict.fromkeys(WAYS, ACCEPTED)
            assert told_by_each(gateway, WAYS, "alice", "no") == dict.fromkeys(WAYS, WRONG)


def test_an_expired_password_is_right_as_long_as_the_server_says_so(gateway: Gateway) -> None:
    """It allows two more logins here, and tells both in controls that nobody asked for."""
    policy = {"pwdMaxAge": "1", "pwdGraceAuthNLimit": "2"}
    with (
        gateway.slapd([ALICE], password_policy=policy) as slapd,
        slapd_bridge(gateway, slapd, **PLAIN),
    ):
        slapd.set_password(ALICE.dn, PASSWORD)
        changed = replacement(ALICE.dn, "pwdChangedTime", "20200101000000Z")
        slapd.modify(changed)
        assert [told(gateway, "alice@example.com") for _ in range(3)] == [ACCEPTED] * 2 + [WRONG]
