"""Every dialogue of tests/transcripts/policy, against the bare connection, cut in several ways."""

from pathlib import Path

import pytest
from lab.transcript import Direction, FromClient, FromServer, Step, read_transcript

from policyd.action import DUNNO, HANG_UP, Action, Code, Refuse
from policyd.protocol import PolicyConnection
from policyd.request import PolicyRequest

CORPUS = Path(__file__).parents[2] / "transcripts" / "policy"
TRANSCRIPTS = sorted(CORPUS.glob("*.txt"))


class Rehearsal:
    """Plays the client and the owner of a connection, as a transcript says."""

    def __init__(self, read_size: int) -> None:
        self.connection = PolicyConnection()
        self.read_size = read_size
        self.unsent = self.sent = b""
        self.request: PolicyRequest | None = None
        self.ends = False

    def play(self, steps: list[Step]) -> None:
        for step in steps:
            match step:
                case FromClient(line):
                    self.unsent += line + b"\n"
                case FromServer(line):
                    assert self.sent.startswith(line + b"\n")
                    self.sent = self.sent[len(line) + 1 :]
                case Direction((name, *words)):
                    self.flush()
                    getattr(self, name.replace("-", "_"))(*words)
        self.flush()
        assert self.sent == b""
        assert self.connection.hung_up == self.ends
        assert not self.connection.answering

    def flush(self) -> None:
        assert not self.unsent or self.sent == b"", "more was sent than the transcript expects"
        for start in range(0, len(self.unsent), self.read_size):
            self.connection.receive_data(self.unsent[start : start + self.read_size])
            self.pull()
        self.unsent = b""

    def pull(self) -> None:
        if self.request is None:
            self.request = self.connection.next_request()

    def answer(self, action: Action) -> None:
        assert self.request is not None
        self.connection.answer(self.request, action)
        self.sent += self.connection.data_to_send()
        self.request = None
        self.pull()

    # The words of the README.

    def asked(self, *attributes: str) -> None:
        assert self.request == PolicyRequest(**dict(word.split("=", 1) for word in attributes))

    def nothing_asked(self) -> None:
        assert self.request is None

    def dunno(self) -> None:
        self.answer(DUNNO)

    def refuse(self, text: str) -> None:
        self.answer(Refuse(Code.NOT_ALLOWED, text))

    def try_later(self, text: str) -> None:
        self.answer(Refuse(Code.TRY_LATER, text))

    def trouble(self) -> None:
        self.answer(HANG_UP)

    def broken(self) -> None:
        assert self.connection.broken
        self.ends = True

    def hangup(self) -> None:
        assert self.connection.broken == ""
        self.ends = True


def test_the_corpus_is_there() -> None:
    assert len(TRANSCRIPTS) >= 30


@pytest.mark.parametrize("read_size", [4096, 16, 1])
@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_the_dialogue_goes_as_written(path: Path, read_size: int) -> None:
    Rehearsal(read_size).play(read_transcript(path))
