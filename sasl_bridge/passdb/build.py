"""From settings to the one pipe that verifies logins; the only place that composes it.

Reads certificates, so it may block: it runs at start and at reload, never for a login.
Fails with `SettingsError`, which names the key; logs nothing.
"""

import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bridge_common.errors import Problem, SettingsError
from bridge_common.settings.model import Server, Settings
from sasl_bridge.dialogue.interface import DialogueRules
from sasl_bridge.passdb.chain import Chain, Listed
from sasl_bridge.passdb.conversation import Tls
from sasl_bridge.passdb.interface import Passdb
from sasl_bridge.passdb.remote import RemotePassdb, RemoteServer, dialogues
from sasl_bridge.passdb.tls import tls_context


@dataclass(frozen=True, slots=True)
class BuiltServer:
    """A server of the list, enabled or not, and what asks it; or why nothing can."""

    settings: Server
    remote: RemotePassdb | Problem


def build_servers(
    settings: Settings, before: Sequence[BuiltServer] = ()
) -> tuple[BuiltServer, ...]:
    """Return every server of the list, in its order.

    What is known of a server of ``before`` is taken over by the one that is the same.
    """
    numbered = enumerate(settings.servers, start=1)
    servers = tuple(BuiltServer(server, _remote(number, server)) for number, server in numbered)
    known = {remote.server: remote for remote in _usable(before)}
    for remote in _usable(servers):
        if remote.server in known:
            remote.take_over(known[remote.server])
    return servers


def _usable(servers: Sequence[BuiltServer]) -> Iterator[RemotePassdb]:
    return (built.remote for built in servers if isinstance(built.remote, RemotePassdb))


def build_passdb(settings: Settings, servers: Sequence[BuiltServer] | None = None) -> Passdb:
    """Return the pipe for these settings, of these servers or of new ones. Raises SettingsError."""
    servers = build_servers(settings) if servers is None else servers
    enabled = [server for server in servers if server.settings.enabled]
    if problems := _problems(enabled):
        raise SettingsError(problems)
    listed = [
        _listed(built.settings, built.remote)
        for built in enabled
        if isinstance(built.remote, RemotePassdb)
    ]
    return Chain(listed, failure_delay=settings.smtp_auth.failure_delay)


def problems_in_files(settings: Settings) -> tuple[Problem, ...]:
    """Return what is wrong with the files that the settings name."""
    return _problems([built for built in build_servers(settings) if built.settings.enabled])


def _problems(servers: Sequence[BuiltServer]) -> tuple[Problem, ...]:
    return tuple(built.remote for built in servers if isinstance(built.remote, Problem))


def _remote(number: int, server: Server) -> RemotePassdb | Problem:
    try:
        tls = _tls(server)
    except OSError as error:
        path = f'server[{number}] "{server.name}".ca_file'
        return Problem(path, f"{server.ca_file}: {_why(error)}")
    return RemotePassdb(
        RemoteServer(
            server.name, server.host, server.port, server.login_format, server.max_connections
        ),
        dialogues(server.protocol, _rules(server)),
        tls,
    )


def _listed(server: Server, passdb: Passdb) -> Listed:
    domains = frozenset(server.domains)
    return Listed(server.name, passdb, domains, server.on_reject, server.required)


def _rules(server: Server) -> DialogueRules:
    return DialogueRules(
        security=server.security,
        unavailable_texts=server.unavailable_texts,
        forward_client=server.forward_client != "none",
        in_use_is_success=server.in_use_is_success,
    )


def _tls(server: Server) -> Tls | None:
    if server.security == "plain":
        return None
    context = tls_context(verify=server.verify, ca_file=server.ca_file)
    return Tls(context, server.tls_name or server.host, from_start=server.security == "ssl")


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return "holds no certificate in PEM form"
    return f"{error.strerror}; name a file that the daemon's user may read"
