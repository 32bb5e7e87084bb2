"""Asking a small directory, from a login as it is typed to the answer."""

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from bridge_common.deadline import Deadline
from bridge_common.secret import Secret
from bridge_common.settings.model import Settings, identity_rules
from bridge_common.settings.read import parse_settings
from lab.directory_entries import GATEWAY, GATEWAY_PASSWORD
from lab.fake_server import FakeServer
from lab.ldap_replies import SUCCESS, Entries, Entry, Told
from lab.leftovers import settled
from lab.settings import profile_at
from sasl_bridge.admission import AdmissionRules, admit
from sasl_bridge.credentials import Claim, Credentials
from sasl_bridge.passdb.build import Parts, build_parts, build_passdb
from sasl_bridge.verdict import Answer, Refused, Verdict

OURS = {"identity.domains": '["example.com", "example.org"]'}
SERVICE = Entry(GATEWAY, GATEWAY_PASSWORD.encode())
DN = "uid=alice,ou=people,dc=example,dc=com"
NAMES = {"objectClass": ["person"], "mail": ["alice@example.com"], "uid": ["alice"]}
ALICE = Entry(DN, b"secret", NAMES)
ONCE_MORE = Entry("uid=a,ou=people,dc=example,dc=com", b"secret", NAMES)


@dataclass
class Corp:
    """A directory, and those who ask it; ``later`` is by how much their clock is ahead."""

    entries: Entries
    server: FakeServer
    settings: Settings
    parts: Parts
    later: float = 0.0

    def __post_init__(self) -> None:
        self.passdb = build_passdb(self.settings, self.parts)

    async def ask(self, login: str, password: bytes = b"secret") -> Answer | Refused:
        """Ask as the service does: nobody is asked about what is not admitted."""
        identities = identity_rules(self.settings.identity)
        rules = AdmissionRules(enabled=True, require_tls=True, identity=identities)
        credentials = admit(rules, Claim(login.encode(), Secret(password)), "")
        return credentials if isinstance(credentials, Refused) else await self.verify(credentials)

    async def verify(self, credentials: Credentials) -> Answer:
        deadline = Deadline.after(5.0, lambda: time.monotonic() + self.later)
        return await self.passdb.verify(credentials, deadline)

    async def answer(self, login: str = "alice@example.com", password: bytes = b"secret") -> Answer:
        """Ask about a login that is admitted."""
        answer = await self.ask(login, password)
        assert isinstance(answer, Answer)
        return answer


# Each login is asked about.
_FORGETFUL = 'cache = { success_ttl = "0s", failure_ttl = "0s" }'


def _budget(wrong_passwords: int) -> str:
    return f"restraint = {{ lockout_budget = {wrong_passwords} }}"


@asynccontextmanager
async def corp(
    *entries: Entry,
    search: Told = SUCCESS,
    ours: Mapping[str, str] = OURS,
    lockout_budget: int = 0,
    **keys: Any,
) -> AsyncIterator[Corp]:
    """Serve these entries, or alice's, and the one of the service account.

    ``search`` is what comes of every search, ``ours`` are keys of the settings, and ``keys`` those
    of the profile.
    """
    known = Entries(*(entries or (ALICE,)), SERVICE, search=search)
    with FakeServer(known) as server:
        lines = "\n".join(f"{path} = {value}" for path, value in ours.items())
        smtp_auth = 'smtp_auth = { method = "ldap", ldap_profile = "corp" }'
        text = "\n".join(
            [
                smtp_auth,
                _FORGETFUL,
                _budget(lockout_budget),
                lines,
                profile_at(**({"port": server.port} | keys)),
            ]
        )
        settings = parse_settings(text).settings
        parts = build_parts(settings)
        with closing(parts):
            yield Corp(known, server, settings, parts)
        await settled(server.all_left)


@contextmanager
def closing(parts: Parts) -> Iterator[None]:
    """Let go, in the end, of what is kept for the next login, and look at nobody any more."""
    try:
        yield
    finally:
        parts.close()


def told(answer: Answer) -> tuple[Verdict, str, bool]:
    """Return the verdict, the reason, and whether the password was sent."""
    return answer.verdict, answer.reason, answer.password_sent


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged as an error."""
    return [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
