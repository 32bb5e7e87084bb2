"""What a probe found: two opinions on one server, its certificate, and what to do about it.

Plain values, of which JSON is made for the control socket; nothing of them is a secret.
Knows their shape, and how two opinions differ; does not know where they come from.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from bridge_common.settings.server import Server
from sasl_bridge.probe.trouble import Trouble

State = Literal["ready", "accepted", "rejected", "unavailable"]
"""`ready`: there was no login to try, and one could have been."""


@dataclass(frozen=True, slots=True)
class TriedAddress:
    """An address, and why it was given up; empty: it got ready for a login."""

    address: str
    trouble: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one client saw of the server; empty values were not seen.

    ``by`` names the client. ``detail`` is what the server said to the login, or the trouble;
    ``kind`` of which kind that is.
    ``tls`` is the version and the cipher; ``fingerprint`` the certificate's SHA-256, in hex.
    ``capabilities`` are in upper case, sorted.
    """

    by: str
    state: State = "unavailable"
    detail: str = ""
    kind: Trouble = Trouble.NONE
    addresses: tuple[str, ...] = ()
    tried: tuple[TriedAddress, ...] = ()
    banner: str = ""
    tls: str = ""
    fingerprint: str = ""
    capabilities: tuple[str, ...] = ()
    password_sent: bool = False
    seconds: float = 0.0

    @property
    def had(self) -> bool:
        """Whether there is one; if not, that is no fault of the server."""
        return self.kind not in {Trouble.NO_OPINION, Trouble.NOT_STARTED}


@dataclass(frozen=True, slots=True)
class Certificate:
    """The server's certificate, as it shows it to anybody.

    ``not_before`` and ``not_after`` are days, YYYY-MM-DD (UTC); ``days_left`` is negative once it
    has expired.
    ``begun``: whether its time has begun. ``names`` may be cut, ``number_of_names`` says how many
    there are; ``covers``: whether one of them all is the name that it has to be for.
    ``trouble`` is why it does not pass the check that `verify` asks for, or why it is unreadable.
    """

    subject: str = ""
    names: tuple[str, ...] = ()
    number_of_names: int = 0
    covers: bool = True
    issuer: str = ""
    not_before: str = ""
    not_after: str = ""
    days_left: int = 0
    begun: bool = True
    self_signed: bool = False
    fingerprint: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything there is to say about one server.

    ``login`` is the identity that was tried, empty if none was; ``client`` on whose behalf.
    ``share`` is the time, in seconds, after which the next server of the list is asked too.
    ``first`` is the daemon's own opinion, and the one that counts.
    """

    server: Server
    login: str
    client: str
    share: float
    first: Opinion
    second: Opinion
    certificate: Certificate | None = None

    @property
    def certificate_name(self) -> str:
        """The name that has to be in the certificate."""
        return self.server.tls_name or self.server.host


def report_as_json(report: Report, advice: tuple[str, ...]) -> dict[str, Any]:
    """Return all of it as JSON values."""
    return {
        "state": report.first.state,
        **dataclasses.asdict(report),
        "differences": list(differences(report)),
        "advice": list(advice),
    }


def differences(report: Report) -> Iterator[str]:
    """Yield in what the two opinions differ, where that matters."""
    first, second = report.first, report.second
    if not second.had:
        return
    if heard(first) != heard(second) and not _tried_by_one(first, second):
        yield f"{first.by} {_HEARD[heard(first)]}, {second.by} {_HEARD[heard(second)]}"
    if first.fingerprint and second.fingerprint and first.fingerprint != second.fingerprint:
        yield OTHER_CERTIFICATE
    comparable = first.capabilities and second.capabilities and bool(first.tls) == bool(second.tls)
    if comparable:
        yield from _announced_to_one(first, second)
        yield from _announced_to_one(second, first)


Heard = Literal["yes", "no", "ready", "nothing"]

OTHER_CERTIFICATE = "each was shown another certificate"
_HEARD: dict[Heard, str] = {
    "yes": "was told yes",
    "no": "was told no",
    "ready": "found it ready for a login",
    "nothing": "got no answer that counts",
}


def heard(opinion: Opinion) -> Heard:
    """Return what the server said to the login, whatever it is taken to mean."""
    if opinion.kind is Trouble.SAID_NO or opinion.state == "rejected":
        # POP3: the session of the first opinion may not have ended yet (RFC 2449 section 8.1.1).
        return "yes" if opinion.detail.upper().startswith("-ERR [IN-USE]") else "no"
    answers: dict[State, Heard] = {"accepted": "yes", "ready": "ready"}
    return answers.get(opinion.state, "nothing")


def _tried_by_one(first: Opinion, second: Opinion) -> bool:
    """Say whether the other client only had no way to try the login."""
    return first.state != "unavailable" and second.state == "ready" and bool(second.detail)


def _announced_to_one(one: Opinion, other: Opinion) -> Iterator[str]:
    only = sorted(_about_logins(one.capabilities) - _about_logins(other.capabilities))
    if only:
        yield f"only to {one.by} was offered {', '.join(only)}"


def _about_logins(capabilities: tuple[str, ...]) -> frozenset[str]:
    """Return those on which a login hangs, one mechanism each."""
    found: set[str] = set()
    for name, *words in (capability.split() for capability in capabilities):
        if name == "SASL":
            found.update(f"SASL {word}" for word in words)
        elif name in {"STARTTLS", "STLS", "LOGINDISABLED", "USER"} or name.startswith("AUTH="):
            found.add(name)
    return frozenset(found)
