"""Foreign exceptions in words."""

import errno
import socket
import ssl

import pytest

from bridge_common.network.trouble import endpoint_text, lookup_text, silence_text, trouble_text

ENDPOINT = endpoint_text("192.0.2.1", 993)


def certificate_error(code: int, message: str = "") -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, message
    return error


def tls_error(reason: str | None) -> ssl.SSLError:
    error = ssl.SSLError(1, "failed")
    if reason is not None:
        error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            ConnectionRefusedError(errno.ECONNREFUSED, "x"),
            "connection refused by 192.0.2.1 port 993",
        ),
        (ConnectionResetError(), "connection reset by 192.0.2.1 port 993"),
        (BrokenPipeError(), "connection reset by 192.0.2.1 port 993"),
        (ConnectionAbortedError(), "connection reset by 192.0.2.1 port 993"),
        (ssl.SSLEOFError(8, "EOF"), "connection reset by 192.0.2.1 port 993"),
        (OSError(errno.ENETUNREACH, "x"), "192.0.2.1 port 993: Network is unreachable"),
        (OSError("no number"), "192.0.2.1 port 993: OSError"),
        (ValueError("a bug of ours, with who knows what in it"), "192.0.2.1 port 993: ValueError"),
        (certificate_error(9), "certificate is not yet valid"),
        (certificate_error(10), "certificate has expired"),
        (certificate_error(18), "certificate is self-signed"),
        (certificate_error(19), "certificate is not signed by a trusted authority"),
        (certificate_error(20), "certificate is not signed by a trusted authority"),
        (certificate_error(62), "certificate is not valid for mail.example.com"),
        (certificate_error(64), "certificate is not valid for mail.example.com"),
        (certificate_error(23, "revoked"), "certificate cannot be verified: revoked"),
        (certificate_error(23, "{name}"), "certificate cannot be verified: {name}"),
        (tls_error("WRONG_VERSION_NUMBER"), "192.0.2.1 port 993 does not speak TLS"),
        (tls_error("RECORD_LAYER_FAILURE"), "192.0.2.1 port 993 does not speak TLS"),
        (
            tls_error("TLSV1_ALERT_PROTOCOL_VERSION"),
            "TLS with 192.0.2.1 port 993 failed: tlsv1 alert protocol version",
        ),
        (tls_error(None), "TLS with 192.0.2.1 port 993 failed: for no known reason"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_trouble(error: BaseException, text: str) -> None:
    assert trouble_text(error, ENDPOINT, "mail.example.com") == text


def test_lookup_trouble() -> None:
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    text = "no address for mail.example.com: Name or service not known"
    assert lookup_text(unknown, "mail.example.com") == text
    assert lookup_text(UnicodeError("x"), "a..b") == "no address for a..b: UnicodeError"


def test_silence() -> None:
    assert silence_text("greeting", 0.25) == "no greeting within 0.2 s"
