"""What an administrator can do about what a probe found, one sentence each.

Pure: a report in, sentences out. Knows the words for what a login came to, for what two opinions
have to say together, and for settings that could be better; those for a server that cannot be used
are in `advice_trouble`, those for its certificate in `advice_certificate`. Raises nothing.
"""

import re
from collections.abc import Callable, Iterator

from sasl_bridge.probe.advice_certificate import certificate_advice
from sasl_bridge.probe.advice_security import plain_advice, unverified_advice
from sasl_bridge.probe.advice_trouble import is_no_way_in, trouble_advice
from sasl_bridge.probe.report import OTHER_CERTIFICATE, Report, differences, heard
from sasl_bridge.probe.trouble import Trouble

# RFC 5530 section 3: these speak of the account, and not of the password alone.
_ABOUT_THE_ACCOUNT = {
    "EXPIRED": "The server says that this password has expired: have a new one set there.",
    "CONTACTADMIN": (
        "The server says that its administrator is to be asked about this account: look at it "
        "there, it may be locked."
    ),
    "AUTHORIZATIONFAILED": (
        "The server knows who this is, and does not let them in by this login: look at the "
        'account\'s rights there, and at `login_format` (it is "{login_format}").'
    ),
}
_CODE = re.compile(r"NO (?:\[ALERT\] )?\[([A-Za-z]+)\]")

FALLBACK = (
    "What went wrong is told above, and there is no better advice than to read the server's log of "
    "this moment; if other mail programs get along with it, please report this as a fault of "
    "sasl-bridge, with what `--json` prints."
)

_Rule = Callable[[Report], Iterator[str]]


def advice(report: Report) -> tuple[str, ...]:
    """Return what to do, the most pressing first; nothing if nothing is to be done.

    There is always something to be done about a server that cannot be used.
    """
    pressing = _sentences(_PRESSING, report)
    if report.first.state == "unavailable" and not pressing:
        pressing = [FALLBACK]
    return tuple(dict.fromkeys([*pressing, *_sentences(_FURTHER, report)]))


def _sentences(rules: tuple[_Rule, ...], report: Report) -> list[str]:
    return [sentence for rule in rules for sentence in rule(report)]


# Each rule looks at one thing.


def _about_login(report: Report) -> Iterator[str]:
    first, second = report.first, report.second
    if first.state == "rejected" and heard(second) != "yes":
        yield _about_a_no(report)
    elif first.kind is Trouble.SAID_NO and not is_no_way_in(first):
        yield _about_a_no_that_is_none(report)


def _about_a_no(report: Report) -> str:
    login_format = report.server.login_format
    code = _CODE.match(report.first.detail)
    known = _ABOUT_THE_ACCOUNT.get(code[1].upper() if code else "")
    if known:
        return known.format(login_format=login_format)
    told = "Both clients were" if report.second.state == "rejected" else "sasl-bridge was"
    return (
        f"{told} told no: the password is wrong, or the server knows the user by another name "
        f'(`login_format` is "{login_format}").'
    )


def _about_a_no_that_is_none(report: Report) -> str:
    said = report.first.detail.casefold()
    if any(text.casefold() in said for text in report.server.unavailable_texts):
        return "The refusal holds one of `unavailable_texts`, so it counts as trouble, not as a no."
    return (
        "The server refused for a reason of its own, not because of the password: "
        "its users get a temporary failure until that is mended; its log says more."
    )


def _about_difference(report: Report) -> Iterator[str]:
    first, second = report.first, report.second
    blamed = first.state in {"unavailable", "rejected"} and not is_no_way_in(first)
    gainsaid = heard(second) == "yes" or (heard(second) == "ready" and first.state == "unavailable")
    if gainsaid and blamed:
        yield (
            "Another client gets along with this server: if a second try shows the same, please "
            "report it as a fault of sasl-bridge, with what `--json` prints."
        )
    elif OTHER_CERTIFICATE in differences(report):
        yield "More than one machine seems to answer at that address: test it more than once."


def _about_no_second_opinion(report: Report) -> Iterator[str]:
    if report.second.kind is Trouble.NOT_STARTED:
        yield (
            "There is no second opinion, which is no fault of the server: see that the Python "
            "package `cryptography` is installed where sasl-bridge is."
        )
    elif report.second.kind is Trouble.NO_OPINION:
        yield (
            "There is no second opinion, which is no fault of the server: the first one counts, "
            "and another test may bring a second."
        )


def _about_the_second_alone(report: Report) -> Iterator[str]:
    first, second = report.first, report.second
    works = first.state in {"ready", "accepted"}
    if works and second.had and heard(second) in {"no", "nothing"}:
        yield (
            f"The first opinion is the one that counts: sasl-bridge can use this server. "
            f"That {second.by} cannot may be a matter of that library; if a second try shows "
            "the same, ask whether other mail programs have trouble there."
        )


def _about_time(report: Report) -> Iterator[str]:
    if report.share and report.first.state != "unavailable" and report.first.seconds > report.share:
        yield (
            f"The answer took {report.first.seconds:.1f} s: after {report.share:.1f} s the next "
            "server of the list is asked beside this one."
        )


def _about_client_address(report: Report) -> Iterator[str]:
    if report.first.state == "unavailable":
        return
    server = report.server
    if server.forward_client == "none":
        way = "xclient" if server.protocol == "pop3" else "id"
        yield (
            "All logins reach this server from this machine's address, so its brake on guessing "
            "slows down everybody: if it can trust this machine (in Dovecot by "
            f'`login_trusted_networks`), set `forward_client = "{way}"`.'
        )
    elif not _takes_client_address(report):
        command = server.forward_client.upper()
        yield (
            f'`forward_client = "{server.forward_client}"` has no effect: the server does not '
            f"offer {command} to this machine (Dovecot: see `login_trusted_networks` there)."
        )
    elif server.forward_client == "id":
        yield (
            'Whether the server believes `forward_client = "id"` cannot be seen from here: Dovecot '
            "does if its `login_trusted_networks` hold this machine, and its log then shows the "
            "mail client's address as `rip`."
        )


def _takes_client_address(report: Report) -> bool:
    names = {capability.partition(" ")[0] for capability in report.first.capabilities}
    if report.server.protocol == "pop3":
        return "XCLIENT" in names or report.first.banner.startswith("+OK [XCLIENT]")
    return "ID" in names


def _about_security(report: Report) -> Iterator[str]:
    server, certificate = report.server, report.certificate
    if server.security == "plain":
        yield from plain_advice(report.first.addresses)
    elif not server.verify:
        yield from unverified_advice(passes=certificate is not None and not certificate.trouble)


_PRESSING: tuple[_Rule, ...] = (
    trouble_advice,
    certificate_advice,
    _about_login,
    _about_difference,
)
_FURTHER: tuple[_Rule, ...] = (
    _about_no_second_opinion,
    _about_the_second_alone,
    _about_time,
    _about_security,
    _about_client_address,
)
