"""What every test stands on: async tests, a clean log, reproducible properties."""

import asyncio
import inspect
import logging
import os
import re
import signal
from collections.abc import Callable, Iterator
from typing import cast

import hypothesis
import pytest

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")

# A shell that runs us in the background has us ignore SIGINT, and our children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def loop_factory() -> LoopFactory | None:
    """Which event loop an async test runs on; None is asyncio's own."""
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine function on a loop of its own, in debug mode."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    factory = cast("LoopFactory | None", pyfuncitem.funcargs.get("loop_factory"))
    with asyncio.Runner(debug=True, loop_factory=factory) as runner:
        runner.get_loop().slow_callback_duration = 10  # the machine may be busy
        runner.run(pyfuncitem.obj(**arguments))
    return True


@pytest.fixture(autouse=True)
def clean_log(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail a test that logs a warning, unless it says which: expect_warnings("regex")."""
    yield
    marker = request.node.get_closest_marker("expect_warnings")
    allowed = re.compile(marker.args[0]) if marker else None
    for phase in ("setup", "call"):
        for record in caplog.get_records(phase):
            if record.levelno >= logging.WARNING:
                message = record.getMessage()
                expected = allowed is not None and allowed.search(message) is not None
                assert expected, f"unexpected warning: {message}"
