"""Every async test here runs on asyncio and on uvloop: the daemon may run on either."""

import asyncio
import inspect

import pytest
import uvloop

_FACTORIES = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give the fixture `loop_factory`, which the runner of async tests asks, both values."""
    if inspect.iscoroutinefunction(metafunc.function):
        metafunc.fixturenames.append("loop_factory")
        metafunc.parametrize("loop_factory", _FACTORIES.values(), ids=_FACTORIES)
