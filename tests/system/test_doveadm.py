"""doveadm(1) as a client of the auth protocol, the strictest one there is."""

import os
import subprocess

from lab.dovecot import Dovecot
from lab.gateway import Gateway
from lab.processes import program
from lab.settings import server

ALICE = "alice@example.com"


def _ask(gateway: Gateway, dovecot: Dovecot, password: str) -> int:
    """Return the exit code of `doveadm auth test` at the daemon's socket."""
    socket = str(gateway.postfix.auth_socket)
    doveadm = [program("doveadm", "dovecot-core"), "-c", str(dovecot.configuration)]
    command = [*doveadm, "auth", "test", "-a", socket, ALICE, password]
    return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode


def test_right_wrong_and_servers_down_are_its_exit_codes(gateway: Gateway) -> None:
    with (
        gateway.dovecot({ALICE: "hers"}) as dovecot,
        gateway.bridge(server("only", dovecot.port), require_tls=False) as bridge,
    ):
        assert _ask(gateway, dovecot, "hers") == 0
        assert _ask(gateway, dovecot, "wrong") == os.EX_NOPERM
        dovecot.stop()
        assert _ask(gateway, dovecot, "hers") == os.EX_TEMPFAIL
        verdicts = [line.partition("verdict=")[2].split()[0] for line in bridge.decisions(3)]
    assert verdicts == ["accepted", "rejected", "unavailable"]


def test_without_tls_it_is_refused_where_tls_is_required(gateway: Gateway) -> None:
    with (
        gateway.dovecot({ALICE: "hers"}) as dovecot,
        gateway.bridge(server("only", dovecot.port)) as bridge,
    ):
        assert _ask(gateway, dovecot, "hers") == os.EX_NOPERM
        assert "require_tls" in bridge.decisions(1)[0]
