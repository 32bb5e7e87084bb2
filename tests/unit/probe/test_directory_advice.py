"""What to do about what a probe of a directory found, word for word."""

from dataclasses import replace
from typing import Any

import pytest
from lab.probe_reports import CERTIFICATE
from lab.profile_reports import ALICE, dead, host, login, report

from bridge_common.identity import LoginForm
from sasl_bridge.probe.advice import FALLBACK
from sasl_bridge.probe.directory_advice import directory_advice
from sasl_bridge.probe.directory_report import Checked, HostSeen
from sasl_bridge.probe.trouble import Trouble

WITHOUT_TLS = (
    'The directory takes no password on an unencrypted connection: set `security = "ssl"` or "tls".'
)
WANTS_TLS = 'the server wants TLS: set security = "ssl" or "tls" (Confidentiality required, 13)'


ENDPOINT = "192.0.2.1 port 636"


def no(detail: str) -> Checked:
    return Checked(done=False, detail=detail)


def advised(*hosts: HostSeen, **keys: Any) -> tuple[str, ...]:
    return directory_advice(report(*hosts, **keys))


def test_nothing_is_to_be_done_about_a_good_directory() -> None:
    assert advised() == advised(tried=login()) == ()


# Our own account


@pytest.mark.parametrize(
    ("detail", "sentence"),
    [
        (
            "service account's password refused: wrong login or password (data 52e)",
            (
                "Nobody can log in until gateway@example.com (`bind_dn`) can: correct it, or "
                "`bind_password`; the directory's log may say more."
            ),
        ),
        (
            "service account refused: the account is locked (data 775)",
            (
                "Nobody can log in until gateway@example.com (`bind_dn`) can: look at that account "
                "there."
            ),
        ),
        (
            "service account refused: Invalid DN syntax (34): invalid DN",
            (
                "`bind_dn` is no distinguished name, and only Active Directory takes `user@domain` "
                "and the like: correct it."
            ),
        ),
        (f"service account refused: {WANTS_TLS}", WITHOUT_TLS),
    ],
)
def test_a_refused_account(detail: str, sentence: str) -> None:
    again = host("dc2.example.com", account=no("not tried again, as it was refused before"))
    assert advised(host(account=no(detail), base=None), again)[0] == sentence


def test_a_server_s_own_words_choose_no_advice() -> None:
    liar = "service account refused: Other (80): the server wants TLS: (34) (data 775)"
    (sentence,) = advised(host(account=no(liar)))
    assert sentence.startswith("Nobody can log in until gateway@example.com (`bind_dn`) can: corr")


def test_an_account_that_is_refused_where_no_login_ends() -> None:
    refused = host("dc2.example.com", account=no("service account refused: no"), base=None)
    (sentence,) = advised(host(), refused)
    assert sentence.startswith("Nobody can log in at dc2.example.com until gateway@example.com ")


# The base


def test_a_host_that_works_behind_one_where_logins_end() -> None:
    gone = host(base=no("No such object (32)"))
    _, sentence = advised(gone, host("dc2.example.com"))
    assert sentence == (
        "Logins end at dc1.example.com and go to no host after it, as its trouble is not one for "
        "which the next host is asked: mend it there, or take that one out of `hosts`."
    )
    assert len(advised(gone, gone)) == 1


@pytest.mark.parametrize(
    ("detail", "beginning"),
    [
        (
            "No such object (32)",
            "There is no `base_dn` of this name, or it may not be read by our account (`bind_dn`):",
        ),
        ("Referral (10)", "`base_dn` belongs to other servers than those in `hosts`: name those, "),
        ("Invalid DN syntax (34)", "`base_dn` is no name as this directory has them: correct it."),
        ("Insufficient access (50)", "Grant there that what is below `base_dn` may be searched "),
        (WANTS_TLS, WITHOUT_TLS),
        ("Other (80)", FALLBACK),
    ],
)
def test_a_base_that_cannot_be_searched(detail: str, beginning: str) -> None:
    (sentence,) = advised(host(base=no(detail)))
    assert sentence.startswith(beginning)


def test_the_global_catalog_s_port_is_named() -> None:
    (sentence,) = advised(host(base=no("Referral (10)")))
    assert sentence.endswith("set `port` to the global catalog's (3269).")


def test_searching_without_an_account() -> None:
    base = no("Operations error (1): 00002020: Operation unavailable without authentication")
    set_one = "set `bind_dn` and `bind_password`."
    (for_windows,) = advised(host(account=None, base=base), bind_dn="")
    assert for_windows == f"Active Directory lets nobody search without an account: {set_one}"
    base = no("No such object (32)")
    read, account = advised(host(account=None, base=base), bind_dn="", kind="openldap")
    assert "or it may not be read without an account: " in read
    assert account == (
        f"The directory is searched without an account, which it may not permit: {set_one}"
    )


# Hosts


@pytest.mark.parametrize(
    ("trouble", "security", "words"),
    [
        ("no address for dc1.example.com: unknown", "ssl", "`getent ahosts dc1.example.com`"),
        (f"connection refused by {ENDPOINT}", "ssl", "Nothing takes connections at dc1.example.c"),
        (f"no connection to {ENDPOINT} within 2.0 s", "ssl", "Nobody answers at dc1.example.com"),
        (f"{ENDPOINT}: No route to host", "ssl", "No way leads from this machine to dc1.example"),
        (f"connection reset by {ENDPOINT}", "ssl", "The server hangs up in place of TLS: port 6"),
        (f"connection closed by {ENDPOINT}", "tls", "The server hangs up: port 636 may be one fo"),
        (f"{ENDPOINT} does not speak TLS", "ssl", 'set `security = "tls"` if it is one for StartT'),
        (f"no TLS handshake with {ENDPOINT} within 2.0 s", "ssl", "but does not answer in TLS: i"),
        (f"TLS with {ENDPOINT} failed: unsupported protocol", "ssl", "at least version 1.2 is ne"),
        (f"no answer to a login from {ENDPOINT} within 2.0 s", "ssl", "stands, but no answer com"),
        (f"no answer to a search from {ENDPOINT} within 2.0 s", "plain", "from the start (`secur"),
        (f"{ENDPOINT} does not begin TLS: Protocol error (2)", "tls", "give it a certificate, or"),
        (f"{ENDPOINT}: what it says is not LDAP", "plain", "which is usually 389."),
        (f"{ENDPOINT}: a message is longer than 131072 bytes", "ssl", "sends far more than belon"),
        (f"{ENDPOINT}: Server is busy (51)", "ssl", "The directory is there but turns us away"),
        (f"{ENDPOINT}: Time limit exceeded (3)", "ssl", "The directory is there but turns us away"),
        (
            f"{ENDPOINT}: Other (e.g., implementation specific) error (80): x",
            "ssl",
            "The directory is there but turns us away",
        ),
        (
            f"{ENDPOINT}: the domain controller reaches nobody who knows the account (data 51f)",
            "ssl",
            "The directory is there but turns us away",
        ),
        (f"{ENDPOINT}: the server ended the connection", "ssl", "may be starting, ending or over"),
        ("who knows", "ssl", "read the server's log of this moment"),
    ],
)
def test_a_host_that_cannot_be_asked(trouble: str, security: str, words: str) -> None:
    sentence, *_ = advised(dead(trouble), security=security, port=636)
    assert words in sentence


def test_a_dead_host_beside_a_good_one_is_worth_a_word() -> None:
    (sentence,) = advised(host(), dead(f"connection refused by {ENDPOINT}", "dc2.example.com"))
    assert sentence.startswith("Nothing takes connections at dc2.example.com port 636: ")


# Certificates


def shown(name: str = "dc1.example.com", **changes: Any) -> HostSeen:
    return host(name, certificate=replace(CERTIFICATE, **changes))


def test_a_certificate_for_another_name() -> None:
    trouble = "certificate is not valid for dc1.example.com"
    seen = replace(dead(trouble), certificate=replace(CERTIFICATE, covers=False, trouble=trouble))
    assert advised(seen) == (
        (
            "The certificate is for mail.example.com, *.example.org, not for dc1.example.com: set "
            "`hosts` or `tls_name` to a name that it is for, or have it issued anew."
        ),
    )


def test_a_certificate_by_nobody_we_know() -> None:
    trouble = "certificate is not signed by a trusted authority"
    seen = replace(dead(trouble), certificate=replace(CERTIFICATE, trouble=trouble))
    (sentence,) = advised(seen, security="tls", port=389, tls_name="corp.example.com")
    assert (
        "`openssl s_client -connect dc1.example.com:389 -servername corp.example.com " in sentence
    )
    assert " -starttls ldap -showcerts </dev/null` prints those it sends" in sentence


def test_a_certificate_that_expires_soon_is_told_once_for_all_hosts_alike() -> None:
    soon = "The certificate expires in 3 days: renew it before 2026-12-31, or every login here "
    (one,) = advised(shown(days_left=3), shown("dc2.example.com", days_left=3))
    assert one.startswith(soon)
    (one,) = advised(shown(), shown("dc2.example.com", days_left=3))
    assert one.startswith(f"dc2.example.com: {soon}")


def test_a_certificate_that_cannot_be_shown() -> None:
    (sentence,) = advised(host(certificate=None, certificate_trouble="no certificate within 2.0 s"))
    assert sentence == (
        "The certificate could not be fetched to be shown (no certificate within 2.0 s): another "
        "test may show it."
    )
    trouble = {"certificate_trouble": "exit code 1", "certificate_kind": Trouble.NOT_STARTED}
    (sentence,) = advised(host(certificate=None, **trouble))
    assert sentence.endswith(
        "see that the Python package `cryptography` is installed where sasl-bridge is."
    )


def test_another_certificate_each_time() -> None:
    (sentence,) = advised(host(fingerprint="cd" * 32))
    assert sentence.startswith("More than one machine seems to answer at that address")


def test_a_certificate_that_nobody_checks() -> None:
    (passes,) = advised(verify=False)
    assert passes.endswith("its certificate passes the check, so `verify = true` costs nothing.")
    *_, fails = advised(shown(trouble="certificate has expired"), verify=False)
    assert "mend its certificate, or name its authority in `ca_file`" in fails


def test_passwords_that_travel_unencrypted() -> None:
    told = 'Passwords travel unencrypted to this server: use `security = "ssl"` or "tls".'
    plain: dict[str, Any] = {"tls": "", "fingerprint": "", "certificate": None}
    assert advised(host(**plain), security="plain") == (told,)
    assert advised(host(addresses=("127.0.0.1", "::1"), **plain), security="plain") == ()


# A login


def about(**changes: Any) -> dict[str, Any]:
    return {"tried": login(**changes)}


NOBODY: dict[str, Any] = {
    "state": "rejected",
    "detail": "no entry matches (mail=alice@example.com) under DC=example,DC=com",
    "found": (),
    "name": "",
    "identity": "",
    "addresses": (),
    "password_sent": False,
}


def test_a_login_that_no_entry_has() -> None:
    known, catalog = advised(**about(**NOBODY))
    assert known == (
        "The directory knows no such login under `base_dn`: compare `login_filter` with the entry "
        "of this user, and see that our account may read it."
    )
    assert catalog == (
        "A domain controller knows the accounts of its own domain: for those of another one make a "
        "profile with its hosts and its `base_dn`; or, where only whole addresses log in (no "
        "`default_domain`, no `windows_domains`), set `port` to the global catalog's (3269), and "
        "`base_dn` to the forest's root."
    )
    assert advised(kind="openldap", **about(**NOBODY)) == (known,)
    _, some = advised(port=3269, **about(**NOBODY))
    assert some.startswith("The global catalog has only some attributes of each entry")


def test_a_bare_login_has_a_filter_of_its_own() -> None:
    bare = replace(login(**NOBODY), login=replace(ALICE, form=LoginForm.BARE))
    assert "compare `bare_login_filter` with" in advised(tried=bare)[0]


def test_a_login_of_two_entries() -> None:
    two = NOBODY | {"state": "unavailable", "detail": "two entries match", "found": ("a", "b")}
    (sentence,) = advised(**about(**two))
    assert sentence.startswith("A login that stands for several entries is tried with none of them")


@pytest.mark.parametrize(
    ("detail", "beginning"),
    [
        (f"{ENDPOINT}: Time limit exceeded (3)", "The directory does not get done with the"),
        ("search: Size limit exceeded (4)", "A login that stands for several entries is tried w"),
        ("search: Administrative limit exceeded (11)", "The directory would have to read more"),
        ("search: Other (80): (11)", FALLBACK),
    ],
)
def test_a_search_that_fails_is_not_for_want_of_an_entry(detail: str, beginning: str) -> None:
    (sentence,) = advised(**about(**(NOBODY | {"state": "unavailable", "detail": detail})))
    assert sentence.startswith(beginning)


@pytest.mark.parametrize(
    ("detail", "beginning"),
    [
        ("wrong login or password (data 52e)", "The password is wrong: the account was found."),
        ("the account is disabled (data 533)", "The account is disabled in the directory: "),
        ("the password has expired (data 532)", "The password has expired: "),
        ("the password must be changed first (data 773)", "The user has to change the password f"),
        ("the account is locked (data 775)", "The account is locked: unlock it"),
        ("the account has expired (data 701)", "The account has expired in the directory: "),
        ("logging in is not allowed at this time (data 530)", "The account may not log in at th"),
        ("logging in is not allowed from this machine (data 531)", "The account may log in from "),
        ("Invalid credentials (49)", "The password is wrong, or the directory keeps this account"),
        ("Invalid credentials (49): x (data 533)", "The password is wrong, or the directory kee"),
    ],
)
def test_a_password_that_is_refused(detail: str, beginning: str) -> None:
    (sentence,) = advised(**about(state="rejected", detail=detail))
    assert sentence.startswith(beginning)


def test_a_name_that_is_bound_to_directly() -> None:
    keys = {"auth": "direct", "bind_template": "{login}", "bind_dn": "", "base_dn": ""}
    refused = about(state="rejected", detail="Invalid credentials (49)", filter="", addresses=())
    (sentence,) = advised(**keys, **refused)
    assert sentence.endswith("by another name than `bind_template` makes of the login.")


@pytest.mark.parametrize(
    ("detail", "beginning"),
    [
        (WANTS_TLS, WITHOUT_TLS),
        ("Server is unwilling to perform (53)", "The directory answers the login with neither a"),
    ],
)
def test_an_answer_that_is_none(detail: str, beginning: str) -> None:
    (sentence,) = advised(**about(state="unavailable", detail=detail))
    assert sentence.startswith(beginning)


def test_an_answer_for_which_the_next_host_is_asked() -> None:
    busy = about(state="unavailable", detail=f"{ENDPOINT}: Server is busy (51)", passed_over=True)
    (sentence,) = advised(**busy)
    assert sentence == (
        "dc1.example.com answers the login with neither a yes nor a no, so the next host is "
        "asked, and without one the user gets a temporary failure: its log says why."
    )


def test_an_account_that_has_no_name_of_its_own() -> None:
    trouble = "identity_attribute mail has no value"
    (sentence,) = advised(
        identity_attribute="mail",
        **about(state="unavailable", detail=trouble, identity="", identity_trouble=trouble),
    )
    assert sentence.startswith(
        "An account is to have `user@domain` once in `identity_attribute` (mail): mend the entry"
    )


def test_an_account_of_a_stranger_s_domain() -> None:
    trouble = "the account is alice@example.net, which is not ours"
    (sentence,) = advised(
        identity_attribute="mail",
        **about(state="rejected", detail=trouble, identity="", identity_trouble=trouble),
    )
    assert sentence.startswith("The account's own name is of a domain that is not one of ")


def test_addresses_that_are_missing() -> None:
    (sentence,) = advised(**about(addresses=()))
    assert sentence.startswith(
        "The entry has no address in `address_attributes` (mail, proxyAddresses)"
    )
    keys = {"send_as_filter": "(member={dn})"}
    (sentence,) = advised(**keys, **about(send_as_trouble="Size limit exceeded (4)"))
    assert "the search of `send_as_filter` (Size limit exceeded (4))." in sentence
    (sentence,) = advised(**keys, port=3269, **about())
    assert sentence.startswith("The global catalog knows the members of universal groups only")


def test_there_is_something_to_be_done_about_whatever_cannot_be_used() -> None:
    for kind in Trouble:
        for security in ("ssl", "tls", "plain"):
            seen = replace(dead("who knows"), kind=kind)
            assert advised(seen, security=security)
