"""A stolen account is stopped at once: in new sessions, and in those that are open."""

import contextlib
from collections.abc import Iterator

import pytest
from lab.bridge import Bridge, Policyd
from lab.certificates import make_certificates
from lab.gateway import Gateway
from lab.policed import ALICE, BOB, PASSWORDS, TAKEN, told
from lab.postfix import Postfix
from lab.processes import lab_folder
from lab.replies import ACCEPTED, WRONG
from lab.settings import tls_server
from lab.smtp import Reply, SmtpSession

from bridge_admin.cli import main as bridgectl

BLOCKED = (553, f"5.7.1 <{ALICE}>: Sender address rejected: this login is blocked")


@contextlib.contextmanager
def running() -> Iterator[tuple[Gateway, Bridge, Policyd]]:
    """Yield a gateway and both daemons, every rule about senders off."""
    with lab_folder() as folder:
        tls = make_certificates(folder)
        gateway = Gateway(folder, tls, Postfix(folder / "postfix", tls, policy=True))
        with (
            gateway.dovecot(PASSWORDS, tls) as dovecot,
            gateway.bridge(
                tls_server("mailboxes", dovecot, tls),
                cache={"success_ttl": "5m"},
                state_dir=str(folder),
            ) as bridge,
            gateway.policyd() as policyd,
            gateway.postfix,
        ):
            yield gateway, bridge, policyd


def log_in(session: SmtpSession, login: str) -> Reply:
    session.secure()
    return session.plain(login, PASSWORDS[login])


def log_in_anew(gateway: Gateway, login: str) -> Reply:
    with gateway.submission() as session:
        return log_in(session, login)


def test_a_login_that_is_blocked_neither_logs_in_nor_sends_until_it_is_unblocked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with running() as (gateway, bridge, policyd):
        settings = ["--settings", str(bridge.settings_file)]
        with gateway.submission() as hers, gateway.submission() as his:
            assert log_in(hers, ALICE) == ACCEPTED
            assert log_in(his, BOB) == ACCEPTED
            assert told(hers, ALICE) == TAKEN
            command = ["block", "Alice@example.com", "--for", "1d", "--reason", "stolen"]
            assert bridgectl([*command, *settings]) == 0
            said = f"{ALICE} is blocked for 1 day; 1 remembered login forgotten\n"
            assert capsys.readouterr().out == said
            assert log_in_anew(gateway, ALICE) == WRONG
            assert log_in_anew(gateway, BOB) == ACCEPTED
            policyd.lines_with("blocks: .*: 1 in force")
            assert told(hers, ALICE) == BLOCKED
            assert told(his, BOB) == TAKEN
            why = f'"(blocked: )?{ALICE}, by the administrator: stolen"'
            bridge.lines_with(f"verdict=rejected server=blocks reason={why}")
            policyd.lines_with(f'action="553 5.7.1" rule=blocked reason={why}')
            assert bridgectl(["unblock", ALICE, *settings]) == 0
            assert capsys.readouterr().out == f"{ALICE} is no longer blocked\n"
            assert log_in_anew(gateway, ALICE) == ACCEPTED
            policyd.lines_with("blocks: .*: 0 in force")
            assert told(hers, ALICE) == TAKEN


def test_a_block_outlives_restarts_of_both_daemons() -> None:
    with running() as (gateway, bridge, policyd), gateway.submission() as hers:
        assert log_in(hers, ALICE) == ACCEPTED
        assert bridgectl(["block", ALICE, "--settings", str(bridge.settings_file)]) == 0
        for daemon in (bridge, policyd):
            daemon.kill()
            daemon.start()
        assert log_in_anew(gateway, ALICE) == WRONG
        assert told(hers, ALICE) == BLOCKED
