"""Guessers lock nobody out of Active Directory, and not its owner out of the gateway either."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from lab.corp import PASSWORD, corp_bridge, field
from lab.domain_controller import DomainController
from lab.gateway import Gateway
from lab.replies import ACCEPTED, TRY_LATER, WRONG
from lab.smtp import Reply

from bridge_admin.cli import main as bridgectl

HOME, AFAR = "192.0.2.1", "203.0.113.9"
NAMES = ["hatter@corp.example.com", "hatter@example.com", "mad.hatter@example.com", "CORP\\hatter"]
SAME_DOMAIN = {"windows_domains.CORP": "corp.example.com"}


def log_in(gateway: Gateway, login: str, password: str, client: str) -> Reply:
    """Return what a mail program is told at this address."""
    with gateway.submission() as session:
        session.ehlo()
        session.come_from(client)
        session.secure()
        return session.plain(login, password)


@pytest.fixture
def hatter(domain: DomainController) -> DomainController:
    """Create the Hatter, whom five wrong passwords lock."""
    addresses = ("SMTP:hatter@example.com", "smtp:mad.hatter@example.com")
    domain.create_user("hatter", PASSWORD, mail="hatter@example.com", proxy_addresses=addresses)
    domain.lock_out_after("hatter", 5)
    return domain


def test_a_hundred_guesses_lock_no_account_and_its_owner_logs_in_all_the_same(
    gateway: Gateway, hatter: DomainController, capsys: pytest.CaptureFixture[str]
) -> None:
    """By four names of the account, ten at a time, from an address that is not the owner's."""
    guesses = [(NAMES[number % 4], f"guess {number}") for number in range(100)]
    restraint = {"lockout_budget": 4}
    with corp_bridge(gateway, hatter, identity=SAME_DOMAIN, restraint=restraint) as bridge:
        assert log_in(gateway, NAMES[0], PASSWORD, HOME) == ACCEPTED
        with ThreadPoolExecutor(10) as guessers:
            told = list(guessers.map(lambda one: log_in(gateway, one[0], one[1], AFAR), guesses))
        assert (told.count(WRONG), told.count(TRY_LATER)) == (3, 97)
        assert hatter.lockout("hatter") == (3, 0)
        assert log_in(gateway, NAMES[1], PASSWORD, AFAR) == TRY_LATER
        assert log_in(gateway, NAMES[1], PASSWORD, HOME) == ACCEPTED
        assert hatter.lockout("hatter") == (0, 0)
        refused = field(bridge.decisions(103)[-2], "reason")
        assert refused.startswith(
            "lock-out budget: 3 wrong passwords of hatter@example.com were sent to corp in the "
            "last 30m, and the rest is kept for its owner; not asked until "
        )
        told = [log_in(gateway, NAMES[2], f"more {number}", AFAR) for number in range(10)]
        assert (told.count(WRONG), told.count(TRY_LATER)) == (3, 7)
        settings = str(bridge.settings_file)
        assert bridgectl(["budget", "list", "--settings", settings, "--json"]) == 0
        [budget] = json.loads(capsys.readouterr().out)
        assert budget["account"] == "cn=hatter,cn=users,dc=corp,dc=example,dc=com"
        assert (budget["wrong"], budget["spent"]) == (3, "for strangers")
        assert bridgectl(["budget", "list", "--settings", settings]) == 0
        table = capsys.readouterr().out
        assert "cn=hatter,cn=users,dc=corp,dc=example,dc=com  3 of 4  30 min" in table
        clear = ["budget", "clear", "--settings", settings]
        assert bridgectl([*clear, "rabbit@example.com"]) == 0
        assert capsys.readouterr().out.startswith("rabbit@example.com has used none up; see ")
        assert bridgectl([*clear, "Mad.Hatter@example.com"]) == 0
        assert capsys.readouterr().out == "1 budget is whole again of mad.hatter@example.com\n"
        assert bridgectl([*clear, "--all", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"login": None, "cleared": 0}
        assert log_in(gateway, NAMES[1], PASSWORD, AFAR) == ACCEPTED
    assert hatter.lockout("hatter") == (0, 0)
