"""The second opinion on a server: another client library's, in a process of its own.

Knows how that process is found, asked, and ended: by its end, at the deadline, or when nobody
waits for it any more. What it tells comes from a stranger, so it is made fit to be shown here.
Does not know the libraries (`mail_libraries` does). Raises nothing but CancelledError.
Logs nothing, and the process's own words on standard error are thrown away: no password can be in
a log that is not there.
"""

import asyncio
import contextlib
import json
import re
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bridge_common.secret import Secret
from bridge_common.settings.ldap_profile import LdapProfile
from bridge_common.settings.server import Server
from bridge_common.shown import shown
from sasl_bridge.dialogue.interface import Attempt
from sasl_bridge.probe.report import Certificate, Opinion, State
from sasl_bridge.probe.trouble import Trouble

# An isolated interpreter: no module comes from the current folder or from PYTHONPATH, but for the
# packages that we ourselves came from.
_PROGRAM = """\
import sys
if sys.argv[1] not in sys.path:
    sys.path.insert(0, sys.argv[1])
from sasl_bridge.probe.other_client import main
main()
"""
_ROOT = str(Path(__file__).resolve().parents[2])

# It bounds itself to the time that it is given, from its own start; this is for the start.
_START_SECONDS = 5.0
_MAX_LINE_BYTES = 256 * 1024
_MAX_ITEMS = 100
# It would only fill the greeting, as the dialogue of the first opinion has it too.
_CODE_OF_CAPABILITIES = re.compile(r"\[CAPABILITY [^\]]*\] ?", re.IGNORECASE)


async def second_opinion(
    server: Server, attempt: Attempt | None, seconds: float
) -> tuple[Opinion, Certificate | None]:
    """Have the other client look for so many seconds at most, and its start."""
    facts = await _facts(_request(server, attempt), seconds)
    password = attempt.password if attempt else None
    return _opinion(facts, password), _certificate(facts, password)


async def directory_certificate(
    profile: LdapProfile, address: str, name: str, seconds: float
) -> tuple[Certificate | None, Opinion]:
    """Have the other client look for the certificate at an address of a directory.

    ``name`` has to be in it. Returns it, and the opinion that says why there is none to be seen.
    """
    facts = await _facts(_directory_request(profile, address, name), seconds)
    return _certificate(facts, None), _opinion(facts, None)


def _directory_request(profile: LdapProfile, address: str, name: str) -> dict[str, Any]:
    return {
        "protocol": "ldap",
        "security": profile.security,
        "host": address,
        "port": profile.port,
        "verify": profile.verify,
        "ca_file": profile.ca_file,
        "name": name,
        "login": "",
        "password": "",
    }


def _request(server: Server, attempt: Attempt | None) -> dict[str, Any]:
    return {
        "protocol": server.protocol,
        "security": server.security,
        "host": server.host,
        "port": server.port,
        "verify": server.verify,
        "ca_file": server.ca_file,
        "name": server.tls_name or server.host,
        "login": attempt.login if attempt else "",
        # What is no UTF-8 becomes what no library will send.
        "password": attempt.password.reveal().decode(errors="surrogateescape") if attempt else "",
    }


async def _facts(request: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Return what the process told until its end, or until it was ended."""
    question = json.dumps(request | {"seconds": seconds}).encode()
    seconds += _START_SECONDS
    facts: dict[str, Any] = {}
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-c", _PROGRAM, _ROOT),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_MAX_LINE_BYTES,
        )
    except OSError as error:
        return _no_opinion(f"cannot be started: {error.strerror}")
    instead: dict[str, Any] = {}
    try:
        async with asyncio.timeout(seconds):
            await _converse(process, question, facts)
    except TimeoutError:
        instead = _no_opinion(f"did not end within {seconds:.1f} s")
    except (ValueError, TypeError):  # a line that is too long, or is no JSON object
        instead = _no_opinion("talked nonsense")
    finally:
        await _end(process)
    if facts.keys() & {"state", "detail"}:  # it came to an end of its own, whatever followed
        return facts
    return facts | (instead or _silent_end(process.returncode, told=bool(facts)))


def _no_opinion(why: str, kind: Trouble = Trouble.NO_OPINION) -> dict[str, Any]:
    return {"detail": f"the other client {why}", "kind": kind}


def _silent_end(code: int | None, *, told: bool) -> dict[str, Any]:
    """Return what a process that ended without saying why has come to."""
    if code == -signal.SIGXCPU:
        return {"detail": "the server sends more than the other client can read"}
    started = told or code != 1
    kind = Trouble.NO_OPINION if started else Trouble.NOT_STARTED
    return _no_opinion(f"ended without a word, exit code {code}", kind)


async def _converse(
    process: asyncio.subprocess.Process, request: bytes, facts: dict[str, Any]
) -> None:
    assert process.stdin is not None  # noqa: S101  # for the type checker: both are pipes
    assert process.stdout is not None  # noqa: S101  # the same
    with contextlib.suppress(ConnectionError):  # it ended already
        process.stdin.write(request)
        await process.stdin.drain()
    process.stdin.close()
    async for line in process.stdout:
        facts.update(json.loads(line))
        facts.pop("kind", None)  # it is not for the process to say
    await process.wait()


async def _end(process: asyncio.subprocess.Process) -> None:
    """See to it that it is no more, and that its end was taken notice of."""
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


def _opinion(facts: Mapping[str, Any], password: Secret | None) -> Opinion:
    told: Any = facts.get("state")
    known = told in {"ready", "accepted", "rejected"}
    state: State = told if known else "unavailable"
    certificate = facts.get("certificate") or {}
    return Opinion(
        by=_text(facts, "by", None) or "another client",
        state=state,
        detail=_text(facts, "detail", password),
        kind=facts.get("kind", Trouble.NONE if known else Trouble.OTHER),
        addresses=tuple(filter(None, [_text(facts, "address", None)])),
        banner=_CODE_OF_CAPABILITIES.sub("", _text(facts, "banner", password)).removeprefix("* "),
        tls=_text(facts, "tls", None),
        fingerprint=_text(certificate, "fingerprint", None),
        capabilities=tuple(sorted(_texts(facts, "capabilities", password))),
        password_sent=state in {"accepted", "rejected"},
        seconds=float(facts.get("seconds", 0.0)),
    )


def _certificate(facts: Mapping[str, Any], password: Secret | None) -> Certificate | None:
    found = facts.get("certificate")
    if not found:
        return None
    trouble = _text(facts, "untrusted", None) or _text(found, "trouble", None)
    return Certificate(
        subject=_text(found, "subject", password),
        names=_texts(found, "names", password),
        number_of_names=int(found.get("number_of_names", 0)),
        # The library's own check is the one that counts.
        covers=not trouble or bool(found.get("covers")),
        issuer=_text(found, "issuer", password),
        not_before=_text(found, "not_before", None),
        not_after=_text(found, "not_after", None),
        days_left=int(found.get("days_left", 0)),
        begun=bool(found.get("begun", True)),
        self_signed=bool(found.get("self_signed")),
        fingerprint=_text(found, "fingerprint", None),
        trouble=trouble,
    )


def _text(facts: Mapping[str, Any], key: str, password: Secret | None) -> str:
    return shown(str(facts.get(key, "")).strip().encode(errors="replace"), password)


def _texts(facts: Mapping[str, Any], key: str, password: Secret | None) -> tuple[str, ...]:
    items = facts.get(key, ())
    return tuple(shown(str(one).encode(errors="replace"), password) for one in items[:_MAX_ITEMS])
