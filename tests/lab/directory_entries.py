"""What the lab's OpenLDAP holds: people, groups and the service account, and how LDIF writes them.

Values are written in base64, so that no character of them means anything to LDIF (RFC 2849).
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

BASE = "dc=example,dc=com"
PEOPLE = f"ou=people,{BASE}"
SCRIPTED = f"ou=scripted,{BASE}"
GROUPS = f"ou=groups,{BASE}"
GATEWAY = f"cn=gateway,ou=service,{BASE}"
"""The service account: it reads everything but passwords."""
GATEWAY_PASSWORD = "gateway's own: «service»"


@dataclass(frozen=True, slots=True)
class Person:
    """An inetOrgPerson; ``attributes`` are further ones, or further values.

    ``bind_result``: what a bind in its name gets whatever the password, in the words of
    slapo-retcode(5) after that name: "0x33", "0x0a ref=ldap://...". Such a person is below
    ou=scripted.
    """

    uid: str
    password: str = field(repr=False)
    mail: tuple[str, ...] = ()
    attributes: Mapping[str, Iterable[str]] = field(default_factory=dict)
    bind_result: str = ""

    @property
    def dn(self) -> str:
        """Its distinguished name."""
        return f"uid={escaped(self.uid)},{SCRIPTED if self.bind_result else PEOPLE}"

    def ldif(self) -> str:
        """Return it as an LDIF record."""
        own = {name: [self.uid] for name in ("uid", "cn", "sn")}
        own |= {"mail": [*self.mail], "userPassword": [self.password] if self.password else []}
        further = {name: [*own.get(name, []), *self.attributes[name]] for name in self.attributes}
        return entry(self.dn, "inetOrgPerson", **(own | further))


@dataclass(frozen=True, slots=True)
class Group:
    """A groupOfNames; each member's memberOf follows from it. Members are DNs, also of groups."""

    cn: str
    members: tuple[str, ...]

    @property
    def dn(self) -> str:
        """Its name below ou=groups."""
        return f"cn={escaped(self.cn)},{GROUPS}"

    def ldif(self) -> str:
        """Return it as an LDIF record."""
        return entry(self.dn, "groupOfNames", cn=[self.cn], member=self.members)


def entry(dn: str, *classes: str, **attributes: Iterable[str]) -> str:
    """Return an LDIF record of these object classes."""
    everything = {"objectClass": classes, **attributes}
    lines = [f"{name}:: {_base64(value)}" for name in everything for value in everything[name]]
    return "\n".join([f"dn:: {_base64(dn)}", *lines, "", ""])


def replacement(dn: str, attribute: str, *values: str) -> str:
    """Return the LDIF change record that gives an attribute these values, or none."""
    lines = [f"{attribute}:: {_base64(value)}" for value in values]
    change = ["changetype: modify", f"replace: {attribute}", *lines]
    return "\n".join([f"dn:: {_base64(dn)}", *change, "-", "", ""])


def tree() -> str:
    """Return the LDIF of what people, groups and services hang on."""
    branches = (PEOPLE, SCRIPTED, GROUPS, f"ou=service,{BASE}", f"ou=policies,{BASE}")
    return "".join(
        [
            entry(BASE, "dcObject", "organization", dc=["example"], o=["Example"]),
            *(entry(dn, "organizationalUnit") for dn in branches),
            entry(
                GATEWAY,
                "organizationalRole",
                "simpleSecurityObject",
                userPassword=[GATEWAY_PASSWORD],
            ),
        ]
    )


def escaped(value: str) -> str:
    """Return a value as it stands in a DN, whatever its characters: RFC 4514 section 2.4."""
    return "".join(
        one
        if one.isascii() and one.isalnum()
        else "".join(f"\\{byte:02x}" for byte in one.encode())
        for one in value
    )


def continuation(name: str, url: str) -> str:
    """Return the LDIF of a referral (RFC 3296) below the base: searches are told to go on there."""
    return entry(f"ou={name},{BASE}", "referral", "extensibleObject", ou=[name], ref=[url])


def _base64(value: str) -> str:
    return base64.b64encode(value.encode()).decode()
