"""What sasl-policyd explains is what it tells Postfix."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lab.asking_policy import Asker
from lab.policyd_alone import SALES
from lab.policyd_alone import policyd_alone as running
from lab.sender_forms import made_senders
from lab.settings import (
    sender_context,
    sender_exception,
)

from bridge_admin.control_client import POLICYD, ask_daemon

pytestmark = pytest.mark.usefixtures("daemon_loop")


_SENDERS = [
    "",
    "alice",
    "news@example.com",
    "Sales@EXAMPLE.com.",
    *sorted({made.path.strip("<>") for made in made_senders()}),
]
REQUESTS = st.fixed_dictionaries(
    {
        "sender": st.sampled_from(_SENDERS) | st.text('ab@.%!+"\\ é\udcff\x00', max_size=12),
        "login": st.sampled_from(["", "alice@example.com", "Bob@example.com", "c@example.net", "x"])
        | st.text("a@.\udc80 é", max_size=8),
        "client": st.sampled_from(["", "127.0.0.1", "203.0.113.5", "::1", "::ffff:203.0.113.5"]),
        "recipient": st.just("bob@example.net"),
        "context": st.sampled_from(["", "one", "two", "three", "four"]),
    }
)


def test_explain_says_what_postfix_is_told(tmp_path: Path) -> None:
    (tmp_path / "aliases").write_text(f"{SALES}: alice@example.com\n@example.org: c@example.net\n")
    rules: dict[str, Any] = {"fake_sender_control": "enforce", "null_sender": "reject"}
    tables = (
        sender_exception("news@example.com", "203.0.113.0/24"),
        sender_context("one", match_login="off", foreign_sender="enforce", help_text="Go away"),
        sender_context("two", match_login="monitor", fake_sender_control="monitor"),
        sender_context("three", match_scope="domain", null_sender="allow"),
    )
    with running(tmp_path, *tables, **rules), Asker(tmp_path / "policy") as postfix:
        told: set[str] = set()

        @settings(max_examples=400, suppress_health_check=list(HealthCheck))
        @given(REQUESTS)
        def the_same(asked: dict[str, Any]) -> None:
            file = tmp_path / "settings.toml"
            explained = ask_daemon(file, "explain", daemon=POLICYD, **asked)
            action = postfix.ask(
                sender=asked["sender"],
                sasl_username=asked["login"],
                sasl_method="PLAIN" if asked["login"] else "",
                client_address=asked["client"],
                policy_context=asked["context"],
                instance="",
            )
            told.add(explained["rule"] + explained["action"])
            if explained["action"] == "DUNNO":
                assert action == "DUNNO"
                return
            reply = explained["smtp_reply"]
            assert reply.startswith(f"{explained['action']} <")
            said = reply.partition(">: Sender address rejected: ")[2]
            assert action == f"{explained['action']} {said}"

        the_same()
    assert told >= {
        "DUNNO",
        "match_loginDUNNO",
        "fake_sender_controlDUNNO",
        "null_sender553 5.7.1",
        "match_login553 5.7.1",
        "foreign_sender553 5.7.1",
        "fake_sender_control553 5.7.1",
    }
