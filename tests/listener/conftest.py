"""Every async test here runs on asyncio and on uvloop: the daemon may run on either."""

import asyncio
import inspect
from typing import cast

import pytest
import uvloop
from lab.asking import Channel, Contexts, Sides, make_contexts
from lab.bridge import PROJECT, Daemon
from lab.leftovers import leaving_nothing

from sasl_bridge.dialogue.interface import Security

_FACTORIES = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give the fixture `loop_factory`, which the runner of async tests asks, both values."""
    if inspect.iscoroutinefunction(metafunc.function):
        metafunc.fixturenames.append("loop_factory")
        metafunc.parametrize("loop_factory", _FACTORIES.values(), ids=_FACTORIES)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    """Let no async test here leave a socket, a task or a thread; it runs in tests/conftest.py."""
    if inspect.iscoroutinefunction(pyfuncitem.obj):
        pyfuncitem.obj = leaving_nothing(pyfuncitem.obj)


@pytest.fixture(scope="session")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    """TLS for fake servers and for those who ask them."""
    return make_contexts(tmp_path_factory.mktemp("contexts"))


@pytest.fixture(params=["ssl", "plain"])
def sides(request: pytest.FixtureRequest, contexts: Contexts) -> Sides:
    """Everything once with TLS and once without."""
    encrypted = request.param == "ssl"
    return Sides(contexts.server, contexts.client) if encrypted else Sides(None, None)


@pytest.fixture(params=["plain", "ssl", "tls"])
def security(request: pytest.FixtureRequest) -> Security:
    """No encryption, TLS from the start, STARTTLS."""
    return cast("Security", request.param)


@pytest.fixture(params=["imap", "pop3"])
def channel(request: pytest.FixtureRequest, contexts: Contexts, security: Security) -> Channel:
    """Each protocol in each security."""
    return Channel(request.param, security, contexts)


@pytest.fixture(params=["uvloop", "asyncio"])
def daemon_loop(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Run the daemon on uvloop, and once more as if that were not installed."""
    if request.param == "asyncio":
        folder = tmp_path_factory.mktemp("without")
        (folder / "uvloop.py").write_text("raise ImportError\n")
        monkeypatch.setattr(Daemon, "python_path", f"{folder}:{PROJECT}")
