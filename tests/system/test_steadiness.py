"""Load, reload and restart beneath a real Postfix: no login may notice."""

from collections import Counter

from lab.gateway import Gateway
from lab.replies import ACCEPTED, WRONG
from lab.settings import server
from lab.traffic import Traffic, log_in_together

ALICE = "alice@example.com"


def test_a_hundred_sessions_at_once_all_log_in(gateway: Gateway) -> None:
    with (
        gateway.dovecot({ALICE: "hers"}) as dovecot,
        gateway.bridge(server("only", dovecot.port)),
    ):
        replies = log_in_together(gateway.submission, ALICE, "hers", sessions=100)
    assert Counter(replies) == {ACCEPTED: 100}


def test_a_reload_in_the_middle_of_200_logins_disturbs_none(gateway: Gateway) -> None:
    """The new settings name the server anew, so the log tells that both were in force."""
    with (
        gateway.dovecot({ALICE: "hers"}) as dovecot,
        gateway.bridge(server("before", dovecot.port)) as bridge,
    ):
        traffic = Traffic(gateway.submission, ALICE, "hers", logins=200)
        traffic.begin(workers=8)
        assert traffic.reached(60)
        bridge.reload(gateway.settings(server("after", dovecot.port)))
        assert Counter(traffic.replies()) == {ACCEPTED: 200}
        decided = Counter(line.partition("server=")[2].split()[0] for line in bridge.decisions(200))
    assert set(decided) == {"before", "after"}
    assert decided["before"] >= 60


def test_broken_settings_at_reload_leave_the_good_ones_in_force(gateway: Gateway) -> None:
    with (
        gateway.dovecot({ALICE: "hers"}) as dovecot,
        gateway.bridge(server("only", dovecot.port)) as bridge,
        gateway.submission() as session,
    ):
        session.secure()
        bridge.reload("[smtp_auth]\nenabbled = true\n")
        assert session.plain(ALICE, "hers") == ACCEPTED
        assert bridge.lines_with("smtp_auth.enabbled")


def test_a_restart_in_the_middle_of_200_logins_disturbs_none(gateway: Gateway) -> None:
    """The socket is systemd's, so it outlives the daemon; each daemon decides a part."""
    with (
        gateway.dovecot({ALICE: "hers"}) as dovecot,
        gateway.passed_socket() as passed,
        gateway.bridge(server("only", dovecot.port), passed=passed) as old,
    ):
        traffic = Traffic(gateway.submission, ALICE, "hers", logins=200)
        traffic.begin(workers=8)
        assert traffic.reached(60)
        assert old.stop() == 0
        with gateway.bridge(server("only", dovecot.port), passed=passed) as new:
            assert Counter(traffic.replies()) == {ACCEPTED: 200}
            assert new.decisions(1)
        assert len(old.decisions(60)) + len(new.decisions(1)) == 200


def test_one_session_outlives_a_restart(gateway: Gateway) -> None:
    """Postfix's process keeps its connection to the old daemon, and must get to the new one."""
    with (
        gateway.dovecot({ALICE: "hers"}) as dovecot,
        gateway.passed_socket() as passed,
        gateway.bridge(server("only", dovecot.port), passed=passed) as old,
        gateway.submission() as session,
    ):
        session.secure()
        assert session.plain(ALICE, "wrong") == WRONG
        old.stop()
        with gateway.bridge(server("only", dovecot.port), passed=passed):
            assert session.plain(ALICE, "hers") == ACCEPTED
