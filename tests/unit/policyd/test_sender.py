"""What a sender surely is, what else it may become, and whose that is."""

import pytest

from policyd.sender import SenderRules, resolve_sender

OURS = frozenset({"example.org", "mail.example.net", "corp", "xn--bcher-kva.example"})
RULES = SenderRules("example.org", OURS)


def test_the_null_sender_is_nobodys() -> None:
    sender = resolve_sender("", RULES)
    assert sender.is_null
    assert (sender.address, sender.unsure, sender.readings) == ("", "", ())
    assert sender.reading_of_ours(OURS) == ""
    assert sender.reading_of_ours(None) == ""


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("alice@example.org", "alice@example.org"),
        ("ALICE@Example.ORG", "alice@example.org"),
        ("alice", "alice@example.org"),
        ("Alice", "alice@example.org"),
        ("alice+news@example.org", "alice+news@example.org"),
        ("alice@example.org.", "alice@example.org"),
        ("victim@elsewhere.example", "victim@elsewhere.example"),
        (
            "SRS0=ab=cd=example.org=alice@lists.example",
            "srs0=ab=cd=example.org=alice@lists.example",
        ),
        ("alice@corp", "alice@corp"),
        ("alice@corp.", "alice@corp"),
        ("alice@" + "a" * 63 + ".example.org", "alice@" + "a" * 63 + ".example.org"),
        ("a b@example.org", "a b@example.org"),
        (
            "smith, john (sales); <x>:[y]|z@example.org",
            "smith, john (sales); <x>:[y]|z@example.org",
        ),
        (".a..b.@example.org", ".a..b.@example.org"),
        ("mailer-daemon@elsewhere.example", "mailer-daemon@elsewhere.example"),
        ("mailer-daemon.x@example.org", "mailer-daemon.x@example.org"),
        ("jörg@bücher.example", "jörg@xn--bcher-kva.example"),
        ("jörg@BÜCHER.example", "jörg@xn--bcher-kva.example"),
        ("jörg@XN--BCHER-KVA.example.", "jörg@xn--bcher-kva.example"),
        ("jörg", "jörg@example.org"),
    ],
)
def test_a_sender_with_one_reading_is_sure(typed: str, address: str) -> None:
    sender = resolve_sender(typed, RULES)
    assert (sender.typed, sender.address, sender.unsure) == (typed, address, "")
    assert sender.readings == (address,)
    assert sender.domain == address.rpartition("@")[2]


def test_a_look_alike_of_a_letter_is_another_letter() -> None:
    assert resolve_sender("\uff41lice@example.org", RULES).address == "\uff41lice@example.org"


@pytest.mark.parametrize(
    ("typed", "readings"),
    [
        (
            "example.org!victim",
            {"example.org!victim@example.org", "victim@example.org"},
        ),
        (
            "victim%elsewhere.example",
            {"victim%elsewhere.example@example.org", "victim@elsewhere.example"},
        ),
        (
            "victim%example.org@local",
            {"victim%example.org@local", "victim@example.org"},
        ),
        (
            "victim@example.org@local",
            {"victim@example.org@local", "victim@example.org"},
        ),
        (
            "example.org.!victim@local",
            {"example.org.!victim@local", "victim@example.org"},
        ),
        (
            "a!b!c%d%e@f",
            {
                "a!b!c%d%e@f",
                "b!c%d%e@a",
                "a!b!c%d@e",
                "c%d%e@b",
                "b!c%d@e",
                "c%d@e",
                "c@d",
                "b!c%d@a",
                "b!c@d",
                "a!b!c@d",
                "c%d@b",
                "b!c@a",
                "c@b",
            },
        ),
        ("x@y@elsewhere.example", {"x@y@elsewhere.example", "x@y"}),
        ("alice@mail", {"alice@mail"}),
        ("@example.org", {"@example.org"}),
        ("alice@", {"alice@"}),
        ("a@b@", {"a@b@", "a@b"}),
        ("example.org!", {"@example.org", "example.org!@example.org"}),
        ("alice@[192.0.2.1]", {"alice@[192.0.2.1]"}),
        ("alice@foo_bar.example", {"alice@foo_bar.example"}),
        ('"alice"@example.org', {'"alice"@example.org'}),
        ("MAILER-DAEMON", {"mailer-daemon@example.org"}),
        ("alice@\uff45xample.org", {"alice@\uff45xample.org", "alice@example.org"}),
        ("victim@example.org ", {"victim@example.org ", "victim@example.org @"}),
    ],
)
def test_a_sender_with_several_readings_is_unsure(typed: str, readings: set[str]) -> None:
    sender = resolve_sender(typed, RULES)
    assert sender.address == ""
    assert sender.domain == ""
    assert sender.unsure
    assert len(sender.readings) == len(readings)
    assert set(sender.readings) == readings


def test_a_source_route_is_taken_off() -> None:
    sender = resolve_sender("@a,@b:victim@elsewhere.example", RULES)
    assert sender.address == ""
    assert "victim@elsewhere.example" in sender.readings


@pytest.mark.parametrize(
    ("typed", "unsure"),
    [
        ("a!b@example.org", "it holds a ! before its domain, which may route it elsewhere"),
        ("a%b", "it holds a % before its domain, which may route it elsewhere"),
        ("a@b@example.org", "it holds another @ before its domain, which may route it elsewhere"),
        ("@example.org", "it has no name before its @"),
        ("alice@", "it has nothing after its @"),
        ("a\\b@example.org", "it holds a quote, a backslash, a control or a needless space"),
        ('a"b@example.org', "it holds a quote, a backslash, a control or a needless space"),
        ("a\tb@example.org", "it holds a quote, a backslash, a control or a needless space"),
        ("a\0b@example.org", "it holds a quote, a backslash, a control or a needless space"),
        ("a\udcffb@example.org", "it is not UTF-8"),
        ("alice@ex\udcffample.org", "it is not UTF-8"),
        ("\udcc3", "it is not UTF-8"),
        ("a\u200db@example.org", "it holds a quote, a backslash, a control or a needless space"),
        ("a\u00a0b@example.org", "it holds a quote, a backslash, a control or a needless space"),
        (" alice@example.org", "it holds a quote, a backslash, a control or a needless space"),
        ("alice @example.org", "it holds a quote, a backslash, a control or a needless space"),
        ("al  ice@example.org", "it holds a quote, a backslash, a control or a needless space"),
        ("victim\uff20example.org", "it holds what looks like an @, % or !"),
        ("alice@example..org", "it has no domain name after its @"),
        ("alice@example.org..", "it has no domain name after its @"),
        ("alice@exa mple.org", "it has no domain name after its @"),
        ("alice@[192.0.2.1]", "it has no domain name after its @"),
        ("alice@mail", "its domain has no dot and may be completed"),
        ("alice@example\u3002org", "its domain is spelled with look-alike characters"),
        ("jo\u0308rg@example.org", "it holds letters that are not in their usual form (NFC)"),
        ("alice@bu\u0308cher.example", "it holds letters that are not in their usual form (NFC)"),
        (
            "alice@\uff25\uff38\uff21\uff2d\uff30\uff2c\uff25.org",
            "its domain is spelled with look-alike characters",
        ),
        ("Mailer-Daemon", "it is turned into the null sender"),
        ("mailer-daemon@EXAMPLE.org.", "it is turned into the null sender"),
    ],
)
def test_its_sender_is_told_why_it_is_unsure(typed: str, unsure: str) -> None:
    sender = resolve_sender(typed, RULES)
    assert sender.address == ""
    assert sender.unsure.partition(";")[0] == unsure
    assert sender.unsure.isascii()
    assert sender.unsure.isprintable()


def test_a_name_is_completed_with_what_postfix_appends() -> None:
    rules = SenderRules("elsewhere.example", OURS)
    assert resolve_sender("alice", rules).address == "alice@elsewhere.example"
    assert resolve_sender("mailer-daemon@example.org", rules).address == "mailer-daemon@example.org"


@pytest.mark.parametrize("domains", [frozenset({"example.org"}), OURS, None])
@pytest.mark.parametrize("typed", ["alice", "Alice+x", "j\u00f6rg"])
def test_without_myorigin_a_bare_name_is_not_one_sure_address_but_may_be_ours(
    typed: str, domains: frozenset[str] | None
) -> None:
    sender = resolve_sender(typed, SenderRules("", domains))
    assert sender.address == ""
    assert sender.unsure == "it has no domain, and myorigin is not set; write the whole address"
    assert sender.readings == (f"{typed.lower()}@",)
    assert sender.reading_of_ours(OURS) == f"{typed.lower()}@"


def test_without_myorigin_mailer_daemon_of_any_domain_may_be_the_null_sender() -> None:
    for typed in ("mailer-daemon@example.org", "MAILER-DAEMON@elsewhere.example"):
        sender = resolve_sender(typed, SenderRules("", OURS))
        assert (sender.address, sender.readings) == ("", (typed.lower(),))
        assert sender.unsure == "it is turned into the null sender; use <>"
    assert resolve_sender("alice@example.org", SenderRules("", OURS)).address == "alice@example.org"


def test_no_domain_without_a_dot_is_sure_where_every_domain_is_ours() -> None:
    assert resolve_sender("alice@corp", SenderRules("example.org", None)).address == ""
    assert resolve_sender("alice", SenderRules("corp", None)).address == ""
    assert resolve_sender("alice", SenderRules("corp", OURS)).address == "alice@corp"


@pytest.mark.parametrize(
    ("typed", "ours"),
    [
        ("alice@example.org", "alice@example.org"),
        ("alice@EXAMPLE.org.", "alice@example.org"),
        ("victim%example.org@local", "victim@example.org"),
        ("example.org.!victim@local", "victim@example.org"),
        ("victim@mail", "victim@mail"),
        ("victim%mail@elsewhere.example", "victim@mail"),
        ("victim@corp", "victim@corp"),
        ("@example.org", "@example.org"),
        ("victim@bücher.example", "victim@xn--bcher-kva.example"),
        ("victim@\uff22Ü\uff23\uff28\uff25\uff32.example", "victim@xn--bcher-kva.example"),
        ("victim@example\u3002org", "victim@example.org"),
        ("victim@example\u2024org", "victim@example.org"),
        ("victim@example\ufe52org", "victim@example.org"),
        ("alice", "alice@example.org"),
        ("@a:victim@example.org", "@a:victim@example.org"),
        ("MAILER-DAEMON", "mailer-daemon@example.org"),
    ],
)
def test_an_outsider_may_use_no_reading_that_is_ours(typed: str, ours: str) -> None:
    assert resolve_sender(typed, RULES).reading_of_ours(OURS) == ours


@pytest.mark.parametrize(
    "typed",
    [
        "alice@",  # whoever gets it completes it
        "@",
        'victim@"example.org"',
        "victim@exa(comment)mple.org",
        "victim@example.org(comment)",
        "victim@example.org ",
        "victim@exam\\ple.org",
        "victim@example.org..",
        "victim@example.org\u3002",
        "victim@exam\u00adple.org\u3000",
        "victim@example.org\x01",
        '"example.org"!victim@elsewhere.example',
        'victim%"example.org"@elsewhere.example',
        "exa(c)mple.org!victim@elsewhere.example",
        "@[a:b]:victim@elsewhere.example",  # becomes a bare name
        "list!a (b) c@elsewhere.example",  # its local part is parsed, behind the !
        "@" * 10_000 + "a@elsewhere.example",
        "a%" * 10_000 + "b@elsewhere.example",
        "a!" * 10_000 + "b@elsewhere.example",
        "example.org!victim" + "%a" * 10_000 + "@elsewhere.example",
    ],
)
def test_where_nobody_can_tell_the_domain_it_counts_as_ours(typed: str) -> None:
    sender = resolve_sender(typed, RULES)
    assert sender.address == ""
    assert sender.reading_of_ours(OURS).endswith("@")


@pytest.mark.parametrize(
    "typed",
    [
        "bob@elsewhere.example",
        "bob@sub.example.org",
        "bob@notexample.org",
        "bob@example.org.elsewhere.example",
        "list%user@elsewhere.example",
        "x@y@elsewhere.example",
        "smith, john (sales)@elsewhere.example",
        '"quoted"@elsewhere.example',
        "bob@[192.0.2.1]",
        "bob@foo_bar.example",
        "bob@mai",
        "bob@xn--a",
        "bob@☃.example",
    ],
)
def test_an_outsider_may_use_what_cannot_become_ours(typed: str) -> None:
    assert resolve_sender(typed, RULES).reading_of_ours(OURS) == ""


def test_where_every_domain_is_ours_each_sender_is() -> None:
    sender = resolve_sender("bob@elsewhere.example", SenderRules("example.org", None))
    assert sender.reading_of_ours(None) == "bob@elsewhere.example"


@pytest.mark.parametrize("operators", ["@", "%", "!", "@%!", "!%", "%!@:"])
def test_the_readings_are_few_whatever_is_sent(operators: str) -> None:
    for number in (1, 2, 3, 4, 8, 9, 100):
        sender = resolve_sender("".join(f"{sign}a" for sign in operators * number), RULES)
        assert 1 <= len(sender.readings) <= 64
