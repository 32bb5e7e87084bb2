"""A directory in the list of servers beside an IMAP server, and under load."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from lab.corp import PASSWORD, field, told
from lab.directory_entries import GATEWAY
from lab.gateway import Gateway
from lab.openldap import ALICE, BOB, PLAIN, slapd_bridge
from lab.replies import ACCEPTED, TRY_LATER, WRONG
from lab.settings import ldap_profile, listed_profile, server
from lab.traffic import Traffic, log_in_together

ALICE_LOGIN, BOB_LOGIN = "alice@example.com", "bob@example.com"
CAROL = "carol@example.com"
BACK = "server corp: back after "


@pytest.mark.parametrize("first", ["corp", "mail"])
def test_each_finds_its_users_whichever_comes_first(gateway: Gateway, first: str) -> None:
    """Bob is known to both, with a password each: either lets him in."""
    with (
        gateway.slapd([ALICE, BOB]) as slapd,
        gateway.dovecot({CAROL: "hers", BOB_LOGIN: "another"}) as dovecot,
    ):
        listed = [listed_profile("corp"), server("mail", dovecot.port)]
        if first == "mail":
            listed.reverse()
        with gateway.bridge(ldap_profile("corp", slapd, **PLAIN), *listed) as bridge:
            assert told(gateway, ALICE_LOGIN) == ACCEPTED
            assert told(gateway, CAROL, "hers") == ACCEPTED
            assert told(gateway, BOB_LOGIN, "his") == ACCEPTED
            assert told(gateway, BOB_LOGIN, "another") == ACCEPTED
            assert told(gateway, ALICE_LOGIN, "no") == WRONG
            assert told(gateway, CAROL, "no") == WRONG
            servers = [field(line, "server") for line in bridge.decisions(4)[:4]]
            assert servers == ["corp", "mail", "corp", "mail"]
            slapd.stop()
            assert told(gateway, CAROL, "hers") == ACCEPTED
            assert told(gateway, CAROL, "no") == TRY_LATER
            assert told(gateway, ALICE_LOGIN) == TRY_LATER
            slapd.start()
            dovecot.stop()
            if first == "corp":  # which three logins in a row have found away
                bridge.lines_with(BACK)
            assert told(gateway, ALICE_LOGIN) == ACCEPTED
            assert told(gateway, ALICE_LOGIN, "no") == TRY_LATER


def test_an_optional_directory_that_is_away_keeps_no_no_from_counting(gateway: Gateway) -> None:
    with gateway.slapd([ALICE]) as slapd, gateway.dovecot({CAROL: "hers"}) as dovecot:
        profile = ldap_profile("corp", slapd, **PLAIN)
        listed = [listed_profile("corp", required=False), server("mail", dovecot.port)]
        with gateway.bridge(profile, *listed):
            slapd.stop()
            assert told(gateway, CAROL, "hers") == ACCEPTED
            assert told(gateway, CAROL, "no") == WRONG
            slapd.start()
            assert told(gateway, ALICE_LOGIN) == ACCEPTED


def test_on_reject_stop_makes_the_directory_s_no_the_last_word(gateway: Gateway) -> None:
    with gateway.slapd([BOB]) as slapd, gateway.dovecot({CAROL: "hers"}) as dovecot:
        profile = ldap_profile("corp", slapd, **PLAIN)
        listed = [listed_profile("corp", on_reject="stop"), server("mail", dovecot.port)]
        with gateway.bridge(profile, *listed):
            assert told(gateway, BOB_LOGIN, "his") == ACCEPTED
            assert told(gateway, CAROL, "hers") == WRONG
            slapd.stop()
            assert told(gateway, CAROL, "hers") == ACCEPTED


@pytest.mark.parametrize("security", ["plain", "ssl"])
def test_a_hundred_at_once_right_and_wrong_each_get_their_own_answer(
    gateway: Gateway, security: str
) -> None:
    """Over no more connections of either kind than the profile allows."""
    with (
        gateway.slapd([ALICE, BOB], gateway.tls) as slapd,
        slapd_bridge(gateway, slapd, security=security, max_connections=7) as bridge,
        ThreadPoolExecutor(4) as pool,
    ):
        asked = [
            (login, password)
            for login, right in ((ALICE_LOGIN, PASSWORD), (BOB_LOGIN, "his"))
            for password in (right, "no")
        ]
        together = [
            pool.submit(log_in_together, gateway.submissions, login, password, 25)
            for login, password in asked
        ]
        replies = [Counter(one.result(50)) for one in together]
        bridge.decisions(100)
        assert replies == [{ACCEPTED: 25}, {WRONG: 25}] * 2
        assert slapd.connections(GATEWAY) <= 7
        assert slapd.connections(ALICE.dn, BOB.dn) <= 7
        assert slapd.binds(ALICE.dn) == slapd.binds(BOB.dn) == 50


def test_in_the_middle_of_a_reload_or_of_a_restart_of_the_server_nobody_is_wrong(
    gateway: Gateway,
) -> None:
    """A reload disturbs no login; a server that goes away makes some of them try later."""
    with gateway.slapd([ALICE]) as slapd, slapd_bridge(gateway, slapd, **PLAIN) as bridge:
        traffic = Traffic(gateway.submissions, ALICE_LOGIN, PASSWORD, logins=150)
        traffic.begin(workers=8)
        assert traffic.reached(30)
        profile = ldap_profile("corp", slapd, max_connections=5, **PLAIN)
        about = {"method": "ldap", "ldap_profile": "corp"}
        bridge.reload(gateway.settings(profile, **about))
        assert traffic.reached(60)
        assert {line.partition("verdict=")[2][:8] for line in bridge.decisions(60)} == {"accepted"}
        slapd.stop()
        assert traffic.reached(90)
        slapd.start()
        replies = Counter(traffic.replies())
        assert replies.keys() == {ACCEPTED, TRY_LATER}
        bridge.lines_with(BACK)
        assert told(gateway, ALICE_LOGIN) == ACCEPTED
        assert told(gateway, ALICE_LOGIN, "no") == WRONG
