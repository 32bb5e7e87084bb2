"""Reload and restart of sasl-policyd beneath a real Postfix: no mail may notice."""

from collections import Counter

from lab.gateway import Gateway
from lab.policed import ALICE, BOB, ENFORCED, TAKEN, logged_in, told
from lab.traffic import Mails


def test_a_reload_in_the_middle_of_200_mails_loses_none(policed: Gateway) -> None:
    """The new settings append a text to refusals, so Bob's sender tells that they are in force."""
    with policed.policyd(**ENFORCED) as policyd, logged_in(policed) as session:
        mails = Mails(policed.submission, ALICE, "hers")
        mails.begin(sessions=8, mails_each=25)
        assert mails.reached(60)
        policyd.reload(policed.sender_settings(**ENFORCED, help_text="as of now"))
        assert told(session, BOB)[1].endswith(f"not owned by user {ALICE}; as of now")
        assert Counter(mails.codes()) == {250: 200}
        assert len(policyd.decisions(201)) == 201


def test_a_restart_in_the_middle_of_200_mails_loses_none(policed: Gateway) -> None:
    """The socket is systemd's, so it outlives the daemon; each daemon decides a part.

    Those that stand between RCPT and DATA just then are decided by both: one a session at most.
    """
    with (
        policed.passed_policy_socket() as passed,
        policed.policyd(**ENFORCED, passed=passed) as old,
    ):
        mails = Mails(policed.submission, ALICE, "hers")
        mails.begin(sessions=8, mails_each=25)
        assert mails.reached(60)
        assert old.stop() == 0
        with policed.policyd(**ENFORCED, passed=passed) as new:
            assert Counter(mails.codes()) == {250: 200}
            decided = len(old.decisions(60)) + len(new.decisions(1))
    assert 200 <= decided <= 208


def test_one_session_outlives_a_restart(policed: Gateway) -> None:
    """Postfix's process keeps its connection to the old daemon, and must get to the new one."""
    with (
        policed.passed_policy_socket() as passed,
        policed.policyd(**ENFORCED, passed=passed) as old,
        logged_in(policed) as session,
    ):
        assert told(session, BOB)[0] == 553
        old.stop()
        with policed.policyd(**ENFORCED, passed=passed):
            assert told(session, ALICE) == TAKEN
            assert told(session, BOB)[0] == 553
