"""One `[[ldap_profile]]`: a directory, and how accounts are found in it and tried.

Knows the keys of a profile, and what those left out stand for by its kind. What must hold between
the keys is `profile_rules`', what is doubtful about them `profile_doubts`'. Pure; raises nothing.
"""

# ruff: noqa: RUF009  # a declaration makes a dataclass field, which is a call

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from bridge_common.secret import Secret
from bridge_common.settings import ldap_filter, ldap_names, texts
from bridge_common.settings.declaration import key
from bridge_common.settings.kinds import Choice, Flag, Integer, SecretReference, Text, TextList

DirectoryKind = Literal["active-directory", "openldap"]
DirectorySecurity = Literal["plain", "ssl", "tls"]
Scope = Literal["base", "one", "subtree"]
AuthMethod = Literal["search", "direct"]

USUAL_PORTS: Mapping[DirectorySecurity, int] = {"plain": 389, "tls": 389, "ssl": 636}

GLOBAL_CATALOG_PORTS = frozenset({3268, 3269})
"""Where Active Directory knows the whole forest, which is what is below the empty name."""

_FOR_SEARCH: Mapping[DirectoryKind, Mapping[str, object]] = {
    "active-directory": {
        "login_filter": "(&(objectCategory=person)(objectClass=user)"
        "(|(userPrincipalName={login})(mail={login})(proxyAddresses=smtp:{login})))",
        "bare_login_filter": "(&(objectCategory=person)(objectClass=user)(sAMAccountName={local}))",
        "address_attributes": ("mail", "proxyAddresses"),
    },
    "openldap": {
        "login_filter": "(&(objectClass=person)(mail={login}))",
        "bare_login_filter": "(&(objectClass=person)(uid={local}))",
        "address_attributes": ("mail",),
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LdapProfile:
    """One `[[ldap_profile]]`.

    ``port`` is never 0, and with ``auth`` "search" neither the two login filters nor
    ``address_attributes`` are empty: the defaults stand in for them.
    """

    name: str = key(
        Text("one word", texts.word),
        default="",
        prose="What this directory is called in the log, by `bridgectl`, "
        "and where `ldap_profile` names it; each name is there once.",
        example='"corp"',
        required=True,
    )
    kind: DirectoryKind = key(
        Choice(get_args(DirectoryKind)),
        default="active-directory",
        prose="What kind of directory it is; "
        "it decides what `login_filter`, `bare_login_filter` and `address_attributes` are "
        "when they are left out.\n"
        "`openldap` is for every directory that is not Active Directory.",
        example='"active-directory"',
        required=True,
    )
    security: DirectorySecurity = key(
        Choice(get_args(DirectorySecurity)),
        default="ssl",
        prose="`ssl`: the connection is encrypted from its start (`ldaps`).\n"
        "`tls`: it is encrypted by StartTLS before anything else is said.\n"
        "`plain`: passwords travel unencrypted, which is for a directory on this machine only.\n"
        "There is no falling back from one to another: "
        "where encryption fails, no password is sent, and the directory counts as unavailable.",
        example='"ssl"',
    )
    hosts: tuple[str, ...] = key(
        TextList("host names or addresses", texts.host),
        default=(),
        prose="The directory's hosts, the primary one first.\n"
        "The next one is asked when those before it cannot be; all must know the same accounts.",
        example='["dc1.example.com", "dc2.example.com"]',
        required=True,
    )
    port: int = key(
        Integer(0, 65535),
        default=0,
        prose="The port, the same at each host.\n"
        "When it is absent or 0, it is 636 with `ssl`, 389 with `tls` and `plain`.\n"
        "The global catalog of Active Directory, which knows the accounts of all domains of a "
        "forest, is at 3269 with `ssl`, at 3268 with `tls` and `plain`.",
        example="636",
    )
    domains: tuple[str, ...] = key(
        TextList("domain names", texts.domain),
        default=(),
        prose="The domains whose logins this directory is asked about.\n"
        "It never sees a password of any other domain.\n"
        "When the list is empty, it is asked about all of yours.",
        example='["example.com"]',
    )
    bind_dn: str = key(
        Text(
            r'a distinguished name, or "user@domain" or "DOMAIN\\user"',
            texts.optional(ldap_names.bind_name),
        ),
        default="",
        prose="The account that searches for the accounts of others: "
        "one of its own, which may only read.\n"
        "Active Directory also takes `user@domain` or `DOMAIN\\user`.\n"
        "When it is empty, the directory is searched without an account, if it permits that.",
        example='"CN=gateway,OU=Service,DC=example,DC=com"',
    )
    bind_password: Secret = key(
        SecretReference(),
        default=Secret(b""),
        prose="The password of `bind_dn`.\n"
        "Write it into a file that only root and the program's group may read (mode 0640).",
        example='"file:/etc/sasl-bridge/corp.secret"',
    )
    base_dn: str = key(
        Text("a distinguished name", texts.optional(ldap_names.distinguished_name)),
        default="",
        prose="Where in the directory accounts are searched for; "
        'it is required with `auth = "search"`.\n'
        "At the ports of Active Directory's global catalog, 3268 and 3269, it may be left out: "
        "the whole forest is searched then.",
        example='"DC=example,DC=com"',
    )
    scope: Scope = key(
        Choice(get_args(Scope)),
        default="subtree",
        prose="How far below `base_dn` the search reaches.\n"
        "`subtree`: to everything below it; `one`: to what is directly below it; "
        "`base`: to that entry alone.",
        example='"subtree"',
    )
    auth: AuthMethod = key(
        Choice(get_args(AuthMethod)),
        default="search",
        prose="How a password is tried.\n"
        "`search`: the account is searched for by the login, and the password is tried with the "
        "name of the one entry that was found.\n"
        "`direct`: the password is tried with the name that `bind_template` makes of the login; "
        "nothing is searched for, and no account of the gateway's own is needed.",
        example='"search"',
    )
    login_filter: str = key(
        Text(
            "a search filter with {login}, {local} or {domain} in its values",
            texts.optional(ldap_filter.login_filter),
        ),
        default="",
        prose="The filter that finds the account of a login.\n"
        "`{login}` is `user@domain`, `{local}` what stands before the @, "
        "`{domain}` what stands behind it.\n"
        "A login that finds two entries is answered with a temporary failure.\n"
        "`{local}` without `{login}` or `{domain}` is for a profile that serves one domain only.\n"
        "When it is empty, it is by `kind` "
        f"`{_FOR_SEARCH['active-directory']['login_filter']}` "
        f"or `{_FOR_SEARCH['openldap']['login_filter']}`.",
        example='"(&(objectClass=inetOrgPerson)(mail={login}))"',
    )
    bare_login_filter: str = key(
        Text(
            "a search filter with {login}, {local} or {domain} in its values",
            texts.optional(ldap_filter.login_filter),
        ),
        default="",
        prose="The filter for a login that is typed as a bare `user`, or as `DOMAIN\\user`.\n"
        "It is never used for `user@domain`: "
        "the account `john` need not be the one of `john@example.com`.\n"
        "At the ports of the global catalog without `base_dn`, it must compare with `{login}` "
        "if such logins are let in: each domain of the forest may have a `john`.\n"
        "When it is empty, it is by `kind` "
        f"`{_FOR_SEARCH['active-directory']['bare_login_filter']}` "
        f"or `{_FOR_SEARCH['openldap']['bare_login_filter']}`.",
        example='"(&(objectClass=inetOrgPerson)(uid={local}))"',
    )
    bind_template: str = key(
        Text(
            "a name with {login}, {local} or {domain} in it",
            texts.optional(ldap_names.bind_template),
        ),
        default="",
        prose="The name with which a password is tried; "
        'it is required with `auth = "direct"`, and for it only.\n'
        "For Active Directory it is `{login}` or `CORP\\{local}`, "
        "for others a distinguished name.\n"
        "`{local}` without `{login}` or `{domain}` is for a profile that serves one domain only.",
        example='"uid={local},ou=people,dc=example,dc=com"',
    )
    identity_attribute: str = key(
        Text("the name of an attribute", texts.optional(ldap_names.attribute)),
        default="",
        prose="The attribute with the account's own `user@domain`, which the login then becomes: "
        "in the log, for Postfix, and wherever logins are counted.\n"
        "Set it (to `mail`, say) when an account has several names to log in with, "
        "which are otherwise as many logins.\n"
        "It is written as the server gives it: `mail`, "
        "not another name for the same such as `rfc822Mailbox`, and no number.\n"
        "Without it, a bare `user` becomes `user@` the `default_domain`, "
        "whether or not that is the account's address.\n"
        "It must have exactly one value: an account where it has not gets a temporary failure.\n"
        "The value must be of one of the profile's `domains`, or, if there are none, of yours; "
        "users must not be able to change it themselves.",
        example='"mail"',
    )
    address_attributes: tuple[str, ...] = key(
        TextList("names of attributes", ldap_names.attribute),
        default=(),
        prose="The attributes with the addresses that an account owns, "
        "written as the server gives them.\n"
        'When the list is empty, it is by `kind` `["mail", "proxyAddresses"]` or `["mail"]`.',
        example='["mail", "mailAlternateAddress"]',
    )
    send_as_filter: str = key(
        Text(
            "a search filter with {dn}, {login}, {local} or {domain} in its values",
            texts.optional(ldap_filter.send_as_filter),
        ),
        default="",
        prose="The filter that finds what else an account may send as, such as its groups: "
        "their addresses are owned by it too.\n"
        "`{dn}` is the distinguished name of the account.\n"
        "With Active Directory, `(member:1.2.840.113556.1.4.1941:={dn})` "
        "also finds groups that it is in by other groups.",
        example='"(&(objectClass=group)(member={dn}))"',
    )
    max_connections: int = key(
        Integer(1, 1000),
        default=20,
        prose="How many logins each host is asked about at the same time.\n"
        "Others wait; "
        "where no turn comes within `connection_timeout`, the directory is unavailable.",
        example="20",
    )
    verify: bool = key(
        Flag(),
        default=True,
        prose="Whether the hosts' certificates are checked, with `ssl` and with `tls`.\n"
        "Without this check, anyone between you and the directory can collect passwords.",
        example="true",
    )
    ca_file: str = key(
        Text("an absolute path", texts.optional(texts.absolute_path)),
        default="",
        prose="The PEM file with the certificates of the authorities to trust for this directory; "
        "the one of a Windows domain usually has its own.\n"
        "When it is empty, the machine's own are trusted.",
        example='"/etc/sasl-bridge/corp-ca.pem"',
    )
    tls_name: str = key(
        Text("a host name or an address", texts.optional(texts.host)),
        default="",
        prose="The name that must be in each host's certificate.\n"
        "When it is empty, it is the host's own in `hosts`; set it when those are addresses.",
        example='"corp.example.com"',
    )

    def __post_init__(self) -> None:
        usual: dict[str, object] = {"port": USUAL_PORTS[self.security]}
        if self.auth == "search":
            usual |= _FOR_SEARCH[self.kind]
        for name, value in usual.items():
            if not getattr(self, name):
                object.__setattr__(self, name, value)
