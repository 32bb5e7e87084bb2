"""The response of SASL PLAIN."""

from sasl_bridge.dialogue.plain import plain_response


def test_the_response_asks_for_no_other_identity() -> None:
    assert plain_response(b"alice", b"secret") == b"AGFsaWNlAHNlY3JldA=="


def test_any_bytes_are_encoded() -> None:
    assert plain_response("zoë".encode(), b'p\xff "\\') == b"AHpvw6sAcP8gIlw="


def test_a_long_response_stays_on_one_line() -> None:
    assert plain_response(b"u" * 64, b"p" * 255).find(b"\n") == -1
