"""What becomes of a login when a directory answers something else, or repeats the password."""

import logging
from typing import Any

import pytest
from lab.asking import ALICE, Contexts
from lab.asking_directory import SERVICE_PASSWORD, asking
from lab.fake_ldap import FakeDirectory, bound, extended, found, searched, tlv

from bridge_common.deadline import Deadline
from bridge_common.directory.results import Fault
from bridge_common.identity import IdentityRules
from bridge_common.secret import Secret
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.ldap import LdapPassdb
from sasl_bridge.verdict import Answer, Verdict

PASSWORD = b"hunter2hunter2"
WITHHELD = "(text withheld, it repeats the password)"
CODES = [1, 3, 8, 10, 32, 49, 50, 51, 52, 53, 80, 99]


async def answer(fake: FakeDirectory) -> Answer:
    """Return the verdict on alice's login, by this directory."""
    async with asking(fake) as ask:
        passdb = LdapPassdb("corp", ask.directory, IdentityRules(frozenset()))
        credentials = Credentials(ALICE, Secret(PASSWORD))
        return await passdb.verify(credentials, Deadline.after(5.0))


# Another kind of answer


@pytest.mark.parametrize(
    ("stage", "operation", "sent"),
    [
        ("login", tlv(0x79), True),
        ("login", found(), True),
        ("login", searched(), True),
        ("login", searched(49), True),
        ("login", extended(), True),
        ("login", extended(49), True),
        ("search", bound(), False),
        ("search", tlv(0x79), False),
        ("search", extended(), False),
    ],
    ids=[
        "intermediate to a bind",
        "entry to a bind",
        "end of a search to a bind",
        "refused search to a bind",
        "extended to a bind",
        "refused extended to a bind",
        "bind to a search",
        "intermediate to a search",
        "extended to a search",
    ],
)
async def test_it_is_neither_a_yes_nor_a_no(stage: str, operation: bytes, sent: bool) -> None:
    steps: dict[str, Any] = {stage: (operation,)}
    said = await answer(FakeDirectory(**steps))
    assert (said.verdict, said.password_sent) == (Verdict.UNAVAILABLE, sent)
    assert said.reason.endswith(": unreadable answer")


@pytest.mark.parametrize("operation", [bound(), searched(), bound(49)], ids=["yes", "end", "no"])
async def test_only_an_answer_to_start_tls_begins_tls(operation: bytes, contexts: Contexts) -> None:
    fake = FakeDirectory("tls", contexts.server, start_tls=(operation,))
    async with asking(fake, contexts=contexts) as ask:
        why = "127.0.0.1 port N: unreadable answer"
        assert await ask.trouble() == (why, Fault.HOST, False)
        assert ask.asked() == [["start_tls"]]


# Words that repeat the password


@pytest.mark.expect_warnings("ldap_profile corp: ")
@pytest.mark.parametrize(
    ("stage", "password"), [("login", PASSWORD), ("service", SERVICE_PASSWORD)]
)
async def test_no_password_is_in_the_reason_or_the_log_whatever_the_code(
    stage: str, password: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for code in CODES:
        steps: dict[str, Any] = {stage: (bound(code, b"bad: it was " + password),)}
        said = await answer(FakeDirectory(**steps))
        # Of the wish for TLS nothing is told but the code.
        assert said.reason.endswith(WITHHELD) or code == 8, code
        assert password.decode() not in said.reason + caplog.text
