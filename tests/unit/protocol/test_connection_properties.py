"""Properties of the connection over streams made from the grammar, seeded from the transcripts."""

import itertools
import re
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st
from lab.transcript import FromClient, read_transcript

from sasl_bridge.protocol.connection import (
    AuthConnection,
    AuthParameters,
    AuthRequest,
    Broken,
    Cancelled,
    Limits,
)
from sasl_bridge.verdict import Refused, Verdict

CORPUS = Path(__file__).parents[2] / "transcripts" / "auth"

LINES = sorted(
    {
        step.line
        for path in CORPUS.glob("*.txt")
        for step in read_transcript(path)
        if isinstance(step, FromClient)
    }
)
FIELDS = sorted({field for line in LINES for field in line.split(b"\t")})

HELLO = b"VERSION\t1\t2\nCPID\t1\n"

VALUE = rb"[^\x00\x01\t\r\n]+"
REPLY = re.compile(
    rb"OK\t[1-9]\d*\tuser=" + VALUE + rb"|CONT\t[1-9]\d*\t[A-Za-z0-9+/]*=*"
    rb"|FAIL\t[1-9]\d*(\tuser=" + VALUE + rb")?"
    rb"(\tcode=temp_fail\ttemp|(\tcode=invalid_base64)?\treason=[ -~]+)"
)


@st.composite
def mutated_lines(draw: st.DrawFn) -> bytes:
    """Exchange, drop, double or invent some fields of a line of the corpus."""
    fields = draw(st.sampled_from(LINES)).split(b"\t")
    if len(fields) > 1 and draw(st.booleans()):
        fields[1] = draw(st.sampled_from([b"1", b"2", b"3"]))  # so that ids meet
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(fields) - 1))
        other = st.sampled_from(FIELDS) | st.binary(max_size=8)
        fields[place : place + 1] = draw(
            st.sampled_from([[], [fields[place]] * 2]) | st.lists(other, min_size=1, max_size=2)
        )
        fields = fields or [b""]
    return b"\t".join(fields)


STREAMS = st.builds(
    lambda hello, lines, end: (HELLO if hello else b"") + b"".join(lines) + end,
    st.sampled_from([True, True, True, False]),
    st.lists((st.sampled_from(LINES) | mutated_lines()).map(lambda line: line + b"\n")),
    st.binary(max_size=4),
)


class Owner:
    """Answers requests in an order and in ways that depend on events alone, never on time."""

    def __init__(self) -> None:
        self.connection = AuthConnection(
            pid=1,
            cuid=1,
            cookie="0" * 32,
            gate=self.gate,
            limits=Limits(verifying=3, waiting=2, line_bytes=256),
        )
        self.connection.data_to_send()
        self.log: list[str] = []
        self.open: list[AuthRequest] = []
        self.output = b""

    def gate(self, parameters: AuthParameters) -> Refused | None:
        closed = parameters.service == "closed"
        return Refused(Verdict.REJECTED, "closed") if closed else None

    def receive(self, data: bytes) -> None:
        self.connection.receive_data(data, 0.0)
        self.work(most_open=2)

    def finish(self) -> None:
        self.work(most_open=0)

    def work(self, most_open: int) -> None:
        while True:
            event = self.connection.next_event()
            if isinstance(event, AuthRequest):
                self.log.append(f"{event.id} {event.mechanism} {event.parameters} {event.claim}")
                self.open.append(event)
            elif isinstance(event, Cancelled):
                self.log.append(f"cancelled {event.request.id}")
                self.open.remove(event.request)
            elif isinstance(event, Broken):
                self.log.append(event.reason)
            elif len(self.open) <= most_open:
                break
            if len(self.open) > most_open:
                self.answer(self.open.pop(0))
            self.output += self.connection.data_to_send()

    def answer(self, request: AuthRequest) -> None:
        match len(self.log) % 4:
            case 0:
                self.connection.unavailable(request)
            case 1:
                self.connection.reject(request, "no", "login")
            case _:
                self.connection.accept(request, "alice@example.com")


def owner_of(pieces: list[bytes]) -> Owner:
    owner = Owner()
    for piece in pieces:
        owner.receive(piece)
    owner.finish()
    return owner


@given(STREAMS, st.lists(st.integers(0, 2000)))
@example(HELLO + b"".join(b"AUTH\t%d\tPLAIN\tservice=smtp\tresp=AABh\n" % n for n in range(9)), [])
def test_any_cut_of_the_stream_gives_the_same_events_and_output(
    stream: bytes, cuts: list[int]
) -> None:
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    pieces = [stream[a:b] for a, b in itertools.pairwise(places)]
    whole, cut = owner_of([stream]), owner_of(pieces)
    single = owner_of([stream[place : place + 1] for place in range(len(stream))])
    assert whole.log == cut.log == single.log
    assert whole.output == cut.output == single.output


@given(STREAMS)
def test_every_reply_is_one_of_three_kinds_and_well_formed(stream: bytes) -> None:
    *replies, rest = owner_of([stream]).output.split(b"\n")
    assert rest == b""
    assert [reply for reply in replies if not REPLY.fullmatch(reply)] == []


@given(st.lists(mutated_lines() | st.sampled_from(LINES)))
def test_what_is_kept_is_bounded(lines: list[bytes]) -> None:
    owner = Owner()
    owner.receive(HELLO)
    for line in lines:
        owner.receive(line + b"\n")
        assert owner.connection.waiting <= 2
        assert owner.connection.verifying <= 3


@given(
    st.sampled_from([b"AUTH\t1\t%b\tservice=smtp\n", b"AUTH\t1\tPLAIN\tservice=smtp\tsession=%b\n"])
    | st.sampled_from(
        [b"AUTH\t1\tPLAIN\tservice=smtp\tresp=%b\n", b"AUTH\t1\tLOGIN\tservice=smtp\nCONT\t1\t%b\n"]
    ),
    st.binary(max_size=60).map(lambda text: re.sub(rb"[\t\n]", b"", text)),
)
def test_what_a_stranger_sends_never_breaks_the_connection(line: bytes, text: bytes) -> None:
    assert not owner_of([HELLO, line % text]).connection.hung_up
