"""The servers in `bridgectl status`; the daemon's own tests ask real ones."""

from typing import Any

from bridge_admin.server_table import server_table

NOW = 1_770_000_000.0
OK: dict[str, Any] = {
    "state": "ok",
    "since": None,
    "last_error": "",
    "last_error_at": None,
    "opened": 0,
    "probes": 0,
    "next_probe_seconds": None,
    "latency_seconds": 0.0432,
}


def server(name: str, **changes: Any) -> dict[str, Any]:
    usual = {
        "name": name,
        "profile": "",
        "hosts": [f"{name}.example.com"],
        "port": 993,
        "enabled": True,
        "in_use": 3,
        "most": 50,
        "warm": 2,
        "breaker": OK,
    }
    return usual | changes


def away(**changes: Any) -> dict[str, Any]:
    told = {"state": "away", "since": NOW - 200, "last_error": "no greeting within 8.0 s"}
    told |= {"last_error_at": NOW - 3, "next_probe_seconds": 12.5, "latency_seconds": None}
    return OK | told | changes


def table(*servers: dict[str, Any], columns: int = 1000, colours: bool = False) -> list[str]:
    return list(server_table(servers, columns, NOW, colours=colours))


def test_where_all_is_well_a_server_takes_one_line() -> None:
    assert table(server("first")) == [
        "server  state  in use   warm  accepts in  where",
        "first   ok     3 of 50  2     0.043 s     first.example.com port 993",
    ]


def test_one_in_trouble_comes_first_and_says_what_is_wrong() -> None:
    lines = table(server("first"), server("second", in_use=0, warm=0, breaker=away()))
    where = "second.example.com port 993; looked at again in 13 s; no greeting within 8.0 s"
    assert lines == [
        "server  state            in use   warm  accepts in  where",
        f"second  away 3 min 20 s  0 of 50                    {where}",
        "first   ok               3 of 50  2     0.043 s     first.example.com port 993",
    ]


def test_one_that_is_looked_at_says_so() -> None:
    (_, row) = table(server("first", breaker=away(next_probe_seconds=0.0)))
    assert "port 993; being looked at; no greeting" in row


def test_trouble_of_late_is_told_and_old_trouble_is_not() -> None:
    trouble = {"last_error": "connection reset"}
    late = OK | trouble | {"last_error_at": NOW - 65}
    old = OK | trouble | {"last_error_at": NOW - 4000}
    assert table(server("first", breaker=late))[1].endswith(
        " port 993; 1 min 5 s ago: connection reset"
    )
    assert table(server("first", breaker=old))[1].endswith(" port 993")


def test_what_nobody_has_is_no_column() -> None:
    """Where nobody logged in nothing is known yet."""
    unknown = {"in_use": None, "warm": None, "breaker": OK | {"latency_seconds": None}}
    corp = server("corp", profile="corp", hosts=["dc1", "dc2"], port=636, **unknown)
    assert table(corp) == [
        "server  state  where",
        "corp    ok     profile corp at dc1, dc2 port 636",
    ]


def test_a_directory_names_the_hosts_that_had_trouble() -> None:
    corp = server("corp", profile="corp", hosts=["dc1", "dc2"], port=636, avoided_hosts=["dc1"])
    assert table(corp)[1].endswith("  profile corp at dc1, dc2 port 636; asked last for now: dc1")
    assert table(corp | {"avoided_hosts": []})[1].endswith(" port 636")


def test_one_that_is_not_enabled_comes_last() -> None:
    off = server("first", enabled=False, breaker=None, in_use=0, warm=0)
    assert [line.split("  ")[0] for line in table(off, server("second"))] == [
        "server",
        "second",
        "first",
    ]
    assert "  not enabled  " in table(off)[1]


def test_no_servers_are_no_table() -> None:
    assert table() == []


def test_states_have_colours() -> None:
    off = server("third", enabled=False)
    servers = server("first"), server("second", breaker=away()), off
    _, second, first, third = table(*servers, colours=True)
    assert "\x1b[31maway 3 min 20 s\x1b[0m  " in second
    assert "\x1b[32mok\x1b[0m  " in first
    assert "\x1b[2mnot enabled\x1b[0m  " in third


def test_a_narrow_terminal_has_the_rest_below() -> None:
    lines = table(server("first", breaker=away()), columns=50)
    assert lines == [
        "server  state            in use   warm",
        "first   away 3 min 20 s  3 of 50  2",
        "    first.example.com port 993; looked at again in",
        "    13 s; no greeting within 8.0 s",
    ]


def test_a_server_s_words_do_nothing_to_a_terminal() -> None:
    (_, row) = table(server("first", breaker=away(last_error="\x1b[2J\n")))
    assert row.isprintable()
