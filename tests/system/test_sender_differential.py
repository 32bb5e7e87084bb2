"""The same senders, judged by sasl-policyd and by Postfix's reject_sender_login_mismatch.

Ours is never laxer. Where it is stricter, the difference has a name, and docs/sender-rules.md
explains it; a difference that is no longer there is noticed as well.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab.bridge import Policyd
from lab.certificates import Certificates, make_certificates
from lab.processes import lab_folder
from lab.sender_forms import FORMS, Made, made_senders
from lab.sender_maps import (
    Aliases,
    TwoChecks,
    aliases_text,
    of_domains,
    with_domains,
    with_own_addresses,
)
from lab.settings import sender_settings_text
from lab.smtp import Reply

PROJECT = Path(__file__).resolve().parents[2]

ALICE, BOB, MARY = LOGINS = ("alice@example.com", "bob@example.com", "mary-ann@example.com")
DOMAINS = ("example.com", "example.org", "mail.lan.example", "exämple.org")
# Postfix does not know that these two are one; who lists the one must list the other.
TABLE_DOMAINS = (*DOMAINS, "xn--exmple-cua.org")

ALIASES: Aliases = {
    ALICE: (BOB,),
    "alice+bobs@example.com": (BOB,),
    "sales@example.com": (ALICE, BOB),
    "help": (BOB,),
    "kate@example.com": (ALICE,),
    "jörg@example.com": (ALICE,),
    "straße@example.com": (ALICE,),
    '"john smith"@example.com': (ALICE,),
    "mailer-daemon@example.com": (ALICE,),
    "@example.org": (ALICE,),
    "boss@example.org": (BOB,),
    "alice@mail.lan.example": (ALICE,),
    "alice@partner.example": (ALICE,),
    "@exämple.org": (BOB,),
    "@xn--exmple-cua.org": (BOB,),
    "alice@exämple.org": (ALICE,),
    "alice@xn--exmple-cua.org": (ALICE,),
}

CONFIGURATIONS = {
    "as-installed": {
        "mydestination": "local.example, localhost",
        "append_dot_mydomain": "no",
        "recipient_delimiter": "+",
    },
    "completing": {
        "mydestination": "local, local.lan.example, example.com",
        "append_dot_mydomain": "yes",
        "recipient_delimiter": "+",
    },
    "without-routing": {
        "mydestination": "",
        "swap_bangpath": "no",
        "allow_percent_hack": "no",
        "recipient_delimiter": "-+",
    },
}

LOGIN, OUTSIDER, UNLISTED = "login", "outsider", "outsider, unlisted"
_ROUTED = (
    "bang",
    "bang and quotes",
    "bang, domain behind",
    "percent",
    "percent, domain behind",
    "at sign in quotes",
    "source route in quotes",
    "operators at random",
)
DIFFERENCES = {
    "Routed senders": {(who, form) for who in (LOGIN, OUTSIDER) for form in _ROUTED}
    | {(OUTSIDER, "ten operators")},
    "Unlisted addresses": {(UNLISTED, "any")},
    "Spaces, quotes, backslashes": {
        (LOGIN, "needless space in quotes"),
        (LOGIN, "quote in quotes"),
        (LOGIN, "strange domain"),
        (OUTSIDER, "strange domain"),
    },
    "Domains without a dot": {(LOGIN, "dotless"), (OUTSIDER, "dotless")},
    "Senders without a name": {(LOGIN, "no name")},
    "MAILER-DAEMON": {(LOGIN, "mailer-daemon")},
    "Letters beyond ASCII": {
        (LOGIN, "UTF-8 name, case"),
        (LOGIN, "UTF-8 name, decomposed"),
        (OUTSIDER, "UTF-8 domain, decomposed"),
    },
    "Look-alike domains": {(OUTSIDER, "look-alike domain")},
    "Extensions that may be logins": {(LOGIN, "extension, empty"), (LOGIN, "hyphen")},
    "Bare users": {(LOGIN, "bare user's name, other domain")},
}
"""What is refused by us alone: whose senders, of which form."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A sender, and both replies. ``table`` is the one that Postfix looked it up in."""

    configuration: str
    table: str
    login: str
    sender: Made
    ours: Reply
    theirs: Reply

    @property
    def codes(self) -> tuple[int, int]:
        """The codes, ours first."""
        return self.ours[0], self.theirs[0]


def tables() -> dict[str, Aliases]:
    """Return what Postfix looks up: for logins, and two that one may give it for outsiders."""
    listed = with_own_addresses(ALIASES, LOGINS)
    outsiders = of_domains(listed, TABLE_DOMAINS, "example.com")
    return {
        "logins": listed,
        "outsiders": outsiders,
        "outsiders-whole-domains": with_domains(outsiders, TABLE_DOMAINS),
    }


def policyd(folder: Path, socket: Path, delimiters: str) -> Policyd:
    """Return a sasl-policyd with the same aliases."""
    aliases = folder / "aliases"
    aliases.write_text(aliases_text(ALIASES))
    settings = sender_settings_text(
        folder,
        socket,
        [],
        domains=DOMAINS,
        match_login="enforce",
        fake_sender_control="enforce",
        aliases_file=str(aliases),
        recipient_delimiter=delimiters,
        myorigin="example.com",
    )
    return Policyd(folder / "policyd", settings)


def judge(folder: Path, tls: Certificates, configuration: str) -> Iterator[Judged]:
    """Yield what one configuration of Postfix makes of all senders."""
    parameters = CONFIGURATIONS[configuration] | {"mydomain": "lan.example"}
    checks = TwoChecks(folder, tls, parameters, tables())
    made = made_senders()
    paths = [sender.path for sender in made]
    with policyd(folder, checks.policy_socket, parameters["recipient_delimiter"]), checks:
        for login in (*LOGINS, ""):
            ours = checks.ours(login, paths)
            for table in ("logins",) if login else ("outsiders", "outsiders-whole-domains"):
                theirs = checks.theirs(table, login, paths)
                for sender, one, other in zip(made, ours, theirs, strict=True):
                    yield Judged(configuration, table, login, sender, one, other)


@pytest.fixture(scope="module")
def judged() -> list[Judged]:
    """Return all verdicts: some thousands, within seconds."""
    found: list[Judged] = []
    with lab_folder() as lab:
        tls = make_certificates(lab)
        for configuration in CONFIGURATIONS:
            folder = lab / configuration
            folder.mkdir()
            found += judge(folder, tls, configuration)
    return found


def stricter(judged: list[Judged], table: str) -> dict[tuple[str, str, str], str]:
    """Return the forms of what we refuse and Postfix, with this table, would take."""
    return {
        (one.configuration, one.login, one.sender.path): one.sender.form
        for one in judged
        if one.table == table and one.codes == (553, 250)
    }


def test_whatever_postfix_refuses_is_refused(judged: list[Judged]) -> None:
    """The pair (250, 553) would be a sender that only we let pass."""
    by_codes = {one.codes: one for one in judged}
    assert set(by_codes) == {(250, 250), (553, 553), (553, 250), (501, 501)}, by_codes


def test_nothing_is_refused_for_another_reason_than_the_sender(judged: list[Judged]) -> None:
    texts = [one.ours[1] for one in judged if one.ours[0] == 553]
    assert [text for text in texts if ": Sender address rejected: " not in text] == []


def test_every_form_is_one_that_postfix_asks_about(judged: list[Judged]) -> None:
    asked = {one.sender.form for one in judged if one.codes != (501, 501)}
    assert asked == {*FORMS, "operators at random"}


def test_whatever_is_refused_by_us_alone_has_a_name(judged: list[Judged]) -> None:
    """A table of whole domains, as nobody's, takes the unlisted addresses out of the comparison."""
    listed, whole = stricter(judged, "outsiders"), stricter(judged, "outsiders-whole-domains")
    seen = {(LOGIN, form) for form in stricter(judged, "logins").values()}
    seen |= {(OUTSIDER, form) for form in whole.values()}
    seen |= {(UNLISTED, "any") for sender in listed if sender not in whole}
    assert set(whole) <= set(listed)
    assert seen == set().union(*DIFFERENCES.values())


def test_the_documentation_explains_each_difference() -> None:
    text = (PROJECT / "docs" / "sender-rules.md").read_text()
    section = text.partition("\n## Compared with Postfix's own check\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\* \*\*(.+?)\*\*", section, re.MULTILINE) == list(DIFFERENCES)
