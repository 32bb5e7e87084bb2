"""Certificates in words."""

import datetime as dt
import ssl

import pytest
import trustme

from sasl_bridge.probe.certificate import certificate_facts, name_matches

NAME = "mail.example.com"


def der(pem: trustme.Blob) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem.bytes().decode())


def days(number: float) -> dt.datetime:
    return dt.datetime.now(dt.UTC) + dt.timedelta(days=number)


def test_what_is_told_of_a_certificate() -> None:
    authority = trustme.CA()
    ends = days(12.5)
    issued = authority.issue_cert(
        "mail.example.com", "*.example.org", "192.0.2.1", "2001:db8::1", not_after=ends
    )
    facts = certificate_facts(der(issued.cert_chain_pems[0]), NAME)
    assert facts["names"] == ["mail.example.com", "*.example.org", "192.0.2.1", "2001:db8::1"]
    assert "Testing CA" in facts["issuer"]
    assert facts["not_before"] == "2000-01-01"
    assert facts["not_after"] == ends.strftime("%Y-%m-%d")
    assert facts["days_left"] == 12
    assert (facts["number_of_names"], facts["covers"], facts["begun"]) == (4, True, True)
    assert facts["self_signed"] is False
    assert len(facts["fingerprint"]) == 64


def test_a_common_name_stands_for_the_subject() -> None:
    issued = trustme.CA().issue_cert("a.example.com", common_name="The Server")
    assert certificate_facts(der(issued.cert_chain_pems[0]), NAME)["subject"] == "The Server"


def test_an_authority_is_self_signed_and_for_no_host() -> None:
    facts = certificate_facts(der(trustme.CA().cert_pem), NAME)
    assert (facts["self_signed"], facts["names"]) == (True, [])


def test_days_are_negative_after_the_end() -> None:
    issued = trustme.CA().issue_cert("a.example.com", not_after=days(-0.5))
    assert certificate_facts(der(issued.cert_chain_pems[0]), NAME)["days_left"] == -1


def test_many_names_are_cut_after_they_were_compared() -> None:
    issued = trustme.CA().issue_cert(*(f"{number}.example.com" for number in range(80)))
    facts = certificate_facts(der(issued.cert_chain_pems[0]), "79.example.com")
    assert (len(facts["names"]), facts["names"][-1]) == (50, "49.example.com")
    assert (facts["number_of_names"], facts["covers"]) == (80, True)


def test_garbage_raises() -> None:
    with pytest.raises(ValueError, match=r"(?i)asn"):
        certificate_facts(b"garbage", NAME)


@pytest.mark.parametrize(
    ("name", "covered"),
    [
        ("mail.example.com", True),
        ("MAIL.example.com.", True),
        ("example.com", False),
        ("a.example.org", True),
        ("a.b.example.org", False),
        ("example.org", False),
        ("org", False),
        ("192.0.2.1", True),
        ("2001:0DB8:0::1", True),
        ("2001:db8::2", False),
    ],
)
def test_names_in_certificates(name: str, covered: bool) -> None:
    names = ("mail.EXAMPLE.com", "*.example.org", "192.0.2.1", "2001:db8::1")
    assert name_matches(name, names) is covered
