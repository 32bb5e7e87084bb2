"""Our two daemons as they are installed: default settings but for where they listen and ask.

Every decision is logged, into a file. The loop is uvloop's where the Python has it, unless told
otherwise.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from lab.bridge import PROJECT
from lab.ports import LOOPBACK, free_port
from lab.processes import run
from lab.settings import listed_profile, profile_at, sender_settings_text, server, settings_text

from bench.contestant import Backend, Contestant

_VERSIONS = """\
import sys
try:
    import uvloop
    loop = "uvloop " + uvloop.__version__
except ImportError:
    loop = "asyncio's own loop"
print("Python", sys.version.split()[0] + ",", loop)
"""


@dataclass(slots=True)
class Interpreter:
    """The Python that runs our daemons; ``profile`` is where cProfile writes, if it is to run.

    ``loop`` is "uvloop", which is used where it is installed, or "asyncio".
    """

    python: str = sys.executable
    loop: str = "uvloop"
    profile: Path | None = None

    def command(self, module: str) -> list[str]:
        """Return how a module is run."""
        profiler = ["-m", "cProfile", "-o", str(self.profile)] if self.profile else []
        return [self.python, *profiler, "-m", module]

    def environment(self, folder: Path) -> dict[str, str]:
        """Return what a daemon needs to find; without uvloop, ``folder`` gets one that fails."""
        if self.loop == "uvloop":
            return {"PYTHONPATH": str(PROJECT)}
        (folder / "uvloop.py").write_text('raise ImportError("told not to use it")\n')
        return {"PYTHONPATH": f"{folder}:{PROJECT}"}

    def describe(self, folder: Path) -> str:
        """Return the versions of Python and of the loop."""
        path = self.environment(folder)["PYTHONPATH"]
        return run("env", f"PYTHONPATH={path}", self.python, "-c", _VERSIONS)


class Ours(Contestant):
    """One of our daemons."""

    module: ClassVar[str]
    interpreter: ClassVar[Interpreter] = Interpreter()

    def __init__(self, folder: Path, settings: str) -> None:
        super().__init__(folder)
        self.settings_file = folder / "settings.toml"
        self.settings_file.write_text(settings)

    @property
    def version(self) -> str:
        """Those of Python and of the loop."""
        return self.interpreter.describe(self.folder)

    def start(self) -> None:
        """Return once it is ready."""
        command = [*self.interpreter.command(self.module), "--settings", str(self.settings_file)]
        self._launch_notified(command, self.interpreter.environment(self.folder))


class SaslBridge(Ours):
    """sasl-bridge."""

    name = "sasl-bridge"
    kind = "auth"
    module = "sasl_bridge"


class SaslPolicyd(Ours):
    """sasl-policyd."""

    name = "sasl-policyd"
    kind = "policy"
    module = "policyd"


def asking_imap(folder: Path, backend: Backend) -> SaslBridge:
    """Return one that asks an IMAP server, over TLS if there is an authority to trust."""
    keys = {"security": "ssl", "ca_file": str(backend.authority)} if backend.authority else {}
    return _bridge(folder, [server("mailboxes", backend.port, **keys)])


def asking_two(folder: Path, backend: Backend) -> SaslBridge:
    """Return one that has a second IMAP server to ask."""
    servers = [server("first", backend.port), server("second", backend.second)]
    return _bridge(folder, servers)


def asking_ldap(folder: Path, backend: Backend) -> SaslBridge:
    """Return one that searches and binds at a directory."""
    return _bridge(folder, _directory(backend))


def remembering(folder: Path, backend: Backend) -> SaslBridge:
    """Return one that asks a directory once for each login."""
    return _bridge(folder, _directory(backend), success_ttl="1h")


def deciding_senders(folder: Path, _backend: Backend) -> SaslPolicyd:
    """Return a sasl-policyd under whose rules a login must use its own senders."""
    port = free_port()
    text = sender_settings_text(
        folder,
        folder / "unused",
        (),
        match_login="enforce",
        fake_sender_control="enforce",
        listen=[f"inet:{LOOPBACK}:{port}"],
    )
    daemon = SaslPolicyd(folder, text)
    daemon.where = str(port)
    return daemon


def _directory(backend: Backend) -> list[str]:
    return [profile_at(backend.port), listed_profile("corp")]


def _bridge(folder: Path, servers: list[str], **cache: str) -> SaslBridge:
    """Return one that remembers nothing, unless ``cache`` says so."""
    return SaslBridge(folder, settings_text(folder, folder / "socket", servers, cache=cache))
