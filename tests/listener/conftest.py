"""Every async test here runs on asyncio and on uvloop: the daemon may run on either."""

import asyncio
import inspect

import pytest
import uvloop
from lab.asking import Contexts, Sides, make_contexts

_FACTORIES = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give the fixture `loop_factory`, which the runner of async tests asks, both values."""
    if inspect.iscoroutinefunction(metafunc.function):
        metafunc.fixturenames.append("loop_factory")
        metafunc.parametrize("loop_factory", _FACTORIES.values(), ids=_FACTORIES)


@pytest.fixture(scope="session")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    """TLS for fake servers and for those who ask them."""
    return make_contexts(tmp_path_factory.mktemp("contexts"))


@pytest.fixture(params=["tls", "plain"])
def sides(request: pytest.FixtureRequest, contexts: Contexts) -> Sides:
    """Everything once with TLS and once without."""
    encrypted = request.param == "tls"
    return Sides(contexts.server, contexts.client) if encrypted else Sides(None, None)
