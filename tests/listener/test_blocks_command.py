"""bridgectl block, unblock and blocks: said to sasl-bridge, and obeyed by both daemons."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab.asking_policy import Asker
from lab.blocking import Administrator, Said
from lab.bridge import Bridge, Policyd
from lab.settings import sender_settings_text, server, settings_text

from bridge_admin.control_client import POLICYD, ask_daemon

pytestmark = pytest.mark.usefixtures("daemon_loop")

ALICE = "alice@example.com"
FREE = "DUNNO"
BLOCKED = "553 5.7.1 this login is blocked"
_NOBODY = 1  # a port where none listens


@contextlib.contextmanager
def running(folder: Path, **smtp_auth: Any) -> Iterator[tuple[Bridge, Path]]:
    text = settings_text(folder, folder / "auth", [server("first", _NOBODY)], **smtp_auth)
    with Bridge(folder, text) as bridge:
        yield bridge, bridge.settings_file


@pytest.fixture
def administrator(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Administrator]:
    with running(tmp_path, identity={"default_domain": "example.com"}) as (_, file):
        yield Administrator(file, capsys)


def listed(administrator: Administrator) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = json.loads(administrator.says("blocks", "list", "--json").out)[
        "blocks"
    ]
    return blocks


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (["ALICE@example.com"], f"{ALICE} is blocked until unblocked; "),
        (["alice", "--for", "2h"], f"{ALICE} is blocked for 2 hours; "),
        (["203.0.113.7", "--for", "1w"], "203.0.113.7 is blocked for 1 week; "),
        (["[2001:DB8::]/32", "--for", "90s"], "2001:db8::/32 is blocked for 90 seconds; "),
        (
            ["Sales-", "--match", "starts-with", "--for", "30m"],
            "logins that start with sales- are blocked for 30 minutes; ",
        ),
        (
            ["@Bücher.example", "--match", "contains"],
            "logins that contain @xn--bcher-kva.example are blocked until unblocked; ",
        ),
    ],
)
def test_it_is_said_who_is_blocked_and_for_how_long(
    administrator: Administrator, words: list[str], out: str
) -> None:
    assert administrator.says("block", *words) == Said(
        0, f"{out}0 remembered logins forgotten\n", ""
    )


def test_what_is_nobody_s_login_may_be_blocked_and_that_is_said(
    administrator: Administrator,
) -> None:
    assert administrator.says("block", "Mallory@Example.net") == Said(
        0,
        "mallory@example.net is blocked until unblocked; 0 remembered logins forgotten\n"
        "that is no login of yours: nobody could log in with it anyway\n",
        "",
    )
    assert [block["what"] for block in listed(administrator)] == ["mallory@example.net"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["203.0.113.7/24"], '"203.0.113.7/24" is an address within a network: '),
        (["203.0.113.7", "--match", "contains"], "can only be matched by equals"),
        ([""], "what must name a login or an address"),
        (["a" * 256], "what must be at most 255 printable characters"),
        (["alice", "--reason", "a\nb"], "reason must be at most 255 printable characters"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    administrator: Administrator, words: list[str], why: str
) -> None:
    said = administrator.says("block", *words)
    assert said.code == 64
    assert why in said.err
    assert listed(administrator) == []


@pytest.mark.parametrize("time", ["1", "0d", "1y", "d", "-1d", "1.5h", ""])
def test_what_is_no_time_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], time: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        Administrator(tmp_path / "none", capsys).says("block", "alice", f"--for={time}")
    assert ended.value.code == 64
    assert f"{time!r} is no duration such as 30m, 12h, 1d or 2w" in capsys.readouterr().err


def test_a_block_is_taken_back_by_exactly_its_name(administrator: Administrator) -> None:
    administrator.says("block", ALICE)
    administrator.says("block", "alice", "--match", "starts-with")
    administrator.says("block", "203.0.113.0/24", "--for", "1d")
    assert administrator.says("unblock", "Alice") == Said(
        0,
        f"{ALICE} is no longer blocked\n"
        "but logins that start with alice are blocked: until unblocked, by the administrator\n",
        "",
    )
    assert administrator.says("unblock", "alice", "--match", "starts-with") == Said(
        0, "logins that start with alice are no longer blocked\n", ""
    )
    assert administrator.says("unblock", ALICE) == Said(
        65, f"{ALICE} is not blocked by that name\n", ""
    )
    said = administrator.says("unblock", "203.0.113.7")
    assert said.code == 65
    assert said.out.startswith(
        "203.0.113.7 is not blocked by that name\nbut 203.0.113.0/24 is blocked: 2"
    )


def test_the_list_is_for_people_and_for_programs(
    administrator: Administrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert administrator.says("blocks", "list").out == "nobody is blocked\n"
    administrator.says("block", ALICE, "--reason", "stolen")
    heading, row = administrator.says("blocks", "list").out.splitlines()
    assert heading.split() == ["BLOCKED", "MATCH", "UNTIL", "SINCE", "BY", "REASON"]
    assert row.startswith(f"{ALICE}  equals  until unblocked  20")
    assert row.endswith("  administrator  stolen")
    [block] = listed(administrator)
    assert block == {
        "what": ALICE,
        "match": "equals",
        "until": None,
        "reason": "stolen",
        "since": block["since"],
        "by": "administrator",
    }


def test_for_programs_all_is_said_as_json(administrator: Administrator) -> None:
    reply = json.loads(administrator.says("block", ALICE, "--json").out)
    assert (reply["ours"], reply["forgotten"], reply["kept"]) == (True, 0, "")
    reply = json.loads(administrator.says("unblock", ALICE, "--json").out)
    assert (reply["removed"]["what"], reply["still"], reply["kept"]) == (ALICE, None, "")


# Carried to another gateway


def test_what_is_exported_can_be_imported(
    administrator: Administrator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    administrator.says("block", ALICE, "--for", "1d", "--reason", "stolen")
    administrator.says("block", "sales", "--match", "contains")
    administrator.says("block", "203.0.113.0/24")
    exported = administrator.says("blocks", "export").out
    before = listed(administrator)
    assert len(exported.splitlines()) == 3
    file = tmp_path / "blocks"
    file.write_text(exported)
    other = tmp_path / "other"
    other.mkdir()
    with running(other) as (_, settings):
        there = Administrator(settings, capsys)
        said = there.says("blocks", "import", str(file))
        assert said == Said(0, "3 blocks imported; 0 remembered logins forgotten\n", "")
        assert listed(there) == before


def test_an_import_adds_to_what_is_there(administrator: Administrator, tmp_path: Path) -> None:
    administrator.says("block", ALICE)
    (tmp_path / "blocks").write_text('# by hand\n\n{"what": "Bob"}\n')
    said = administrator.says("blocks", "import", str(tmp_path / "blocks"))
    assert said.out == "1 block imported; 0 remembered logins forgotten\n"
    assert [block["what"] for block in listed(administrator)] == [ALICE, "bob@example.com"]
    assert listed(administrator)[1]["since"] > "2026"


def test_a_file_with_anything_wrong_is_not_imported_at_all(
    administrator: Administrator, tmp_path: Path
) -> None:
    file = tmp_path / "blocks"
    lines = ['{"what": "bob"}', "bob", '{"what": "10.0.0.1/8"}', '{"whom": "bob"}', "[" * 100_000]
    file.write_text("\n".join(lines))
    said = administrator.says("blocks", "import", str(file), "--json")
    assert (said.code, said.out) == (65, "")
    assert said.err.splitlines() == [
        f"{file}:2: is no JSON: Expecting value: line 1 column 1 (char 0)",
        f'{file}:3: "10.0.0.1/8" is an address within a network: "10.0.0.0/8" was probably meant',
        f"{file}:4: holds 'whom', which is no key of a block",
        f"{file}:5: is nested too deep",
        "bridgectl: nothing is imported",
    ]
    assert listed(administrator) == []


def test_more_blocks_than_one_question_holds_are_imported(
    administrator: Administrator, tmp_path: Path
) -> None:
    file = tmp_path / "blocks"
    names = [f"user{number}@example.com" for number in range(1000)]
    file.write_text("\n".join(json.dumps({"what": name, "reason": "x" * 200}) for name in names))
    said = administrator.says("blocks", "import", str(file))
    assert said.out == "1000 blocks imported; 0 remembered logins forgotten\n"
    assert [block["what"] for block in listed(administrator)] == names


def test_a_file_that_cannot_be_read_is_said(administrator: Administrator, tmp_path: Path) -> None:
    missing, latin1 = tmp_path / "missing", tmp_path / "latin1"
    latin1.write_bytes(b'{"what": "b\xfcrger"}')
    said = administrator.says("blocks", "import", str(missing))
    assert said == Said(66, "", f"bridgectl: {missing}: No such file or directory\n")
    said = administrator.says("blocks", "import", str(latin1))
    assert said == Said(66, "", f"bridgectl: {latin1}: is not UTF-8\n")


# Kept, and obeyed


def test_it_is_on_the_disk_when_bridgectl_says_so(tmp_path: Path, capsys: Any) -> None:
    with running(tmp_path) as (bridge, file):
        administrator = Administrator(file, capsys)
        administrator.says("block", ALICE, "--reason", "stolen")
        bridge.kill()
        bridge.start()
        assert [block["reason"] for block in listed(administrator)] == ["stolen"]


def test_what_cannot_be_kept_is_in_force_all_the_same(tmp_path: Path, capsys: Any) -> None:
    """There is a file where the folder should be."""
    (tmp_path / "state").write_text("")
    with running(tmp_path, state_dir=f"{tmp_path}/state") as (bridge, file):
        administrator = Administrator(file, capsys)
        why = f"{tmp_path}/state/blocks.json cannot be written: Not a directory"
        said = administrator.says("block", ALICE)
        assert said.code == 74
        assert said.out == f"{ALICE} is blocked until unblocked; 0 remembered logins forgotten\n"
        assert said.err == f"bridgectl: a restart will not know of it: {why}\n"
        assert [block["what"] for block in listed(administrator)] == [ALICE]
        assert ask_daemon(file, "status")["state_folder"] == why
        bridge.lines_with(f"warning: state: {why}; ")


def test_a_broken_file_is_moved_aside_and_nobody_is_blocked(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "blocks.json").write_text("broken")
    with running(tmp_path) as (bridge, file):
        bridge.lines_with("warning: state: .*/blocks.json is not JSON; it is moved to blocks.json")
        assert listed(Administrator(file, capsys)) == []
        assert (tmp_path / "blocks.json.broken").read_text() == "broken"


def test_policyd_refuses_what_a_blocked_login_sends_though_every_rule_is_off(
    tmp_path: Path, capsys: Any
) -> None:
    senders = sender_settings_text(tmp_path, tmp_path / "policy", [], help_text="call us")
    with (
        running(tmp_path) as (_, file),
        Policyd(tmp_path / "policyd", senders) as policyd,
        Asker(tmp_path / "policy") as postfix,
    ):
        administrator = Administrator(file, capsys)

        def action(login: str, instance: str = "") -> str:
            return postfix.ask(
                sender="alice@example.com",
                sasl_method="PLAIN" if login else "",
                sasl_username=login,
                instance=instance,
            )

        assert action(ALICE, "one") == FREE
        administrator.says("block", ALICE)
        policyd.lines_with("blocks: .*/blocks.json: 1 in force")
        assert action(ALICE, "two") == f"{BLOCKED}; call us"
        assert action("Alice@EXAMPLE.com", "three") == f"{BLOCKED}; call us"
        assert action(ALICE, "one") == FREE  # it was decided already
        assert action("bob@example.com") == FREE
        assert action("") == FREE
        assert ask_daemon(policyd.settings_file, "status", daemon=POLICYD)["blocks"] == 1
        administrator.says("block", "@elsewhere.example", "--match", "contains")
        policyd.lines_with("blocks: .*/blocks.json: 2 in force")
        assert action("Carol@Elsewhere.example") == f"{BLOCKED}; call us"
        administrator.says("unblock", ALICE)
        policyd.lines_with("blocks: .*/blocks.json: 1 in force", 2)
        assert action(ALICE, "four") == FREE


def test_what_a_blocked_login_would_own_is_still_explained(tmp_path: Path, capsys: Any) -> None:
    senders = sender_settings_text(tmp_path, tmp_path / "policy", [], match_login="enforce")
    with running(tmp_path) as (_, file), Policyd(tmp_path / "policyd", senders) as policyd:
        Administrator(file, capsys).says("block", ALICE, "--reason", "stolen")
        policyd.lines_with("blocks: .*/blocks.json: 1 in force")
        there = Administrator(policyd.settings_file, capsys)
        said = there.says("explain", "--sender", ALICE, "--login", ALICE)
    assert said.code == 77
    why = f"{ALICE}, by the administrator: stolen"
    assert f"         blocked              enforce  refuses      {why}\n" in said.out
    own = "it is the login's own address"
    assert f"         match_login          enforce  passes       {own}\n" in said.out
    assert "\nblocked decides; Postfix tells the client:\n" in said.out
