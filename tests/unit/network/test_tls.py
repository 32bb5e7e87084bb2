"""TLS settings; what they do to a handshake is shown in tests/listener/test_remote_tls.py."""

import ssl
from pathlib import Path

import pytest
import trustme

from bridge_common.network.tls import tls_context


def test_verified_by_default_and_not_below_1_2() -> None:
    context = tls_context(verify=True, ca_file="")
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("verify", [True, False])
def test_no_server_makes_us_compute_with_large_numbers(verify: bool) -> None:
    """With parameters of 10000 bits a handshake would stop all others for a second."""
    names = [str(cipher["name"]) for cipher in tls_context(verify=verify, ca_file="").get_ciphers()]
    assert "ECDHE-RSA-AES256-GCM-SHA384" in names
    assert not [name for name in names if name.startswith(("DHE-RSA", "DHE-DSS", "ADH"))]


def test_unverified_only_on_request() -> None:
    context = tls_context(verify=False, ca_file="")
    assert context.verify_mode is ssl.CERT_NONE
    assert not context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_ca_file_takes_the_place_of_the_system(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    assert tls_context(verify=True, ca_file=str(file)).cert_store_stats()["x509_ca"] == 1


def test_a_ca_file_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    with pytest.raises(FileNotFoundError):
        tls_context(verify=True, ca_file=str(file))
    file.write_text("no certificate")
    with pytest.raises(ssl.SSLError):
        tls_context(verify=True, ca_file=str(file))
