"""What `bridgectl server test` prints: a probe's report, laid out for a terminal.

Knows columns and line ends; what was found, and what to do about it, is the daemon's to say.
"""

from collections.abc import Iterator
from typing import Any

from bridge_admin.layout import Fact, columns_of_text, items, laid_out, paragraphs, wrapped
from sasl_bridge.probe.advice_certificate import expiry_text, names_text
from sasl_bridge.probe.advice_trouble import TLS_COMMANDS
from sasl_bridge.probe.trouble import Trouble

SECURITY = {"ssl": "TLS from the start", "tls": "TLS begun by", "plain": "not encrypted"}
_MOST_NAMES = 10
_MOST_CAPABILITIES = 40
_STATES = {
    "ready": "{name} is ready for logins.",
    "accepted": "{name} accepts {login}.",
    "rejected": "{name} rejects {login}.",
    "unavailable": "{name} cannot be used like this.",
}


def format_probe(report: dict[str, Any], columns: int = 0) -> str:
    """Return the text for a terminal of so many columns; 0: of this one."""
    width = columns_of_text(columns)
    return paragraphs(_parts(report, width))


def _parts(report: dict[str, Any], width: int) -> Iterator[list[str]]:
    yield wrapped(_headline(report), width)
    first, second = report["first"], report["second"]
    yield _first_opinion(first, report["login"], width)
    yield _second_opinion(second, first, report["login"], width)
    if report["certificate"]:
        facts = certificate_facts(report["certificate"])
        yield ["The certificate", *laid_out(facts, width)]
    yield _comparison(report, width)
    if report["advice"]:
        yield items("Advice", report["advice"], width)
    yield wrapped(state_text(report["state"], report["server"]["name"], report["login"]), width)


def state_text(state: str, name: str, login: str) -> str:
    """Return what it all comes to."""
    return _STATES[state].format(name=name, login=login)


def _headline(report: dict[str, Any]) -> str:
    server = report["server"]
    security = SECURITY[server["security"]]
    if server["security"] == "tls":
        security += f" {TLS_COMMANDS[server['protocol']]}"
    enabled = "" if server["enabled"] else ", not enabled"
    return (
        f"{server['name']}: {server['protocol'].upper()} at {server['host']} "
        f"port {server['port']}, {security}{enabled}"
    )


def _first_opinion(first: dict[str, Any], login: str, width: int) -> list[str]:
    heading = f"First opinion: {first['by']}, as for every login ({first['seconds']:.2f} s)"
    seen = [(label, text) for label, text in _seen(first).items() if text]
    facts = [*_addresses(first), *seen, *_outcome(first, login)]
    return [*wrapped(heading, width), *laid_out(facts, width)]


def _second_opinion(
    second: dict[str, Any], first: dict[str, Any], login: str, width: int
) -> list[str]:
    """Return it without repeating what both saw."""
    heading = f"Second opinion: {second['by']} ({second['seconds']:.2f} s)"
    before, now = _seen(first), _seen(second)
    facts = [("address", ", ".join(second["addresses"]))] if second["addresses"] else []
    if alike := [label for label, text in now.items() if text and text == before[label]]:
        facts.append(("as above", ", ".join(alike)))
    facts += [(label, text) for label, text in now.items() if text and label not in alike]
    return [*wrapped(heading, width), *laid_out([*facts, *_outcome(second, login)], width)]


def _seen(opinion: dict[str, Any]) -> dict[str, str]:
    return {
        "encryption": opinion["tls"],
        "greeting": opinion["banner"],
        "capabilities": names_text(opinion["capabilities"], 0, _MOST_CAPABILITIES),
    }


def _addresses(first: dict[str, Any]) -> Iterator[Fact]:
    tried = first["tried"]
    label = "address"
    for one in tried:
        # The trouble with a single address stands below.
        trouble = f": {one['trouble']}" if one["trouble"] and len(tried) > 1 else ""
        ready = "" if one["trouble"] else ": ready for a login"
        yield label, f"{one['address']}, {one['seconds']:.3f} s{trouble}{ready}"
        label = ""
    done = {one["address"] for one in tried}
    if left := [address for address in first["addresses"] if address not in done]:
        yield label, f"{', '.join(left)}: not tried"


def _outcome(opinion: dict[str, Any], login: str) -> Iterator[Fact]:
    state, detail = opinion["state"], opinion["detail"]
    troubles = [one["trouble"] for one in opinion["tried"]]
    if len(troubles) > 1 and all(troubles):
        return  # each was told beside its address
    if state == "unavailable" and not opinion["password_sent"]:
        yield "trouble", detail or "none was told"
    elif state == "ready":
        yield "login", detail or "not tried"
    else:
        yield "login", f"{login} {state}: {detail}"


def certificate_facts(certificate: dict[str, Any]) -> Iterator[Fact]:
    """Yield what there is to say about a certificate."""
    if certificate["subject"]:
        names = names_text(certificate["names"], certificate["number_of_names"], _MOST_NAMES)
        yield "for", names or certificate["subject"]
        yield "issued by", "itself" if certificate["self_signed"] else certificate["issuer"]
        period = f"{certificate['not_before']} to {certificate['not_after']}"
        yield "valid", f"{period}, {expiry_text(certificate['days_left'])}"
        yield "SHA-256", certificate["fingerprint"]
    yield "check", check_text(certificate)


def check_text(certificate: dict[str, Any]) -> str:
    """Return what came of its check."""
    return certificate["trouble"] or "passed"


def _comparison(report: dict[str, Any], width: int) -> list[str]:
    if report["second"]["kind"] in {Trouble.NO_OPINION, Trouble.NOT_STARTED}:
        return ["There is no second opinion."]
    if not report["differences"]:
        return ["The two agree."]
    return items("They differ", report["differences"], width)
