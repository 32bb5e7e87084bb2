"""What an administrator is told to do: one row a case."""

from dataclasses import replace

import pytest
from lab.probe_reports import FINE, GOOD, UNSEEN_TRUST, answered, by, certified, down

from sasl_bridge.probe.advice import advice
from sasl_bridge.probe.report import Opinion, Report
from sasl_bridge.probe.trouble import Trouble


def test_there_is_next_to_nothing_to_do_about_a_good_server() -> None:
    """That it is told the client's address cannot be seen; with XCLIENT it can."""
    assert advice(GOOD) == (UNSEEN_TRUST,)
    trusting = replace(FINE, banner="+OK [XCLIENT] ready")
    assert (
        advice(by(replace(GOOD, first=trusting), protocol="pop3", forward_client="xclient")) == ()
    )


CASES: dict[str, tuple[Report, str]] = {
    "wrong name": (
        certified(
            names=("other.example.com", "192.0.2.9"),
            covers=False,
            trouble="certificate is not valid for mail.example.com",
        ),
        (
            "The certificate is for other.example.com, 192.0.2.9, not for mail.example.com: set "
            "`host` or `tls_name` to a name that it is for, or have it issued anew."
        ),
    ),
    "no name": (
        certified(names=(), covers=False, trouble="certificate is not valid for mail.example.com"),
        "The certificate names no host: have it issued anew, for mail.example.com.",
    ),
    "expired": (
        certified(days_left=-3, trouble="certificate has expired"),
        "The certificate expired on 2026-12-31: renew it at the server.",
    ),
    "not yet valid": (
        certified(begun=False, trouble="certificate is not yet valid"),
        "The certificate is not valid before 2026-01-01: compare the clocks of both machines.",
    ),
    "self-signed": (
        certified(self_signed=True, trouble="certificate is self-signed"),
        (
            "No authority that is trusted here signed the certificate: if it is the right one, "
            "save it in a PEM file (`openssl s_client -connect mail.example.com:993 -showcerts "
            "</dev/null` prints it) and name that in `ca_file`."
        ),
    ),
    "unknown authority": (
        certified(trouble="certificate is not signed by a trusted authority"),
        (
            "The certificate was issued by Some CA, whom this machine does not know: name a PEM "
            "file "
            "with that authority's certificate in `ca_file`; or the server does not send the "
            "certificates in between (`openssl s_client -connect mail.example.com:993 -showcerts "
            "</dev/null` prints those it sends)."
        ),
    ),
    "unknown to the ca_file": (
        by(
            certified(trouble="certificate is not signed by a trusted authority"),
            ca_file="/etc/ca.pem",
        ),
        (
            "The certificate was issued by Some CA, whom /etc/ca.pem does not know: name a PEM "
            "file "
            "with that authority's certificate in `ca_file`; or the server does not send the "
            "certificates in between (`openssl s_client -connect mail.example.com:993 -showcerts "
            "</dev/null` prints those it sends)."
        ),
    ),
    "another flaw": (
        certified(trouble="certificate cannot be verified: CA cert too weak"),
        "The certificate does not pass: certificate cannot be verified: CA cert too weak.",
    ),
    "no certificate to show": (
        down("certificate has expired"),
        "The certificate could not be fetched to be shown: certificate has expired.",
    ),
    "an authority between has expired": (
        certified(trouble="certificate has expired"),
        (
            "A certificate in its chain has expired, though the server's own is valid: have the "
            "server send the present ones, or renew what stands in `ca_file`."
        ),
    ),
    "an authority between is not yet valid": (
        certified(trouble="certificate is not yet valid"),
        (
            "A certificate in its chain is not yet valid, though the server's own is valid: have "
            "the server send the present ones, or renew what stands in `ca_file`."
        ),
    ),
    "many names": (
        certified(
            names=("a.example.com", "b.example.com", "c.example.com", "d.example.com"),
            number_of_names=80,
            covers=False,
            trouble="certificate is not valid for mail.example.com",
        ),
        (
            "The certificate is for a.example.com, b.example.com, c.example.com and 77 more, not "
            "for mail.example.com: set `host` or `tls_name` to a name that it is for, or have it "
            "issued anew."
        ),
    ),
    "expires soon": (
        certified(days_left=20),
        (
            "The certificate expires in 20 days: renew it before 2026-12-31, or every login here "
            "ends in a temporary failure."
        ),
    ),
    "wrong password": (
        answered("rejected", "NO [AUTHENTICATIONFAILED] no"),
        (
            "Both clients were told no: the password is wrong, or the server knows the user by "
            'another name (`login_format` is "{login}").'
        ),
    ),
    "rejected once": (
        answered("rejected", "NO [AUTHENTICATIONFAILED] no", second="accepted"),
        (
            "Another client gets along with this server: if a second try shows the same, please "
            "report it as a fault of sasl-bridge, with what `--json` prints."
        ),
    ),
    "accepted once": (
        answered("accepted", "OK in", second="rejected"),
        (
            "The first opinion is the one that counts: sasl-bridge can use this server. That "
            "imapclient cannot may be a matter of that library; if a second try shows the same, "
            "ask whether other mail programs have trouble there."
        ),
    ),
    "an expired password": (
        answered("rejected", "NO [EXPIRED] renew it"),
        "The server says that this password has expired: have a new one set there.",
    ),
    "a locked account": (
        answered("rejected", "NO [ALERT] [contactadmin] call us"),
        (
            "The server says that its administrator is to be asked about this account: look at it "
            "there, it may be locked."
        ),
    ),
    "a login without rights": (
        answered("rejected", "NO [AUTHORIZATIONFAILED] no"),
        (
            "The server knows who this is, and does not let them in by this login: look at the "
            'account\'s rights there, and at `login_format` (it is "{login}").'
        ),
    ),
    "a code": (
        answered("unavailable", "NO [UNAVAILABLE] later", second="rejected"),
        (
            "The server refused for a reason of its own, not because of the password: its users "
            "get "
            "a temporary failure until that is mended; its log says more."
        ),
    ),
    "a text of the settings": (
        by(
            answered("unavailable", "NO Backend down", second="rejected"),
            unavailable_texts=("backend DOWN",),
        ),
        "The refusal holds one of `unavailable_texts`, so it counts as trouble, not as a no.",
    ),
    "only we fail": (
        replace(down("the server sent a malformed line"), second=replace(FINE, by="imapclient")),
        (
            "Another client gets along with this server: if a second try shows the same, please "
            "report it as a fault of sasl-bridge, with what `--json` prints."
        ),
    ),
    "no second opinion": (
        replace(
            GOOD,
            second=Opinion("another client", detail="exit code 1", kind=Trouble.NOT_STARTED),
        ),
        (
            "There is no second opinion, which is no fault of the server: see that the Python "
            "package `cryptography` is installed where sasl-bridge is."
        ),
    ),
    "a second opinion that came to nothing": (
        replace(
            GOOD,
            second=Opinion("another client", detail="talked nonsense", kind=Trouble.NO_OPINION),
        ),
        (
            "There is no second opinion, which is no fault of the server: the first one counts, "
            "and another test may bring a second."
        ),
    ),
    "several machines": (
        replace(
            GOOD,
            first=replace(FINE, fingerprint="aa"),
            second=replace(FINE, by="imapclient", fingerprint="bb"),
        ),
        "More than one machine seems to answer at that address: test it more than once.",
    ),
    "slow": (
        replace(GOOD, first=replace(FINE, seconds=3.04)),
        "The answer took 3.0 s: after 2.0 s the next server of the list is asked beside this one.",
    ),
    "unencrypted": (
        by(replace(GOOD, certificate=None), security="plain"),
        'Passwords travel unencrypted to this server: use `security = "ssl"` or "tls".',
    ),
    "not verified": (
        by(GOOD, verify=False),
        (
            "`verify = false`: anyone between here and the server can collect passwords; its "
            "certificate passes the check, so `verify = true` costs nothing."
        ),
    ),
    "address not told": (
        by(GOOD, forward_client="none"),
        (
            "All logins reach this server from this machine's address, so its brake on guessing "
            "slows down everybody: if it can trust this machine (in Dovecot by "
            '`login_trusted_networks`), set `forward_client = "id"`.'
        ),
    ),
    "address not told by POP3": (
        by(GOOD, protocol="pop3", forward_client="none"),
        (
            "All logins reach this server from this machine's address, so its brake on guessing "
            "slows down everybody: if it can trust this machine (in Dovecot by "
            '`login_trusted_networks`), set `forward_client = "xclient"`.'
        ),
    ),
    "ID not offered": (
        replace(GOOD, first=replace(FINE, capabilities=("AUTH=PLAIN", "IMAP4REV1"))),
        (
            '`forward_client = "id"` has no effect: the server does not offer ID to this machine '
            "(Dovecot: see `login_trusted_networks` there)."
        ),
    ),
    "XCLIENT not offered": (
        by(GOOD, protocol="pop3", forward_client="xclient"),
        (
            '`forward_client = "xclient"` has no effect: the server does not offer XCLIENT to this '
            "machine (Dovecot: see `login_trusted_networks` there)."
        ),
    ),
}


@pytest.mark.parametrize(("report", "sentence"), CASES.values(), ids=CASES)
def test_each_case_has_its_sentence(report: Report, sentence: str) -> None:
    assert [one for one in advice(report) if one != UNSEEN_TRUST] == [sentence]


def test_a_certificate_without_a_check_is_told_with_its_flaw() -> None:
    report = by(certified(trouble="certificate is self-signed"), verify=False)
    assert advice(report)[1] == (
        "`verify = false`: anyone between here and the server can collect passwords; mend its "
        "certificate, or name its authority in `ca_file` if only that is missing, and set "
        "`verify = true`."
    )


def test_where_nobody_looks_an_end_that_is_near_breaks_nothing_here() -> None:
    assert advice(by(certified(days_left=20), verify=False))[0] == (
        "The certificate expires in 20 days: renew it before 2026-12-31, or other mail programs "
        "will complain; here nobody looks (`verify`)."
    )


def test_a_certificate_that_passes_is_for_the_right_name() -> None:
    """However its names are written: OpenSSL's word counts."""
    assert advice(certified(names=("2001:DB8:0::1",))) == (UNSEEN_TRUST,)


def test_how_to_fetch_a_certificate() -> None:
    flaw = certified(trouble="certificate is self-signed")
    report = by(flaw, security="tls", host="2001:db8::1", port=143, tls_name="mail.example.com")
    assert (
        "`openssl s_client -connect [2001:db8::1]:143 -servername mail.example.com "
        "-starttls imap -showcerts </dev/null`"
    ) in advice(report)[0]


def test_every_flaw_of_a_certificate_is_told() -> None:
    report = certified(
        names=("other.example.com",),
        number_of_names=1,
        covers=False,
        days_left=-1,
        trouble="certificate is self-signed",
    )
    assert [sentence.split(":")[0] for sentence in advice(report)[:3]] == [
        "The certificate is for other.example.com, not for mail.example.com",
        "No authority that is trusted here signed the certificate",
        "The certificate expired on 2026-12-31",
    ]


def test_nobody_listens_on_this_machine() -> None:
    report = by(replace(GOOD, certificate=None), security="plain")
    assert advice(replace(report, first=replace(FINE, addresses=("127.0.0.1", "::1")))) == (
        UNSEEN_TRUST,
    )


def test_alone_in_the_list_no_server_is_too_slow() -> None:
    assert advice(replace(GOOD, share=0.0, first=replace(FINE, seconds=7.0))) == (UNSEEN_TRUST,)
