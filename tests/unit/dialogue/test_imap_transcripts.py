"""The dialogues of tests/transcripts/imap, each with three read sizes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import pytest
from lab.transcript import Direction, FromClient, FromServer, Step, read_transcript

from bridge_common.secret import Secret
from sasl_bridge.dialogue.imap import ImapDialogue
from sasl_bridge.dialogue.interface import Action, Outcome, Send
from sasl_bridge.verdict import Verdict

FOLDER = Path(__file__).parents[2] / "transcripts" / "imap"
READ_SIZES = (4096, 16, 1)


@dataclass
class Setting:
    """What a transcript says beside its lines."""

    login: str = "alice@example.com"
    password: str = "secret"
    encrypted: bool = True
    unavailable_texts: list[str] = field(default_factory=list)
    password_sent: bool = True
    outcome: Outcome | None = None

    def note(self, words: tuple[str, ...]) -> None:
        match words:
            case ("login", login, password):
                self.login, self.password = login, password
            case ("unencrypted",):
                self.encrypted = False
            case ("unavailable-text", text):
                self.unavailable_texts.append(text)
            case ("unsent",):
                self.password_sent = False
            case (("accepted" | "rejected" | "unavailable") as verdict, *detail):
                self.outcome = Outcome(Verdict(verdict), " ".join(detail))
            case ("hangup",) | ("part", _):
                pass
            case _:
                raise AssertionError(f"unknown direction {words}")


def from_server(step: Step) -> bytes | None:
    match step:
        case FromServer(line):
            return line + b"\r\n"
        case Direction(("part", text)):
            return text.encode()
    return None


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def run(steps: list[Step], dialogue: ImapDialogue, size: int) -> list[Action]:
    """Play the transcript; return what is left over when all lines of the client are matched."""
    actions: list[Action] = []
    for speaks, group in groupby(steps, lambda step: from_server(step) is not None):
        told = list(group)
        if speaks:
            said = b"".join(from_server(step) or b"" for step in told)
            for piece in pieces(said, size):
                actions += dialogue.receive(piece)
            continue
        expected = b"".join(step.line + b"\r\n" for step in told if isinstance(step, FromClient))
        sent = [action for action in actions if isinstance(action, Send)]
        assert b"".join(action.data for action in sent) == expected
        actions = [action for action in actions if isinstance(action, Outcome)]
        if any(isinstance(step, Direction) and step.words == ("hangup",) for step in told):
            actions += dialogue.receive_eof()
    return actions


@pytest.mark.parametrize("size", READ_SIZES)
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_dialogue(path: Path, size: int) -> None:
    steps = read_transcript(path)
    setting = Setting()
    for step in steps:
        if isinstance(step, Direction):
            setting.note(step.words)
    dialogue = ImapDialogue(
        setting.login,
        Secret(setting.password.encode()),
        tag_prefix="T",
        encrypted=setting.encrypted,
        unavailable_texts=tuple(setting.unavailable_texts),
    )
    actions = run(steps, dialogue, size)
    assert actions == [setting.outcome]
    assert dialogue.password_sent == setting.password_sent
