"""Networks as the settings write them."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_common.settings.networks import holds_everything, network_of, network_text


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("192.0.2.1", "192.0.2.1/32"),
        ("192.0.2.1/32", "192.0.2.1/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("2001:db8:0:0::1", "2001:db8::1/128"),
        ("::1/128", "::1/128"),
        ("[::1]/128", "::1/128"),
        ("[2001:db8::]/32", "2001:db8::/32"),
        ("[::1]", "::1/128"),
        ("[192.0.2.0]/24", "192.0.2.0/24"),
        ("10.0.0.0/08", "10.0.0.0/8"),
    ],
)
def test_a_network_has_one_spelling(text: str, canonical: str) -> None:
    assert network_text(text) == canonical


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("[::ffff:127.0.0.0]/104", "127.0.0.0/8"),
        ("::ffff:192.0.2.1", "192.0.2.1/32"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::fffe:0:0/95", "::fffe:0:0/95"),
        ("::/0", "::/0"),
        ("2001:db8::/104", "2001:db8::/104"),
        ("10.0.0.0/8", "10.0.0.0/8"),
    ],
)
def test_one_of_mapped_addresses_is_about_ipv4_clients(text: str, network: str) -> None:
    assert str(network_of(network_text(text))) == network


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com",
        "10.0.0.0/33",
        "::/129",
        "10.0.0/8",
        "10.0.0.0/",
        "10.0.0.0/-1",
        "10.0.0.0/255.0.0.0",
        "010.0.0.0/8",
        "fe80::1%eth0",
        "[::1/128]",
        "[::1",
        "::1]/128",
        "192.0.2.1 ",
        "192.0.2.1\n",
        "192.0.2.\u0661",
    ],
)
def test_what_is_no_network_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"is not an address or a network, such as 192\.0\.2\.1, 10"
    ):
        network_text(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("[2001:db8::1]/32", "2001:db8::/32"),
        ("192.0.2.1/0", "0.0.0.0/0"),
    ],
)
def test_an_address_within_a_network_is_refused_with_the_network_that_was_meant(
    text: str, meant: str
) -> None:
    with pytest.raises(ValueError, match="is an address within") as refused:
        network_text(text)
    assert str(refused.value) == (
        f'"{text}" is an address within a network: "{meant}" was probably meant'
    )


@given(st.ip_addresses(), st.integers(0, 128))
def test_the_canonical_text_of_a_network_is_read_as_itself(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, prefix: int
) -> None:
    length = min(prefix, address.max_prefixlen)
    network = ipaddress.ip_network(f"{address}/{length}", strict=False)
    text = network_text(f"[{network.network_address}]/{length}")
    assert network_text(text) == text
    assert ipaddress.ip_network(text) == network


@given(st.text() | st.text("0123456789abcdef:./[]", max_size=20))
def test_any_text_is_a_network_or_is_refused_in_words(text: str) -> None:
    said = ""
    try:
        canonical = network_text(text)
        assert str(ipaddress.ip_network(canonical)) == canonical
    except ValueError as error:
        said = str(error)
    assert said.isprintable()
    assert not said or "is not an address or a network" in said or "was probably meant" in said


def test_two_networks_hold_everything() -> None:
    networks = ["0.0.0.0/0", "::/0", "128.0.0.0/1", "::1/128", "::/1"]
    assert [holds_everything(each) for each in networks] == [True, True, False, False, False]
