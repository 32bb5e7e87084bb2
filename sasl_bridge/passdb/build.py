"""From settings to the one pipe that verifies logins; the only place that composes it.

Reads certificates, so it may block: it runs at start and at reload, never for a login.
Fails with `SettingsError`, which names the key; logs nothing.
"""

import ssl
from collections import deque
from collections.abc import Iterator

from bridge_common.errors import Problem, SettingsError
from bridge_common.settings.model import Server, Settings
from sasl_bridge.passdb.chain import Chain, Listed
from sasl_bridge.passdb.interface import Passdb
from sasl_bridge.passdb.remote import RemotePassdb, RemoteServer, imap_dialogues
from sasl_bridge.passdb.tls import tls_context


def build_passdb(settings: Settings) -> Passdb:
    """Return the pipe for these settings. Raises SettingsError."""
    problems: list[Problem] = []
    listed = list(_listed_servers(settings, problems))
    if problems:
        raise SettingsError(tuple(problems))
    return Chain(listed, failure_delay=settings.smtp_auth.failure_delay)


def problems_in_files(settings: Settings) -> tuple[Problem, ...]:
    """Return what is wrong with the files that the settings name."""
    problems: list[Problem] = []
    deque(_listed_servers(settings, problems), maxlen=0)
    return tuple(problems)


def _listed_servers(settings: Settings, problems: list[Problem]) -> Iterator[Listed]:
    for number, server in enumerate(settings.servers, start=1):
        if not server.enabled:
            continue
        try:
            yield _listed(server)
        except OSError as error:
            path = f'server[{number}] "{server.name}".ca_file'
            problems.append(Problem(path, f"{server.ca_file}: {_why(error)}"))


def _listed(server: Server) -> Listed:
    encrypted = server.security == "ssl"
    passdb = RemotePassdb(
        RemoteServer(server.name, server.host, server.port, server.login_format, server.tls_name),
        imap_dialogues(encrypted=encrypted, unavailable_texts=server.unavailable_texts),
        tls_context(verify=server.verify, ca_file=server.ca_file) if encrypted else None,
    )
    domains = frozenset(server.domains)
    return Listed(server.name, passdb, domains, server.on_reject, server.required)


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return "holds no certificate in PEM form"
    return f"{error.strerror}; name a file that the daemon's user may read"
