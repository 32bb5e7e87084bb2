"""The carrier and servers that break off, babble or flood, at each stage of a login.

One table a kind of trouble: what the server does instead of its good answer, and what the log says.
Each ends as UNAVAILABLE at once, with little memory, and nothing is left of it.
"""

import itertools
from collections.abc import Mapping

import pytest
from lab.asking import Channel
from lab.fake_server import Behaviour, Peer, Step, hang, hang_up, reset, stop_writing

from sasl_bridge.verdict import Verdict

UNAVAILABLE = Verdict.UNAVAILABLE

# While the handshake is under way there are no words, and all that went wrong is this.
BROKEN_HANDSHAKE = {
    "connection reset by 127.0.0.1 port N",
    "127.0.0.1 port N does not speak TLS",
}


def flood(data: bytes) -> Behaviour:
    """Say it again and again, as long as somebody takes it."""

    def behave(peer: Peer) -> None:
        while True:
            peer.say(data)

    return behave


async def ask_at_each_stage(channel: Channel, steps: tuple[Step, ...]) -> dict[str, str]:
    """Ask such servers, one after the other; return the reasons, but for the handshake's."""
    reasons = {}
    for stage in channel.stages:
        asked = await channel.ask(channel.failing_at(stage, *steps))
        assert asked.answer.verdict is UNAVAILABLE
        channel.check_secrecy(asked, sent=stage.name == "answer")
        reasons[stage.name] = asked.reason
    if "handshake" in reasons:
        assert reasons.pop("handshake") in BROKEN_HANDSHAKE
    return reasons


# They break off

HALF_A_LINE = b"+OK"  # or half a TLS record

BREAKING_OFF: Mapping[str, tuple[Step, ...]] = {
    "hangs up": (hang_up,),
    "hangs up in a line": (HALF_A_LINE, hang_up),
    "closes its half": (stop_writing, hang),
    "closes its half in a line": (HALF_A_LINE, stop_writing, hang),
}


@pytest.mark.parametrize("steps", BREAKING_OFF.values(), ids=BREAKING_OFF)
async def test_breaking_off(channel: Channel, steps: tuple[Step, ...]) -> None:
    assert await ask_at_each_stage(channel, steps) == {
        stage.name: f"connection closed, no {stage.awaited} came"
        for stage in channel.stages
        if stage.name != "handshake"
    }


async def test_a_reset(channel: Channel) -> None:
    reasons = await ask_at_each_stage(channel, (reset,))
    # The first may come before anybody waits for words.
    assert reasons.pop("greeting").startswith("connection reset by 127.0.0.1 port N")
    assert reasons == {
        stage.name: f"connection reset by 127.0.0.1 port N, no {stage.awaited} came"
        for stage in channel.stages
        if stage.name in reasons
    }


# They babble

BABBLE: Mapping[str, tuple[tuple[Step, ...], str]] = {
    "rubbish": ((b"\x80\x16\xff\x00\x1b[2J\r\n" * 5, hang), "the server sent a malformed line"),
    "10 MiB line": (
        (b"x" * 10_485_760 + b"\r\n", hang),
        "the server sent a line of more than 8192 bytes",
    ),
    "endless line": ((flood(b"x" * 65536),), "the server sent a line of more than 8192 bytes"),
}


@pytest.mark.parametrize(("steps", "reason"), BABBLE.values(), ids=BABBLE)
async def test_babble(channel: Channel, steps: tuple[Step, ...], reason: str) -> None:
    reasons = await ask_at_each_stage(channel, steps)
    assert set(reasons.values()) == {reason}
    assert len(reasons) == len(channel.stages) - (channel.security == "tls")


# They never come to an end, with lines that are good, each by itself

ENDLESS = {
    "imap": (
        flood(b"* OK wait\r\n* 1 EXISTS\r\n" * 1000),
        flood(b'* LIST () "/" {20}\r\n0123456789abcdefghij\r\n' * 1000),
    ),
    "pop3": (flood(b"+OK\r\n" + b"X-CAPABILITY OF NO MEANING\r\n" * 1000),),
}
ENDLESS_AT = {
    "imap": {"capabilities", "tls-answer", "capabilities-in-tls", "id", "leave", "answer"},
    "pop3": {"capabilities", "capabilities-in-tls"},
}


async def test_endless_lines(channel: Channel) -> None:
    """IMAP's untagged lines may come anywhere behind a command; POP3 has but one list."""
    for stage, endless in itertools.product(channel.stages, ENDLESS[channel.protocol]):
        if stage.name in ENDLESS_AT[channel.protocol]:
            asked = await channel.ask(channel.failing_at(stage, endless))
            assert asked.answer.verdict is UNAVAILABLE
            assert asked.reason == "the server sent more than 256 lines"
            channel.check_secrecy(asked, sent=stage.name == "answer")
