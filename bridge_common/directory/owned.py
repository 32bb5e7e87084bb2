"""The addresses that an entry owns.

Knows how directories write them: as they are, or behind a word for their kind, as in Active
Directory's proxyAddresses. Pure; raises nothing.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from bridge_common.address import domain_to_a_label
from bridge_common.directory.results import Entry

# [MS-OXOABK] 2.2.3.23: `SMTP:` before the primary address, `smtp:` before the others; X500:, SIP:
# and the like before what is no mail address.
_KIND = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)

_ASCII_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


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
        local, _, domain = (kind[2] if kind else value).strip().rpartition("@")
        label = domain_to_a_label(domain)
        if local and label:
            yield f"{unicodedata.normalize('NFC', local).translate(_ASCII_LOWER)}@{label}"
