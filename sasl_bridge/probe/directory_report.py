"""What a probe of a directory found: each of its hosts, and what one of them made of a login.

Values, of which JSON is made for the control socket; nothing of them is a secret, and what the
directory said is printable. Pure.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

from bridge_common.identity import Identity
from bridge_common.settings.ldap_profile import LdapProfile
from bridge_common.settings.write import section_as_json
from sasl_bridge.probe.report import Certificate, State
from sasl_bridge.probe.trouble import Trouble


@dataclass(frozen=True, slots=True)
class Reached:
    """An address that was connected to, and the trouble there, empty if there was none."""

    address: str
    trouble: str


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether the directory did what it was asked, and its words for it."""

    done: bool
    detail: str


@dataclass(slots=True)
class HostSeen:
    """One host, filled in as it is looked at.

    ``account`` is how it took our own account, ``base`` what it knows of `base_dn`; None: it was
    not asked. ``trouble`` is why it was asked no further, and ``kind`` of which kind that is.
    ``passed_over``: a login goes on to the next host for that, and for nothing else.
    ``tls`` is the version and the cipher; ``fingerprint`` the certificate's SHA-256, in hex.
    ``certificate_trouble`` is why there is no ``certificate`` to be seen, likewise with its kind.
    """

    host: str
    addresses: tuple[str, ...] = ()
    tried: tuple[Reached, ...] = ()
    tls: str = ""
    fingerprint: str = ""
    account: Checked | None = None
    base: Checked | None = None
    trouble: str = ""
    kind: Trouble = Trouble.NONE
    passed_over: bool = False
    seconds: float = 0.0
    certificate: Certificate | None = None
    certificate_trouble: str = ""
    certificate_kind: Trouble = Trouble.NONE

    @property
    def detail(self) -> str:
        """Why it can be asked about nobody; empty if it can."""
        if self.trouble:
            return self.trouble
        if self.account is not None and not self.account.done:
            return self.account.detail
        if self.base is not None and not self.base.done:
            return f"base_dn: {self.base.detail}"
        return ""

    @property
    def state(self) -> State:
        """Whether it can be asked about a login."""
        return "unavailable" if self.detail else "ready"


@dataclass(slots=True)
class LoginTried:
    """What the host where a login ends made of it, filled in as it is asked.

    ``host`` is empty if it was not asked. ``passed_over``: what ``detail`` says is a trouble of
    this host, for which a login goes on to the next one.
    ``filter`` is the one that was searched with, and ``found`` the names of the entries that match,
    two of them at most or one more; both are empty where nothing is searched for. ``name`` is what
    the password is tried with.
    ``identity`` is the account's own name, or the trouble with it is ``identity_trouble``.
    ``addresses`` are those of its entry, ``send_as`` those of what `send_as_filter` finds, where
    ``send_as_trouble`` is empty.
    """

    login: Identity
    host: str = ""
    state: State = "unavailable"
    detail: str = ""
    passed_over: bool = False
    filter: str = ""
    found: tuple[str, ...] = ()
    name: str = ""
    identity: str = ""
    identity_trouble: str = ""
    addresses: tuple[str, ...] = ()
    send_as: tuple[str, ...] = ()
    send_as_trouble: str = ""
    password_sent: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class DirectoryReport:
    """Everything there is to say about one directory; ``login`` None: there was none to try."""

    profile: LdapProfile
    hosts: tuple[HostSeen, ...]
    login: LoginTried | None = None

    @property
    def ends_at(self) -> HostSeen | None:
        """The host at which logins end, be it ready or not; None: they pass over each of them."""
        return next((seen for seen in self.hosts if not seen.passed_over), None)

    @property
    def state(self) -> State:
        """What came of the login; without one, whether the host where it would end is ready."""
        if self.login is not None:
            return self.login.state
        return self.ends_at.state if self.ends_at else "unavailable"

    @property
    def detail(self) -> str:
        """The reason for that."""
        if self.login is not None and self.login.host:
            return self.login.detail
        return "; ".join(seen.detail for seen in self.hosts if seen.detail)


def _login_as_json(login: LoginTried) -> dict[str, Any]:
    return {**dataclasses.asdict(login), "login": login.login.address}


def directory_report_as_json(report: DirectoryReport, advice: tuple[str, ...]) -> dict[str, Any]:
    """Return all of it as JSON values."""
    return {
        "state": report.state,
        "detail": report.detail,
        "profile": section_as_json(report.profile),
        "hosts": [{"state": seen.state, **dataclasses.asdict(seen)} for seen in report.hosts],
        "login": _login_as_json(report.login) if report.login else None,
        "advice": list(advice),
    }
