"""What `bridgectl profile test` prints: the report of a probe of a directory, for people.

Knows how the report looks as JSON values, and how it reads in a terminal; what it amounts to, and
what to do about it, is the daemon's to say.
"""

from collections.abc import Iterator
from typing import Any

from bridge_admin.layout import Fact, columns_of_text, items, laid_out, paragraphs, wrapped
from bridge_admin.probe_text import SECURITY, certificate_facts, check_text, state_text

_KINDS = {"active-directory": "Active Directory", "openldap": "LDAP"}


def format_profile_probe(report: dict[str, Any], columns: int = 0) -> str:
    """Return the text for a terminal of so many columns; 0: of this one."""
    return paragraphs(_parts(report, columns_of_text(columns)))


def _parts(report: dict[str, Any], width: int) -> Iterator[list[str]]:
    profile, login = report["profile"], report["login"]
    yield wrapped(_headline(profile), width)
    shown: dict[str, str] = {}
    for seen in report["hosts"]:
        yield [*wrapped(_host_heading(seen), width), *laid_out(_host(seen, profile), width)]
        if seen["certificate"]:
            yield _certificate(seen, shown, width)
    if login and login["host"]:
        heading = f"The login at {login['host']} ({login['seconds']:.2f} s)"
        yield [heading, *laid_out(_login(login, profile), width)]
    if report["advice"]:
        yield items("Advice", report["advice"], width)
    yield wrapped(_result(report), width)


def _certificate(seen: dict[str, Any], shown: dict[str, str], width: int) -> list[str]:
    """Return it, unless it was shown already: hosts may share one."""
    heading, certificate = f"The certificate of {seen['host']}", seen["certificate"]
    earlier = shown.setdefault(certificate["fingerprint"], seen["host"])
    facts = certificate_facts(certificate)
    if earlier != seen["host"]:
        facts = iter([("the same", f"as that of {earlier}"), ("check", check_text(certificate))])
    return [heading, *laid_out(facts, width)]


def _headline(profile: dict[str, Any]) -> str:
    security = SECURITY[profile["security"]]
    if profile["security"] == "tls":
        security += " StartTLS"
    where = f"{', '.join(profile['hosts'])} port {profile['port']}"
    return f"{profile['name']}: {_KINDS[profile['kind']]} at {where}, {security}"


def _host_heading(seen: dict[str, Any]) -> str:
    return f"{seen['host']} ({seen['seconds']:.2f} s)"


def _host(seen: dict[str, Any], profile: dict[str, Any]) -> Iterator[Fact]:
    yield from _addresses(seen)
    if seen["tls"]:
        yield "encryption", seen["tls"]
    if seen["account"]:
        yield "account", f"{profile['bind_dn']}: {seen['account']['detail']}"
    if seen["base"]:
        if not profile["bind_dn"]:
            yield "account", "none (bind_dn)"
        yield "base", f"{profile['base_dn'] or 'the root'}: {seen['base']['detail']}"
    troubles = [one["trouble"] for one in seen["tried"]]
    told = len(troubles) > 1 and all(troubles)  # each beside its address
    if seen["trouble"] and not told:
        yield "trouble", seen["trouble"]
    if seen["state"] == "ready":
        yield "state", "ready for logins"


def _addresses(seen: dict[str, Any]) -> Iterator[Fact]:
    tried = seen["tried"]
    label = "address"
    for one in tried:
        # The trouble with a single address stands below.
        trouble = f": {one['trouble']}" if one["trouble"] and len(tried) > 1 else ""
        yield label, f"{one['address']}{trouble or ('' if one['trouble'] else ': connected')}"
        label = ""
    done = {one["address"] for one in tried}
    if left := [address for address in seen["addresses"] if address not in done]:
        yield label, f"{', '.join(left)}: not tried"


def _login(login: dict[str, Any], profile: dict[str, Any]) -> Iterator[Fact]:
    if login["filter"]:
        yield "filter", login["filter"]
        yield "found", _number(len(login["found"]))
    if login["name"]:
        yield "entry" if login["filter"] else "name", login["name"]
    if login["identity"]:
        attribute = profile["identity_attribute"]
        yield "identity", f"{login['identity']} ({attribute or 'the login'})"
    elif login["identity_trouble"] != login["detail"]:
        yield "identity", login["identity_trouble"]
    if login["filter"] and login["name"]:
        yield "owns", ", ".join(login["addresses"]) or "no address"
    if profile["send_as_filter"] and login["name"]:
        yield "sends as", login["send_as_trouble"] or ", ".join(login["send_as"]) or "nobody else"
    where = " at this host" if login["passed_over"] else ""
    yield "login", f"{login['login']} {login['state']}{where}: {login['detail']}"


def _number(number: int) -> str:
    return f"{number or 'no'} {'entry' if number == 1 else 'entries'}"


def _result(report: dict[str, Any]) -> str:
    name, login = report["profile"]["name"], report["login"]
    if report["state"] == "unavailable" and login and login["host"]:
        if login["passed_over"] and login["host"] != report["hosts"][-1]["host"]:
            return f"{login['host']} cannot say about {login['login']}: a login asks the next host."
        return f"{name} leaves {login['login']} with a temporary failure."
    text = state_text(report["state"], name, login["login"] if login else "")
    if login and not login["host"]:
        return f"{text} {login['login']} was not tried."
    dead = [seen["host"] for seen in report["hosts"] if seen["state"] != "ready"]
    if dead and report["state"] != "unavailable":
        return f"{text.removesuffix('.')}, but {', '.join(dead)} cannot be used."
    return text
