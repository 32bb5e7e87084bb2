"""Where two opinions differ, and what the report is as JSON."""

import json
from dataclasses import replace

import pytest

from bridge_common.settings.server import Server
from sasl_bridge.probe.report import (
    Certificate,
    Opinion,
    Report,
    State,
    TriedAddress,
    differences,
    report_as_json,
)
from sasl_bridge.probe.trouble import Trouble, trouble_of

SERVER = Server(name="first", host="mail.example.com")


def opinions(first: Opinion, second: Opinion) -> Report:
    return Report(SERVER, "", "", 0.0, first, second)


def told(first: tuple[State, str], second: tuple[State, str]) -> list[str]:
    kind = trouble_of(first[1]) if first[0] == "unavailable" else Trouble.NONE
    return list(differences(opinions(Opinion("we", *first, kind), Opinion("they", *second))))


ALIKE: dict[str, tuple[tuple[State, str], tuple[State, str]]] = {
    "both ready": (("ready", ""), ("ready", "")),
    "both accepted": (("accepted", "OK in"), ("accepted", "in")),
    "both told no": (("rejected", "NO out"), ("rejected", "NO out")),
    "a no that is trouble": (("unavailable", "NO [LIMIT] x"), ("rejected", "NO [LIMIT] x")),
    "an -ERR that is trouble": (("unavailable", "-ERR [SYS/TEMP] x"), ("rejected", "-ERR x")),
    "both in trouble": (("unavailable", "connection refused"), ("unavailable", "also")),
    "in use means yes": (("accepted", "+OK"), ("rejected", "-ERR [IN-USE] locked")),
    "the other could not try": (("accepted", "OK in"), ("ready", "not tried: no USER")),
    "a greeting that is no refusal": (
        ("unavailable", "the server greets with -ERR no"),
        ("unavailable", "-ERR no"),
    ),
}


@pytest.mark.parametrize("pair", ALIKE.values(), ids=ALIKE)
def test_what_is_no_difference(pair: tuple[tuple[State, str], tuple[State, str]]) -> None:
    assert told(*pair) == []


@pytest.mark.parametrize("kind", [Trouble.NO_OPINION, Trouble.NOT_STARTED])
def test_an_opinion_that_was_not_had_differs_from_nothing(kind: Trouble) -> None:
    second = Opinion("they", detail="the other client is away", kind=kind)
    assert list(differences(opinions(Opinion("we", "ready"), second))) == []


@pytest.mark.parametrize(
    ("first", "second", "difference"),
    [
        (("accepted", "OK in"), ("rejected", "NO out"), "we was told yes, they was told no"),
        (("rejected", "NO out"), ("accepted", "in"), "we was told no, they was told yes"),
        (
            ("unavailable", "connection refused by x"),
            ("ready", ""),
            "we got no answer that counts, they found it ready for a login",
        ),
        (
            ("ready", ""),
            ("unavailable", "connection refused by x"),
            "we found it ready for a login, they got no answer that counts",
        ),
        (
            ("unavailable", "no answer to the login within 8.0 s"),
            ("rejected", "NO out"),
            "we got no answer that counts, they was told no",
        ),
        (
            ("unavailable", "NO [UNAVAILABLE] later"),
            ("accepted", "in"),
            "we was told no, they was told yes",
        ),
    ],
)
def test_what_is_one(first: tuple[State, str], second: tuple[State, str], difference: str) -> None:
    assert told(first, second) == [difference]


WE = Opinion("we", "ready", capabilities=("AUTH=PLAIN", "IDLE", "STARTTLS"))
THEY = replace(WE, by="they")


def test_capabilities_on_which_a_login_hangs() -> None:
    other = replace(THEY, capabilities=("AUTH=PLAIN", "ID", "LOGINDISABLED", "STARTTLS"))
    assert list(differences(opinions(WE, other))) == ["only to they was offered LOGINDISABLED"]
    fewer = replace(THEY, capabilities=("IDLE",))
    assert list(differences(opinions(WE, fewer))) == ["only to we was offered AUTH=PLAIN, STARTTLS"]


def test_mechanisms_of_pop3_are_compared_one_by_one() -> None:
    first = replace(WE, capabilities=("SASL PLAIN LOGIN", "USER"))
    second = replace(THEY, capabilities=("SASL LOGIN PLAIN X", "USER"))
    assert list(differences(opinions(first, second))) == ["only to they was offered SASL X"]


@pytest.mark.parametrize(
    "other", [replace(THEY, capabilities=()), replace(THEY, capabilities=("X",), tls="TLSv1.3")]
)
def test_capabilities_of_different_moments_are_not_compared(other: Opinion) -> None:
    assert list(differences(opinions(WE, other))) == []


def test_certificates_are_compared() -> None:
    pair = replace(WE, fingerprint="aa"), replace(THEY, fingerprint="bb")
    assert list(differences(opinions(*pair))) == ["each was shown another certificate"]


def test_the_whole_report_is_json() -> None:
    tried = TriedAddress("192.0.2.1", "", 0.1)
    report = replace(
        opinions(replace(WE, tried=(tried,)), THEY),
        login="alice@example.com",
        certificate=Certificate(names=("a.example.com",)),
    )
    value = json.loads(json.dumps(report_as_json(report, ("do this",))))
    assert value["state"] == "ready"
    assert value["server"]["name"] == "first"
    assert value["server"]["port"] == 993
    assert value["login"] == "alice@example.com"
    assert value["first"]["tried"] == [{"address": "192.0.2.1", "trouble": "", "seconds": 0.1}]
    assert value["second"]["by"] == "they"
    assert value["second"]["kind"] == ""
    assert value["certificate"]["names"] == ["a.example.com"]
    assert value["differences"] == []
    assert value["advice"] == ["do this"]
