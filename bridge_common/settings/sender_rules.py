"""What must hold within `[sender]`, and between it and `[identity]`.

Knows the rules that one key alone cannot break. Its endpoints are `listen_rules`', its directory
is `profile_rules`', what is allowed but doubtful `sender_doubts`'.
Pure: yields findings, raises nothing. Paths are without names (`sender.exception[1].clients`).
"""

from collections.abc import Iterator

from bridge_common.settings.findings import Finding
from bridge_common.settings.model import IdentitySettings, Settings
from bridge_common.settings.sender import SenderException, switched_on
from bridge_common.settings.served import strangers
from bridge_common.settings.server import numbered
from bridge_common.settings.texts import ANY_DOMAIN
from bridge_common.settings.toml_text import quote


def problems_with_sender(settings: Settings) -> Iterator[Finding]:
    """Yield what makes the section unusable, though each key by itself is right."""
    if ANY_DOMAIN in settings.identity.domains:
        yield from _rules_that_need_domains(settings)
    for path, exception in numbered(settings.sender.exceptions, "sender.exception"):
        yield from _exceptions_without_use(path, exception, settings.identity)


def _rules_that_need_domains(settings: Settings) -> Iterator[Finding]:
    """Yield what cannot be while every domain there is counts as one of ours."""
    because = ("identity.domains",)
    for path in switched_on(settings.sender, "fake_sender_control"):
        message = 'must be "off" with [identity] domains = ["*"]: it would refuse all mail there is'
        yield Finding(path, message, because)
    on = switched_on(settings.sender)
    if on and not settings.sender.myorigin:
        message = 'is required with [identity] domains = ["*"]: Postfix may append any domain'
        yield Finding("sender.myorigin", message, (*because, *on))


def _exceptions_without_use(
    path: str, exception: SenderException, identity: IdentitySettings
) -> Iterator[Finding]:
    for domain in strangers((exception.sender.rpartition("@")[2],), identity):
        message = f"{quote(domain)} is not one of [identity] domains"
        yield Finding(f"{path}.sender", message, ("identity.domains",))
    if not exception.clients:
        yield Finding(f"{path}.clients", "must name at least one network")
