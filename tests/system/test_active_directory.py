"""Who logs in at Active Directory, and by which names: through Postfix, by the usual filters."""

import re
from typing import Any

import pytest
from lab.corp import PASSWORD, corp_bridge, field, told
from lab.domain_controller import BASE, HOST_NAME, DomainController
from lab.gateway import Gateway
from lab.replies import ACCEPTED, WRONG

BOTH = ["example.com", "corp.example.com"]
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.-_"


@pytest.fixture(scope="module", autouse=True)
def lewis(domain: DomainController) -> None:
    """Create Lewis, whose mail is in another domain than his user principal name."""
    addresses = ("SMTP:lewis@example.com", "smtp:l.carroll@example.com")
    domain.create_user("lewis", PASSWORD, mail="lewis@example.com", proxy_addresses=addresses)


@pytest.mark.parametrize("security", ["ssl", "tls"])
def test_a_user_logs_in_by_principal_name_mail_and_alias(
    gateway: Gateway, domain: DomainController, security: str
) -> None:
    logins = ["lewis@corp.example.com", "lewis@example.com", "l.carroll@example.com"]
    with corp_bridge(gateway, domain, security=security) as bridge:
        assert [told(gateway, login) for login in logins] == [ACCEPTED] * 3
        assert [told(gateway, login, "wrong") for login in logins] == [WRONG] * 3
        decisions = bridge.decisions(6)
    assert [field(line, "login") for line in decisions] == [*logins, *logins]
    assert {field(line, "reason") for line in decisions[3:]} == {
        "wrong login or password (data 52e)"
    }


def test_with_identity_attribute_every_name_and_spelling_is_the_account_s_own_address(
    gateway: Gateway, domain: DomainController
) -> None:
    addresses = ("SMTP:Bob.Builder@Example.com", "smtp:b.b@example.com")
    domain.create_user(
        "builder", PASSWORD, mail="Bob.Builder@Example.com", proxy_addresses=addresses
    )
    logins = [
        "builder@corp.example.com",
        "BOB.Builder@EXAMPLE.com",
        "B.b@Example.Com",
        "CORP\\Builder",
    ]
    windows = {"windows_domains.CORP": "corp.example.com"}
    with corp_bridge(gateway, domain, identity=windows, identity_attribute="mail") as bridge:
        assert [told(gateway, login) for login in logins] == [ACCEPTED] * 4
        decisions = bridge.decisions(4)
        with gateway.submissions() as session:
            session.secure()
            session.plain("B.b@Example.Com", PASSWORD)
            _, text = session.deliver("bob.builder@example.com", "bob@example.net", "\r\n")
    assert [field(line, "login") for line in decisions] == ["bob.builder@example.com"] * 4
    queue_id = text.rpartition(" ")[2]
    logged = gateway.postfix.log_with(f"{queue_id}: client=")
    assert re.findall(rf"{queue_id}: client=.* sasl_username=(.*)", logged) == [
        "bob.builder@example.com"
    ]


def test_in_capitals_a_login_is_the_same_one(gateway: Gateway, domain: DomainController) -> None:
    with corp_bridge(gateway, domain) as bridge:
        assert told(gateway, "LEWIS@Corp.Example.COM") == ACCEPTED
        assert told(gateway, "L.Carroll@EXAMPLE.com") == ACCEPTED
        assert told(gateway, "Lewis@example.com", PASSWORD.upper()) == WRONG
        logins = [field(line, "login") for line in bridge.decisions(3)]
    assert logins == ["lewis@corp.example.com", "l.carroll@example.com", "lewis@example.com"]


def test_a_bare_name_and_a_windows_name_are_account_names(
    gateway: Gateway, domain: DomainController
) -> None:
    """Carol's account name is not her address, and the other way round."""
    domain.create_user("c.dodgson", PASSWORD, mail="carol@example.com", upn="carol@example.com")
    identity = {"default_domain": "example.com", "windows_domains.CORP": "example.com"}
    with corp_bridge(gateway, domain, identity=identity, identity_attribute="mail") as bridge:
        for login in ("c.dodgson", "CORP\\c.dodgson", "corp\\C.Dodgson", "carol@example.com"):
            assert told(gateway, login) == ACCEPTED
            assert told(gateway, login, "wrong") == WRONG
        for login in ("carol", "CORP\\carol", "c.dodgson@example.com", "SALES\\c.dodgson"):
            assert told(gateway, login) == WRONG
        accepted = bridge.lines_with("verdict=accepted", 4)
    assert [field(line, "login") for line in accepted] == ["carol@example.com"] * 4


@pytest.mark.parametrize(
    ("template", "domains", "login"),
    [
        ("{login}", BOTH, "Lewis@corp.example.com"),
        ("CORP\\{local}", ["example.com"], "lewis@example.com"),
        ("{local}@corp.example.com", ["example.com"], "lewis@example.com"),
    ],
)
def test_a_user_is_tried_directly_by_a_name_made_of_the_login(
    gateway: Gateway, domain: DomainController, template: str, domains: list[str], login: str
) -> None:
    keys: dict[str, Any] = {"auth": "direct", "bind_template": template}
    with corp_bridge(gateway, domain, domains=domains, **keys) as bridge:
        assert told(gateway, login) == ACCEPTED
        assert told(gateway, login, "wrong") == WRONG
        assert told(gateway, login.replace("ewis", "ouis")) == WRONG
        decisions = bridge.decisions(3)
    assert field(decisions[0], "login") == login.lower()
    reasons = [field(line, "reason") for line in decisions[1:]]
    assert reasons == ["wrong login or password (data 52e)"] * 2


def test_at_the_domain_s_root_references_are_neither_followed_nor_counted(
    gateway: Gateway, domain: DomainController
) -> None:
    """They point to other partitions of the directory, by a name that nobody can resolve here."""
    with corp_bridge(gateway, domain) as bridge:
        assert told(gateway, "nobody@example.com") == WRONG
        assert told(gateway, "lewis@example.com") == ACCEPTED
        [nobody, _] = bridge.decisions(2)
    assert field(nobody, "reason").startswith("no entry matches (&(objectCategory=person)")
    assert field(nobody, "reason").endswith(f" under {BASE}")


@pytest.mark.parametrize("base_dn", ["", BASE], ids=["whole forest", "forest's root"])
@pytest.mark.parametrize(("security", "port"), [("ssl", 3269), ("tls", 3268)])
def test_the_global_catalog_is_asked(
    gateway: Gateway, domain: DomainController, security: str, port: int, base_dn: str
) -> None:
    keys: dict[str, Any] = {"security": security, "port": port, "base_dn": base_dn}
    with corp_bridge(gateway, domain, **keys) as bridge:
        for login in ("lewis@corp.example.com", "lewis@example.com", "l.carroll@example.com"):
            assert told(gateway, login) == ACCEPTED
        assert told(gateway, "lewis@example.com", "wrong") == WRONG
        assert told(gateway, "nobody@example.com") == WRONG
        nobody = bridge.decisions(5)[-1]
    assert field(nobody, "reason").endswith(f" under {base_dn or 'its root'}")


def test_the_name_in_the_certificate_may_be_another_than_the_host(
    gateway: Gateway, domain: DomainController
) -> None:
    with corp_bridge(gateway, domain, tls_name=HOST_NAME):
        assert told(gateway, "lewis@example.com") == ACCEPTED


SPELLINGS = [" lewis", "lewis ", "lewis\u3000", "\uff4cewis", "l\u200bewis", "le\u00adwis"]
PATTERNS = ["*", "lewis*", ")(", "*)(objectClass=*", "\\2a", "lew\\69s", "l)(|(mail=*))"]


def test_spellings_and_patterns_are_refused_before_anybody_is_asked(
    gateway: Gateway, domain: DomainController
) -> None:
    logins = [f"{local}@example.com" for local in [*SPELLINGS, *PATTERNS]]
    with corp_bridge(gateway, domain) as bridge:
        assert [told(gateway, login) for login in logins] == [WRONG] * len(logins)
        decisions = bridge.decisions(len(logins))
    assert "server=corp" not in "".join(decisions)


@pytest.mark.parametrize(
    ("keys", "domains"),
    [
        ({}, BOTH),
        ({"identity_attribute": "mail"}, BOTH),
        ({"auth": "direct", "bind_template": "{login}"}, BOTH),
        ({"auth": "direct", "bind_template": "CORP\\{local}"}, ["corp.example.com"]),
    ],
)
def test_where_their_characters_are_allowed_they_are_nobody_all_the_same(
    gateway: Gateway, domain: DomainController, keys: dict[str, Any], domains: list[str]
) -> None:
    """Active Directory itself takes the padded ones for Lewis."""
    identity = {"login_characters": LETTERS + " *()|=\\"}
    logins = [f"{local}@corp.example.com" for local in [*SPELLINGS, *PATTERNS]]
    with corp_bridge(gateway, domain, domains=domains, identity=identity, **keys) as bridge:
        assert told(gateway, "lewis@corp.example.com") == ACCEPTED
        assert [told(gateway, login) for login in logins] == [WRONG] * len(logins)
        assert "verdict=accepted" not in "".join(bridge.decisions(len(logins) + 1)[1:])
