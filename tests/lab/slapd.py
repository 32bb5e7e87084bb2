"""A real OpenLDAP slapd with a directory of its own; the same for 2.5 and 2.6.

Its log of operations is what it writes to standard error at the debug level "stats".
Changes go through its UNIX socket as the root DN, which no access rule, limit or required
encryption holds back. What it holds and who reads it: `lab.directory_entries`.
"""

import re
import signal
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

from lab.certificates import Certificates
from lab.directory_entries import (
    BASE,
    GATEWAY,
    SCRIPTED,
    Group,
    Person,
    continuation,
    entry,
    replacement,
    tree,
)
from lab.domain_controller import free_address
from lab.logs import text_with
from lab.ports import LOOPBACK, free_port
from lab.processes import Child, LabError, Running, end_process, program, run, start, wait_for_port

_ROOT = f"cn=root,{BASE}"
_ROOT_PASSWORD = "root"
_POLICY = f"cn=default,ou=policies,{BASE}"

_GLOBAL = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/dyngroup.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload dynlist
moduleload ppolicy
moduleload retcode
localSSF 256
"""

_DATABASE = """\
database mdb
suffix {base}
rootdn {root}
rootpw {root_password}
directory {folder}/data
maxsize 268435456
dbnosync
index objectClass,uid,cn,mail eq
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact={gateway} read by self read by anonymous {anonymous} by * none
"""

# Groups are kept as they are; memberOf is computed, through groups in groups too.
_MEMBER_OF = """\
overlay dynlist
dynlist-attrset groupOfURLs memberURL member+memberOf@groupOfNames*
"""

# What it has to say of a password comes unasked too, as Netscape's controls.
_PASSWORD_POLICY = f"""\
overlay ppolicy
ppolicy_default {_POLICY}
ppolicy_send_netscape_controls
"""


class Slapd(Running):
    """An LDAP server for `BASE`, ended and started again at will with the data it has then.

    ``ports["ldap"][security]`` stay the same from one start to the next; ``port`` is with ``tls``
    the one with TLS from the first byte. ``ldif``: more entries. Strangers search nothing, unless
    ``anonymous_search``. ``password_policy`` has the attributes of ppolicy's default policy
    (slapo-ppolicy(5)), for instance pwdLockout and pwdMaxFailure. Each of ``continuations``, URLs,
    comes with every search below the base. ``beside``: at the ports of that one, so at another
    address, as the hosts of a profile are. ``settings`` have the names of slapd.conf(5): allow,
    sizelimit, idletimeout, referral, security.
    """

    def __init__(
        self,
        folder: Path,
        people: Iterable[Person],
        tls: Certificates | None = None,
        *,
        groups: Iterable[Group] = (),
        ldif: str = "",
        anonymous_search: bool = False,
        password_policy: Mapping[str, str] | None = None,
        continuations: Iterable[str] = (),
        beside: "Slapd | None" = None,
        **settings: str,
    ) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.tls = tls
        self.address = free_address() if beside else LOOPBACK
        self.ports: dict[str, dict[str, int]] = beside.ports if beside else _ports(tls)
        self.port = self.ports["ldap"]["ssl" if tls else "plain"]
        self.configuration = folder / "slapd.conf"
        self._child: Child | None = None
        (folder / "data").mkdir(parents=True)
        people = tuple(people)
        members = [group.ldif() for group in groups]
        policy = password_policy or {}
        text = self._text(tls, settings, anonymous_search=anonymous_search)
        text += _overlays(people, members=bool(members), policy=bool(policy))
        self.configuration.write_text(text)
        references = [continuation(f"elsewhere{n}", url) for n, url in enumerate(continuations)]
        entries = [person.ldif() for person in people]
        # Searches tell of what was there first: references come before entries.
        self._load([tree(), *references, _policy_entry(policy), *entries, *members, ldif])

    @property
    def uri(self) -> str:
        """Where it speaks LDAP in the clear, until told to encrypt."""
        return f"ldap://{self.address}:{self.ports['ldap']['plain']}"

    @property
    def _socket(self) -> str:
        return f"ldapi://{quote(f'{self.folder}/ldapi', safe='')}"

    def start(self) -> None:
        """Start it; return once it serves."""
        ports = self.ports["ldap"]
        listen = [self._socket, self.uri]
        if ports["ssl"]:
            listen.append(f"ldaps://{self.address}:{ports['ssl']}")
        command = [program("slapd", "slapd"), "-f", str(self.configuration), "-d", "stats"]
        with self.log.open("ab") as log:
            self._child = start([*command, "-h", " ".join(listen)], stderr=log)
        try:
            # It listens in this order, after all else: daemon.c, slapd_daemon_task().
            wait_for_port(self._child, self.address, ports["ssl"] or ports["plain"])
        except LabError as error:
            self.stop()
            raise LabError(self.log.read_text(errors="replace")) from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it in good order, suspended or not; its ports refuse connections from then on."""
        if self._child is not None:
            self.resume()
            end_process(self._child)
            self._child = None

    def pause(self) -> None:
        """Let it do nothing any more; the kernel still takes connections for it."""
        assert self._child is not None
        self._child.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on where it was."""
        assert self._child is not None
        self._child.send_signal(signal.SIGCONT)

    def modify(self, ldif: str) -> None:
        """Make changes, LDIF change records, in the running server."""
        changes = self.folder / "changes.ldif"
        changes.write_text(ldif)
        changes.chmod(0o600)
        who = ("-x", "-D", _ROOT, "-w", _ROOT_PASSWORD, "-H", self._socket)
        # Relaxed: times that the server keeps may be set too.
        run(program("ldapmodify", "ldap-utils"), *who, "-e", "relax", "-f", str(changes))
        changes.unlink()

    def set_password(self, dn: str, password: str) -> None:
        """Give an entry another password."""
        self.modify(replacement(dn, "userPassword", password))

    def log_with(self, pattern: str, number: int = 1) -> str:
        """Return its log once ``pattern`` is in it so many times."""
        return text_with(self.log, pattern, number)

    def binds(self, dn: str) -> int:
        """Return how many simple binds with this DN, as the client wrote it, it was asked for."""
        asked = re.escape(f'BIND dn="{dn}" method=128')
        return len(re.findall(asked, self.log.read_text(errors="replace")))

    def searches(self, base: str = BASE) -> int:
        """Return how many searches with this base it was asked for."""
        asked = re.escape(f'SRCH base="{base}"')
        return len(re.findall(asked, self.log.read_text(errors="replace")))

    def connections(self, *dns: str) -> int:
        """Return on how many connections it was asked for a bind with one of these DNs."""
        names = "|".join(map(re.escape, dns))
        asked = rf'conn=(\d+) op=\d+ BIND dn="(?:{names})" method=128'
        return len(set(re.findall(asked, self.log.read_text(errors="replace"))))

    def _text(
        self, tls: Certificates | None, settings: Mapping[str, str], *, anonymous_search: bool
    ) -> str:
        database = _DATABASE.format(
            base=BASE,
            root=_ROOT,
            root_password=_ROOT_PASSWORD,
            folder=self.folder,
            gateway=GATEWAY,
            anonymous="read" if anonymous_search else "none",
        )
        own = "".join(f"{key} {value}\n" for key, value in settings.items())
        return _GLOBAL + _tls_text(tls) + own + database

    def _load(self, records: Iterable[str]) -> None:
        ldif = self.folder / "entries.ldif"
        ldif.write_text("".join(records))
        options = ("-q", "-f", str(self.configuration), "-l", str(ldif))
        run(program("slapadd", "slapd"), *options)
        ldif.unlink()


def _ports(tls: Certificates | None) -> dict[str, dict[str, int]]:
    plain = free_port()
    return {"ldap": {"plain": plain, "tls": plain, "ssl": free_port() if tls else 0}}


def _tls_text(tls: Certificates | None) -> str:
    if tls is None:
        return ""
    return f"TLSCertificateFile {tls.certificate}\nTLSCertificateKeyFile {tls.key}\n"


def _overlays(people: Iterable[Person], *, members: bool, policy: bool) -> str:
    """Return those that are needed: each of them takes its time of every search or bind."""
    texts = [_MEMBER_OF] if members else []
    if policy:
        texts.append(_PASSWORD_POLICY)
    results = [
        f"retcode-item uid={person.uid} {person.bind_result} op=bind\n"
        for person in people
        if person.bind_result
    ]
    if results:
        texts += [f"overlay retcode\nretcode-parent {SCRIPTED}\n", *results]
    return "".join(texts)


def _policy_entry(policy: Mapping[str, str]) -> str:
    attributes = {"cn": "default", "pwdAttribute": "userPassword", **policy}
    values = {name: [value] for name, value in attributes.items()}
    return entry(_POLICY, "device", "pwdPolicy", **values)
