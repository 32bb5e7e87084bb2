"""Directories that are silent, slow or gone at any stage of a login: trouble, by the deadline."""

import asyncio
import contextlib
import itertools
import socket
import threading
from collections.abc import Iterator

import pytest
from lab.asking import Contexts
from lab.asking_directory import ALICE, PEAK_BYTES, Asking, asking, directory_at
from lab.fake_ldap import (
    STAGES,
    Answer,
    FakeDirectory,
    Security,
    Stage,
    Steps,
    bound,
    extended,
    message,
    raw,
)
from lab.fake_server import Peer, drip, hang, hear_hello, reset, stop_reading, stop_writing
from lab.leftovers import bounded_memory, settled

from bridge_common.deadline import Deadline
from bridge_common.directory.directory import Directory
from bridge_common.directory.host import Account, Host, Place
from bridge_common.directory.results import Bound, Fault, Trouble
from bridge_common.network.addresses import Addresses
from bridge_common.secret import Secret

HOST = Fault.HOST
SECONDS = 1.0

ALL_STAGES = [
    pytest.param(security, stage, id=f"{security}-{stage}")
    for security, stages in STAGES.items()
    for stage in stages
]
MISSING: dict[Stage, str] = {
    "start_tls": "answer to StartTLS from",
    "handshake": "TLS handshake with",
    "service": "answer to a login from",
    "search": "answer to a search from",
    "login": "answer to a login from",
}


def failing_at(security: Security, stage: Stage, steps: Steps, contexts: Contexts) -> FakeDirectory:
    """Return one that is good up to this stage, and does something else there."""
    tls = None if security == "plain" else contexts.server
    fake = FakeDirectory(security, tls)
    setattr(fake, stage, (hear_hello, *steps) if stage == "handshake" else steps)
    return fake


async def check(ask: Asking, stage: Stage, details: set[str], seconds: float) -> None:
    """See to it that it is trouble in such words, and how much was said until then."""
    detail, fault, sent = await ask.trouble(seconds=seconds)
    assert detail in details
    assert (fault, sent) == (HOST, stage == "login")
    assert (b"secret" in ask.server.heard) == sent
    if ask.directory.profile.security != "plain":
        assert b"secret" not in ask.server.in_the_clear


# Silence


def beginning(stage: Stage) -> Iterator[bytes]:
    """Begin something that could become good, byte after byte, and never end it."""
    begun = b"\x16\x03\x03\x40\x00\x02" if stage == "handshake" else b"\x30\x82\xff\xff"
    return (bytes([byte]) for byte in itertools.chain(begun, itertools.repeat(4)))


@pytest.mark.parametrize("way", ["silent", "reads nothing", "drips"])
@pytest.mark.parametrize("security", STAGES)
async def test_silence_at_each_stage(security: Security, way: str, contexts: Contexts) -> None:
    """The words name what did not come."""

    async def silence(stage: Stage) -> None:
        ways: dict[str, Steps] = {
            "silent": (hang,),
            "reads nothing": (stop_reading,),
            "drips": (drip(beginning(stage), 0.02),),
        }
        expected = f"no {MISSING[stage]} 127.0.0.1 port N within N s"
        fake = failing_at(security, stage, ways[way], contexts)
        async with asking(fake, contexts=contexts) as ask:
            await check(ask, stage, {expected}, SECONDS)

    stages = STAGES[security]
    with bounded_memory(PEAK_BYTES * len(stages)):
        await asyncio.gather(*map(silence, stages))


@pytest.fixture
def full_port() -> Iterator[int]:
    """Listen on a port that lets nobody in any more: its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(2):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def test_silence_of_the_network(full_port: int) -> None:
    directory = directory_at([full_port])
    result = await directory.authenticate(ALICE, Secret(b"secret"), Deadline.after(0.3))
    expected = f"no connection to 127.0.0.1 port {full_port} within 0.3 s"
    assert result == Trouble(expected, HOST)


async def test_silence_of_the_resolver() -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def lookup(*_: object, **__: object) -> list[object]:
        asyncio.run_coroutine_threadsafe(ended.wait(), loop).result()
        return []

    addresses = Addresses("ldap.example.com", lookup=lookup)
    place = Place("ldap.example.com", 1, None)
    host = Host(place, Account("", Secret(b"")), 1, addresses=addresses)
    directory = Directory(directory_at([1]).profile, [host])
    result = await directory.authenticate(ALICE, Secret(b"secret"), Deadline.after(0.2))
    assert isinstance(result, Trouble)
    assert result.detail.startswith("no address for ldap.example.com within 0.")
    ended.set()


async def test_no_time_at_all() -> None:
    async with asking(FakeDirectory()) as ask:
        await ask.trouble(seconds=0.0)
        assert not ask.server.heard


# The end


WAYS: dict[str, tuple[Steps, set[str]]] = {
    "closed": ((stop_writing, hang), {"connection closed by 127.0.0.1 port N"}),
    "reset": ((reset,), {"connection reset by 127.0.0.1 port N"}),
    "closed behind a byte": (
        (raw(b"\x30"), stop_writing, hang),
        {"connection closed by 127.0.0.1 port N"},
    ),
}
IN_A_HANDSHAKE = {
    "connection reset by 127.0.0.1 port N",
    "connection closed by 127.0.0.1 port N",
    "127.0.0.1 port N does not speak TLS",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("security", "stage"), ALL_STAGES)
async def test_the_end(security: Security, stage: Stage, way: str, contexts: Contexts) -> None:
    """Nothing is asked twice: the connections are new."""
    steps, details = WAYS[way]
    if stage == "handshake":
        details = IN_A_HANDSHAKE
    elif security != "plain" and stage != "start_tls":
        # TLS has its own notice of the end, which did not come.
        details = details | {"connection reset by 127.0.0.1 port N"}
    async with asking(failing_at(security, stage, steps, contexts), contexts=contexts) as ask:
        await check(ask, stage, details, 5.0)
        until = STAGES[security].index(stage) + 1
        asked = [one for one in STAGES[security][:until] if one != "handshake"]
        if (security, stage) == ("tls", "login"):
            asked.insert(-1, "start_tls")  # on a connection of its own
        assert ask.asked() == [asked]


async def test_a_port_where_nobody_listens() -> None:
    async with asking(FakeDirectory()) as ask:
        port = ask.server.port
    directory = directory_at([port])
    result = await directory.authenticate(ALICE, Secret(b"secret"), Deadline.after(5.0))
    assert result == Trouble(f"connection refused by 127.0.0.1 port {port}", HOST)


# Nobody wants to know any more


@pytest.mark.parametrize(("security", "stage"), ALL_STAGES)
async def test_a_login_is_cancelled(security: Security, stage: Stage, contexts: Contexts) -> None:
    """At each stage; nothing is left of it, and no connection on which an answer is owed."""
    arrived = threading.Event()
    steps: Steps = (lambda _: arrived.set(), hang)
    fake = failing_at(security, stage, steps, contexts)
    async with asking(fake, contexts=contexts) as ask:
        deadline = Deadline.after(5.0)
        asked = ask.directory.authenticate(ALICE, Secret(b"secret"), deadline)
        task = asyncio.create_task(asked)
        await settled(arrived.is_set)
        task.cancel()
        await asyncio.wait({task}, timeout=0.5)
        assert task.cancelled()
        kept = 1 if stage == "login" else 0
        await settled(lambda: ask.server.open_connections() == kept)


@pytest.mark.parametrize("security", STAGES)
async def test_a_login_is_cancelled_at_any_moment(security: Security, contexts: Contexts) -> None:
    """A little later each time, from the first turn of the loop to the answer."""
    tls = None if security == "plain" else contexts.server
    for turns in itertools.count():
        async with asking(FakeDirectory(security, tls), contexts=contexts) as ask:
            deadline = Deadline.after(5.0)
            asked = ask.directory.authenticate(ALICE, Secret(b"secret"), deadline)
            task = asyncio.create_task(asked)
            for turn in range(turns):
                await asyncio.sleep(0.0005 if turn % 2 else 0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                assert isinstance(await task, Bound)
                break
            assert isinstance(await ask.ask(), Bound)
    assert turns > 2


# StartTLS


async def test_start_tls_is_refused(contexts: Contexts) -> None:
    steps: Steps = (extended(52, b"no"), hang)
    async with asking(FakeDirectory("tls", contexts.server, steps), contexts=contexts) as ask:
        expected = "127.0.0.1 port N does not begin TLS: Server is unavailable (52)"
        assert await ask.trouble() == (expected, HOST, False)
        assert b"\x16\x03" not in ask.server.in_the_clear


INJECTED: dict[str, Steps] = {
    "in the same packet": (Answer((extended(), bound())), hang),
    "in the same packet, with the next number": (
        Answer((extended(),), behind=message(2, bound())),
        hang,
    ),
    "in the same packet, cut": (Answer((extended(),), behind=message(2, bound())[:5]), hang),
    "in the next packet": (extended(), raw(message(2, bound())), hang),
    "before": (raw(message(2, bound())), extended(), hang),
    "before, and no LDAP": (raw(b"220 hello\r\n"), extended(), hang),
}


@pytest.mark.parametrize("steps", INJECTED.values(), ids=INJECTED)
async def test_what_comes_unencrypted_beside_start_tls_is_never_heard(
    contexts: Contexts, steps: Steps
) -> None:
    fake = FakeDirectory("tls", contexts.server, steps)
    async with asking(fake, contexts=contexts) as ask:
        detail, fault, sent = await ask.trouble()
        assert detail in {
            "127.0.0.1 port N spoke before TLS",
            "127.0.0.1 port N does not speak TLS",
            "127.0.0.1 port N: an answer that nobody asked for",
            "127.0.0.1 port N: what it says is not LDAP",
        }
        assert (fault, sent) == (HOST, False)
        assert ask.asked() == [["start_tls"]]


@pytest.mark.parametrize("name", ["in the same packet", "in the same packet, cut"])
async def test_after_such_words_no_tls_is_begun(contexts: Contexts, name: str) -> None:
    fake = FakeDirectory("tls", contexts.server, INJECTED[name])
    async with asking(fake, contexts=contexts) as ask:
        expected = "127.0.0.1 port N spoke before TLS"
        assert await ask.trouble() == (expected, HOST, False)
        assert b"\x16\x03" not in ask.server.in_the_clear


async def test_a_server_that_speaks_first_where_tls_is_due(contexts: Contexts) -> None:
    steps: Steps = (raw(message(1, bound())), hang)
    async with asking(FakeDirectory("ssl", handshake=steps), contexts=contexts) as ask:
        detail, fault, sent = await ask.trouble()
        assert detail in {
            "127.0.0.1 port N spoke before TLS",
            "127.0.0.1 port N does not speak TLS",
        }
        assert (fault, sent) == (HOST, False)


async def test_an_answer_in_tls_before_the_request(contexts: Contexts) -> None:
    """It came unasked: whoever said it does not know the password."""

    def hasty(peer: Peer) -> None:
        hear_hello(peer)
        peer.start_tls(contexts.server)
        peer.say(message(1, bound()))

    async with asking(FakeDirectory("ssl", handshake=(hasty,)), contexts=contexts) as ask:
        detail, fault, sent = await ask.trouble()
        assert (fault, sent) == (HOST, False)
        # It may come in time to be taken for the answer; then the true one is too much.
        assert detail in {
            "127.0.0.1 port N: an answer that nobody asked for",
            "127.0.0.1 port N: unreadable answer",
        }
