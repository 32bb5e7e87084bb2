"""Postfix's own check of senders, on the same aliases as ours, side by side with ours.

Knows what smtpd_sender_login_maps must hold to say what our aliases file and `[identity]` say, and
the services of one Postfix that ask either; does not know how their answers should differ.
"""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from lab.certificates import Certificates
from lab.ports import LOOPBACK, free_port
from lab.postfix import Postfix
from lab.processes import Running, program, run
from lab.smtp import Reply, SmtpSession

Aliases = Mapping[str, tuple[str, ...]]
"""Keys and their logins. A key is an address, ``@domain``, or a bare user of myorigin."""

_SINK = "sink@elsewhere.example"
_OUTSIDE = "203.0.113.7"
_MANY = "100000"
_COMMON = {
    "relay_domains": "elsewhere.example",
    "smtpd_authorized_xclient_hosts": "127.0.0.0/8",
    "smtpd_sasl_auth_enable": "yes",  # else Postfix's own check is not made
    "smtpd_hard_error_limit": _MANY,
    "smtpd_soft_error_limit": _MANY,
    "smtpd_junk_command_limit": _MANY,
    "in_flow_delay": "0",  # else each recipient that is taken costs a second
}


def aliases_text(aliases: Aliases) -> str:
    """Return our aliases file."""
    return "".join(f"{key}: {', '.join(logins)}\n" for key, logins in aliases.items())


def table_text(aliases: Aliases) -> str:
    """Return a table as postmap(1) reads it."""
    return "".join(f"{key} {','.join(logins)}\n" for key, logins in aliases.items())


def with_own_addresses(aliases: Aliases, logins: Iterable[str]) -> Aliases:
    """Return the aliases, with what each login owns by itself: Postfix has to be told."""
    return {**aliases, **{login: (*aliases.get(login, ()), login) for login in logins}}


def of_domains(aliases: Aliases, domains: Collection[str], myorigin: str) -> Aliases:
    """Return what is listed of these domains; a bare user with myorigin, and with no other."""
    whole = {key if "@" in key else f"{key}@{myorigin}": aliases[key] for key in aliases}
    return {key: whole[key] for key in whole if key.partition("@")[2] in domains}


def with_domains(aliases: Aliases, domains: Iterable[str]) -> Aliases:
    """Return the aliases, with every other address of these domains as nobody's."""
    return {**{f"@{domain}": ("nobody",) for domain in domains}, **aliases}


class TwoChecks(Running):
    """Services of one Postfix, so that the same trivial-rewrite(8) resolves for each.

    One asks sasl-policyd at ``policy_socket``, the others have reject_sender_login_mismatch, each
    with a table of its own: ``tables``, by a name.
    """

    def __init__(
        self,
        folder: Path,
        tls: Certificates,
        parameters: Mapping[str, str],
        tables: Mapping[str, Aliases],
    ) -> None:
        self._postfix = Postfix(folder / "postfix", tls)
        self._tls = tls
        self.policy_socket = self._postfix.policy_socket
        socket = self.policy_socket.relative_to(self._postfix.folder / "queue")  # it is chrooted
        self._edit("-e", *_assignments({**_COMMON, **parameters}))
        ours = self._service(smtpd_sender_restrictions=f"check_policy_service,unix:{socket}")
        self._ports = {"": ours}
        for name, aliases in tables.items():
            table = folder / name
            table.write_text(table_text(aliases))
            self._ports[name] = self._service(
                smtpd_sender_restrictions="reject_sender_login_mismatch",
                smtpd_sender_login_maps=f"texthash:{table}",
            )

    def start(self) -> None:
        """Start Postfix."""
        self._postfix.start()

    def stop(self) -> None:
        """Stop it."""
        self._postfix.stop()

    def ours(self, login: str, senders: Iterable[str]) -> list[Reply]:
        """Return what sasl-policyd makes of each; ``login`` is empty for an outsider."""
        return self._told("", login, senders)

    def theirs(self, table: str, login: str, senders: Iterable[str]) -> list[Reply]:
        """Return what Postfix's own check makes of each, with one of its tables."""
        return self._told(table, login, senders)

    def _told(self, service: str, login: str, senders: Iterable[str]) -> list[Reply]:
        who = f" LOGIN={login}" if login else ""
        with SmtpSession(self._ports[service], self._tls.authority) as session:
            session.ehlo()
            assert session.say(f"XCLIENT ADDR={_OUTSIDE}{who}")[0] == 220
            session.ehlo()
            return [_one(session, sender) for sender in senders]

    def _service(self, **parameters: str) -> int:
        port = free_port()
        name = f"{LOOPBACK}:{port}/inet"
        self._edit("-M", f"{name}={LOOPBACK}:{port} inet n - y - - smtpd")
        self._edit("-P", *(f"{name}/{each}" for each in _assignments(parameters)))
        return port

    def _edit(self, *arguments: str) -> None:
        run(program("postconf", "postfix"), "-c", str(self._postfix.folder / "etc"), *arguments)


def _assignments(parameters: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in parameters.items()]


def _one(session: SmtpSession, sender: str) -> Reply:
    """Return the reply to RCPT TO, or to MAIL FROM if that is refused; in one packet, for speed."""
    utf8 = "" if sender.isascii() else " SMTPUTF8"
    session.send(f"MAIL FROM:{sender}{utf8}\r\nRCPT TO:<{_SINK}>\r\nRSET\r\n".encode())
    mail, recipient, _ = (session.getreply() for _ in range(3))
    code, text = recipient if mail[0] == 250 else mail
    return code, text.decode()
