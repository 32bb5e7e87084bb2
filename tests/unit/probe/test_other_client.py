"""What the other client's process holds; what it does is shown in tests/listener/test_probe*.py."""

from sasl_bridge.probe.other_client import Request


def test_a_request_does_not_show_its_password() -> None:
    words = {"protocol": "imap", "security": "ssl", "host": "mail.example.com", "port": 993}
    login = {"login": "alice", "password": "secret words", "seconds": 8.0}
    tls = {"verify": True, "ca_file": "", "name": "mail.example.com"}
    request = Request(**words, **tls, **login)  # type: ignore[arg-type]  # from JSON, as there
    assert request.password == "secret words"
    assert "secret words" not in repr(request)
