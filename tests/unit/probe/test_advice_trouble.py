"""What an administrator is told to do about a server that cannot be used: one row a case."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab.probe_reports import answered, by, down, in_the_clear

from bridge_common.settings.server import Server
from sasl_bridge.probe.advice import advice
from sasl_bridge.probe.report import Certificate, Opinion, Report
from sasl_bridge.probe.trouble import Trouble

MALFORMED = "the server sent a malformed line"
NOT_IMAP = (
    "What the server says is not IMAP, or not in its order: see that `protocol` and `port` belong "
    "together; if other mail programs get along with it, please report it as a fault of "
    "sasl-bridge, with what `--json` prints."
)
TURNED_AWAY = (
    "The server is there but turns us away: it may be starting, or limit the connections from one "
    "address; its log says why."
)
TOO_MUCH = (
    "The server sends far more than belongs to a login: see that `host` and `port` lead to a "
    "server for IMAP; its log may say more."
)
SILENT_LATER = (
    "The server greets and then falls silent: it is overloaded, or something between here and "
    "there, as a firewall that reads along, swallows what is said."
)
WITHOUT_TLS = (
    "The server gives its leave to begin TLS by STARTTLS and then goes on without it, or hangs up: "
    "its TLS is broken, or something between here and there meddles; its log says more."
)
NEITHER = (
    "The server answers the login with neither a yes nor a no, so its users get a temporary "
    "failure: its log says why; if other mail programs can log in there, please report it as a "
    "fault of sasl-bridge, with what `--json` prints."
)

CASES: dict[str, tuple[Report, str]] = {
    "POP3 where IMAP is asked": (
        down(MALFORMED, banner="+OK Dovecot ready."),
        (
            "A server for POP3 answers at mail.example.com port 993: set `port` to the one for "
            'IMAP, which is usually 993, or `protocol = "pop3"`.'
        ),
    ),
    "IMAP where POP3 is asked": (
        by(
            down(MALFORMED, banner="* OK [CAPABILITY IMAP4rev1] ready"),
            protocol="pop3",
            security="tls",
            port=143,
            host="127.0.0.1",
        ),
        (
            "A server for IMAP answers at 127.0.0.1 port 143: set `port` to the one for POP3, "
            'which is usually 110, or `protocol = "imap"`.'
        ),
    ),
    "SMTP": (
        down("the server answered before it was asked", banner="220 mx ESMTP"),
        (
            "What answers at mail.example.com port 993 sounds like SMTP or FTP, not like IMAP: "
            "correct `host` or `port`, which is usually 993."
        ),
    ),
    "SSH": (
        by(down(MALFORMED, banner="SSH-2.0-OpenSSH_9.2"), security="tls", port=22),
        (
            "What answers at mail.example.com port 22 sounds like SSH, not like IMAP: correct "
            "`host` or `port`, which is usually 143."
        ),
    ),
    "no protocol that we know": (down(MALFORMED, banner="hello"), NOT_IMAP),
    "another tag": (
        down("the server sent something else than the answer to CAPABILITY", banner="OK hi"),
        NOT_IMAP,
    ),
    "no capabilities": (
        down("the server did not name its capabilities: BAD what", banner="OK hi"),
        (
            "The server does not say what it can do (CAPABILITY), so no login is tried there: its "
            "log says why."
        ),
    ),
    "no list of capabilities": (
        by(
            down("the server did not list its capabilities: -ERR [SYS/TEMP] x", banner="+OK hi"),
            protocol="pop3",
        ),
        (
            "The server does not say what it can do (CAPA), so no login is tried there: its log "
            "says why."
        ),
    ),
    "silence after the greeting": (
        down("no answer to CAPABILITY from 192.0.2.1 port 993 within 8.0 s"),
        SILENT_LATER,
    ),
    "silence after STARTTLS": (
        by(down("no answer to STARTTLS from 192.0.2.1 port 143 within 8.0 s"), security="tls"),
        SILENT_LATER,
    ),
    "no leave for the password": (
        down("no leave to send the password within 8.0 s"),
        SILENT_LATER,
    ),
    "BAD to the login": (down("the server answers the login with BAD what"), NEITHER),
    "an answer too early": (
        down("before it had the password, the server said NO not so"),
        NEITHER,
    ),
    "bytes behind STARTTLS": (
        by(down("the server went on unencrypted behind its leave to begin TLS"), security="tls"),
        WITHOUT_TLS,
    ),
    "no TLS behind STARTTLS": (
        by(down("192.0.2.1 port 143 does not speak TLS"), security="tls"),
        WITHOUT_TLS,
    ),
    "a segment behind STARTTLS": (
        by(down("192.0.2.1 port 143 spoke or hung up before TLS"), security="tls"),
        WITHOUT_TLS,
    ),
    "silence in the handshake after STARTTLS": (
        by(down("no TLS handshake with 192.0.2.1 port 143 within 8.0 s"), security="tls"),
        (
            "The server gives its leave to begin TLS by STARTTLS and then does not answer in TLS: "
            "the service hangs, or something between here and there swallows the handshake."
        ),
    ),
    "too much": (down("the server sent more than 65536 bytes"), TOO_MUCH),
    "a long line": (down("the server sent a line of more than 8192 bytes"), TOO_MUCH),
    "a long literal": (down("the server announces a literal without bound"), TOO_MUCH),
    "BYE after the greeting": (down("the server said BYE restarting"), TURNED_AWAY),
    "BYE once it was ready": (down("unasked, the server said BYE x", banner="OK hi"), NOT_IMAP),
    "PREAUTH": (
        down("the server greets with PREAUTH welcome"),
        (
            "The server takes this machine for logged in already (PREAUTH), so no password is "
            "checked there: have it ask this machine for a login, or use another port."
        ),
    ),
    "something new": (
        down("the server did what nobody thought of"),
        (
            "What went wrong is told above, and there is no better advice than to read the "
            "server's log of this moment; if other mail programs get along with it, please report "
            "this as a fault of sasl-bridge, with what `--json` prints."
        ),
    ),
    "no address": (
        down("no address for mail.example.com: Name or service not known"),
        (
            "The name mail.example.com has no address here: correct `host`, or this machine's "
            "resolver (`getent ahosts mail.example.com` asks it)."
        ),
    ),
    "refused": (
        down("connection refused by 192.0.2.1 port 993"),
        (
            "Nothing takes connections at mail.example.com port 993: is the service running, is "
            "`port` right, does a firewall refuse this machine?"
        ),
    ),
    "no connection": (
        down("no connection to 192.0.2.1 port 993 within 8.0 s"),
        (
            "Nobody answers at mail.example.com port 993: the server is down, or a firewall drops "
            "what this machine sends there."
        ),
    ),
    "no route": (
        down("192.0.2.1 port 993: No route to host"),
        "No way leads from this machine to mail.example.com: look at the network.",
    ),
    "no network": (
        down("2001:db8::1 port 993: Network is unreachable"),
        "No way leads from this machine to mail.example.com: look at the network.",
    ),
    "no TLS": (
        down("192.0.2.1 port 143 does not speak TLS"),
        (
            'Port 993 does not begin with TLS: set `security = "tls"` if STARTTLS begins it there, '
            "or `port` to the one for TLS from the start, which is usually 993."
        ),
    ),
    "a greeting before TLS": (
        by(
            down("192.0.2.1 port 110 spoke or hung up before TLS"),
            protocol="pop3",
            port=110,
            forward_client="none",
        ),
        (
            'Port 110 does not begin with TLS: set `security = "tls"` if STLS begins it there, '
            "or `port` to the one for TLS from the start, which is usually 995."
        ),
    ),
    "silence in the handshake": (
        down("no TLS handshake with 192.0.2.1 port 993 within 8.0 s"),
        (
            "Something listens at port 993 but does not answer in TLS: if STARTTLS begins it "
            "there, "
            'set `security = "tls"`; otherwise the service hangs.'
        ),
    ),
    "an old TLS": (
        down("TLS with 192.0.2.1 port 993 failed: unsupported protocol"),
        (
            "No TLS came about: at least version 1.2 is needed, with ciphers that both sides know; "
            "update the server or its configuration."
        ),
    ),
    "no STARTTLS": (
        by(down("the server does not offer STARTTLS"), security="tls"),
        (
            "The server does not offer STARTTLS: set it up there, or use TLS from the start "
            '(`security = "ssl"`, usually port 993).'
        ),
    ),
    "STARTTLS refused": (
        by(down("the server refuses STARTTLS: NO not now"), security="tls"),
        "The server offers STARTTLS and then refuses it; its log says why.",
    ),
    "silence": (
        down("no greeting from 192.0.2.1 port 993 within 8.0 s"),
        (
            "TLS came about, but the server says nothing: the service behind the port hangs, or is "
            "not for IMAP."
        ),
    ),
    "silence without TLS": (
        by(down("no greeting from 192.0.2.1 port 143 within 8.0 s"), security="tls"),
        (
            "The connection stands, but the server says nothing: the service behind the port "
            "hangs, "
            'or the port is for TLS from the start (`security = "ssl"`), or not for IMAP.'
        ),
    ),
    "turned away": (
        down("the server greets with BYE too many connections"),
        (
            "The server is there but turns us away: it may be starting, or limit the connections "
            "from one address; its log says why."
        ),
    ),
    "reset": (
        down("connection reset by 192.0.2.1 port 993, no greeting came"),
        (
            "The server hangs up: it may have no use for this machine's address, or be overloaded; "
            "its log says why."
        ),
    ),
    "closed": (
        down("connection closed, no answer to CAPABILITY came"),
        (
            "The server hangs up: it may have no use for this machine's address, or be overloaded; "
            "its log says why."
        ),
    ),
    "no room": (
        down("all 50 connections (max_connections) are in use"),
        (
            "So many logins are being asked about at this server that the probe found no room: see "
            "why they take so long, or raise `max_connections`."
        ),
    ),
    "no answer": (
        down("no answer to the login within 8.0 s"),
        (
            "The server takes the password and gives no answer in time: it may be slow on purpose "
            "after wrong passwords from this machine's address, or what it asks in turn hangs."
        ),
    ),
    "LOGINDISABLED": (
        in_the_clear(down("the server announces LOGINDISABLED: no login on this connection")),
        (
            "The server takes no password on an unencrypted connection: "
            'set `security = "ssl"` or "tls".'
        ),
    ),
    "no mechanism": (
        by(
            down("the server offers neither USER nor SASL PLAIN on this connection"),
            protocol="pop3",
        ),
        (
            "The server takes no password on this connection: allow PLAIN there for POP3, at least "
            "from this machine."
        ),
    ),
    "plaintext disallowed": (
        in_the_clear(
            answered("unavailable", "-ERR Plaintext authentication disallowed"), protocol="pop3"
        ),
        (
            "The server takes no password on an unencrypted connection: "
            'set `security = "ssl"` or "tls".'
        ),
    ),
}


# What a server says is not searched for our own words.
QUOTED: dict[str, tuple[Report, str]] = {
    "a greeting": (down("the server greets with BYE no address for you"), TURNED_AWAY),
    "a greeting about certificates": (
        down("the server greets with BYE client certificate required"),
        TURNED_AWAY,
    ),
    "a greeting about logins": (
        down("the server greets with BYE LOGINDISABLED, plaintext authentication disabled"),
        TURNED_AWAY,
    ),
    "a farewell": (down("the server said BYE connection refused"), TURNED_AWAY),
    "an answer": (down("the server answers the login with BAD max_connections"), NEITHER),
}


@pytest.mark.parametrize(("report", "sentence"), QUOTED.values(), ids=QUOTED)
def test_a_server_does_not_choose_its_advice(report: Report, sentence: str) -> None:
    other = replace(report.second, detail="the other client certificate NO, no address for you")
    assert advice(replace(report, second=other)) == (sentence,)


@pytest.mark.parametrize(
    "said",
    [
        "-ERR [AUTH] Plaintext authentication disallowed on non-secure connections.",
        "-ERR [AUTH] Cleartext authentication disallowed",
        "NO [PRIVACYREQUIRED] encrypt",
    ],
)
def test_a_login_that_is_refused_for_lack_of_tls_is_no_fault_of_ours(said: str) -> None:
    report = in_the_clear(answered("unavailable", said, second="accepted"))
    (sentence,) = advice(report)
    assert sentence.startswith("The server takes no password on an unencrypted connection: ")


OPINIONS = st.builds(
    Opinion,
    st.just("imapclient"),
    st.sampled_from(["ready", "accepted", "rejected", "unavailable"]),
    st.text(max_size=20),
    st.sampled_from(Trouble),
)
CERTIFICATES = st.none() | st.builds(
    Certificate,
    names=st.just(()) | st.just(("a.example.com",)),
    covers=st.booleans(),
    days_left=st.integers(-9, 99),
    begun=st.booleans(),
    trouble=st.sampled_from(
        ["", "certificate has expired", "certificate is not valid for x", "certificate x"]
    ),
)


FAILURES = st.builds(
    Opinion,
    st.just("sasl-bridge"),
    st.just("unavailable"),
    st.text(max_size=20),
    st.sampled_from(Trouble),
    banner=st.text(max_size=20) | st.sampled_from(["* OK hi", "+OK hi", "220 hi"]),
    addresses=st.just(("127.0.0.1",)),
)
SERVERS = st.builds(
    Server,
    name=st.just("first"),
    host=st.just("mail.example.com"),
    protocol=st.sampled_from(["imap", "pop3"]),
    security=st.sampled_from(["plain", "ssl", "tls"]),
    port=st.just(1),
)


@given(SERVERS, FAILURES, OPINIONS, CERTIFICATES)
def test_there_is_always_advice_about_a_server_that_cannot_be_used(
    server: Server, first: Opinion, second: Opinion, certificate: Certificate | None
) -> None:
    """And it is not the one about a second opinion that is missing."""
    report = Report(server, "", "", 0.0, first, second, certificate)
    told = [one for one in advice(report) if not one.startswith("There is no second opinion")]
    assert told


@pytest.mark.parametrize(("report", "sentence"), CASES.values(), ids=CASES)
def test_each_trouble_has_its_sentence(report: Report, sentence: str) -> None:
    assert advice(report) == (sentence,)
