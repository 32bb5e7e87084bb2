"""From a login as it was typed to the one canonical identity (`local@domain`), or a refusal.

Done once, at AUTH; the result is what Postfix, the logs and the policy daemon see.
Two spellings that look alike must not become two identities, nor one identity two accounts:
a login that NFKC would change is refused, and the *form* in which it was typed is kept, because
bare `john` and `john@example.com` may be two accounts.
Knows nothing of passwords or servers; refuses by returning `RefusedLogin`, raises nothing.
"""

import enum
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge_common.address import canonical_local, domain_to_a_label

MAX_LOGIN_BYTES = 255  # RFC 5321 section 4.5.3.1.3 allows a path of 256, brackets included

# Dovecot's auth_username_chars, after lower-casing.
DEFAULT_LOGIN_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789.-_@"


class LoginForm(enum.Enum):
    """How a login was typed."""

    BARE = "bare"
    WINDOWS = "windows"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Identity:
    """The canonical identity, and the form in which its login was typed."""

    local: str
    domain: str
    form: LoginForm

    @property
    def address(self) -> str:
        """``local@domain``: what `user=` carries."""
        return f"{self.local}@{self.domain}"


@dataclass(frozen=True, slots=True)
class RefusedLogin:
    """Why a login is no identity of ours; printable, for the log."""

    reason: str


@dataclass(frozen=True, slots=True)
class IdentityRules:
    """Section `[identity]` as the rules need it: domains are A-labels, in lower case.

    An empty ``domains`` admits every domain (the setting ``["*"]``).
    """

    domains: frozenset[str]
    bare_allowed: bool = False
    bare_required: bool = False
    default_domain: str = ""
    windows_domains: Mapping[str, str] = field(default_factory=dict)
    login_characters: frozenset[str] = frozenset(DEFAULT_LOGIN_CHARACTERS)


def canonical_identity(login: bytes, rules: IdentityRules) -> Identity | RefusedLogin:
    """Return the identity that a login stands for.

    ``login`` is what the client typed, in UTF-8 as SASL demands (RFC 4616 section 2).
    """
    text = _readable(login)
    if isinstance(text, RefusedLogin):
        return text
    parts = _split(text, rules)
    if isinstance(parts, RefusedLogin):
        return parts
    domain = domain_to_a_label(parts.domain)
    if domain is None:
        return RefusedLogin("the part after the @ is no domain name")
    identity = Identity(parts.local, domain, parts.form)
    return _refusal_of(identity, rules) or identity


def _readable(login: bytes) -> str | RefusedLogin:
    if not login:
        return RefusedLogin("the login is empty")
    if len(login) > MAX_LOGIN_BYTES:
        return RefusedLogin(f"the login is longer than {MAX_LOGIN_BYTES} bytes")
    try:
        text = unicodedata.normalize("NFC", login.decode("utf-8"))
    except UnicodeDecodeError:
        return RefusedLogin("the login is not valid UTF-8")
    if any(unicodedata.category(character) in {"Cc", "Cf", "Cs"} for character in text):
        return RefusedLogin("the login holds a control character")
    if unicodedata.normalize("NFKC", text) != text:
        return RefusedLogin("the login holds a look-alike character")
    return canonical_local(text)


def _split(text: str, rules: IdentityRules) -> Identity | RefusedLogin:
    """Part the login by its form; windows_domains is applied before characters are checked."""
    if "\\" in text:
        windows, _, local = text.partition("\\")
        domain = rules.windows_domains.get(windows, "")
        parts = Identity(local, domain, LoginForm.WINDOWS)
    elif "@" in text:
        local, _, domain = text.rpartition("@")
        parts = Identity(local, domain, LoginForm.ADDRESS)
    else:
        parts = Identity(text, rules.default_domain, LoginForm.BARE)
    return _refusal_of_parts(parts, rules) or parts


def _refusal_of_parts(parts: Identity, rules: IdentityRules) -> RefusedLogin | None:
    if parts.form is LoginForm.WINDOWS and not parts.domain:
        return RefusedLogin("the login's Windows domain is not in windows_domains")
    if parts.form is LoginForm.BARE and not rules.bare_allowed:
        return RefusedLogin("the login has no domain, and there is no default_domain")
    if not parts.local or not {"@", "\\"}.isdisjoint(parts.local):
        return RefusedLogin("the part before the @ is empty or holds another @ or \\")
    return None


def _refusal_of(identity: Identity, rules: IdentityRules) -> RefusedLogin | None:
    # The domain is an A-label by now: its characters need no leave.
    if not rules.login_characters.issuperset(identity.local):
        return RefusedLogin("the login holds a character that login_characters does not allow")
    if identity.local != " ".join(identity.local.split()):
        # Directories take it for the name without these spaces (RFC 4518 section 2.6.1).
        return RefusedLogin("the part before the @ has spaces at an end, or two in a row")
    if len(identity.address.encode()) > MAX_LOGIN_BYTES:  # the default domain may have made it so
        return RefusedLogin(f"the login and its domain are longer than {MAX_LOGIN_BYTES} bytes")
    if rules.domains and identity.domain not in rules.domains:
        return RefusedLogin("the login's domain is not one of ours")
    if rules.bare_required and identity.domain != rules.default_domain:
        return RefusedLogin("the login is not of default_domain")
    return None
