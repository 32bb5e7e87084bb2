"""What both daemons, each in a process of its own, tell Prometheus; and that it is documented."""

import contextlib
import re
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from lab.asking import GOOD
from lab.asking_ldap import ALICE, SERVICE
from lab.asking_policy import Asker
from lab.bridge import PROJECT, Bridge, Policyd
from lab.fake_server import FakeServer
from lab.ldap_replies import Entries
from lab.policyd_alone import BOB, policyd_settings
from lab.ports import LOOPBACK, free_port
from lab.scrape import Values, families_in, scrape, values_in
from lab.settings import listed_profile, profile_at, server, settings_text
from lab.smtpd import Smtpd
from prometheus_client.metrics_core import Metric

from bridge_admin.cli import main as bridgectl
from bridge_common.errors import SettingsError
from policyd.daemon import Policy as PolicyProgram
from sasl_bridge.daemon import Bridge as BridgeProgram

DOCUMENTATION = PROJECT / "docs" / "monitoring.md"
RULES = PROJECT / "examples" / "prometheus" / "sasl-bridge.rules.yml"


def endpoint(port: int) -> str:
    return f"inet:{LOOPBACK}:{port}"


def scraped(port: int, condition: Callable[[Values], bool] = lambda _: True) -> Values:
    """Return what is scraped, once it is so: it is made once a second at most."""
    while not condition(values := values_in(scrape(port))):
        pass
    return values


def wait_until_refused(port: int) -> None:
    """Return once nobody listens there any more; the test's own time limit ends it otherwise."""
    with contextlib.suppress(ConnectionRefusedError):
        while True:
            with contextlib.suppress(ConnectionResetError, AssertionError):
                scrape(port)


@contextmanager
def bridge(
    folder: Path, *servers: str, cache: dict[str, str] | None = None, **smtp_auth: Any
) -> Iterator[tuple[Bridge, int]]:
    """Yield a sasl-bridge and the port of its metrics."""
    port = free_port()
    keys = {"metrics_listen": endpoint(port)} | smtp_auth
    text = settings_text(folder, folder / "auth", list(servers), cache=cache, **keys)
    with Bridge(folder, text) as running:
        yield running, port


@contextmanager
def policyd(folder: Path, *tables: str, **sender: Any) -> Iterator[tuple[Policyd, int]]:
    """Yield a sasl-policyd and the port of its metrics."""
    port = free_port()
    text = policyd_settings(folder, *tables, metrics_listen=endpoint(port), **sender)
    with Policyd(folder, text) as running:
        yield running, port


def test_logins_are_counted_by_their_verdict_and_by_who_had_the_last_word(tmp_path: Path) -> None:
    cache = {"success_ttl": "5m", "failure_ttl": "5m"}
    with (
        FakeServer(GOOD) as mail,
        bridge(tmp_path, server("mail", mail.port), cache=cache) as (_, port),
        Smtpd(tmp_path / "auth") as postfix,
    ):
        for _ in range(3):  # asked, remembered, by heart
            assert postfix.login("alice@example.com", "secret").startswith("OK")
        for _ in range(2):  # asked, remembered
            assert postfix.login("alice@example.com", "wrong").startswith("FAIL")
        assert postfix.login("alice@example.net", "secret").startswith("FAIL")
        values = scraped(port)
    assert {
        key: value for key, value in values.items() if key[0] == "sasl_bridge_logins_total"
    } == {
        ("sasl_bridge_logins_total", (by, verdict)): {
            ("servers", "accepted"): 1,
            ("cache", "accepted"): 2,
            ("servers", "rejected"): 2,
            ("admission", "rejected"): 1,
        }.get((by, verdict), 0)
        for by in (
            "servers",
            "cache",
            "grace",
            "shared",
            "admission",
            "blocks",
            "list",
            "restraint",
            "client",
            "pipe",
        )
        for verdict in ("accepted", "rejected", "unavailable")
    }
    answers = "sasl_bridge_server_answer_seconds_count"
    assert values[answers, ("mail", "accepted")] == 1
    assert values[answers, ("mail", "rejected")] == 1
    assert values[answers, ("mail", "unavailable")] == 0
    assert values["sasl_bridge_remembered_refusals_total", ()] == 1
    assert values["sasl_bridge_remembered", ("accepted",)] == 1
    assert values["sasl_bridge_remembered", ("rejected",)] == 1
    assert values["sasl_bridge_client_connections", ()] == 1
    assert values["sasl_bridge_server_up", ("mail",)] == 1
    assert values["sasl_bridge_settings_good", ()] == 1
    assert values["sasl_bridge_state_folder_good", ()] == 1


def test_a_server_is_measured_over_a_reload_and_gone_when_it_is_gone(tmp_path: Path) -> None:
    with (
        FakeServer(GOOD) as mail,
        bridge(tmp_path, server("mail", mail.port)) as (running, port),
        Smtpd(tmp_path / "auth") as postfix,
    ):
        assert postfix.login("alice@example.com", "secret").startswith("OK")
        running.reload()
        assert postfix.login("alice@example.com", "secret").startswith("OK")
        count = "sasl_bridge_server_answer_seconds_count"
        assert scraped(port)[count, ("mail", "accepted")] == 2
        text = running.settings_file.read_text().replace('"mail"', '"other"')
        running.reload(text)
        values = scraped(port, lambda values: (count, ("mail", "accepted")) not in values)
        assert values[count, ("other", "accepted")] == 0


def test_client_programs_that_break_the_protocol_are_counted(tmp_path: Path) -> None:
    with FakeServer(GOOD) as mail, bridge(tmp_path, server("mail", mail.port)) as (_, port):
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(str(tmp_path / "auth"))
            stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
            while stranger.recv(1000):
                pass
        assert scraped(port)["sasl_bridge_protocol_errors_total", ()] == 1


def test_a_server_that_is_away_shows_and_so_do_its_outages(tmp_path: Path) -> None:
    with (
        bridge(tmp_path, server("mail", free_port()), on_unavailable="reject") as (_, port),
        Smtpd(tmp_path / "auth") as postfix,
    ):
        assert scraped(port)["sasl_bridge_server_up", ("mail",)] == 1
        for _ in range(3):
            assert postfix.login("alice@example.com", "secret").startswith("FAIL")
        values = scraped(port, lambda values: values["sasl_bridge_server_up", ("mail",)] == 0)
        assert values["sasl_bridge_server_outages_total", ("mail",)] == 1
        assert values["sasl_bridge_server_looks_total", ("mail",)] >= 1
        assert values["sasl_bridge_logins_total", ("servers", "unavailable")] == 3
        assert values["sasl_bridge_server_answer_seconds_count", ("mail", "unavailable")] == 3


def test_who_is_blocked_by_the_guard_is_counted(tmp_path: Path) -> None:
    restraint = '[restraint]\nmode = "enforce"\nfailures_per_address = 1\n'
    with (
        FakeServer(GOOD) as mail,
        bridge(tmp_path, restraint, server("mail", mail.port)) as (_, port),
        Smtpd(tmp_path / "auth") as postfix,
    ):
        for password in ("guess", "another guess", "secret"):
            assert postfix.login("alice@example.com", password).startswith("FAIL")
        values = scraped(port)
    blocked = "sasl_bridge_guard_blocks_total"
    assert values[blocked, ("enforce", "failures_per_address")] == 1
    assert values[blocked, ("monitor", "failures_per_address")] == 0
    assert values[blocked, ("enforce", "addresses_per_login")] == 0
    assert values["sasl_bridge_blocks", ("guard",)] == 1
    assert values["sasl_bridge_blocks", ("administrator",)] == 0
    assert values["sasl_bridge_logins_total", ("blocks", "rejected")] == 1


def test_messages_are_counted_by_what_postfix_was_told_and_why(tmp_path: Path) -> None:
    with (
        policyd(tmp_path, null_sender="monitor") as (_, port),
        Asker(tmp_path / "policy") as postfix,
    ):
        assert postfix.ask(instance="1", sender="alice@example.com") == "DUNNO"
        assert postfix.ask(instance="1", sender="alice@example.com") == "DUNNO"  # a recipient more
        assert postfix.ask(instance="2", sender=BOB).startswith("553")
        assert postfix.ask(instance="3", sender="") == "DUNNO"
        values = scraped(port)
    decided = {
        labels: value
        for (name, labels), value in values.items()
        if name == "sasl_policyd_decisions_total"
    }
    assert {labels: value for labels, value in decided.items() if value} == {
        ("dunno", "", ""): 1,
        ("refuse", "enforce", "match_login"): 1,
        ("dunno", "monitor", "null_sender"): 1,
    }
    assert decided["hang_up", "", ""] == 0
    assert decided["tempfail", "enforce", "match_login"] == 0


def test_look_ups_and_aliases_are_measured(tmp_path: Path) -> None:
    (tmp_path / "aliases").write_text("sales@example.com: alice@example.com\nbroken\n")
    entries = Entries(ALICE, SERVICE)
    with (
        FakeServer(entries) as directory,
        policyd(tmp_path, profile_at(directory.port), ldap_profile="corp") as (running, port),
        Asker(tmp_path / "policy") as postfix,
    ):
        assert postfix.ask(instance="1", sender=BOB).startswith("553")
        postfix.ask(instance="2", sender=BOB, sasl_username="nobody@example.com")
        running.reload()  # the look-ups of before still count
        entries.entries.clear()  # our own account is refused
        assert postfix.ask(instance="3", sender=BOB).startswith("451")
        values = scraped(port)
    count = "sasl_policyd_lookup_seconds_count"
    assert [values[count, (result,)] for result in ("known", "unknown", "failed")] == [1, 1, 1]
    assert values["sasl_policyd_directory_sessions_max", (LOOPBACK, "corp")] == 20
    assert values["sasl_policyd_aliases", ()] == 1
    assert values["sasl_policyd_aliases_broken_lines", ()] == 1
    assert values["sasl_policyd_aliases_good", ()] == 1
    assert values["sasl_policyd_settings_warnings", ()] >= 1


# Settings


def test_a_reload_moves_the_metrics_and_broken_settings_leave_them(tmp_path: Path) -> None:
    with FakeServer(GOOD) as mail, bridge(tmp_path, server("mail", mail.port)) as (running, port):
        good = running.settings_file.read_text()
        moved = free_port()
        running.reload(good.replace(endpoint(port), endpoint(moved)))
        assert scraped(moved)["sasl_bridge_settings_good", ()] == 1
        wait_until_refused(port)
        running.reload(good.replace("[smtp_auth]", "[smtp_auht]"))
        scraped(moved, lambda values: values["sasl_bridge_settings_good", ()] == 0)
        running.reload(good.replace(endpoint(port), ""))
        wait_until_refused(moved)


def test_a_port_that_is_taken_holds_up_no_login_and_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        FakeServer(GOOD) as mail,
        bridge(tmp_path, server("mail", mail.port), metrics_listen="") as (running, _),
        Smtpd(tmp_path / "auth") as postfix,
    ):
        off, port = running.settings_file.read_text(), free_port()
        on = off.replace('metrics_listen = ""', f'metrics_listen = "{endpoint(port)}"')
        with socket.create_server((LOOPBACK, port)):
            running.reload(on)
        warning = f"metrics_listen: {endpoint(port)}: Address already in use; there are no metrics"
        running.lines_with(f"settings: {re.escape(warning)}$")
        assert postfix.login("alice@example.com", "secret").startswith("OK")
        command = ["status", "--settings", str(running.settings_file), "--program=sasl-bridge"]
        assert bridgectl(command) == 0
        assert f"warning: {warning}\n" in capsys.readouterr().out
        running.reload()
        assert scraped(port)["sasl_bridge_settings_good", ()] == 1


@pytest.mark.parametrize("section", ["smtp_auth", "sender"])
def test_without_the_library_metrics_are_a_problem_with_a_cure(
    section: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(f'[{section}]\nmetrics_listen = "{endpoint(free_port())}"\n')
    assert bridgectl(["check", "--settings", str(file)]) == 0
    monkeypatch.setitem(sys.modules, "prometheus_client", None)  # as if it were not there
    assert bridgectl(["check", "--settings", str(file)]) == 78
    assert (
        f"error: {section}.metrics_listen: needs a Python library that is not installed: "
        "install python3-prometheus-client\n"
    ) in capsys.readouterr().out


@pytest.mark.parametrize("program", [BridgeProgram, PolicyProgram])
def test_without_the_library_neither_starts_with_metrics(
    program: type[BridgeProgram | PolicyProgram],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever else is wrong is told as well."""
    section = "smtp_auth" if program is BridgeProgram else "sender"
    file = tmp_path / "settings.toml"
    file.write_text(f'[{section}]\nmetrics_listen = "{endpoint(free_port())}"\nlisten = []\n')
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(SettingsError) as refused:
        program(file).prepare()
    assert [problem.path for problem in refused.value.problems] == [
        f"{section}.listen",
        f"{section}.metrics_listen",
    ]


# The documentation


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Metric]:
    """Every metric that either daemon has."""
    folder = tmp_path_factory.mktemp("everything")
    profile = profile_at(free_port())
    with (
        bridge(folder / "bridge", server("mail", free_port()), profile, listed_profile("corp")) as (
            _,
            bridge_port,
        ),
        policyd(folder / "policyd", profile, ldap_profile="corp") as (_, policyd_port),
    ):
        texts = [scrape(bridge_port), scrape(policyd_port)]
    return {name: family for text in texts for name, family in families_in(text).items()}


def exposed_name(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def labels_of(family: Metric) -> set[str]:
    return {label for sample in family.samples for label in sample.labels} - {"le"}


def test_every_metric_is_documented_with_its_labels_and_no_other(
    everything: dict[str, Metric],
) -> None:
    rows = re.findall(
        r"^\| `([a-z_]+)` \| (.*?) ?\| \S.*\. \|$", DOCUMENTATION.read_text(), re.MULTILINE
    )
    documented = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}
    assert len(documented) == len(rows)
    assert documented == {exposed_name(family): labels_of(family) for family in everything.values()}


def test_every_label_has_a_value_and_is_none_of_a_stranger(everything: dict[str, Metric]) -> None:
    """They are words of ours, names of the settings, and versions."""
    by_label: dict[str, set[str]] = {}
    for family in everything.values():
        for sample in family.samples:
            for label, value in sample.labels.items():
                by_label.setdefault(label, set()).add(value)
    assert by_label.keys() == {
        "action",
        "by",
        "host",
        "le",
        "mode",
        "profile",
        "python",
        "result",
        "rule",
        "server",
        "verdict",
        "version",
    }
    assert by_label["server"] == {"mail", "corp"}
    assert by_label["profile"] == {"corp"}
    assert by_label["host"] == {LOOPBACK}
    assert by_label["action"] == {"dunno", "refuse", "tempfail", "hang_up"}
    assert by_label["verdict"] == {"accepted", "rejected", "unavailable", "given up"}


def test_names_say_their_unit_and_what_they_are(everything: dict[str, Metric]) -> None:
    ours = [family for family in everything.values() if family.name.startswith("sasl_")]
    for family in ours:
        assert re.match(r"sasl_(bridge|policyd)_[a-z_]+$", family.name)
        assert family.documentation.endswith(".")
        assert (family.type == "histogram") == (
            family.name.endswith("_seconds") and "timestamp" not in family.name
        )


def test_the_alerts_ask_for_metrics_that_there_are_and_are_explained(
    everything: dict[str, Metric],
) -> None:
    rules = RULES.read_text()
    expressions = re.findall(r"^ {8}expr: (?:>-\n((?: {10}.*\n)+)|(.*))", rules, re.MULTILINE)
    alerts = re.findall(r"^ +- alert: (\w+)$", rules, re.MULTILINE)
    assert len(expressions) == len(alerts) == len(set(alerts)) > 15
    text = DOCUMENTATION.read_text()
    assert re.findall(r"^\| `(Sasl\w+)` \|", text, re.MULTILINE) != []
    assert set(re.findall(r"^\| `(Sasl\w+)` \|", text, re.MULTILINE)) == set(alerts)
    samples = {sample.name for family in everything.values() for sample in family.samples}
    labels = {label for family in everything.values() for label in labels_of(family)}
    for several, one in expressions:
        asked = re.sub(r'"[^"]*"', "", several or one)
        assert set(re.findall(r"\b(?:sasl|process)_\w+", asked)) <= samples
        assert set(re.findall(r"(\w+)=", asked)) <= labels | {"job"}


def test_the_pictures_ask_for_metrics_that_there_are(everything: dict[str, Metric]) -> None:
    samples = {sample.name for family in everything.values() for sample in family.samples}
    named = set(re.findall(r"\bsasl_(?:bridge|policyd)_\w+", DOCUMENTATION.read_text()))
    assert named <= samples | set(map(exposed_name, everything.values()))
