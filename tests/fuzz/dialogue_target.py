"""A dialogue as a target of the fuzz loop: seeds from its transcripts, servers made up.

Knows how a transcript becomes steps, and how a server is made up that answers what it is asked.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from lab.dialogues import HungUp, Said, TlsBegins, read_login
from lab.transcript import Direction, read_transcript

from fuzz.dialogue import DialogueLaws, Reader, setting_of
from fuzz.mutation import Mutation
from fuzz.steps import Step, Steps
from fuzz.words import invented_settings
from sasl_bridge.dialogue.interface import Send, StartTls

CORPORA = Path(__file__).parents[1] / "transcripts"

_LONGEST_TALK = 12
_EVENTS = {"part", "tls", "hangup"}

Greeting = Callable[[Random], bytes]
Reply = Callable[[bytes, Random], bytes]


@dataclass(frozen=True)
class DialogueTarget:
    """`Target` of `engine`, for one protocol."""

    name: str
    reader: Reader
    mutation: Mutation
    greeting: Greeting
    reply: Reply

    def seeds(self) -> Sequence[Steps]:
        """Return the transcripts as steps."""
        return [tuple(_steps_of(path)) for path in sorted((CORPORA / self.name).glob("*.txt"))]

    def change(self, steps: Steps, donor: Steps, random: Random) -> Steps:
        """Make an input from others."""
        return self.mutation.change(steps, donor, random)

    def play(self, steps: Steps) -> set[Hashable]:
        """Play it; return what it reached."""
        return DialogueLaws(self.reader).play(steps)

    def story(self, steps: Steps) -> str:
        """Show how it goes."""
        return DialogueLaws(self.reader).story(steps)

    def invent(self, random: Random) -> Steps:
        """Make up a server that answers what it is asked, now and then like another one."""
        steps = invented_settings(random)
        dialogue = self.reader.begin(setting_of(tuple(steps)))
        data = self.greeting(random)
        for _ in range(_LONGEST_TALK):
            steps.append(data)
            try:
                actions = dialogue.receive(data)
                if any(isinstance(action, StartTls) for action in actions):
                    steps.append(("tls",))
                    actions = dialogue.tls_began()
            except Exception:  # noqa: BLE001  # to be found once more when the steps are played
                break
            sent = [action.data for action in actions if isinstance(action, Send)]
            if not sent:
                break
            data = self.reply(sent[-1], random)
        if random.random() < 0.1:
            steps.append(("hangup",))
        return tuple(steps)


def _steps_of(path: Path) -> Iterator[Step]:
    """Yield what is agreed, then what the server does; what it says in one turn is one piece."""
    for step in read_transcript(path):
        match step:
            case Direction(words) if words[0] not in _EVENTS:
                yield words
    for event in read_login(f"{path.parent.name}/{path.stem}").events:
        match event:
            case Said(data):
                yield data
            case TlsBegins():
                yield ("tls",)
            case HungUp():
                yield ("hangup",)
