"""Senders as a real Postfix resolves them: what it makes of each is one of our readings.

Each is the sender of a mail and, where Postfix takes it, its recipient too: a sender is rewritten,
and a recipient resolved as well, as senders are for reject_sender_login_mismatch (smtpd_resolve.c).
"""

import random
import re
import smtplib
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from lab.gateway import Gateway
from lab.logs import text_with
from lab.ports import LOOPBACK
from lab.postfix import Postfix
from lab.processes import program, run

from bridge_common.address import canonical_address, domain_to_a_label
from policyd.sender import EnvelopeSender, SenderRules, resolve_sender

MYORIGIN, MYDOMAIN = "origin.example", "lan.example"
OURS = frozenset({"example.org", MYORIGIN})
RULES = SenderRules(MYORIGIN, OURS)
SINK = "sink@elsewhere.example"

TABLE = {
    # what MAIL FROM says: what the policy service is told
    "<alice@example.org>": "alice@example.org",
    "<VICTIM@EXAMPLE.ORG>": "VICTIM@EXAMPLE.ORG",
    "<alice+news@example.org>": "alice+news@example.org",
    "<victim@example.org.>": "victim@example.org.",
    "<alice>": "alice",
    "<mailer-daemon>": "mailer-daemon",
    "<Mailer-Daemon@origin.example>": "Mailer-Daemon@origin.example",
    "<example.org!victim>": "example.org!victim",
    '<"example.org!victim">': "example.org!victim",
    "<victim%example.org>": "victim%example.org",
    "<victim%example.org@local>": "victim%example.org@local",
    "<example.org!victim@local>": "example.org!victim@local",
    '<"victim@example.org"@local>': "victim@example.org@local",
    '<"a..b%example.org"@local.example>': "a..b%example.org@local.example",
    '<"a!b..c%example.org"@local>': "a!b..c%example.org@local",
    "<@a.example,@b.example:victim@example.org>": "victim@example.org",
    '<"@a:victim@example.org"@local>': "@a:victim@example.org@local",
    '<"@[a:b]:victim"@elsewhere.example>': "@[a:b]:victim@elsewhere.example",
    '<"a b"@example.org>': "a b@example.org",
    '<"smith, john (sales): [x]"@example.org>': "smith, john (sales): [x]@example.org",
    '<"..a"@example.org>': "..a@example.org",
    '<"x@y"@evil.example>': "x@y@evil.example",
    '<victim@"example.org">': "victim@example.org",
    '<victim@"example.org ">': "victim@example.org ",
    r'<victim@"\"example.org\"">': 'victim@"example.org"',
    r'<"\"example.org\"!victim"@local>': '"example.org"!victim@local',
    "<victim (c) @ example . org>": "victim@example.org",
    "<victim@mail>": "victim@mail",
    "<victim%mail@local>": "victim%mail@local",
    "<victim@[127.0.0.1]>": "victim@[127.0.0.1]",
    "<victim%example.org@[127.0.0.1]>": "victim%example.org@[127.0.0.1]",
    "<jörg@exämple.org>": "jörg@exämple.org",
    "<jörg>": "jörg",
    "<victim@example。org>": "victim@example。org",  # IDNA's other dot
}

WORDS = ("alice", "a..b", "example.org", "EXAMPLE.org.", "mail", "local", "local.example", "x|y")
SIGNS = ("@", "%", "!", ".")


@dataclass(frozen=True)
class Became:
    """What the policy service was told, what left, and what its recipient was resolved to."""

    told: str
    left: str
    resolved: str | None


class Recorder(socketserver.StreamRequestHandler):
    """A policy service that lets everything pass, and remembers the sender of each mail."""

    told: dict[str, str]

    def handle(self) -> None:
        attributes: dict[str, str] = {}
        for line in self.rfile:
            name, is_attribute, value = line.decode().rstrip("\n").partition("=")
            attributes[name] = value
            if not is_attribute:
                self.told[attributes["queue_id"]] = attributes["sender"]
                self.wfile.write(b"action=DUNNO\n\n")


@contextmanager
def recorder() -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the port of a recorder, and what it has been told by queue id."""
    told: dict[str, str] = {}
    handler = type("Handler", (Recorder,), {"told": told})
    with socketserver.ThreadingTCPServer((LOOPBACK, 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1], told
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def postfix_with(gateway: Gateway, port: int, parameters: dict[str, str]) -> Iterator[Postfix]:
    """Run a Postfix that takes whatever it understands, and tells the recorder."""
    postfix = Postfix(gateway.folder / f"readings{port}", gateway.tls)
    fixed = {
        "myorigin": MYORIGIN,
        "mydomain": MYDOMAIN,
        "local_transport": "discard:",
        "local_recipient_maps": "",
        "allow_untrusted_routing": "yes",
        "info_log_address_format": "internal",
        "smtpd_sender_restrictions": "",
        "smtpd_recipient_restrictions": "permit_mynetworks",
        "smtpd_end_of_data_restrictions": f"check_policy_service inet:{LOOPBACK}:{port}",
    }
    settings = [f"{name}={value}" for name, value in (fixed | parameters).items()]
    run(program("postconf", "postfix"), "-c", str(postfix.folder / "etc"), "-e", *settings)
    with postfix:
        yield postfix


def send(postfix: Postfix, paths: list[str]) -> dict[str, str]:
    """Send a mail from each path that Postfix takes; return the paths by queue id."""
    sent = {}
    with smtplib.SMTP(LOOPBACK, postfix.smtp, "client.example", timeout=30) as session:
        session.ehlo()
        session.command_encoding = "utf-8"
        for path in paths:
            utf8 = "" if path.isascii() else " SMTPUTF8"
            if session.docmd("MAIL", f"FROM:{path}{utf8}")[0] == 250:
                session.docmd("RCPT", f"TO:{path}")
                assert session.docmd("RCPT", f"TO:<{SINK}>")[0] == 250
                reply = session.data(b"Subject: a reading\r\n\r\n")[1].decode()
                sent[reply.rpartition(" ")[2]] = path
            session.docmd("RSET")  # rset() would forget the encoding
    return sent


def became(gateway: Gateway, paths: list[str], parameters: dict[str, str]) -> dict[str, Became]:
    """Return what became of each path; those that Postfix does not understand are left out."""
    with recorder() as (port, told), postfix_with(gateway, port, parameters) as postfix:
        sent = send(postfix, paths)
        log = text_with(postfix.folder / "log", r"qmgr\[\d+\]: \w+: removed", len(sent))
    found = {}
    for queue_id, path in sent.items():
        left = re.findall(rf"{queue_id}: from=<(.*)>, size=", log)[0]
        to = re.findall(rf"{queue_id}: to=<(.*?)>, (?:orig_to=|relay=)", log)
        resolved = next((one for one in to if one != SINK), None)
        found[path] = Became(told[queue_id], left, resolved)
    return found


def is_reading(reading: str, real: str) -> bool:
    local, _, domain = reading.rpartition("@")
    real_local, _, real_domain = real.lower().rpartition("@")
    if not domain:
        return True
    if local not in {real_local, ""}:  # resolve.c puts MAILER-DAEMON where there is no name
        return False
    completed = {domain, f"{domain}.{MYDOMAIN}"} if "." not in domain else {domain}
    return not completed.isdisjoint({real_domain, domain_to_a_label(real_domain)})


def check(sender: EnvelopeSender, real: str) -> None:
    if not real:  # the null sender is never sure
        assert not sender.address
        return
    assert any(is_reading(reading, real) for reading in sender.readings), (sender, real)
    if sender.address:
        assert canonical_address(real) == sender.address
    if canonical_address(real) and real.lower().rpartition("@")[2] in OURS:
        assert sender.reading_of_ours(OURS), (sender, real)


def path_of(sender: str) -> str:
    """Return a sender as MAIL FROM says it."""
    local, at, domain = sender.rpartition("@") if "@" in sender else (sender, "", "")
    is_plain = re.fullmatch(r"[^.@]+(\.[^.@]+)*", local)
    return f"<{local}{at}{domain}>" if is_plain else f'<"{local}"{at}{domain}>'


def generated(number: int) -> list[str]:
    """Return paths made of words and routing operators; the same each time."""
    dice = random.Random(5)
    senders: set[str] = set()
    while len(senders) < number:
        words = dice.choices(WORDS, k=dice.choice([1, 2, 2, 3, 3, 4]))
        sender = words[0] + "".join(dice.choice(SIGNS) + word for word in words[1:])
        senders.add(path_of(sender))
    return sorted(senders)


@pytest.mark.parametrize(
    "parameters",
    [
        {"mydestination": f"local, local.example, {MYORIGIN}", "append_dot_mydomain": "no"},
        {
            "mydestination": "local, local.lan.example, example.org",
            "append_dot_mydomain": "yes",
            "swap_bangpath": "no",
        },
        {"mydestination": "", "swap_bangpath": "no", "allow_percent_hack": "no"},
    ],
    ids=["as-installed", "completing", "without-routing"],
)
def test_what_postfix_makes_of_a_sender_is_a_reading(
    gateway: Gateway, parameters: dict[str, str]
) -> None:
    found = became(gateway, [*TABLE, *generated(120)], parameters)
    assert {path: found[path].told for path in TABLE} == TABLE
    assert len(found) > 100
    for one in found.values():
        sender = resolve_sender(one.told, RULES)
        check(sender, one.left)
        if one.resolved:
            check(sender, one.resolved)
