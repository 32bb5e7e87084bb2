"""What a directory's answer, and the system, have too much or too little of."""

import contextlib
import gc
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.asking_directory import asking
from lab.fake_ldap import DN, FakeDirectory, found, message, reference
from lab.fake_server import Peer

from bridge_common.directory.codec import Codec, Done
from bridge_common.directory.results import Bound, Entry, Fault, ManyEntries, Trouble

ENTRY = Entry(DN.decode(), {})


@pytest.mark.parametrize(
    ("operation", "kind", "most"),
    [(reference(), Trouble, 251), (found(), ManyEntries, 3)],
    ids=["references", "entries"],
)
async def test_of_a_flood_only_so_much_is_read_as_an_answer_can_have(
    operation: bytes, kind: type, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came in one piece with it is not read either: all other logins would wait for that."""
    read: list[bytes] = []
    decode = Codec.decode

    def counting(codec: Codec, one: bytes) -> Entry | Done | None:
        read.append(one)
        return decode(codec, one)

    def flood(peer: Peer) -> None:
        while True:
            peer.say(message(2, operation) * 20_000)

    monkeypatch.setattr(Codec, "decode", counting)
    async with asking(FakeDirectory(search=(flood,))) as ask:
        result = await ask.ask()
    assert isinstance(result, kind)
    assert len(read) == 1 + most  # and the answer to the bind of our own account


@contextlib.contextmanager
def descriptors_left(count: int) -> Iterator[None]:
    """Leave so many file descriptors."""
    gc.collect()  # what earlier tests left to it would become free in between
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = [int(path.name) for path in Path("/proc/self/fd").iterdir()]
    taken: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(used) + 10, before[1]))
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))
        for _ in range(count):
            os.close(taken.pop())
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("count", [0, 1, 2])
async def test_no_more_file_descriptors_is_trouble_in_words(count: int) -> None:
    """There are none for the codec, or none for the connection."""
    async with asking(FakeDirectory()) as ask:
        with descriptors_left(count):
            detail, fault, sent = await ask.trouble()
        assert detail.startswith("127.0.0.1")
        assert detail.endswith(": Too many open files")
        assert (fault, sent) == (Fault.HOST, False)
        assert await ask.ask() == Bound(ENTRY)
