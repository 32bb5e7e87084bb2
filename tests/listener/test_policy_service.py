"""One client connection of sasl-policyd: requests in, answers out; on asyncio and uvloop."""

import asyncio
from pathlib import Path

import pytest
from lab.policy_client import OUTSIDER, PolicyCaller, request_bytes
from lab.policy_serving import OURS, ScriptedOwners, decisions, in_force, policy_served

from policyd.rules.interface import RuleSettings

NOT_HIS = "553 5.7.1 not owned by user alice@example.com"
LATER = "451 4.3.0 its owner cannot be looked up now"


async def test_an_own_sender_is_let_through(tmp_path: Path) -> None:
    async with policy_served(tmp_path) as (_, caller):
        assert await caller.ask() == "DUNNO"


async def test_another_s_sender_is_refused(tmp_path: Path) -> None:
    async with policy_served(tmp_path) as (_, caller):
        assert await caller.ask(sender="bob@example.com") == NOT_HIS


async def test_a_sender_that_must_be_looked_up(tmp_path: Path) -> None:
    owners = ScriptedOwners()
    async with policy_served(tmp_path, owners) as (_, caller):
        caller.send(sender="wait@example.com")
        await owners.busy.wait()
        owners.owned.add("wait@example.com")
        owners.go_on.set()
        assert await caller.action() == "DUNNO"
        assert await caller.ask(sender="wait@example.com", instance="2") == "DUNNO"


@pytest.mark.expect_warnings('action="451 4.3.0"')
async def test_a_look_up_that_is_impossible_is_for_now(tmp_path: Path) -> None:
    async with policy_served(tmp_path) as (_, caller):
        assert await caller.ask(sender="away@example.com") == LATER
        assert await caller.ask(instance="2") == "DUNNO"


@pytest.mark.expect_warnings('looking up the sender\'s owner failed|action="451 4.3.0"')
async def test_a_look_up_with_a_fault_is_for_now(tmp_path: Path) -> None:
    async with policy_served(tmp_path) as (_, caller):
        assert await caller.ask(sender="fault@example.com") == LATER


async def test_an_outsider(tmp_path: Path) -> None:
    async with policy_served(tmp_path) as (_, caller):
        assert await caller.ask(**OUTSIDER) == "553 5.7.1 not logged in"
        assert await caller.ask(**OUTSIDER, sender="bob@example.net") == "DUNNO"


async def test_requests_of_one_write_are_answered_in_their_order(tmp_path: Path) -> None:
    owners = ScriptedOwners()
    async with policy_served(tmp_path, owners) as (_, caller):
        senders = ["alice@example.com", "wait@example.com", "bob@example.com", "wait@example.com"]
        caller.writer.write(
            b"".join(request_bytes(sender=sender, instance="") for sender in senders)
        )
        await owners.busy.wait()
        assert await caller.action() == "DUNNO"
        owners.owned.add("wait@example.com")
        owners.go_on.set()
        assert [await caller.action() for _ in range(3)] == ["DUNNO", NOT_HIS, "DUNNO"]


async def test_a_request_byte_by_byte(tmp_path: Path) -> None:
    async with policy_served(tmp_path) as (_, caller):
        for byte in request_bytes(sender="j\u00f6rg@example.com"):
            caller.writer.write(bytes([byte]))
            await asyncio.sleep(0)
        assert await caller.action() == NOT_HIS


async def test_what_two_clients_send_by_halves_is_not_mixed_up(tmp_path: Path) -> None:
    """All connections are read into one buffer."""
    async with policy_served(tmp_path) as (_, caller):
        other = await PolicyCaller.at(tmp_path / "policy")
        own, foreign = request_bytes(), request_bytes(sender="bob@example.com", instance="2")
        caller.writer.write(own[:300])
        assert await other.ask(sender="bob@example.com") == NOT_HIS
        other.writer.write(foreign[:300])
        caller.writer.write(own[300:])
        assert await caller.action() == "DUNNO"
        other.writer.write(foreign[300:])
        assert await other.action() == NOT_HIS
        other.writer.close()


async def test_who_closes_the_writing_side_is_answered(tmp_path: Path) -> None:
    """As `printf ... | nc -U` does."""
    owners = ScriptedOwners()
    async with policy_served(tmp_path, owners) as (_, caller):
        caller.writer.write(request_bytes() + request_bytes(sender="wait@example.com"))
        caller.writer.write(request_bytes(sender="bob@example.com") + b"request=sm")
        caller.writer.write_eof()
        await owners.busy.wait()
        assert await caller.action() == "DUNNO"
        owners.go_on.set()
        assert await caller.rest() == b"action=" + NOT_HIS.encode() + b"\n\naction=" + (
            NOT_HIS.encode() + b"\n\n"
        )


async def test_who_closes_after_one_request_is_answered(tmp_path: Path) -> None:
    async with policy_served(tmp_path) as (_, caller):
        caller.send()
        caller.writer.write_eof()
        assert await caller.rest() == b"action=DUNNO\n\n"


# One message, many recipients


async def test_other_recipients_get_the_same_answer_and_leave_no_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    owners = ScriptedOwners()
    async with policy_served(tmp_path, owners) as (service, caller):
        assert await caller.ask(sender="bob@example.com") == NOT_HIS
        owners.owned.add("bob@example.com")
        again = {"sender": "bob@example.com", "recipient": "carol@example.net"}
        assert await caller.ask(**again, queue_id="4XyZ", recipient_count="2") == NOT_HIS
        assert await caller.ask(**again, protocol_state="END-OF-MESSAGE", size="9") == NOT_HIS
        assert owners.asked == ["bob@example.com"]
        assert service.counts == {"refused": 1}
        assert len(decisions(caplog)) == 1


async def test_another_message_is_decided_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    owners = ScriptedOwners()
    async with policy_served(tmp_path, owners) as (_, caller):
        assert await caller.ask(sender="bob@example.com", instance="1") == NOT_HIS
        owners.owned.add("bob@example.com")
        assert await caller.ask(sender="bob@example.com", instance="2") == "DUNNO"
    assert len(decisions(caplog)) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"sender": "carol@example.com"},
        {"sasl_username": "carol@example.com"},
        {"sasl_method": "LOGIN"},
        {"client_address": "192.0.2.2"},
        {"policy_context": "relay"},
    ],
    ids=lambda other: next(iter(other)),
)
async def test_what_decides_is_never_taken_from_another_request(
    tmp_path: Path, other: dict[str, str]
) -> None:
    """An instance is no proof that it is the same client: it is a number of Postfix's process."""
    owners = ScriptedOwners()
    async with policy_served(tmp_path, owners) as (_, caller):
        assert await caller.ask() == "DUNNO"
        owners.owned.clear()
        assert (await caller.ask(**other)).startswith("553 5.7.1 not owned by user ")


async def test_without_an_instance_each_request_is_decided_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With smtpd_delay_reject = no, all messages of a session have the same: none."""
    caplog.set_level("INFO")
    owners = ScriptedOwners()
    async with policy_served(tmp_path, owners) as (service, caller):
        assert await caller.ask(protocol_state="MAIL", instance="") == "DUNNO"
        owners.owned.clear()
        assert await caller.ask(protocol_state="MAIL", instance="") == NOT_HIS
        assert service._decided == {}
    assert len(decisions(caplog)) == 2


async def test_before_mail_from_an_empty_sender_is_not_the_message_s(tmp_path: Path) -> None:
    """A session has an instance from its first request on; the null sender may come after it."""
    rules = RuleSettings(OURS, null_sender="enforce")
    async with policy_served(tmp_path, rules=rules) as (_, caller):
        assert await caller.ask(protocol_state="EHLO", sender="", recipient="") == "DUNNO"
        assert await caller.ask(sender="") == "553 5.7.1 the null sender is not for users"


async def test_a_reload_leaves_a_message_under_way_what_was_decided_of_it(tmp_path: Path) -> None:
    """Some of its recipients would get the mail else, and it would be logged twice."""
    owners = ScriptedOwners()
    async with policy_served(tmp_path, owners) as (service, caller):
        assert await caller.ask(sender="bob@example.com") == NOT_HIS
        service.apply(in_force(owners, RuleSettings(OURS, match_login="monitor")))
        assert await caller.ask(sender="bob@example.com", protocol_state="DATA") == NOT_HIS
        assert await caller.ask(sender="bob@example.com", instance="the next") == "DUNNO"


async def test_a_message_of_overlong_texts_is_not_remembered(tmp_path: Path) -> None:
    async with policy_served(tmp_path) as (service, caller):
        await caller.ask(sender=f"{'b' * 8192}@example.com")
        assert service._decided == {}


async def test_few_messages_are_remembered(tmp_path: Path) -> None:
    """And the oldest goes first."""
    owners = ScriptedOwners()
    async with policy_served(tmp_path, owners) as (service, caller):
        for number in range(2001):
            caller.send(instance=str(number))
        for _ in range(2001):
            assert await caller.action() == "DUNNO"
        assert len(service._decided) == 2000
        owners.owned.clear()
        assert await caller.ask(instance="2000") == "DUNNO"
        assert await caller.ask(instance="0") == NOT_HIS


# Trouble


@pytest.mark.expect_warnings("deciding failed")
@pytest.mark.parametrize("sender", ["fault-at-once@example.com", "fault-later@example.com"])
async def test_a_fault_in_deciding_is_told_by_hanging_up(
    tmp_path: Path, sender: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with policy_served(tmp_path) as (_, caller):
        caller.send(sender=sender)
        caller.send()
        assert await caller.rest() == b""
        assert "a fault of ours" in caplog.text
        other = await PolicyCaller.at(tmp_path / "policy")
        assert await other.ask() == "DUNNO"
        other.writer.close()


@pytest.mark.expect_warnings("the settings are broken")
async def test_broken_settings_are_told_by_hanging_up_and_good_ones_heal(tmp_path: Path) -> None:
    async with policy_served(tmp_path) as (service, caller):
        assert await caller.ask() == "DUNNO"
        good = service.in_force
        service.apply(None)
        caller.send()
        assert await caller.rest() == b""
        service.apply(good)
        again = await PolicyCaller.at(tmp_path / "policy")
        assert await again.ask() == "DUNNO"
        again.writer.close()


@pytest.mark.expect_warnings("the settings are broken")
async def test_settings_that_break_while_something_is_looked_up_do_not_matter_to_it(
    tmp_path: Path,
) -> None:
    owners = ScriptedOwners()
    async with policy_served(tmp_path, owners) as (service, caller):
        caller.send(sender="wait@example.com")
        caller.send()
        await owners.busy.wait()
        service.apply(None)
        owners.go_on.set()
        assert await caller.rest() == b"action=" + NOT_HIS.encode() + b"\n\n"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"EHLO client.example.net\n\n", "a line of a request is no name=value"),
        (b"sender=a@example.com\n\n", "a request is none for smtpd_access_policy"),
        (b"request=junk\n\n", "a request is none for smtpd_access_policy"),
        (request_bytes()[:-1] + b"sender=b\n\n", "an attribute is there twice, with two values"),
        (b"a=\n" * 201 + b"\n", "a request has more than 200 attributes"),
        (b"sender=" + b"x" * 1_048_576, "a request is longer than 65536 bytes"),
        (b"a=\n" * 100_000, "a request is longer than 65536 bytes"),
    ],
)
@pytest.mark.expect_warnings("broke the policy protocol|socket.send.. raised")
async def test_who_breaks_the_protocol_loses_his_connection_and_leaves_one_warning(
    tmp_path: Path, data: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with policy_served(tmp_path) as (_, caller):
        caller.send()
        caller.writer.write(data)
        caller.send()
        rest = await caller.rest()
        assert b"action=DUNNO\n\n".startswith(rest)  # a reset may overtake what was answered
        warned = [one.getMessage() for one in caplog.records if one.name == "policyd.service"]
        assert warned == [f"a client program broke the policy protocol: {reason}"]
        other = await PolicyCaller.at(tmp_path / "policy")
        assert await other.ask() == "DUNNO"
        other.writer.close()


async def test_what_is_no_utf8_harms_nobody(tmp_path: Path) -> None:
    async with policy_served(tmp_path) as (_, caller):
        bad = "\udcff\0\udcc3@example.com"
        assert (await caller.ask(sender=bad)).startswith("553 5.7.1 ")
        assert (await caller.ask(sender=bad, **OUTSIDER)).startswith("553 5.7.1 ")
        answer = await caller.ask(sasl_username=bad, instance="2")
        assert answer == "553 5.7.1 not owned by user ?@example.com"
