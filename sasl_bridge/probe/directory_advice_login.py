"""What to do about a login that a directory does not accept, or accepts under a wrong name.

Pure. Knows the keys of a profile by which accounts are found and named, and what Active Directory's
reasons mean for who looks after it. Raises nothing.
"""

from collections.abc import Iterator

from bridge_common.identity import LoginForm
from bridge_common.settings.ldap_profile import (
    GLOBAL_CATALOG_PORTS,
    DirectorySecurity,
    LdapProfile,
)
from sasl_bridge.probe.directory_report import DirectoryReport, LoginTried
from sasl_bridge.probe.directory_words import code_of_search, data_code, wants_tls

CATALOG_PORTS: dict[DirectorySecurity, int] = {"ssl": 3269, "tls": 3268, "plain": 3268}
"""The global catalog's."""

WITHOUT_TLS = (
    'The directory takes no password on an unencrypted connection: set `security = "ssl"` or "tls".'
)

_REFUSALS = {
    "530": "The account may not log in at this hour: see its logon hours in the directory.",
    "531": (
        "The account may log in from certain machines only: add this one, or the domain "
        "controllers, to its list in the directory."
    ),
    "532": "The password has expired: the user has to set a new one.",
    "533": "The account is disabled in the directory: enable it there if it should log in.",
    "701": "The account has expired in the directory: extend it there if it should log in.",
    "773": "The user has to change the password first, which mail programs cannot do.",
    "775": (
        "The account is locked: unlock it in the directory, and find who tries wrong passwords, "
        "such as a telephone that has the old one."
    ),
}
_SIZE_LIMIT = 4
_ABOUT_SEARCHES = {
    3: (
        "The directory does not get done with the search in the time that it grants: have the "
        "attributes of the filter indexed there."
    ),
    11: (
        "The directory would have to read more than it is willing to: have the attributes of the "
        "filter indexed there."
    ),
}


def login_advice(report: DirectoryReport) -> Iterator[str]:
    """Yield what to do about the login that was tried, if one was."""
    login = report.login
    if login is None or not login.host:
        return
    yield from _about_entries(report.profile, login)
    if login.name:
        yield from _about_answer(report.profile, login)
        yield from _about_identity(report.profile, login)
        yield from _about_addresses(report.profile, login)


def _about_entries(profile: LdapProfile, login: LoginTried) -> Iterator[str]:
    if profile.auth == "direct" or login.name:
        return
    key = _filter_key(profile, login)
    if login.state == "rejected":
        yield (
            f"The directory knows no such login under `base_dn`: compare `{key}` with the entry "
            "of this user, and see that our account may read it."
        )
        yield from _about_catalog(profile)
        return
    code = code_of_search(login.detail)
    if code in _ABOUT_SEARCHES:
        yield _ABOUT_SEARCHES[code]
    elif len(login.found) > 1 or code == _SIZE_LIMIT:
        yield (
            "A login that stands for several entries is tried with none of them: take the address "
            f"from all but one, or make `{key}` or `base_dn` narrower."
        )


def _filter_key(profile: LdapProfile, login: LoginTried) -> str:
    bare = login.login.form is not LoginForm.ADDRESS and profile.bare_login_filter
    return "bare_login_filter" if bare else "login_filter"


def _about_catalog(profile: LdapProfile) -> Iterator[str]:
    if profile.kind != "active-directory":
        return
    if profile.port in GLOBAL_CATALOG_PORTS:
        yield (
            "The global catalog has only some attributes of each entry (`proxyAddresses` need not "
            "be one of them): see that those of the filter are."
        )
    else:
        yield (
            "A domain controller knows the accounts of its own domain: for those of another one "
            "make a profile with its hosts and its `base_dn`; or, where only whole addresses log "
            "in (no `default_domain`, no `windows_domains`), set `port` to the global catalog's "
            f"({CATALOG_PORTS[profile.security]}), and `base_dn` to the forest's root."
        )


def _about_answer(profile: LdapProfile, login: LoginTried) -> Iterator[str]:
    if not login.password_sent or login.state == "accepted":
        return
    if wants_tls(login.detail):
        yield WITHOUT_TLS
    elif login.detail == login.identity_trouble:
        return  # the password is right
    elif login.state == "rejected":
        code = data_code(login.detail)
        yield _REFUSALS.get(code) or _about_wrong_password(profile, code)
    elif login.passed_over:
        yield (
            f"{login.host} answers the login with neither a yes nor a no, so the next host is "
            "asked, and without one the user gets a temporary failure: its log says why."
        )
    else:
        yield (
            "The directory answers the login with neither a yes nor a no, so its users get a "
            "temporary failure: its log says why."
        )


def _about_wrong_password(profile: LdapProfile, code: str) -> str:
    if profile.auth == "direct":
        return (
            "The password is wrong, or the directory knows the user by another name than "
            "`bind_template` makes of the login."
        )
    if code == "52e":
        return "The password is wrong: the account was found."
    return "The password is wrong, or the directory keeps this account from logging in."


def _about_identity(profile: LdapProfile, login: LoginTried) -> Iterator[str]:
    trouble, attribute = login.identity_trouble, profile.identity_attribute
    if trouble.endswith("which is not ours"):
        yield (
            "The account's own name is of a domain that is not one of `[identity] domains`: add it "
            f"there, or name another attribute than {attribute} in `identity_attribute`."
        )
    elif trouble:
        yield (
            f"An account is to have `user@domain` once in `identity_attribute` ({attribute}): mend "
            "the entry, see that our account may read it, or name another attribute."
        )


def _about_addresses(profile: LdapProfile, login: LoginTried) -> Iterator[str]:
    if login.send_as_trouble:
        yield (
            "What the account may send as besides is not known: the directory does not do the "
            f"search of `send_as_filter` ({login.send_as_trouble})."
        )
    if profile.auth == "search" and not login.addresses:
        names = ", ".join(profile.address_attributes)
        yield (
            f"The entry has no address in `address_attributes` ({names}), as far as our account "
            "may read it."
        )
    if profile.send_as_filter and profile.port in GLOBAL_CATALOG_PORTS:
        yield (
            "The global catalog knows the members of universal groups only: `send_as_filter` "
            "finds no others there."
        )
