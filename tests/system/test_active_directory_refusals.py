"""What Active Directory refuses, what its users are told, and which words the log has for it."""

from typing import Any

import pytest
from lab.bridge import Bridge
from lab.corp import PASSWORD, corp_bridge, field, told
from lab.domain_controller import HOST_NAME, DomainController
from lab.gateway import Gateway
from lab.replies import ACCEPTED, TRY_LATER, WRONG

WRONG_PASSWORD = "wrong login or password (data 52e)"
WANTS_TLS = (
    'the server wants TLS: set security = "ssl" or "tls" (Strong(er) authentication required, 8)'
)
REFUSED_ACCOUNT = "the directory refuses our own account (bind_dn): "

SEARCH: dict[str, Any] = {}
DIRECT: dict[str, Any] = {"auth": "direct", "bind_template": "{login}"}


def reasons(bridge: Bridge, number: int) -> list[str]:
    """Return why, of each of so many decisions."""
    return [field(line, "reason") for line in bridge.decisions(number)]


@pytest.fixture(scope="module")
def states(domain: DomainController) -> dict[str, str]:
    """Bring a user into every state that keeps one out; return the words for each."""
    words = {
        "no-hour": "logging in is not allowed at this time (data 530)",
        "no-machine": "logging in is not allowed from this machine (data 531)",
        "old-password": "the password has expired (data 532)",
        "off": "the account is disabled (data 533)",
        "over": "the account has expired (data 701)",
        "new-password": "the password must be changed first (data 773)",
    }
    for name in words:
        domain.create_user(name, PASSWORD)
    domain.forbid_every_hour("no-hour")
    domain.restrict_to_workstation("no-machine", "DESK")
    domain.expire_password("old-password")
    domain.disable("off")
    domain.expire_account("over")
    domain.require_new_password("new-password")
    return words


@pytest.mark.parametrize("keys", [SEARCH, DIRECT], ids=["search", "direct"])
def test_a_user_who_may_not_log_in_is_wrong_and_the_log_knows_why(
    gateway: Gateway, domain: DomainController, states: dict[str, str], keys: dict[str, Any]
) -> None:
    """Whoever does not know the password learns of no state: the log says 52e for them all."""
    logins = [f"{name}@corp.example.com" for name in states]
    with corp_bridge(gateway, domain, **keys) as bridge:
        assert [told(gateway, login) for login in logins] == [WRONG] * 6
        assert reasons(bridge, 6) == list(states.values())
        assert [told(gateway, login, "wrong") for login in logins] == [WRONG] * 6
        assert reasons(bridge, 12)[6:] == [WRONG_PASSWORD] * 6


def test_nobody_is_wrong_and_found_nowhere(gateway: Gateway, domain: DomainController) -> None:
    with corp_bridge(gateway, domain) as bridge:
        assert told(gateway, "nobody@corp.example.com") == WRONG
        assert reasons(bridge, 1)[0].startswith("no entry matches ")
    with corp_bridge(gateway, domain, **DIRECT) as bridge:
        assert told(gateway, "nobody@corp.example.com") == WRONG
        assert reasons(bridge, 1) == [WRONG_PASSWORD]


@pytest.mark.parametrize("keys", [SEARCH, DIRECT], ids=["search", "direct"])
def test_wrong_passwords_lock_an_account_and_then_the_right_one_is_wrong(
    gateway: Gateway, domain: DomainController, keys: dict[str, Any]
) -> None:
    """Nothing holds back the third: whoever guesses through the gateway locks the owner out."""
    name = f"locked-by-{keys.get('auth', 'search')}"
    domain.create_user(name, PASSWORD)
    domain.lock_out_after(name, 3)
    login = f"{name}@corp.example.com"
    with corp_bridge(gateway, domain, **keys) as bridge:
        assert told(gateway, login) == ACCEPTED
        assert [told(gateway, login, "wrong") for _ in range(3)] == [WRONG] * 3
        assert told(gateway, login) == WRONG
        assert reasons(bridge, 5) == [
            "bound",
            *[WRONG_PASSWORD] * 3,
            "the account is locked (data 775)",
        ]
        domain.unlock(name)
        assert told(gateway, login) == ACCEPTED


def test_two_accounts_with_one_mail_address_are_try_later_and_loud(
    gateway: Gateway, domain: DomainController
) -> None:
    """Nobody's password is tried: not even the one that would be right for one of them."""
    first = domain.create_user("twin-one", PASSWORD, mail="twins@example.com")
    second = domain.create_user("twin-two", "another", mail="twins@example.com")
    with corp_bridge(gateway, domain) as bridge:
        assert told(gateway, "twins@example.com") == TRY_LATER
        assert told(gateway, "twins@example.com", "another") == TRY_LATER
        assert told(gateway, "twin-one@corp.example.com") == ACCEPTED
        [why, *_] = reasons(bridge, 3)
        loud = bridge.lines_with("error: ldap_profile corp: .*several entries match")
    assert why.startswith("several entries match: ")
    assert {first, second} <= set(why.partition(": ")[2].partition("; by ")[0].split(", "))
    assert len(loud) == 1


def test_an_account_without_its_own_address_is_try_later_only_once_the_password_is_right(
    gateway: Gateway, domain: DomainController
) -> None:
    domain.create_user("mailless", PASSWORD)
    domain.create_user("stranger", PASSWORD, mail="stranger@elsewhere.example")
    with corp_bridge(gateway, domain, identity_attribute="mail") as bridge:
        assert told(gateway, "mailless@corp.example.com", "wrong") == WRONG
        assert told(gateway, "mailless@corp.example.com") == TRY_LATER
        assert told(gateway, "stranger@corp.example.com") == WRONG
        assert reasons(bridge, 3) == [
            WRONG_PASSWORD,
            "identity_attribute mail has no value",
            "the account is stranger@elsewhere.example, which is not ours",
        ]


def test_a_service_account_that_is_refused_is_try_later_loud_and_not_locked_by_us(
    gateway: Gateway, domain: DomainController
) -> None:
    domain.create_user("service", "its own")
    domain.lock_out_after("service", 3)
    domain.create_user("dora", PASSWORD)
    keys: dict[str, Any] = {"bind_dn": "service@corp.example.com", "bind_password": "another"}
    with corp_bridge(gateway, domain, **keys) as bridge:
        assert [told(gateway, "dora@corp.example.com") for _ in range(6)] == [TRY_LATER] * 6
        asked = [why.removeprefix("not asked: ").split(";")[0] for why in reasons(bridge, 6)]
        assert set(asked) == {REFUSED_ACCOUNT + WRONG_PASSWORD}
        [error] = bridge.lines_with(r"error: ldap_profile corp: ")
    assert error.endswith(REFUSED_ACCOUNT + WRONG_PASSWORD)
    with corp_bridge(gateway, domain, **keys | {"bind_password": "its own"}):
        assert told(gateway, "dora@corp.example.com") == ACCEPTED


@pytest.mark.parametrize(
    ("keys", "whose"), [(SEARCH, REFUSED_ACCOUNT), (DIRECT, "")], ids=["search", "direct"]
)
def test_without_tls_active_directory_says_that_it_wants_it(
    gateway: Gateway, domain: DomainController, keys: dict[str, Any], whose: str
) -> None:
    domain.create_user(f"eve-{whose[:3]}", PASSWORD)
    login = f"eve-{whose[:3]}@corp.example.com"
    with corp_bridge(gateway, domain, security="plain", **keys) as bridge:
        assert told(gateway, login) == TRY_LATER
        assert told(gateway, login, "wrong") == TRY_LATER
        assert reasons(bridge, 2) == [whose + WANTS_TLS] * 2
        [error] = bridge.lines_with(r"error: ldap_profile corp: ")
    assert error.endswith(whose + WANTS_TLS)


@pytest.mark.parametrize("security", ["ssl", "tls"])
def test_a_certificate_of_another_name_is_try_later(
    gateway: Gateway, domain: DomainController, security: str
) -> None:
    name = HOST_NAME.replace("dc1", "dc2")
    with corp_bridge(gateway, domain, security=security, tls_name=name) as bridge:
        assert told(gateway, "nobody@corp.example.com") == TRY_LATER
        assert name in reasons(bridge, 1)[0]
