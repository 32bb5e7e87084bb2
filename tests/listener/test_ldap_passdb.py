"""What a directory's word is worth."""

import asyncio

import pytest
from lab.asking_ldap import ALICE, DN, NAMES, ONCE_MORE, SERVICE, corp, errors, told
from lab.directory_entries import GATEWAY
from lab.ldap_replies import Entry, Told
from lab.ports import free_port

from sasl_bridge.verdict import Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE


# What an answer means


async def test_the_one_entry_that_is_found_is_whose_password_is_tried() -> None:
    bob = Entry("uid=bob,ou=people,dc=example,dc=com", b"other", {"mail": ["bob@example.com"]})
    async with corp(bob, ALICE) as directory:
        answer = await directory.answer()
        assert told(answer) == (ACCEPTED, "bound", True)
        assert (answer.identity, answer.source) == ("alice@example.com", "corp")
    assert directory.entries.binds == [GATEWAY, DN]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Invalid credentials (49)"),
        ("no, thanks", "Invalid credentials (49): no, thanks"),
        ("comment: AcceptSecurityContext error, data 52e, v1db1", "wrong login or password"),
        ("comment: AcceptSecurityContext error, data 532, v1db1", "the password has expired"),
        ("comment: AcceptSecurityContext error, data 533, v1db1", "the account is disabled"),
        ("comment: AcceptSecurityContext error, data 775, v1db1", "the account is locked"),
    ],
)
async def test_invalid_credentials_are_a_no_and_why_is_told_in_words(
    text: str, reason: str
) -> None:
    async with corp(Entry(DN, b"", NAMES, Told(49, text))) as directory:
        answer = await directory.answer()
    assert (answer.verdict, answer.password_sent) == (REJECTED, True)
    assert answer.reason.startswith(reason)
    assert answer.identity == "alice@example.com"


async def test_a_wrong_password_is_a_no() -> None:
    async with corp() as directory:
        answer = await directory.answer(password=b"Secret")
    assert told(answer) == (REJECTED, "Invalid credentials (49)", True)


async def test_no_entry_is_a_no_and_no_password_is_tried() -> None:
    async with corp() as directory:
        answer = await directory.answer("bob@example.com")
    assert (answer.verdict, answer.password_sent) == (REJECTED, False)
    assert answer.reason == (
        "no entry matches (&(objectClass=person)(mail=bob@example.com)) under dc=example,dc=com"
    )
    assert directory.entries.binds == [GATEWAY]


@pytest.mark.expect_warnings("several entries match")
async def test_two_entries_are_trouble_and_nobodys_password_is_tried() -> None:
    async with corp(ALICE, ONCE_MORE) as directory:
        answer = await directory.answer()
    assert (answer.verdict, answer.password_sent) == (UNAVAILABLE, False)
    assert answer.reason.startswith(f"several entries match: {DN}, {ONCE_MORE.dn}; by ")
    assert directory.entries.binds == [GATEWAY]
    assert b"secret" not in directory.server.heard


@pytest.mark.expect_warnings("Size limit|several entries match")
@pytest.mark.parametrize("entries", [(), (ALICE,), (ALICE, ONCE_MORE)])
async def test_a_size_limit_is_trouble_however_many_entries_came(
    entries: tuple[Entry, ...],
) -> None:
    nobody = Entry("uid=bob,ou=people,dc=example,dc=com")
    async with corp(nobody, *entries, search=Told(4)) as directory:
        answer = await directory.answer()
    assert (answer.verdict, answer.password_sent) == (UNAVAILABLE, False)
    assert directory.entries.binds == [GATEWAY]


# All that one byte can say but success and invalidCredentials, and some that it cannot. libldap has
# int for them: these must not be cut to 0 or 49.
CODES = [*range(1, 49), *range(50, 128), 4096, 16654, -1, -5, 1 << 31, 1 << 32, (1 << 32) + 49]


@pytest.mark.expect_warnings("ldap_profile corp: login alice@example.com: ")
@pytest.mark.parametrize("codes", [CODES[n::8] for n in range(8)], ids=str)
async def test_any_other_answer_to_a_password_is_trouble(codes: list[int]) -> None:
    async with corp() as directory:
        for code in codes:
            directory.entries.entries[0] = Entry(DN, b"", NAMES, Told(code, "go away"))
            answer = await directory.answer()
            assert (answer.verdict, answer.password_sent) == (UNAVAILABLE, True), code
            assert answer.identity == "alice@example.com"
    assert directory.entries.binds.count(DN) == len(codes)


@pytest.mark.expect_warnings("ldap_profile corp: login alice@example.com: ")
@pytest.mark.parametrize("entries", [(), (ALICE,)], ids=["none found", "one found"])
@pytest.mark.parametrize("codes", [[49, *CODES[n::8]] for n in range(8)], ids=str)
async def test_any_other_answer_to_a_search_is_trouble(
    codes: list[int], entries: tuple[Entry, ...]
) -> None:
    nobody = Entry("uid=bob,ou=people,dc=example,dc=com")
    async with corp(nobody, *entries) as directory:
        for code in codes:
            directory.entries.search = Told(code, "go away")
            answer = await directory.answer()
            assert (answer.verdict, answer.password_sent) == (UNAVAILABLE, False), code
    assert set(directory.entries.binds) == {GATEWAY}


@pytest.mark.expect_warnings("Referral")
async def test_what_points_elsewhere_is_not_followed() -> None:
    async with corp(Entry(DN, b"", NAMES, Told(10, "ask ldap://127.0.0.1:1/"))) as directory:
        answer = await directory.answer()
    assert told(answer) == (UNAVAILABLE, "Referral (10): ask ldap://127.0.0.1:1/", True)


@pytest.mark.expect_warnings("bind_dn")
async def test_our_own_account_refused_is_trouble_and_no_login_is_searched_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with corp(ALICE) as directory:
        directory.entries.entries = [ALICE]
        answer = await directory.answer()
    reason = "the directory refuses our own account (bind_dn): Invalid credentials (49)"
    assert told(answer) == (UNAVAILABLE, reason, False)
    assert errors(caplog) == [f"ldap_profile corp: login alice@example.com: {reason}"]
    assert directory.entries.searches == []


async def test_a_directory_that_is_down_is_trouble_that_a_later_try_may_mend(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """So it is no error of its own in the log; the decision line says it."""
    port = free_port()
    async with corp(port=port) as directory:
        answer = await directory.answer()
    assert told(answer) == (UNAVAILABLE, f"connection refused by 127.0.0.1 port {port}", False)
    assert errors(caplog) == []


# What is logged as an error


@pytest.mark.expect_warnings("No such object")
async def test_it_is_said_once_a_minute_however_many_log_in(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with corp(search=Told(32)) as directory:
        await asyncio.gather(*(directory.answer() for _ in range(5)))
        assert len(errors(caplog)) == 1
        for later, number in [(59.0, 1), (62.0, 2), (119.0, 2), (125.0, 3)]:
            directory.later = later
            answer = await directory.answer("bob@example.com")
            assert answer.verdict is UNAVAILABLE
            assert len(errors(caplog)) == number
    assert errors(caplog)[1].startswith("ldap_profile corp: login bob@example.com: ")


@pytest.mark.expect_warnings("ldap_profile corp: ")
async def test_one_kind_of_trouble_does_not_keep_another_from_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Anybody can type a login that stands for two accounts."""
    async with corp(identity_attribute="employeeNumber") as directory:
        entries = directory.entries
        for trouble in [
            [ALICE, ONCE_MORE, SERVICE],
            [ALICE, SERVICE],
            [Entry(DN, b"", NAMES, Told(53)), SERVICE],
        ]:
            entries.entries = trouble
            assert (await directory.answer()).verdict is UNAVAILABLE
            assert (await directory.answer()).verdict is UNAVAILABLE
    several, identity, unwilling = errors(caplog)
    assert "several entries match" in several
    assert identity.endswith(": identity_attribute employeeNumber has no value")
    assert unwilling.endswith(": Server is unwilling to perform (53)")
