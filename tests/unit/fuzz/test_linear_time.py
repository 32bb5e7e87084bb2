"""No input makes a parser's work grow faster than the input: four times as much, about four times.

Compared is processor time of the same machine in the same moment; a parser that goes over all that
it has heard for each new line takes sixteen times as long.
"""

import gc
import string
import time
from collections.abc import Callable
from itertools import islice, product

import pytest
from fuzz.dialogue import setting_of
from fuzz.fuzz_imap import ImapReader
from fuzz.fuzz_pop3 import Pop3Reader
from lab.fake_ldap import message, tlv

from bridge_common.directory.answers import parse_answer
from policyd.action import DUNNO
from policyd.protocol import PolicyConnection
from sasl_bridge.protocol.connection import AuthConnection

pytestmark = pytest.mark.alone

SMALL, LARGE = 10_000, 40_000  # bytes, about
MOST = 9.0

AUTH_LOGIN = b"AUTH\t%d\tLOGIN\tservice=x\n"
POLICY_REQUEST = b"request=smtpd_access_policy\n\n"

Feed = Callable[[bytes], object]


def names(count: int) -> list[bytes]:
    """Return short words, all different."""
    letters = product(string.ascii_uppercase, repeat=3)
    return ["".join(word).encode() for word in islice(letters, count)]


def listed(name: bytes, size: int) -> bytes:
    """Return lines of capabilities, all different; they are long, as there may be few."""
    words = names(size // 4)
    lines = (words[at : at + 100] for at in range(0, len(words), 100))
    return b"".join(b"%b%b\n" % (name, b" ".join(line)) for line in lines)


def imap() -> Feed:
    dialogue = ImapReader().begin(setting_of(()))
    dialogue.receive(b"* OK ready\r\n")
    return dialogue.receive


def pop3() -> Feed:
    dialogue = Pop3Reader().begin(setting_of(()))
    dialogue.receive(b"+OK ready\r\n")
    return dialogue.receive


def entry(data: bytes) -> None:
    """Read an entry with one attribute over and over."""
    attribute = tlv(0x30, tlv(0x04, b"m"), tlv(0x31, tlv(0x04)))
    parse_answer(message(1, tlv(0x64, tlv(0x04), tlv(0x30, attribute * (len(data) // 2)))))


def auth() -> Feed:
    connection = AuthConnection(pid=1, cuid=1, cookie="0" * 32, gate=lambda _: None)
    connection.receive_data(b"VERSION\t1\t2\nCPID\t1\n", 0.0)

    def feed(data: bytes) -> None:
        connection.receive_data(data, 0.0)
        while connection.next_event():
            pass
        connection.data_to_send()

    return feed


def policy() -> Feed:
    connection = PolicyConnection()

    def feed(data: bytes) -> None:
        connection.receive_data(data)
        while (request := connection.next_request()) is not None:
            connection.answer(request, DUNNO)
        connection.data_to_send()

    return feed


def seconds(begin: Callable[[], Feed], pieces: list[bytes]) -> float:
    """Return the lesser of two tries."""
    tries = []
    for _ in range(2):
        feed = begin()
        gc.collect()
        begun = time.process_time()
        for piece in pieces:
            feed(piece)
        tries.append(time.process_time() - begun)
    return min(tries)


IN_ONE, IN_SHREDS = LARGE, 7


@pytest.mark.parametrize(
    ("begin", "piece_bytes", "said"),
    [
        (imap, IN_SHREDS, lambda size: (b"* L {%d}\n%b\n" % (400, b"\n" * 400)) * (size // 411)),
        (imap, IN_ONE, lambda size: listed(b"* CAPABILITY ", size)),
        (pop3, IN_ONE, lambda size: b"+OK\n" + listed(b"SASL ", size)),
        (lambda: entry, IN_ONE, bytes),
        (auth, IN_SHREDS, lambda size: b"CONT\t1\tx\n" * (size // 9)),
        (auth, IN_ONE, lambda size: b"".join(AUTH_LOGIN % n for n in range(1, size // 23))),
        (policy, IN_SHREDS, lambda size: b"sender=" + b"x" * size),
        (policy, IN_SHREDS, lambda size: b"a=\n" * (size // 3)),
        (policy, IN_ONE, lambda size: POLICY_REQUEST * (size // len(POLICY_REQUEST))),
    ],
    ids=[
        "imap-literals",
        "imap-capabilities",
        "pop3-capabilities",
        "ldap-attributes",
        "auth-unknown-ids",
        "auth-waiting",
        "policy-value",
        "policy-attributes",
        "policy-requests",
    ],
)
def test_time_grows_with_the_input(
    begin: Callable[[], Feed], piece_bytes: int, said: Callable[[int], bytes]
) -> None:
    small, large = (
        seconds(begin, [data[at : at + piece_bytes] for at in range(0, len(data), piece_bytes)])
        for data in (said(SMALL), said(LARGE))
    )
    assert large / small < MOST
