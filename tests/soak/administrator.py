"""The administrator of a run: reloads both daemons, now and then with broken settings, and asks.

`bridgectl` is run as it is, in a process of its own.
"""

import asyncio
import os
import sys
from collections.abc import Coroutine, Sequence
from random import Random
from typing import Any

from lab.bridge import PROJECT, Bridge, Daemon

from soak.people import DOMAIN, User
from soak.record import Record
from soak.servers import NAMES

BROKEN = "[smtp_auth]\nenabbled = true\n"
_BLOCKED = f"blocked@{DOMAIN}"  # nobody that is asked about
_GAPS = (4.0, 12.0)
_COMMAND_SECONDS = 60.0
_GOOD_CODES = {os.EX_OK, os.EX_UNAVAILABLE, os.EX_TEMPFAIL, os.EX_NOPERM}
"""What commands may say of a server that is away, or of a login that does not get in."""


class Administrator:
    """Does one thing after the other. ``choices`` are good settings of sasl-bridge."""

    def __init__(
        self, bridge: Bridge, choices: Sequence[str], users: Sequence[User], record: Record
    ) -> None:
        self._bridge = bridge
        self._choices = choices
        self._users = users
        self._record = record

    async def work(self, random: Random, others: Sequence[Daemon]) -> None:
        """Go on until cancelled; what is begun is finished."""
        while True:
            await asyncio.sleep(random.uniform(*_GAPS))
            if random.random() < 0.4:
                await _finished(self._reload(random, others))
            else:
                for words in self._commands(random):
                    await self.command(*words)

    async def _reload(self, random: Random, others: Sequence[Daemon]) -> None:
        settings = random.choice((*self._choices, BROKEN))
        self._record.commands["reload" if settings != BROKEN else "reload, broken"] += 1
        await asyncio.to_thread(self._bridge.reload, settings)
        if settings == BROKEN:  # bridgectl is to find the control socket
            await asyncio.to_thread(self._bridge.reload, random.choice(self._choices))
        for other in others:
            await asyncio.to_thread(other.reload)

    def _commands(self, random: Random) -> Sequence[Sequence[str]]:
        """Return one of them, or several that belong together."""
        login = random.choice(self._users).login
        choices: Sequence[Sequence[Sequence[str]]] = (
            (("status",),),
            (("status", "--json"),),
            (("decisions", "--limit", "50"),),
            (("cache", "flush"),),
            (("cache", "flush", login),),
            (("server", "test", random.choice(NAMES[:3])),),
            (("profile", "test", NAMES[3]),),
            (("budget", "list"),),
            (("block", _BLOCKED, "--for", "1h"), ("blocks", "list"), ("unblock", _BLOCKED)),
        )
        return random.choice(choices)

    async def command(self, *words: str) -> str:
        """Run bridgectl; return what it printed."""
        self._record.commands[" ".join(words[:2])] += 1
        settings = ("--settings", str(self._bridge.settings_file))
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "bridge_admin.cli", *words, *settings),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
        )
        try:
            async with asyncio.timeout(_COMMAND_SECONDS):
                printed, complained = await child.communicate()
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if child.returncode not in _GOOD_CODES or b"Traceback" in complained:
            said = (printed + complained).decode(errors="replace")
            self._record.violation(f"bridgectl {' '.join(words)}: {child.returncode}, {said}")
        return printed.decode(errors="replace")


async def _finished(work: Coroutine[Any, Any, None]) -> None:
    """Do it to its end, even if we are cancelled meanwhile: a thread cannot be."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
