"""The addresses that an entry owns.

Knows how directories write them: as they are, or behind a word for their kind, as in Active
Directory's proxyAddresses. Pure; raises nothing.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from bridge_common.address import canonical_address
from bridge_common.directory.results import Entry

# [MS-OXOABK] 2.2.3.23: `SMTP:` before the primary address, `smtp:` before the others; X500:, SIP:
# and the like before what is no mail address.
_KIND = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)

ENOUGH_VALUES = 1000
"""No account has more addresses; to look at each one takes its time, which others wait for."""


def owned_in(entries: Iterable[Entry], attributes: Sequence[str]) -> tuple[tuple[str, ...], bool]:
    """Return the addresses of all these entries, as `addresses_in` does, and whether it is all.

    Of values beyond the first thousand nothing is read.
    """
    every = (one for entry in entries for name in attributes for one in entry.values(name))
    values = tuple(itertools.islice(every, ENOUGH_VALUES + 1))
    owned = tuple(dict.fromkeys(_addresses(values[:ENOUGH_VALUES])))
    return owned, len(values) <= ENOUGH_VALUES


def addresses_in(entry: Entry, attributes: Iterable[str]) -> tuple[str, ...]:
    """Return the mail addresses in these attributes, in their order, each once.

    As identities are written: in NFC, ASCII in lower case, the domain as an A-label. A value that
    is no address is left out.
    """
    values = (value for attribute in attributes for value in entry.values(attribute))
    return tuple(dict.fromkeys(_addresses(values)))


def _addresses(values: Iterable[str]) -> Iterator[str]:
    for value in values:
        kind = _KIND.fullmatch(value.strip())
        if kind is not None and kind[1].lower() != "smtp":
            continue
        address = canonical_address((kind[2] if kind else value).strip())
        if address is not None:
            yield address
