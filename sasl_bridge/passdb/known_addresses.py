"""From where accounts logged in lately: their owners' addresses, which guessers do not have.

Knows that an IPv6 client is its /64 network, which is what one customer gets (RFC 6177 section 2),
and an IPv4 client the address itself. Bounded: each account has a few addresses, and the account
that logged in longest ago goes first; nobody is in here who had no right password.
Does not know what follows from it. Pure but for the clock it is given; raises nothing.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from bridge_common.deadline import Clock
from bridge_common.runtime.state_folder import is_age

Key = tuple[str, str]
"""A directory, and an account there."""

_IPV6_PREFIX = 64
_MOST_ACCOUNTS = 10_000
_MOST_ADDRESSES = 8
_LASTING_SECONDS = 7 * 86_400.0
_NOTED_AGAIN_SECONDS = 3_600.0  # one that is used all the time is no news


def network_of(client: str) -> str:
    """Return what stands for a client's address; empty if there is none."""
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, _IPV6_PREFIX), strict=False))


class KnownAddresses:
    """The addresses from which each account logged in within the last seven days."""

    def __init__(self, clock: Clock, size: int = _MOST_ACCOUNTS) -> None:
        self._clock = clock
        self._size = size
        # When each was last used. Accounts and addresses: those used longest ago first.
        self._used: dict[Key, dict[str, float]] = {}

    def __len__(self) -> int:
        return len(self._used)

    def add(self, key: Key, client: str) -> bool:
        """Note that the account logged in from this address; say whether that is news."""
        network, now = network_of(client), self._clock()
        moment = self._used.get(key, {}).get(network)
        known = moment is not None and now - moment < _NOTED_AGAIN_SECONDS
        if known or not network:
            return False
        self._note(key, network, now)
        return True

    def has(self, key: Key, client: str) -> bool:
        """Say whether the account logged in from this address lately."""
        used = self._used.get(key)
        if not used:
            return False
        moment = used.get(network_of(client))
        return moment is not None and self._clock() - moment < _LASTING_SECONDS

    def _note(self, key: Key, network: str, moment: float) -> None:
        used = self._used.pop(key, {})
        used.pop(network, None)
        while len(used) >= _MOST_ADDRESSES:
            del used[next(iter(used))]
        used[network] = moment
        while len(self._used) >= self._size:
            del self._used[next(iter(self._used))]
        self._used[key] = used

    # The state that outlives the process

    def snapshot(self) -> list[dict[str, Any]]:
        """Return what is known, as JSON has it: seconds since each address was used."""
        now = self._clock()
        return [
            {
                "directory": directory,
                "account": account,
                "addresses": {network: now - moment for network, moment in used.items()},
            }
            for (directory, account), used in self._used.items()
        ]

    def restore(self, data: object, elapsed: float) -> None:
        """Know again what a snapshot says, ``elapsed`` seconds later; nonsense is passed over."""
        now = self._clock()
        for key, entry in entries_in(data):
            addresses = entry.get("addresses")
            for network, age in addresses.items() if isinstance(addresses, dict) else ():
                known = network in self._used.get(key, ())  # since the start, so it is later
                if is_age(age) and network and not known:
                    self._note(key, network, now - age - elapsed)


def entries_in(data: object) -> Iterator[tuple[Key, Mapping[str, Any]]]:
    """Yield the entries of a snapshot's list that say whom they are about."""
    for entry in data if isinstance(data, list) else ():
        if isinstance(entry, dict):
            directory, account = entry.get("directory"), entry.get("account")
            if isinstance(directory, str) and isinstance(account, str):
                yield (directory, account), entry
