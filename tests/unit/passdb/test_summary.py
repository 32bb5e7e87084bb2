"""What `bridgectl status` is told of the servers; tests/listener asks whole daemons."""

import time
from pathlib import Path
from typing import Any

from lab.settings import listed_profile, profile_at, server, settings_text

from bridge_common.directory.directory import Directory
from bridge_common.settings.read import read_settings
from sasl_bridge.passdb.build import NOTHING, Parts, build_parts
from sasl_bridge.passdb.remote import RemotePassdb
from sasl_bridge.passdb.summary import server_summaries


def built(folder: Path) -> tuple[Any, Parts]:
    """Return the settings and the parts of a mail server and a directory of two hosts."""
    profile = profile_at(389, hosts=["dc1.example.com", "dc2.example.com"], max_connections=3)
    servers = [server("first", 143, max_connections=5), listed_profile("corp"), profile]
    file = folder / "settings.toml"
    file.write_text(settings_text(folder, folder / "auth", servers))
    settings = read_settings(file).settings
    return settings, build_parts(settings)


async def test_connections_at_work_are_told_of_a_mail_server(tmp_path: Path) -> None:
    settings, parts = built(tmp_path)
    remote = parts.servers[0].remote
    assert isinstance(remote, RemotePassdb)
    assert await remote.slots.take(1.0)
    first, _ = server_summaries(settings, parts)
    assert (first["name"], first["hosts"], first["port"]) == ("first", ["127.0.0.1"], 143)
    assert (first["in_use"], first["most"], first["warm"]) == (1, 5, 0)
    remote.slots.free()
    assert server_summaries(settings, parts)[0]["in_use"] == 0


async def test_sessions_and_hosts_in_trouble_are_told_of_a_directory(tmp_path: Path) -> None:
    settings, parts = built(tmp_path)
    directory = parts.profiles[0].directory
    assert isinstance(directory, Directory)
    first, second = directory.hosts
    first.avoided_until = time.monotonic() + 60
    async with second.session():
        _, corp = server_summaries(settings, parts)
    assert (corp["name"], corp["profile"]) == ("corp", "corp")
    assert (corp["in_use"], corp["most"], corp["warm"]) == (1, 6, 0)
    assert corp["avoided_hosts"] == ["dc1.example.com"]
    assert corp["breaker"]["state"] == "ok"


def test_where_nothing_is_built_the_settings_are_all_there_is(tmp_path: Path) -> None:
    settings, _ = built(tmp_path)
    first, corp = server_summaries(settings, NOTHING)
    assert first == {
        "name": "first",
        "profile": "",
        "hosts": ["127.0.0.1"],
        "port": 143,
        "enabled": True,
        "breaker": None,
    }
    assert corp["hosts"] == ["dc1.example.com", "dc2.example.com"]
