"""The bench's own programs: stub servers that real clients can use, a load that checks answers."""

import imaplib
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lab.directory_entries import BASE, GATEWAY, GATEWAY_PASSWORD, PEOPLE
from lab.processes import LabError, lab_folder, program, run

from bench import backends, hung, ours
from bench.programs import Load, Programs
from bench.rounds import Rules, play
from bench.rows import Row

LOGIN, PASSWORD = "u0007@example.com", "password-0007"
DN = f"uid=u0007,{PEOPLE}"
GREETING = b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00\nDONE\n"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with lab_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def programs(folder: Path) -> Programs:
    return Programs(folder)


def test_the_imap_stub_knows_who_is_right(programs: Programs, folder: Path) -> None:
    with (
        backends.imap(programs, folder) as stub,
        imaplib.IMAP4("127.0.0.1", stub.reached.port, timeout=10) as client,
    ):
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            client.login(LOGIN, "password-0008")
        assert client.login(LOGIN, PASSWORD)[0] == "OK"


def test_the_imap_stub_takes_plain_with_a_prompt(programs: Programs, folder: Path) -> None:
    with (
        backends.imap(programs, folder) as stub,
        imaplib.IMAP4("127.0.0.1", stub.reached.port, timeout=10) as client,
    ):
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            client.authenticate("PLAIN", lambda _: f"\0{LOGIN}\0wrong".encode())
        plain = f"\0{LOGIN}\0{PASSWORD}".encode()
        assert client.authenticate("PLAIN", lambda _: plain)[0] == "OK"


@pytest.mark.parametrize("backend", [backends.ldap, backends.distant_ldap])
def test_the_ldap_stub_finds_an_entry_and_knows_who_is_right(
    programs: Programs, folder: Path, backend: backends.BackendMaker
) -> None:
    with backend(programs, folder) as stub:
        search = (program("ldapsearch", "ldap-utils"), "-x", "-LLL", "-o", "ldif-wrap=no")
        where = (*search, "-H", f"ldap://127.0.0.1:{stub.reached.port}", "-b", BASE)
        found = run(*where, "-D", GATEWAY, "-w", GATEWAY_PASSWORD, f"(|(cn=x)(mail={LOGIN}))")
        assert found == f"dn: {DN}\nmail: {LOGIN}"
        assert run(*where, "-D", DN, "-w", PASSWORD, "(mail=nobody@example.com)") == ""
        wrong = subprocess.run([*where, "-D", DN, "-w", "wrong"], capture_output=True, check=False)
        assert wrong.returncode == 49


@contextmanager
def auth_server(path: Path, reply: str) -> Iterator[None]:
    """Serve one client of the auth protocol; this is the reply to its first request."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            client, _ = listening.accept()
            with client:
                client.sendall(GREETING)
                asked = b""
                while b"AUTH\t" not in asked:
                    asked += client.recv(4096)
                client.sendall(reply.encode())
                client.recv(4096)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join()


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("OK\t1\tuser=mallory@example.com\n", "a wrong answer"),
        ("OK\t2\tuser=u0000@example.com\n", "a wrong answer"),
        ("FAIL\t1\tuser=u0000@example.com\n", "a wrong answer"),
    ],
)
def test_the_load_fails_with_the_first_wrong_answer(
    programs: Programs, folder: Path, reply: str, why: str
) -> None:
    path = folder / "auth"
    path.unlink(missing_ok=True)
    with auth_server(path, reply), pytest.raises(LabError, match=why):
        programs.everybody(Load("auth", str(path), 1, 1))


def test_what_must_be_refused_may_not_be_accepted(programs: Programs, folder: Path) -> None:
    path = folder / "lenient"
    with (
        auth_server(path, "OK\t1\tuser=u0000@example.com\n"),
        pytest.raises(LabError, match="a wrong answer"),
    ):
        programs.wrong(Load("auth", str(path), 1, 1))


def test_a_row_is_played_with_our_daemon(
    programs: Programs, capsys: pytest.CaptureFixture[str]
) -> None:
    row = Row("small", "a small row", backends.imap, (ours.asking_imap,), 4, 16, 1.0)
    (result,) = play(row, programs, Rules(rounds=2, seconds=0.2, patience=0.0)).results
    assert (result.name, len(result.rounds)) == ("sasl-bridge", 2)
    assert all(one.loaded.answers > 0 for one in result.rounds)
    assert result.memory.processes == 1
    assert result.memory.peak > 10_000_000
    told = capsys.readouterr().err
    assert re.search(r"1 .*/s .* cores: sasl-bridge \d\.\d\d, the load \d\.\d\d, the IMAP", told)


def test_a_load_at_a_rate_asks_when_it_is_time_and_no_more(
    programs: Programs, folder: Path
) -> None:
    """And counts from then on, even if the one before took too long."""
    with (
        backends.distant_ldap(programs, folder) as directory,
        ours.asking_ldap(folder / "paced", directory.reached) as bridge,
    ):
        steady = programs.load(Load("auth", bridge.where, 8, 16, rate=50), 1.0)
        assert steady.answers == 50
        assert steady.seconds >= 0.98
        hasty = programs.load(Load("auth", bridge.where, 1, 16, rate=2000), 0.2)
        assert hasty.answers == 400
        assert hasty.seconds > 0.8  # two answers of a millisecond for each
        assert hasty.p50_ms > 100


@pytest.mark.alone
def test_a_server_that_hangs_costs_no_login_and_is_asked_no_more(programs: Programs) -> None:
    pair = hung.play_pair(programs, Rules(seconds=1.0, patience=0.0))
    assert pair.hung.loaded.answers == 200
    assert pair.hung.loaded.p50_ms < 500
    assert pair.hung.shares.helpers["the first server"] == 0.0
    assert hung.STILL_ASKED not in pair.hung.void


def test_a_far_server_takes_round_trips(programs: Programs, folder: Path) -> None:
    """Its connection, TLS 1.3 and one command: three of them, and no fewer."""
    with backends.far_imap(programs, folder / "far") as far:
        context = ssl.create_default_context(cafile=str(far.reached.authority))
        begun = time.monotonic()
        client = imaplib.IMAP4_SSL("127.0.0.1", far.reached.port, ssl_context=context, timeout=10)
        assert client.login(LOGIN, PASSWORD)[0] == "OK"
        assert time.monotonic() - begun >= 3 * backends.ROUND_TRIP_MS / 1000
        client.shutdown()
