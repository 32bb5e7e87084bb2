"""Telling apart what a directory's answers amount to, by the words that they were put in.

Pure. Knows how `bridge_common.directory.words` begins its sentences: a server's own text stands
behind a colon, so it cannot choose what the administrator is advised to do. Raises nothing.
"""

import re

_CODE = re.compile(r"[A-Z][A-Za-z ]*\((\d+)\)")
_SEARCH = re.compile(r"(?:search|\S+ port \d+): ")
_ACTIVE_DIRECTORY = re.compile(r"[a-z ]+ \(data ([0-9a-f]+)\)")


def result_code(words: str) -> int:
    """Return the result code (RFC 4511 appendix A) that the words begin with; 0: none."""
    found = _CODE.match(words)
    return int(found[1]) if found else 0


def code_of_search(detail: str) -> int:
    """Return the result code of the search that this says has failed; 0: none."""
    before = _SEARCH.match(detail)
    return result_code(detail[before.end() :]) if before else 0


def wants_tls(words: str) -> bool:
    """Say whether the server does nothing of the kind on an unencrypted connection."""
    return words.startswith("the server wants TLS:")


def data_code(words: str) -> str:
    """Return the code with which Active Directory refused a login, empty if it did not."""
    found = _ACTIVE_DIRECTORY.fullmatch(words)
    return found[1] if found else ""


def is_active_directory_s(words: str) -> bool:
    """Say whether Active Directory told why it refuses a login."""
    return bool(data_code(words))
