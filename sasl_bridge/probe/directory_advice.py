"""What an administrator can do about what a probe of a directory found, one sentence each.

Pure: a report in, sentences out. Knows what our own account, `base_dn` and the security of the
settings come to; those for a host that cannot be asked are in `directory_advice_host`, those for a
login in `directory_advice_login`. Raises nothing.
"""

from collections.abc import Callable, Iterator
from functools import partial

from bridge_common.settings.ldap_profile import LdapProfile
from sasl_bridge.probe.advice import FALLBACK
from sasl_bridge.probe.advice_security import plain_advice, unverified_advice
from sasl_bridge.probe.directory_advice_host import certificate_advice, host_advice
from sasl_bridge.probe.directory_advice_login import CATALOG_PORTS, WITHOUT_TLS, login_advice
from sasl_bridge.probe.directory_report import DirectoryReport
from sasl_bridge.probe.directory_words import is_active_directory_s, result_code, wants_tls

_Rule = Callable[[DirectoryReport], Iterator[str]]

_BASES = {
    10: (
        "`base_dn` belongs to other servers than those in `hosts`: name those, or, for the whole "
        "forest of an Active Directory, set `port` to the global catalog's ({catalog})."
    ),
    32: (
        "There is no `base_dn` of this name, or it may not be read {by}: correct it (the "
        "directory's own names are the `namingContexts` of its root), or grant that there."
    ),
    34: "`base_dn` is no name as this directory has them: correct it.",
    50: "Grant there that what is below `base_dn` may be searched and read {by}.",
}


def directory_advice(report: DirectoryReport) -> tuple[str, ...]:
    """Return what to do, the most pressing first; nothing if nothing is to be done.

    There is always something to be done about a directory that cannot be used.
    """
    pressing = _sentences(_PRESSING, report)
    if report.state == "unavailable" and not pressing:
        pressing = [FALLBACK]
    return tuple(dict.fromkeys([*pressing, *_sentences(_FURTHER, report)]))


def _sentences(rules: tuple[_Rule, ...], report: DirectoryReport) -> list[str]:
    return [sentence for rule in rules for sentence in rule(report)]


def _about_account(report: DirectoryReport) -> Iterator[str]:
    refused = [one for one in report.hosts if one.account and not one.account.done]
    if not refused or refused[0].account is None:
        return
    detail = refused[0].account.detail
    words = detail.partition(": ")[2]
    where = "" if refused[0] is report.ends_at else f" at {refused[0].host}"
    until = f"Nobody can log in{where} until {report.profile.bind_dn} (`bind_dn`) can"
    if wants_tls(words):
        yield WITHOUT_TLS
    elif result_code(words) == 34:  # noqa: PLR2004  # invalidDNSyntax
        yield (
            "`bind_dn` is no distinguished name, and only Active Directory takes `user@domain` "
            "and the like: correct it."
        )
    elif is_active_directory_s(words) and "password refused" not in detail:
        yield f"{until}: look at that account there."
    else:
        yield f"{until}: correct it, or `bind_password`; the directory's log may say more."


def _about_base(report: DirectoryReport) -> Iterator[str]:
    profile = report.profile
    refused = [one.base.detail for one in report.hosts if one.base and not one.base.done]
    refused += [one.trouble for one in report.hosts if wants_tls(one.trouble)]
    if not refused:
        return
    words = refused[0]
    if wants_tls(words):
        yield WITHOUT_TLS
    elif profile.kind == "active-directory" and not profile.bind_dn:
        yield (
            "Active Directory lets nobody search without an account: "
            "set `bind_dn` and `bind_password`."
        )
    else:
        yield from _about_refused_base(profile, words)


def _about_refused_base(profile: LdapProfile, words: str) -> Iterator[str]:
    by = "by our account (`bind_dn`)" if profile.bind_dn else "without an account"
    known = _BASES.get(result_code(words))
    if known:
        yield known.format(by=by, catalog=CATALOG_PORTS[profile.security])
    if not profile.bind_dn:
        yield (
            "The directory is searched without an account, which it may not permit: "
            "set `bind_dn` and `bind_password`."
        )


def _about_other_hosts(report: DirectoryReport) -> Iterator[str]:
    end = report.ends_at
    others_work = any(one.state == "ready" for one in report.hosts)
    if end is not None and end.state != "ready" and others_work:
        yield (
            f"Logins end at {end.host} and go to no host after it, as its trouble is not one for "
            "which the next host is asked: mend it there, or take that one out of `hosts`."
        )


def _about_security(report: DirectoryReport) -> Iterator[str]:
    profile = report.profile
    if profile.security == "plain":
        yield from plain_advice(one for seen in report.hosts for one in seen.addresses)
    elif not profile.verify:
        shown = [seen.certificate for seen in report.hosts if seen.certificate]
        yield from unverified_advice(passes=bool(shown) and not any(one.trouble for one in shown))


_PRESSING: tuple[_Rule, ...] = (
    _about_account,
    _about_base,
    _about_other_hosts,
    login_advice,
    host_advice,
    partial(certificate_advice, refused=True),
)
_FURTHER: tuple[_Rule, ...] = (partial(certificate_advice, refused=False), _about_security)
