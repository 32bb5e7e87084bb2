"""One Postfix for all system tests, one more for those of senders; the rest is new for each."""

from collections.abc import Iterator

import pytest
from lab.certificates import make_certificates
from lab.domain_controller import DomainController
from lab.gateway import Gateway
from lab.policed import policed_gateway
from lab.postfix import Postfix
from lab.processes import lab_folder


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let one process have all tests of the domain: several at once take too long to make one."""
    if "domain" in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.alone)


@pytest.fixture(scope="session")
def running_gateway() -> Iterator[Gateway]:
    """Start Postfix once: it takes two seconds, and it shall see daemons come and go."""
    with lab_folder() as folder:
        tls = make_certificates(folder)
        with Postfix(folder / "postfix", tls, xclient=True) as postfix:
            yield Gateway(folder, tls, postfix)


@pytest.fixture(scope="session")
def domain(running_gateway: Gateway) -> Iterator[DomainController]:
    """Start Active Directory once: making it takes five seconds; users belong to one test each."""
    folder = running_gateway.folder / "domain"
    with DomainController(folder, running_gateway.tls) as domain:
        yield domain


@pytest.fixture
def gateway(running_gateway: Gateway) -> Gateway:
    """Return the gateway; nothing is left of an earlier test's daemon."""
    running_gateway.postfix.auth_socket.unlink(missing_ok=True)
    return running_gateway


@pytest.fixture(scope="session")
def running_policed() -> Iterator[Gateway]:
    """Start a Postfix that asks about senders once, with what its users need to log in."""
    with policed_gateway() as gateway:
        yield gateway


@pytest.fixture
def policed(running_policed: Gateway) -> Gateway:
    """Return a gateway for a sasl-policyd; nothing is left of an earlier test's."""
    running_policed.postfix.policy_socket.unlink(missing_ok=True)
    return running_policed
