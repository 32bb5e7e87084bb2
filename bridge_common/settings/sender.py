"""`[sender]`: which envelope senders sasl-policyd lets pass, and what a policy_context changes.

Knows the keys of the section, of its exceptions and of its contexts, and which values are in force
for a request. What must hold between the keys is `sender_rules`', what is doubtful about them
`sender_doubts`'. Pure; raises nothing.
"""

# ruff: noqa: RUF009  # a declaration makes a dataclass field, which is a call

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from bridge_common.settings import texts
from bridge_common.settings.declaration import key, keys_of, override, sections
from bridge_common.settings.endpoint import endpoint_text
from bridge_common.settings.kinds import Choice, Duration, Text, TextList
from bridge_common.settings.listening import (
    allow_remote_key,
    control_key,
    metrics_listen_key,
    socket_mode_key,
    socket_owner_key,
)
from bridge_common.settings.networks import network_text
from bridge_common.settings.server import numbered

Mode = Literal["off", "monitor", "enforce"]
MatchScope = Literal["address", "domain"]
NullSender = Literal["allow", "monitor", "reject"]
OnLookupFailure = Literal["tempfail", "accept", "reject"]

RULES: Mapping[str, str] = {
    "match_login": "off",
    "fake_sender_control": "off",
    "foreign_sender": "off",
    "null_sender": "allow",
}
"""The keys that switch a rule on, each with the value that leaves it off."""

_MODE: Choice[Mode] = Choice(get_args(Mode))
_MATCH_SCOPE: Choice[MatchScope] = Choice(get_args(MatchScope))
_NULL_SENDER: Choice[NullSender] = Choice(get_args(NullSender))
_ON_LOOKUP_FAILURE: Choice[OnLookupFailure] = Choice(get_args(OnLookupFailure))
_HELP_TEXT = Text("one line of at most 200 ASCII characters", texts.reply_text)
_NETWORKS = TextList("addresses and networks", network_text)


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderException:
    """One `[[sender.exception]]`. ``clients`` are networks in their canonical text."""

    sender: str = key(
        Text("an address, or @ with a domain", texts.address_or_domain),
        default="",
        prose="The envelope sender: an address, or every address of a domain, `@example.com`.\n"
        "It must be of one of your domains: others need no exception.\n"
        "An address stands for its extensions too (`recipient_delimiter`), but not for one that "
        "may be a login itself (`login_characters`).",
        example='"newsletter@example.com"',
        required=True,
    )
    clients: tuple[str, ...] = key(
        _NETWORKS,
        default=(),
        prose="Where it may come from without a login.\n"
        "Both must match, the sender and the client.",
        example='["203.0.113.0/24", "2001:db8:25::/48"]',
        required=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderContext:
    """One `[[sender.context]]`. What is None is as in `[sender]`."""

    name: str = key(
        Text("one word", texts.word),
        default="",
        prose="The `policy_context` that Postfix names in its request; each name is there once.\n"
        "In `master.cf` it stands with the service: "
        "`check_policy_service { unix:..., policy_context=submission }`.",
        example='"submission"',
        required=True,
    )
    match_login: Mode | None = override(
        _MODE,
        prose="`match_login` for requests of this context.",
        example='"enforce"',
    )
    match_scope: MatchScope | None = override(
        _MATCH_SCOPE,
        prose="`match_scope` for requests of this context.",
        example='"domain"',
    )
    fake_sender_control: Mode | None = override(
        _MODE,
        prose="`fake_sender_control` for requests of this context.",
        example='"off"',
    )
    foreign_sender: Mode | None = override(
        _MODE,
        prose="`foreign_sender` for requests of this context.",
        example='"monitor"',
    )
    null_sender: NullSender | None = override(
        _NULL_SENDER,
        prose="`null_sender` for requests of this context.",
        example='"reject"',
    )
    on_lookup_failure: OnLookupFailure | None = override(
        _ON_LOOKUP_FAILURE,
        prose="`on_lookup_failure` for requests of this context.",
        example='"tempfail"',
    )
    help_text: str | None = override(
        _HELP_TEXT,
        prose='`help_text` for requests of this context; `""` appends nothing.',
        example='"See https://example.com/submission"',
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """`[sender]`. ``lookup_timeout`` is in seconds, networks are in their canonical text."""

    listen: tuple[str, ...] = key(
        TextList("endpoints, unix:/path or inet:HOST:PORT", endpoint_text),
        default=("unix:/var/spool/postfix/sasl-bridge/policy",),
        prose="Where Postfix asks (`check_policy_service`).\n"
        "Sockets that systemd passes are used instead of these.",
        example='["unix:/var/spool/postfix/sasl-bridge/policy"]',
    )
    match_login: Mode = key(
        _MODE,
        default="off",
        prose='"Envelope sender must match SMTP-AUTH username".\n'
        "`enforce`: who is logged in may use only envelope senders that the login owns: "
        "its own address, and those that `aliases_file` and `ldap_profile` give it.\n"
        "The envelope sender is what MAIL FROM says; "
        "the header that mail programs show is not looked at.\n"
        "`monitor`: what `enforce` would refuse passes, and the log says so.",
        example='"enforce"',
    )
    match_scope: MatchScope = key(
        _MATCH_SCOPE,
        default="address",
        prose="`address`: a login owns the addresses that it is given, each by itself.\n"
        "`domain`: it also owns every address of its own domain, "
        "so that colleagues may use each other's.",
        example='"address"',
    )
    fake_sender_control: Mode = key(
        _MODE,
        default="off",
        prose='"Fake Sender Control".\n'
        "`enforce`: who is not logged in may not use an envelope sender of your domains, "
        "except from `trusted_networks` and by a `[[sender.exception]]`.\n"
        "`monitor`: what `enforce` would refuse passes, and the log says so.\n"
        'It cannot be on with `[identity] domains = ["*"]`: every mail would be refused.',
        example='"enforce"',
    )
    foreign_sender: Mode = key(
        _MODE,
        default="off",
        prose="`enforce`: who is logged in may not use an envelope sender of a domain that is not "
        "one of yours, unless the login owns it.\n"
        "It is for gateways without `match_login`, which refuses those as well.\n"
        "`monitor`: what `enforce` would refuse passes, and the log says so.",
        example='"monitor"',
    )
    null_sender: NullSender = key(
        _NULL_SENDER,
        default="allow",
        prose="Whether who is logged in may send with the empty envelope sender, `<>`.\n"
        "Mail programs use it for receipts and automatic replies.\n"
        "`monitor`: what `reject` would refuse passes, and the log says so.",
        example='"allow"',
    )
    recipient_delimiter: str = key(
        Text("punctuation characters", texts.delimiters),
        default="+",
        prose="The characters that set an extension apart, as in `alice+lists@example.com`: "
        "Postfix's `recipient_delimiter`.\n"
        "Who owns `alice@example.com` owns it with every extension, "
        "but not one that has a line of its own in `aliases_file`, "
        "nor an address that may be a login itself (`login_characters`).\n"
        "When it is empty, there are no extensions.",
        example='"+"',
    )
    myorigin: str = key(
        Text("a domain name", texts.optional(texts.domain)),
        default="",
        prose="The domain that Postfix appends to an envelope sender without one: its `myorigin`.\n"
        "Postfix's own default is the gateway's host name; `postconf -x myorigin` shows it.\n"
        "When it is empty, a sender without a domain is not one sure address: a login must write "
        "the whole address, and so must the lines of `aliases_file`.\n"
        'With `[identity] domains = ["*"]` it is required.',
        example='"example.com"',
    )
    trusted_networks: tuple[str, ...] = key(
        _NETWORKS,
        default=("127.0.0.0/8", "::1/128"),
        prose="The clients that `fake_sender_control` does not look at; "
        "compare Postfix's `mynetworks`.\n"
        "IPv6 may stand in brackets, as Postfix writes it: `[::1]/128`; "
        "IPv4-mapped networks, as `[::ffff:127.0.0.0]/104`, are those of IPv4.",
        example='["127.0.0.0/8", "::1/128", "10.0.0.0/8"]',
    )
    aliases_file: str = key(
        Text("an absolute path", texts.optional(texts.absolute_path)),
        default="/etc/sasl-bridge/aliases",
        prose="The file that says which logins own which other addresses; "
        "`examples/aliases` is one to start from.\n"
        "A line is `address: login, login`; `@domain` stands for every address of a domain that "
        "has no line of its own, `*` for every address for which there is no other line.\n"
        "When it is empty, there is no such file.",
        example='"/etc/sasl-bridge/aliases"',
    )
    ldap_profile: str = key(
        Text("the name of an [[ldap_profile]]", texts.optional(texts.word)),
        default="",
        prose="The `[[ldap_profile]]` in which the addresses of a login are looked up: "
        "those in its `address_attributes`, "
        "and those of what its `send_as_filter` finds.\n"
        'It must be one with `auth = "search"`.\n'
        "When it is empty, no directory is asked.",
        example='"corp"',
    )
    on_lookup_failure: OnLookupFailure = key(
        _ON_LOOKUP_FAILURE,
        default="tempfail",
        prose="What happens when nobody can say whether a login owns the envelope sender, "
        "because the directory is away.\n"
        "`tempfail` is a temporary failure (451): the mail program tries again later.\n"
        "`accept` lets the mail pass, `reject` refuses it for good.",
        example='"tempfail"',
    )
    lookup_timeout: float = key(
        Duration(highest=30.0, zero_allowed=False),
        default=4.0,
        prose="How long the directory may take to say what a login owns.\n"
        "It must stay below the `timeout=` that Postfix is given for `check_policy_service`, "
        "5 seconds in `examples/postfix`.",
        example='"4s"',
    )
    help_text: str = key(
        _HELP_TEXT,
        default="",
        prose="What is appended to every refusal, such as the address of a page that explains it.",
        example='"See https://example.com/sender"',
    )
    allow_remote: bool = allow_remote_key(
        "Who reaches it can find out which login owns which address."
    )
    socket_mode: str = socket_mode_key("can find out which login owns which address")
    socket_owner: str = socket_owner_key()
    control: str = control_key("unix:/run/sasl-policyd/control")
    metrics_listen: str = metrics_listen_key("inet:127.0.0.1:9120")
    exceptions: tuple[SenderException, ...] = sections(
        SenderException,
        "exception",
        "Who may use an envelope sender of your domains without a login: "
        "a service that sends your newsletters, for example.\n"
        "`fake_sender_control` lets such mail pass.",
    )
    contexts: tuple[SenderContext, ...] = sections(
        SenderContext,
        "context",
        "What is different for one `policy_context` of Postfix, "
        "such as the submission port beside port 25.\n"
        "A key that is left out is as in `[sender]`.",
    )


def in_context(sender: Sender, name: str) -> Sender:
    """Return the values in force for a policy_context; an unknown one changes nothing."""
    context = next((each for each in sender.contexts if each.name == name), None)
    return overridden(sender, context) if context else sender


def overridden(sender: Sender, context: SenderContext) -> Sender:
    """Return the section with what a context says instead."""
    said = {each: getattr(context, each) for each in keys_of(SenderContext) if each != "name"}
    changes = {each: value for each, value in said.items() if value is not None}
    return dataclasses.replace(sender, **changes)


def switched_on(sender: Sender, *rules: str) -> tuple[str, ...]:
    """Return the paths of the keys that switch one of these rules on; of any rule, if none."""
    return tuple(_switched_on(sender, rules or tuple(RULES)))


def _switched_on(sender: Sender, rules: tuple[str, ...]) -> Iterator[str]:
    places: list[tuple[str, Sender | SenderContext]] = [("sender", sender)]
    places += numbered(sender.contexts, "sender.context")
    for path, place in places:
        for rule in rules:
            if getattr(place, rule) not in (None, RULES[rule]):
                yield f"{path}.{rule}"


def any_rule_on(sender: Sender) -> bool:
    """Return whether there is anything for sasl-policyd to do."""
    return bool(switched_on(sender))
