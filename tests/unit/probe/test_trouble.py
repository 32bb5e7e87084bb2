"""Kinds of trouble, told apart by the words that our own side has for them."""

import ast
import errno
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge_common.network.trouble import endpoint_text, lookup_text, silence_text, trouble_text
from sasl_bridge.probe.trouble import Trouble, furthest, trouble_of

DIALOGUE = Path(__file__).parents[3] / "sasl_bridge" / "dialogue"
ENDPOINT = endpoint_text("2001:db8::1", 993)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionRefusedError(), Trouble.REFUSED),
        (ConnectionResetError(), Trouble.HUNG_UP),
        (ssl.SSLEOFError(), Trouble.HUNG_UP),
        (OSError(errno.ENETUNREACH, ""), Trouble.NO_ROUTE),
        (OSError(errno.EHOSTUNREACH, ""), Trouble.NO_ROUTE),
        (OSError(errno.EADDRNOTAVAIL, ""), Trouble.NO_ROUTE),
        (OSError(errno.ETIMEDOUT, ""), Trouble.NO_CONNECTION),
        (OSError(errno.EMFILE, ""), Trouble.OTHER),
        (ssl.SSLError(), Trouble.TLS_FAILED),
        (ValueError(), Trouble.OTHER),
    ],
)
def test_what_befalls_a_connection(error: Exception, kind: Trouble) -> None:
    assert trouble_of(trouble_text(error, ENDPOINT, "mail.example.com")) is kind


@pytest.mark.parametrize(
    ("missing", "kind"),
    [
        ("address for mail.example.com", Trouble.NO_ADDRESS),
        (f"connection to {ENDPOINT}", Trouble.NO_CONNECTION),
        (f"TLS handshake with {ENDPOINT}", Trouble.SILENT_TLS),
        (f"greeting from {ENDPOINT}", Trouble.SILENT),
        (f"answer to CAPA from {ENDPOINT}", Trouble.SILENT_LATER),
        ("answer to USER", Trouble.SILENT_LATER),
        ("answer to the login", Trouble.NO_ANSWER),
    ],
)
def test_what_does_not_come_in_time(missing: str, kind: Trouble) -> None:
    assert trouble_of(silence_text(missing, 8.0)) is kind


def test_a_name_that_leads_nowhere() -> None:
    assert trouble_of(lookup_text(OSError(), "mail.example.com")) is Trouble.NO_ADDRESS


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("NO", Trouble.SAID_NO),
        ("NO [LIMIT] connection refused", Trouble.SAID_NO),
        ("-ERR no address for you", Trouble.SAID_NO),
        ("(text withheld, it repeats the password)", Trouble.SAID_NO),
        ("NOT what was thought of", Trouble.OTHER),
        ("all 50 connections (max_connections) are in use", Trouble.NO_ROOM),
        ("connection closed, no greeting came", Trouble.HUNG_UP),
        ("something before: connection refused by x", Trouble.OTHER),
        (f"{ENDPOINT} does not begin TLS: Protocol error (2)", Trouble.TLS_REFUSED),
        (f"{ENDPOINT} spoke before TLS", Trouble.NO_TLS),
        (f"{ENDPOINT}: what it says is not LDAP", Trouble.GARBLED),
        (f"{ENDPOINT}: unreadable answer (ValueError)", Trouble.GARBLED),
        (f"{ENDPOINT}: an answer that nobody asked for", Trouble.GARBLED),
        (f"{ENDPOINT}: a message is longer than 131072 bytes", Trouble.TOO_MUCH),
        (f"{ENDPOINT}: the server ended the connection", Trouble.TURNED_AWAY),
        (f"{ENDPOINT}: Server is unavailable (52)", Trouble.TURNED_AWAY),
        (f"{ENDPOINT}: Server is busy (51): what it says is not LDAP", Trouble.TURNED_AWAY),
        ("", Trouble.OTHER),
    ],
)
def test_the_beginning_decides(text: str, kind: Trouble) -> None:
    assert trouble_of(text) is kind


def test_of_several_addresses_the_one_decides_where_we_got_furthest() -> None:
    unreachable = trouble_text(OSError(errno.ENETUNREACH, os.strerror(0)), ENDPOINT, "")
    refused = "connection refused by 192.0.2.1 port 993"
    assert furthest([unreachable, "certificate has expired", refused]) is Trouble.CERTIFICATE
    assert furthest([refused, unreachable]) is Trouble.REFUSED
    assert furthest([]) is Trouble.NONE


def unclear_texts() -> Iterator[str]:
    """Yield every sentence with which a dialogue gives up, with 5 for what is filled in."""
    for file in DIALOGUE.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(ast.Name("UnclearError"), [ast.Constant(text)]):
                    yield str(text)
                case ast.Call(ast.Name("UnclearError"), [ast.JoinedStr(parts)]):
                    known = (one.value if isinstance(one, ast.Constant) else 5 for one in parts)
                    yield "".join(map(str, known))


def test_no_sentence_of_a_dialogue_is_of_no_kind() -> None:
    texts = set(unclear_texts())
    assert len(texts) > 15
    assert {text for text in texts if trouble_of(text) is Trouble.OTHER} == set()
