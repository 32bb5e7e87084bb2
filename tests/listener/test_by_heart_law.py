"""The law of what is known by heart: it changes no byte of what a client reads.

One connection to a service that learns lines, another to one that learns none; both get the same
bytes, cut in the same way. Every server answers at once, so that a reply's place is certain.
"""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lab.serving import RULES, Scripted

from bridge_common.decisions import DecisionLog
from sasl_bridge.by_heart import ByHeart, KnownLine
from sasl_bridge.client import ClientConnection
from sasl_bridge.passdb.success_cache import CacheRules, SuccessCache, Successes
from sasl_bridge.service import AuthService, InForce
from sasl_bridge.verdict import Verdict

GREETING = b"VERSION\t1\t2\nCPID\t42\n"
MOST_BYTES = 16384
"""Of a line, its LF included."""

RIGHT = b"resp=AGFsaWNlQGV4YW1wbGUuY29tAHJpZ2h0"  # alice@example.com, right
WRONG = b"resp=AGFsaWNlQGV4YW1wbGUuY29tAHdyb25n"  # alice@example.com, wrong
SECURED = b"PLAIN\tservice=smtp\trip=192.0.2.1\tsecured\t"
LONG = b"PLAIN\tservice=smtp\tsecured\tx=%b\t%b"
KNOWN = SECURED + RIGHT

NUMBERS = st.sampled_from(
    [b"1", b"2", b"10", b"007", b"0", b"", b"-1", b"1x", b"123456789", b"4294967295", b"4294967296"]
)
FIELDS = st.sampled_from(
    [
        KNOWN,
        SECURED + WRONG,
        SECURED.lower() + RIGHT,
        KNOWN + b"\r",
        KNOWN + b"\r\r",
        KNOWN + b"\t",
        b"PLAIN\tservice=imap\tsecured\t" + RIGHT,
        b"PLAIN\tservice=smtp\t" + RIGHT,
        b"PLAIN\tservice=smtp\tsecured",
        b"LOGIN\tservice=smtp\tsecured",
        b"LOGIN\tservice=smtp\tsecured\tresp=YWxpY2VAZXhhbXBsZS5jb20=",
        b"LOGIN\tservice=smtp\tsecured\t" + RIGHT,
        b"SCRAM\tservice=smtp\tsecured\t" + RIGHT,
        b"PLAIN\tsecured\t" + RIGHT,
        b"",
    ]
)
LINES = st.one_of(
    st.builds(b"AUTH\t%b\t%b\n".__mod__, st.tuples(st.sampled_from([b"1", b"2"]), st.just(KNOWN))),
    st.builds(b"AUTH\t%b\t%b\n".__mod__, st.tuples(NUMBERS, FIELDS)),
    st.builds(
        b"CONT\t%b\t%b\n".__mod__,
        st.tuples(NUMBERS, st.sampled_from([b"cmlnaHQ=", b"d3Jvbmc=", b"*", RIGHT[5:]])),
    ),
    st.builds(b"CANCEL\t%b\n".__mod__, NUMBERS),
    st.sampled_from([b"\n", b"NOOP\n", b"AUTH\n", b"AUTH\t1\n", b"VERSION\t1\t2\n", b"\0\n"]),
)

# Known by heart, and cut at the end of each line: what is special is likely to be tried.
CLIENTS = st.tuples(
    st.integers(0, 3).map(lambda times: [b"AUTH\t1\t%b\n" % KNOWN] * times),
    st.lists(LINES, max_size=8),
    st.lists(st.integers(0, 1200), max_size=6),
    st.booleans(),
)


class Forgetful(ByHeart):
    """Knows no line by heart."""

    def learn(self, fields: bytes, known: KnownLine) -> None:
        pass


class Wire(asyncio.Transport):
    """Keeps what is written to a client that reads all of it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self.closed:
            self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def replies(by_heart: ByHeart, pieces: Sequence[bytes]) -> tuple[list[bytes], AuthService]:
    """Return what a client has read after each piece, and the service that it spoke to."""
    service = AuthService(DecisionLog())
    cache = SuccessCache(Scripted(), CacheRules(ttl=300.0), Successes())
    service.apply(InForce(RULES, cache, by_heart))
    wire, connection = Wire(), ClientConnection(service)
    connection.connection_made(wire)
    read = []
    wire.written = b""  # the greeting differs
    for piece in [GREETING, *pieces]:
        connection.data_received(piece)
        for _ in range(12):
            await asyncio.sleep(0)
        read.append(wire.written + b"closed" * wire.closed)
        if wire.closed:
            break
    connection.connection_lost(None)
    return read, service


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    ends = [*sorted({place for place in places if 0 < place < len(data)}), len(data)]
    return [data[begin:end] for begin, end in zip([0, *ends], ends, strict=False) if begin < end]


KNOWN_LINES = [b"AUTH\t1\t%b\n" % KNOWN] * 3
LONGEST = LONG % (b"x" * (MOST_BYTES - len(b"AUTH\t1\t\n") - len(LONG % (b"", RIGHT))), RIGHT)


@pytest.mark.expect_warnings("broke the auth protocol")
@settings(max_examples=150)
@given(CLIENTS)
@example(([b"AUTH\t1\t%b\n" % KNOWN] * 3, [b"AUTH\t1x\t%b\n" % KNOWN], [], True))
@example(([b"AUTH\t1\t%b\n" % LONGEST] * 3, [b"AUTH\t10\t%b\n" % LONGEST], [], True))
@example((KNOWN_LINES, [b"AUTH\t1\t" + KNOWN, *KNOWN_LINES], [], True))
@example((KNOWN_LINES, [KNOWN_LINES[0] * 2] * 3, [], True))
def test_a_client_reads_the_same_bytes_whether_or_not_its_lines_are_known(
    client: tuple[list[bytes], list[bytes], list[int], bool],
) -> None:
    known, others, places, by_line = client
    lines = [*known, *others]
    pieces = lines if by_line else cut(b"".join(lines), places)
    with asyncio.Runner() as runner:
        by_heart, service = runner.run(replies(ByHeart(2), pieces))
        parsed, other = runner.run(replies(Forgetful(), pieces))
    assert by_heart == parsed
    assert service.verdicts == other.verdicts
    passdbs = [one.in_force.passdb for one in (service, other) if one.in_force]
    assert len({passdb._successes.hits for passdb in passdbs}) == 1


async def test_the_hot_path_is_taken_at_all() -> None:
    """Otherwise the law above says nothing."""
    by_heart = ByHeart()
    read, service = await replies(by_heart, [b"AUTH\t1\t%b\n" % KNOWN] * 3)
    assert read[-1] == b"OK\t1\tuser=alice@example.com\n" * 3
    assert len(by_heart) == 1
    assert service.verdicts == {Verdict.ACCEPTED: 3}
