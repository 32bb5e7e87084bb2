"""The gates before anybody is asked: which logins may be tried at all.

Pure functions from what the client sent to `Credentials` or `Refused`.
Knows the settings that guard the door; knows nothing of servers, sockets or time.
Raises nothing: every refusal is a value whose reason is for the log, never for the stranger.
"""

from dataclasses import dataclass

from bridge_common.identity import IdentityRules, RefusedLogin, canonical_identity
from sasl_bridge.credentials import Claim, Credentials
from sasl_bridge.verdict import Refused, Verdict

MAX_PASSWORD_BYTES = 1024

# They would end a command at an IMAP, POP3 or LDAP server (CVE-2025-15366, CVE-2025-15367).
_FORBIDDEN_IN_PASSWORD = (b"\0", b"\r", b"\n")


@dataclass(frozen=True, slots=True)
class AdmissionRules:
    """What admission needs of the settings."""

    enabled: bool
    require_tls: bool
    identity: IdentityRules


def gate(rules: AdmissionRules, *, secured: bool) -> Refused | None:
    """Say, before the client is prompted for anything, whether AUTH may go on at all."""
    if not rules.enabled:
        return Refused(Verdict.UNAVAILABLE, "SMTP authentication is switched off (enabled)")
    if rules.require_tls and not secured:
        return Refused(
            Verdict.REJECTED,
            "the SMTP session is not encrypted (require_tls)",
            told="encryption is required before logging in",
        )
    return None


def admit(rules: AdmissionRules, claim: Claim, client: str) -> Credentials | Refused:
    """Return what a server may be asked about.

    ``client`` is the SMTP client's address, or empty where the mail server gave none.
    """
    identity = canonical_identity(claim.login, rules.identity)
    if isinstance(identity, RefusedLogin):
        return Refused(Verdict.REJECTED, identity.reason)
    reason = _refusal_of_password(claim.password.reveal())
    if reason:
        return Refused(Verdict.REJECTED, reason)
    return Credentials(identity, claim.password, client)


def _refusal_of_password(password: bytes) -> str:
    if not password:
        # RFC 4513 section 5.1.2: an LDAP bind with an empty password "succeeds".
        return "the password is empty"
    if len(password) > MAX_PASSWORD_BYTES:
        return f"the password is longer than {MAX_PASSWORD_BYTES} bytes"
    if any(byte in password for byte in _FORBIDDEN_IN_PASSWORD):
        return "the password holds a NUL, CR or LF"
    return ""
