"""Every dialogue of tests/transcripts/auth, against the bare connection, cut in several ways."""

from pathlib import Path

import pytest
from lab.transcript import Direction, FromClient, FromServer, Step, read_transcript

from bridge_common.secret import Secret
from sasl_bridge.credentials import Claim
from sasl_bridge.protocol.connection import (
    AuthConnection,
    AuthParameters,
    AuthRequest,
    Broken,
    Cancelled,
    Event,
)
from sasl_bridge.verdict import Refused, Verdict

CORPUS = Path(__file__).parents[2] / "transcripts" / "auth"
TRANSCRIPTS = sorted(CORPUS.glob("*.txt"))

GREETING = (
    b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\n"
    b"SPID\t4711\nCUID\t7\nCOOKIE\t0123456789abcdef0123456789abcdef\nDONE\n"
)


class Rehearsal:
    """Plays the client and the owner of a connection, as a transcript says."""

    def __init__(self, read_size: int) -> None:
        self.connection = AuthConnection(
            pid=4711, cuid=7, cookie="0123456789abcdef0123456789abcdef", gate=self.gate
        )
        self.read_size = read_size
        self.now = 0.0
        self.disabled = self.tls_required = self.ends = False
        self.unsent = b""
        self.sent = self.connection.data_to_send()
        self.events: list[Event] = []
        self.requests: dict[int, list[AuthRequest]] = {}

    def gate(self, parameters: AuthParameters) -> Refused | None:
        if self.disabled:
            return Refused(Verdict.UNAVAILABLE, "disabled")
        if self.tls_required and not parameters.secured:
            return Refused(Verdict.REJECTED, "no TLS")
        return None

    def play(self, steps: list[Step]) -> None:
        for step in steps:
            match step:
                case FromClient(line):
                    self.unsent += line + b"\n"
                case FromServer(line):
                    self.flush()
                    self.expect(line + b"\n")
                case Direction((name, *words)):
                    self.flush()
                    getattr(self, name.replace("-", "_"))(*words)
        self.flush()
        assert self.sent == b""
        assert self.events == []
        assert self.connection.hung_up == self.ends

    def flush(self) -> None:
        if self.unsent:
            assert self.sent == b"", "the server sent what the transcript does not expect"
        for start in range(0, len(self.unsent), self.read_size):
            self.connection.receive_data(self.unsent[start : start + self.read_size], self.now)
            self.pull()
        self.unsent = b""

    def pull(self) -> None:
        while event := self.connection.next_event():
            self.events.append(event)
        self.sent += self.connection.data_to_send()

    def expect(self, text: bytes) -> None:
        assert self.sent.startswith(text)
        self.sent = self.sent[len(text) :]

    def next_request(self, number: str) -> AuthRequest:
        event = self.events.pop(0)
        assert isinstance(event, AuthRequest)
        assert event.id == int(number)
        self.requests.setdefault(event.id, []).append(event)
        return event

    def latest(self, number: str) -> AuthRequest:
        return self.requests[int(number)][-1]

    # The words of the README.

    def require_tls(self) -> None:
        self.tls_required = True

    def disable(self) -> None:
        self.disabled = True

    def greeting(self) -> None:
        self.expect(GREETING)

    def hello(self, minor: str) -> None:
        self.greeting()
        self.unsent = b"VERSION\t1\t%b\nCPID\t1\n" % minor.encode()
        self.flush()
        assert self.connection.ready

    def claim(self, number: str, login: str, password: str) -> None:
        expected = Claim(
            login.removeprefix("-").encode(), Secret(password.removeprefix("-").encode())
        )
        assert self.next_request(number).claim == expected

    def nothing_to_verify(self, number: str) -> None:
        assert isinstance(self.next_request(number).claim, Refused)

    def accept(self, number: str, identity: str) -> None:
        self.connection.accept(self.latest(number), identity)
        self.pull()

    def reject(self, number: str, login: str) -> None:
        self.connection.reject(self.latest(number), "no", login.removeprefix("-"))
        self.pull()

    def unavailable(self, number: str) -> None:
        self.connection.unavailable(self.latest(number))
        self.pull()

    def cancelled(self, number: str) -> None:
        assert self.events.pop(0) == Cancelled(self.latest(number))

    def wait(self, seconds: str) -> None:
        self.now += float(seconds)

    def broken(self) -> None:
        assert isinstance(self.events.pop(0), Broken)
        self.hangup()

    def hangup(self) -> None:
        assert self.connection.hung_up
        self.ends = True

    def bye(self) -> None:
        self.connection.receive_eof()
        self.pull()
        self.hangup()


def test_the_corpus_is_there() -> None:
    assert len(TRANSCRIPTS) >= 50


@pytest.mark.parametrize("read_size", [4096, 16, 1])
@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_the_dialogue_goes_as_written(path: Path, read_size: int) -> None:
    Rehearsal(read_size).play(read_transcript(path))
