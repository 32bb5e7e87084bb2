"""What must hold between `listen`, `control`, `metrics_listen` and those of the other program.

Knows both sections that have these keys. Pure: yields findings, raises nothing.
"""

from collections.abc import Iterator, Mapping

from bridge_common.settings.endpoint import InetEndpoint, is_loopback, parse_endpoint
from bridge_common.settings.findings import Finding
from bridge_common.settings.model import Settings, SmtpAuth
from bridge_common.settings.sender import Sender


def problems_with_listening(section: str, keys: SmtpAuth | Sender) -> Iterator[Finding]:
    """Yield what is wrong with the endpoints of one program, whose section is named."""
    if not keys.listen:
        yield Finding(f"{section}.listen", "must name at least one endpoint")
    for key, endpoints in _endpoints(keys).items():
        for text in endpoints:
            endpoint = parse_endpoint(text)
            remote = isinstance(endpoint, InetEndpoint) and not is_loopback(endpoint)
            if remote and not keys.allow_remote:
                message = f"{text} can be reached from other machines, which needs allow_remote"
                yield Finding(f"{section}.{key}", f"{message} = true", (f"{section}.allow_remote",))
    for key in ("control", "metrics_listen"):
        if getattr(keys, key) in keys.listen:
            yield Finding(f"{section}.{key}", "is also in listen", (f"{section}.listen",))


def endpoints_of_both(settings: Settings) -> Iterator[Finding]:
    """Yield the endpoints that sasl-policyd and sasl-bridge would both listen on."""
    for key, endpoints in _endpoints(settings.sender).items():
        for other, taken in _endpoints(settings.smtp_auth).items():
            for text in (each for each in endpoints if each in taken):
                message = f"{text} is also in [smtp_auth] {other}"
                yield Finding(f"sender.{key}", message, (f"smtp_auth.{other}",))


def _endpoints(keys: SmtpAuth | Sender) -> Mapping[str, tuple[str, ...]]:
    metrics = (keys.metrics_listen,) if keys.metrics_listen else ()
    return {"listen": keys.listen, "control": (keys.control,), "metrics_listen": metrics}
