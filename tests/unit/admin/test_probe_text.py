"""What `bridgectl server test` prints, word for word, in a terminal of 80 columns."""

from dataclasses import replace

import pytest
from lab.probe_reports import CERTIFICATE, FINE, GOOD, by, down

from bridge_admin.probe_text import format_probe
from sasl_bridge.probe.advice import advice
from sasl_bridge.probe.report import Opinion, Report, TriedAddress, report_as_json
from sasl_bridge.probe.trouble import Trouble

READY = TriedAddress("192.0.2.1", "", 0.0421)


def text(report: Report, columns: int = 80) -> str:
    return format_probe(report_as_json(report, advice(report)), columns)


HEALTHY = """\
first: IMAP at mail.example.com port 993, TLS from the start

First opinion: sasl-bridge, as for every login (0.10 s)
  address       192.0.2.1, 0.042 s: ready for a login
  encryption    TLSv1.3, X
  greeting      OK ready
  capabilities  AUTH=PLAIN, ID, IMAP4REV1
  login         alice@example.com accepted: OK Logged in

Second opinion: imapclient (0.12 s)
  address       192.0.2.1
  as above      encryption, greeting, capabilities
  login         alice@example.com accepted: Logged in

The certificate
  for           mail.example.com, *.example.org
  issued by     Some CA
  valid         2026-01-01 to 2026-12-31, expires in 12 days
  SHA-256       abababababababababababababababababababababababababababababababab
  check         passed

The two agree.

Advice
  * The certificate expires in 12 days: renew it before 2026-12-31, or every
    login here ends in a temporary failure.
  * Whether the server believes `forward_client = "id"` cannot be seen from
    here: Dovecot does if its `login_trusted_networks` hold this machine, and
    its log then shows the mail client's address as `rip`.

first accepts alice@example.com.
"""


def test_a_healthy_server() -> None:
    first = replace(
        FINE,
        state="accepted",
        detail="OK Logged in",
        tried=(READY,),
        banner="OK ready",
        password_sent=True,
    )
    second = replace(first, by="imapclient", detail="Logged in", tried=(), seconds=0.12)
    certificate = replace(CERTIFICATE, days_left=12)
    report = replace(
        GOOD, login="alice@example.com", first=first, second=second, certificate=certificate
    )
    assert text(report) == HEALTHY


MIS_CERTIFIED = """\
first: IMAP at mail.example.com port 993, TLS from the start

First opinion: sasl-bridge, as for every login (0.00 s)
  address       192.0.2.1, 0.031 s
  trouble       certificate is not valid for mail.example.com

Second opinion: imapclient (0.05 s)
  address       192.0.2.1
  encryption    TLSv1.3, X
  trouble       certificate is not valid for mail.example.com

The certificate
  for           other.example.com
  issued by     itself
  valid         2026-01-01 to 2026-12-31, expires in 40 days
  SHA-256       abababababababababababababababababababababababababababababababab
  check         certificate is not valid for mail.example.com

The two agree.

Advice
  * The certificate is for other.example.com, not for mail.example.com: set
    `host` or `tls_name` to a name that it is for, or have it issued anew.

first cannot be used like this.
"""


def test_a_mis_certified_server() -> None:
    trouble = "certificate is not valid for mail.example.com"
    report = down(trouble)
    report = replace(
        report,
        first=replace(report.first, tried=(TriedAddress("192.0.2.1", trouble, 0.0312),)),
        second=replace(report.second, tls="TLSv1.3, X", seconds=0.05),
        certificate=replace(
            CERTIFICATE,
            names=("other.example.com",),
            number_of_names=1,
            covers=False,
            self_signed=True,
            trouble=trouble,
        ),
    )
    assert text(report) == MIS_CERTIFIED


DEAD = """\
first: POP3 at mail.example.com port 110, TLS begun by STLS, not enabled

First opinion: sasl-bridge, as for every login (0.00 s)
  address       2001:db8::1, 0.001 s: 2001:db8::1 port 110: Network is
                unreachable
                192.0.2.1, 0.002 s: connection refused by 192.0.2.1 port 110

Second opinion: imapclient (0.00 s)
  trouble       connection refused by mail.example.com port 110

The two agree.

Advice
  * Nothing takes connections at mail.example.com port 110: is the service
    running, is `port` right, does a firewall refuse this machine?

first cannot be used like this.
"""


def test_a_dead_server() -> None:
    troubles = (
        "2001:db8::1 port 110: Network is unreachable",
        "connection refused by 192.0.2.1 port 110",
    )
    tried = (
        TriedAddress("2001:db8::1", troubles[0], 0.001),
        TriedAddress("192.0.2.1", troubles[1], 0.002),
    )
    report = by(down("; ".join(troubles)), protocol="pop3", security="tls", port=110, enabled=False)
    report = replace(
        report,
        first=replace(
            report.first,
            kind=Trouble.REFUSED,
            addresses=("2001:db8::1", "192.0.2.1"),
            tried=tried,
        ),
        second=replace(
            report.second, addresses=(), detail="connection refused by mail.example.com port 110"
        ),
    )
    assert text(report) == DEAD


def test_a_difference_is_shown_with_what_each_saw() -> None:
    second = replace(FINE, by="imapclient", tls="TLSv1.2, Y", capabilities=("AUTH=X",))
    shown = text(replace(GOOD, second=second))
    assert "  encryption    TLSv1.2, Y\n  capabilities  AUTH=X\n" in shown
    assert (
        "They differ\n"
        "  * only to sasl-bridge was offered AUTH=PLAIN\n"
        "  * only to imapclient was offered AUTH=X\n"
    ) in shown


def test_a_second_opinion_that_was_not_had_agrees_with_nothing() -> None:
    detail = "the other client talked nonsense"
    second = Opinion("another client", detail=detail, kind=Trouble.NO_OPINION)
    shown = text(replace(GOOD, second=second))
    assert "  trouble       the other client talked nonsense\n" in shown
    assert "\nThere is no second opinion.\n" in shown
    assert "agree" not in shown


def test_without_a_login_it_says_so() -> None:
    shown = text(GOOD)
    assert "  login         not tried\n" in shown
    assert shown.endswith("\nfirst is ready for logins.\n")


def test_long_lists_are_cut() -> None:
    names = tuple(f"{number}.example.com" for number in range(50))
    certificate = replace(CERTIFICATE, names=names, number_of_names=80)
    first = replace(FINE, capabilities=tuple(f"X{number}" for number in range(60)))
    shown = " ".join(text(replace(GOOD, first=first, certificate=certificate)).split())
    assert " 8.example.com, 9.example.com and 70 more issued by " in shown
    assert " X38, X39 and 20 more login " in shown


def test_addresses_that_were_not_needed_are_named() -> None:
    first = replace(FINE, addresses=("192.0.2.1", "192.0.2.2", "192.0.2.3"), tried=(READY,))
    assert "                192.0.2.2, 192.0.2.3: not tried\n" in text(replace(GOOD, first=first))


def test_a_certificate_that_cannot_be_read() -> None:
    certificate = replace(CERTIFICATE, subject="", names=(), trouble="cannot be read: bad DER")
    shown = text(replace(GOOD, certificate=certificate))
    assert "The certificate\n  check         cannot be read: bad DER\n" in shown


@pytest.mark.parametrize("columns", [40, 80, 100, 300])
def test_no_line_is_longer_than_the_terminal(columns: int) -> None:
    lines = text(by(GOOD, forward_client="none"), columns).splitlines()
    fingerprint = [line for line in lines if "SHA-256" in line]
    assert max(len(line) for line in lines if line not in fingerprint) <= min(columns, 100)
