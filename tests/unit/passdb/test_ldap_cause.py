"""What an UNAVAILABLE of a directory comes of: its trouble, one account's, or our own limits."""

import pytest

from bridge_common.directory.results import (
    Bound,
    Entry,
    Fault,
    ManyEntries,
    NotTried,
    Result,
    Trouble,
)
from sasl_bridge.passdb.ldap import cause_of
from sasl_bridge.verdict import Cause


@pytest.mark.parametrize(
    ("result", "cause"),
    [
        (Trouble("connection refused", Fault.HOST), Cause.SERVER),
        (Trouble("no answer to a search", Fault.HOST), Cause.SERVER),
        (Trouble("no answer to a login", Fault.HOST, password_sent=True), Cause.LOGIN),
        (Trouble("invalid credentials", Fault.ACCOUNT), Cause.SERVER),
        (Trouble("all sessions are in use", Fault.HOST, busy=True), None),
        (Trouble("one is away, and one busy", Fault.HOST, password_sent=True, busy=True), None),
        (Trouble("unwilling to perform", Fault.REQUEST, password_sent=True), Cause.ACCOUNT),
        (ManyEntries("several entries match"), Cause.ACCOUNT),
        (NotTried("its budget is spent"), Cause.RESTRAINT),
        (Bound(Entry("uid=alice")), Cause.ACCOUNT),
    ],
)
def test_the_cause_of_trouble_with_a_directory(result: Result, cause: Cause | None) -> None:
    """Bound is trouble where the account has no name of its own."""
    assert cause_of(result) is cause
