"""The daemon's own socket, passed sockets and settings that are broken: start and end."""

import os
import socket
import stat

from lab.bridge import Bridge
from lab.gateway import Gateway
from lab.replies import ACCEPTED, TRY_LATER
from lab.settings import server

ALICE = "alice@example.com"


def test_the_socket_file_is_its_folders_groups_and_goes_with_the_daemon(gateway: Gateway) -> None:
    path = gateway.postfix.auth_socket
    with gateway.bridge(server("only", 1)) as bridge:
        status = path.stat()
        assert stat.S_ISSOCK(status.st_mode)
        assert stat.S_IMODE(status.st_mode) == 0o660
        assert path.owner() == "root"
        assert path.group() == "postfix"
        assert bridge.stop() == 0
    assert not path.exists()


def test_the_socket_file_may_be_given_away(gateway: Gateway) -> None:
    path = gateway.postfix.auth_socket
    with gateway.bridge(server("only", 1), socket_owner="postfix:postdrop", socket_mode="0600"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.owner() == "postfix"
        assert path.group() == "postdrop"


def test_a_stale_socket_file_is_replaced(gateway: Gateway) -> None:
    path = gateway.postfix.auth_socket
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with (
        gateway.dovecot({ALICE: "hers"}) as dovecot,
        gateway.bridge(server("only", dovecot.port)),
        gateway.submission() as session,
    ):
        session.secure()
        assert session.plain(ALICE, "hers") == ACCEPTED


def test_the_socket_of_a_living_daemon_is_left_alone(gateway: Gateway) -> None:
    with (
        gateway.dovecot({ALICE: "hers"}) as dovecot,
        gateway.bridge(server("only", dovecot.port)),
    ):
        second = gateway.bridge(server("only", dovecot.port))
        assert second.run_to_its_end() == os.EX_UNAVAILABLE
        assert second.lines_with("another process is listening there")
        with gateway.submission() as session:
            session.secure()
            assert session.plain(ALICE, "hers") == ACCEPTED


def test_a_passed_socket_is_used_and_left_in_place(gateway: Gateway) -> None:
    own = gateway.folder / "own"
    with (
        gateway.dovecot({ALICE: "hers"}) as dovecot,
        gateway.passed_socket() as passed,
        gateway.bridge(
            server("only", dovecot.port), passed=passed, listen=[f"unix:{own}"]
        ) as bridge,
        gateway.submission() as session,
    ):
        session.secure()
        assert session.plain(ALICE, "hers") == ACCEPTED
        assert not own.exists()
        assert bridge.stop() == 0
        assert passed.path.exists()


def test_broken_settings_end_a_daemon_that_has_no_passed_socket(gateway: Gateway) -> None:
    broken = Bridge(gateway.folder / "broken", "[smtp_auth]\nenabbled = true\n")
    assert broken.run_to_its_end() == os.EX_CONFIG
    assert broken.lines_with("smtp_auth.enabbled")


def test_with_a_passed_socket_broken_settings_are_try_later_until_mended(
    gateway: Gateway,
) -> None:
    with (
        gateway.dovecot({ALICE: "hers"}) as dovecot,
        gateway.passed_socket() as passed,
        Bridge(gateway.folder / "mended", "[smtp_auth]\nenabbled = true\n", passed) as bridge,
        gateway.submission() as session,
    ):
        session.secure()
        assert session.plain(ALICE, "hers") == TRY_LATER
        bridge.reload(gateway.settings(server("only", dovecot.port)))
        assert session.plain(ALICE, "hers") == ACCEPTED
