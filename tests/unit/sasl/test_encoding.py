"""Base64: strict, but for missing padding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sasl_bridge.sasl.encoding import decode_base64, encode_base64


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (b"", b""),
        (b"YWFh", b"aaa"),
        (b"YQ==", b"a"),
        (b"YWE=", b"aa"),
        (b"+/+/", b"\xfb\xff\xbf"),
        (b"YQ", b"a"),
        (b"YQ=", b"a"),
        (b"YWE", b"aa"),
    ],
)
def test_decodes_with_or_without_padding(text: bytes, data: bytes) -> None:
    assert decode_base64(text) == data


@pytest.mark.parametrize(
    "text",
    [
        b"!!!!",
        b"*",
        b"=",
        b"====",
        b"Y",
        b"YWFhY",
        b"YQ===",
        b"YWE==",
        b"YWFh=",
        b"YWFh====",
        b"YQ==YQ==",
        b"Y=Q=",
        b"YW Fh",
        b"YW\nFh",
        b"YWFh\n",
        b" YWFh",
        b"AGE_",
        b"AGE-",
        b"YWFh\0",
        b"YWF\xff",
    ],
)
def test_refuses_everything_else(text: bytes) -> None:
    assert decode_base64(text) is None


def test_encodes_without_line_breaks() -> None:
    assert encode_base64(b"x" * 60) == b"eHh4" * 20


@given(st.binary())
def test_decoding_undoes_encoding(data: bytes) -> None:
    assert decode_base64(encode_base64(data)) == data


@given(st.binary())
def test_any_input_is_decoded_or_refused(text: bytes) -> None:
    data = decode_base64(text)
    assert data is None or len(data) <= len(text)
