"""The dialogues of tests/transcripts/{imap,pop3}, each with three read sizes."""

import re
from collections.abc import Iterator

import pytest
from lab.dialogues import Heard, HungUp, Login, Said, TlsBegins, read_login, transcripts

from sasl_bridge.dialogue.interface import Action, Dialogue, Send, StartTls

READ_SIZES = (4096, 16, 1)
FAREWELLS = {"imap": rb"T[0-9]+ LOGOUT\r\n", "pop3": rb"QUIT\r\n"}


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def play(login: Login, dialogue: Dialogue, size: int) -> list[Action]:
    """Play the transcript; return what is left to do when all that it holds was done."""
    actions: list[Action] = []
    for event in login.events:
        match event:
            case Said(data):
                for piece in pieces(data, size):
                    actions += dialogue.receive(piece)
            case Heard(data):
                sent = [action.data for action in actions if isinstance(action, Send)]
                assert b"".join(sent) == data
                actions = actions[len(sent) :]
            case TlsBegins():
                assert actions == [StartTls()]
                actions = list(dialogue.tls_began())
            case HungUp():
                actions += dialogue.receive_eof()
    return actions


@pytest.mark.parametrize("size", READ_SIZES)
@pytest.mark.parametrize("name", transcripts())
def test_dialogue(name: str, size: int) -> None:
    login = read_login(name)
    dialogue = login.begin()
    assert play(login, dialogue, size) == ([login.outcome] if login.outcome else [])
    assert dialogue.password_sent == login.password_sent
    farewell = FAREWELLS[name.partition("/")[0]] if login.takes_leave else b""
    assert re.fullmatch(farewell, dialogue.farewell())
