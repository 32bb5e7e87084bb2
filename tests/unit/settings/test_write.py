"""Showing settings: what is written reads back, and secrets stay hidden."""

import json
import string
from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bridge_common.secret import Secret
from bridge_common.settings.declaration import key
from bridge_common.settings.kinds import SecretReference
from bridge_common.settings.ldap_profile import LdapProfile
from bridge_common.settings.model import IdentitySettings, LogSettings, Settings, SmtpAuth
from bridge_common.settings.read import parse_settings, settings_from
from bridge_common.settings.restraint import Restraint
from bridge_common.settings.sender import Sender, SenderContext, SenderException
from bridge_common.settings.server import ForwardClient, Protocol, Server
from bridge_common.settings.write import format_settings, section_as_json, settings_as_json

OUR_DOMAINS = ["example.com", "example.org", "xn--bcher-kva.example", "mail.example.net"]
PRINTABLE = st.text(max_size=12).map(lambda text: "".join(filter(str.isprintable, text)))
PATHS = PRINTABLE.map(lambda text: f"/{text.replace('/', '-')}x")
SOME_TEXT = PRINTABLE.map(lambda text: f"x{text}")
WORDS = st.text("abcXYZ019._-", min_size=1, max_size=8)
NAMES = st.lists(WORDS, min_size=1, max_size=2, unique=True)
TEMPLATES = ["{login}", "uid={local},o={domain},dc=example", "mail={login},dc=example"]


def some_of(values: list[str], at_least: int = 0) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), min_size=at_least, unique=True).map(tuple)


@st.composite
def smtp_auths(draw: st.DrawFn, profiles: tuple[LdapProfile, ...]) -> SmtpAuth:
    timeout = draw(st.floats(0.001, 9.5))
    paths = draw(st.lists(PATHS, min_size=2, max_size=3, unique=True))
    return SmtpAuth(
        enabled=draw(st.booleans()),
        require_tls=draw(st.booleans()),
        method=draw(st.sampled_from(["pop3-imap", "ldap"])),
        ldap_profile=draw(st.sampled_from([profile.name for profile in profiles])),
        connection_timeout=timeout,
        on_unavailable=draw(st.sampled_from(["tempfail", "reject"])),
        failure_delay=draw(st.floats(0, timeout / 1.3)),
        listen=(*(f"unix:{path}" for path in paths[1:]), "inet:[::1]:12345"),
        allow_remote=draw(st.booleans()),
        socket_mode=draw(st.sampled_from(["0660", "600", "0666"])),
        socket_owner=draw(st.sampled_from(["", "sasl-bridge:postfix"])),
        control=f"unix:{paths[0]}",
        metrics_listen=draw(st.sampled_from(["", "inet:127.0.0.1:9119", "inet:localhost:1"])),
    )


@st.composite
def identities(draw: st.DrawFn, ours: tuple[str, ...]) -> IdentitySettings:
    known = OUR_DOMAINS if ours == ("*",) else list(ours)
    windows = st.dictionaries(st.sampled_from(["CORP", "lab", "a.b'c\""]), st.sampled_from(known))
    return IdentitySettings(
        username_format=draw(st.sampled_from(["domain", "username"])),
        default_domain=draw(st.sampled_from(known)),
        domains=ours,
        windows_domains=draw(windows),
        login_characters=draw(PRINTABLE),
    )


@st.composite
def servers(draw: st.DrawFn, name: str, ours: tuple[str, ...]) -> Server:
    protocol: Protocol = draw(st.sampled_from(["imap", "pop3"]))
    forwarding: ForwardClient = "id" if protocol == "imap" else "xclient"
    return Server(
        name=name,
        protocol=protocol,
        security=draw(st.sampled_from(["plain", "ssl", "tls"])),
        host=draw(st.sampled_from(["mail.example.com", "192.0.2.1", "2001:db8::1", "imap_1"])),
        port=draw(st.integers(0, 65535)),
        enabled=draw(st.booleans()),
        domains=draw(some_of(OUR_DOMAINS if ours == ("*",) else list(ours))),
        login_format=draw(st.sampled_from(["{login}", 'CORP\\{local} "', "{local}={domain}"])),
        on_reject=draw(st.sampled_from(["next", "stop"])),
        required=draw(st.booleans()),
        directory=draw(st.sampled_from(["", "corp"])),
        forward_client=draw(st.sampled_from(["none", forwarding])),
        max_connections=draw(st.integers(1, 10000)),
        in_use_is_success=draw(st.booleans()),
        unavailable_texts=tuple(draw(st.lists(SOME_TEXT, max_size=2, unique=True))),
        verify=draw(st.booleans()),
        ca_file=draw(st.just("") | PATHS),
        tls_name=draw(st.sampled_from(["", "imap.example.com"])),
    )


@st.composite
def entries(draw: st.DrawFn, name: str, profile: LdapProfile) -> Server:
    """Draw an entry of the list that is a directory."""
    return Server(
        name=name,
        protocol="ldap",
        ldap_profile=profile.name,
        enabled=draw(st.booleans()),
        domains=draw(some_of(list(profile.domains))) if profile.domains else (),
        on_reject=draw(st.sampled_from(["next", "stop"])),
        required=draw(st.booleans()),
        directory=draw(st.sampled_from(["", "corp"])),
    )


@st.composite
def profiles(draw: st.DrawFn, name: str, ours: tuple[str, ...]) -> LdapProfile:
    direct: dict[str, Any] = {"auth": "direct", "bind_template": draw(st.sampled_from(TEMPLATES))}
    account = draw(st.sampled_from(["", "CORP\\gateway", "CN=a\\, b,DC=c"]))
    search: dict[str, Any] = {
        "auth": "search",
        "base_dn": draw(st.sampled_from(["DC=example,DC=com", "o=Bücher"])),
        "scope": draw(st.sampled_from(["base", "one", "subtree"])),
        "bind_dn": account,
        # What a secret shows of itself is what is read back.
        "bind_password": Secret(b"<secret>" if account else b""),
        "login_filter": draw(st.sampled_from(["", "(mail={login})", "(&(a=b)(c={login}))"])),
        "bare_login_filter": draw(st.sampled_from(["(uid={login})", "(&(o={domain})(u={local}))"])),
        "identity_attribute": draw(st.sampled_from(["", "mail"])),
        "address_attributes": draw(some_of(["mail", "proxyAddresses", "x-mail"])),
        "send_as_filter": draw(st.sampled_from(["", "(member={dn})"])),
    }
    return LdapProfile(
        name=name,
        kind=draw(st.sampled_from(["active-directory", "openldap"])),
        security=draw(st.sampled_from(["plain", "ssl", "tls"])),
        hosts=draw(some_of(["dc1.example.com", "192.0.2.1", "2001:db8::1"], at_least=1)),
        port=draw(st.integers(0, 65535)),
        domains=draw(some_of(OUR_DOMAINS if ours == ("*",) else list(ours))),
        max_connections=draw(st.integers(1, 1000)),
        verify=draw(st.booleans()),
        ca_file=draw(st.just("") | PATHS),
        tls_name=draw(st.sampled_from(["", "dc.example.com"])),
        **draw(st.sampled_from([search, direct])),
    )


NETWORKS = ["10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32", "::1/128"]
MODES: st.SearchStrategy[Any] = st.sampled_from(["off", "monitor", "enforce"])
HELP = st.text(string.ascii_letters + string.punctuation + " ", max_size=30)


@st.composite
def contexts(draw: st.DrawFn, name: str, fake: st.SearchStrategy[Any]) -> SenderContext:
    return SenderContext(
        name=name,
        match_login=draw(st.none() | MODES),
        match_scope=draw(st.sampled_from([None, "address", "domain"])),
        fake_sender_control=draw(st.none() | fake),
        foreign_sender=draw(st.none() | MODES),
        null_sender=draw(st.sampled_from([None, "allow", "monitor", "reject"])),
        on_lookup_failure=draw(st.sampled_from([None, "tempfail", "accept", "reject"])),
        help_text=draw(st.none() | HELP),
    )


@st.composite
def exceptions(draw: st.DrawFn, ours: tuple[str, ...]) -> SenderException:
    domain = draw(st.sampled_from(OUR_DOMAINS if ours == ("*",) else list(ours)))
    local = draw(st.sampled_from(["", "news", "j\u00f6rg", 'a b"', "a@b"]))
    return SenderException(sender=f"{local}@{domain}", clients=draw(some_of(NETWORKS, at_least=1)))


@st.composite
def senders(
    draw: st.DrawFn, ours: tuple[str, ...], profiles: tuple[LdapProfile, ...], taken: SmtpAuth
) -> Sender:
    used = {*taken.listen, taken.control}
    free = PATHS.map(lambda path: f"unix:{path}").filter(lambda text: text not in used)
    [control, *listen] = draw(st.lists(free, min_size=2, max_size=3, unique=True))
    fake: st.SearchStrategy[Any] = st.just("off") if ours == ("*",) else MODES
    searched = ["", *(profile.name for profile in profiles if profile.auth == "search")]
    return Sender(
        listen=(*listen, "inet:[::1]:12346"),
        match_login=draw(MODES),
        match_scope=draw(st.sampled_from(["address", "domain"])),
        fake_sender_control=draw(fake),
        foreign_sender=draw(MODES),
        null_sender=draw(st.sampled_from(["allow", "monitor", "reject"])),
        recipient_delimiter=draw(st.sampled_from(["", "+", "+-", "\\=."])),
        myorigin=draw(st.sampled_from(OUR_DOMAINS)),
        trusted_networks=draw(some_of(NETWORKS)),
        aliases_file=draw(st.just("") | PATHS),
        ldap_profile=draw(st.sampled_from(searched)),
        on_lookup_failure=draw(st.sampled_from(["tempfail", "accept", "reject"])),
        lookup_timeout=draw(st.floats(0.001, 30)),
        help_text=draw(HELP),
        allow_remote=draw(st.booleans()),
        socket_mode=draw(st.sampled_from(["0660", "600", "0666"])),
        socket_owner=draw(st.sampled_from(["", "sasl-bridge:postfix"])),
        control=control,
        metrics_listen=draw(st.sampled_from(["", "inet:[::1]:9120"])),
        exceptions=tuple(draw(st.lists(exceptions(ours), max_size=2))),
        contexts=tuple(draw(contexts(name, fake)) for name in draw(st.just([]) | NAMES)),
    )


def restraints() -> st.SearchStrategy[Restraint]:
    """Return any values of `[restraint]`."""
    limits, seconds = st.integers(0, 1000), st.floats(0.001, 1e9)
    return st.builds(
        Restraint,
        mode=st.sampled_from(["off", "monitor", "enforce"]),
        interval=seconds,
        failures_per_address=limits,
        failing_logins_per_address=limits,
        addresses_per_login=limits,
        block_for=seconds,
        lockout_budget=limits,
        exempt_networks=some_of(NETWORKS),
    )


@st.composite
def valid_settings(draw: st.DrawFn) -> Settings:
    """Draw settings without a contradiction."""
    ours = draw(some_of(OUR_DOMAINS, at_least=1) | st.just(("*",)))
    names = draw(NAMES)
    always_on = Server(name="always.on.", host="localhost")
    known = tuple(draw(profiles(name, ours)) for name in draw(NAMES))
    smtp_auth = draw(smtp_auths(known))
    return Settings(
        smtp_auth=smtp_auth,
        identity=draw(identities(ours)),
        servers=(
            always_on,
            *(draw(servers(name, ours) | entries(name, known[0])) for name in names),
        ),
        ldap_profiles=known,
        sender=draw(senders(ours, known, smtp_auth)),
        restraint=draw(restraints()),
        log=LogSettings(
            level=draw(st.sampled_from(["debug", "info", "warning", "error"])),
            format=draw(st.sampled_from(["text", "json"])),
            decisions=draw(st.sampled_from(["all", "refused"])),
        ),
    )


@given(valid_settings())
def test_settings_survive_write_then_read(settings: Settings) -> None:
    assert parse_settings(format_settings(settings)).settings == settings


@given(valid_settings())
def test_settings_survive_json(settings: Settings) -> None:
    document = json.loads(json.dumps(settings_as_json(settings)))
    assert settings_from(document).settings == settings


def test_every_key_is_written_in_the_order_of_the_model() -> None:
    settings = Settings(
        identity=IdentitySettings(windows_domains={"CORP": "example.com"}),
        servers=(Server(name="one", host="mail.example.com", login_format='"{local}"'),),
        sender=Sender(
            exceptions=(
                SenderException(sender="@example.com", clients=("::1/128",)),
                SenderException(sender="a@example.com", clients=("192.0.2.0/24",)),
            ),
            contexts=(SenderContext(name="submission", match_login="enforce", help_text=""),),
        ),
    )
    assert (
        format_settings(settings)
        == """\
[smtp_auth]
enabled = false
require_tls = true
method = "pop3-imap"
ldap_profile = ""
connection_timeout = "8s"
on_unavailable = "tempfail"
failure_delay = "2s"
listen = ["unix:/var/spool/postfix/sasl-bridge/auth"]
allow_remote = false
socket_mode = "0660"
socket_owner = ""
control = "unix:/run/sasl-bridge/control"
metrics_listen = ""
state_dir = "/var/lib/sasl-bridge"

[identity]
username_format = "domain"
default_domain = ""
domains = []
windows_domains = { CORP = "example.com" }
login_characters = ""

[[server]]
name = "one"
protocol = "imap"
ldap_profile = ""
security = "ssl"
host = "mail.example.com"
port = 993
enabled = true
domains = []
login_format = "\\"{local}\\""
on_reject = "next"
required = true
directory = ""
forward_client = "none"
max_connections = 50
in_use_is_success = false
unavailable_texts = []
verify = true
ca_file = ""
tls_name = ""

[sender]
listen = ["unix:/var/spool/postfix/sasl-bridge/policy"]
match_login = "off"
match_scope = "address"
fake_sender_control = "off"
foreign_sender = "off"
null_sender = "allow"
recipient_delimiter = "+"
myorigin = ""
trusted_networks = ["127.0.0.0/8", "::1/128"]
aliases_file = "/etc/sasl-bridge/aliases"
ldap_profile = ""
on_lookup_failure = "tempfail"
lookup_timeout = "4s"
help_text = ""
allow_remote = false
socket_mode = "0660"
socket_owner = ""
control = "unix:/run/sasl-policyd/control"
metrics_listen = ""

[[sender.exception]]
sender = "@example.com"
clients = ["::1/128"]

[[sender.exception]]
sender = "a@example.com"
clients = ["192.0.2.0/24"]

[[sender.context]]
name = "submission"
match_login = "enforce"
help_text = ""

[cache]
success_ttl = "5m"
failure_ttl = "30s"
size = 10000
grace = "0s"

[restraint]
mode = "monitor"
interval = "30m"
failures_per_address = 100
failing_logins_per_address = 20
addresses_per_login = 30
block_for = "1h"
lockout_budget = 4
exempt_networks = ["127.0.0.0/8", "::1/128"]

[log]
level = "info"
format = "text"
decisions = "all"
"""
    )


def test_json_has_the_names_of_the_file() -> None:
    settings = Settings(servers=(Server(name="one", host="b"), Server(name="two", host="c")))
    shown: dict[str, Any] = settings_as_json(settings)
    assert list(shown) == [
        "smtp_auth",
        "identity",
        "server",
        "ldap_profile",
        "sender",
        "cache",
        "restraint",
        "log",
    ]
    assert [server["name"] for server in shown["server"]] == ["one", "two"]
    assert shown["smtp_auth"]["connection_timeout"] == "8s"
    assert shown["identity"]["domains"] == []


def test_json_leaves_out_what_a_context_does_not_say() -> None:
    sender = Sender(contexts=(SenderContext(name="submission", null_sender="reject"),))
    shown: dict[str, Any] = settings_as_json(Settings(sender=sender))
    assert shown["sender"]["exception"] == []
    assert shown["sender"]["context"] == [{"name": "submission", "null_sender": "reject"}]


def test_a_secret_is_not_shown() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Profile:
        password: Secret = key(  # noqa: RUF009  # a declaration makes a dataclass field
            SecretReference(), default=Secret(b""), prose="It.", example='"file:/a"'
        )

    assert section_as_json(Profile(password=Secret(b"pa55"))) == {"password": "<secret>"}
    assert section_as_json(Profile()) == {"password": ""}
