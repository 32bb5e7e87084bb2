"""Texts with a form of their own."""

from collections.abc import Callable

import pytest

from bridge_common.settings import texts


@pytest.mark.parametrize(
    ("check", "text", "canonical"),
    [
        (texts.word, "exchange-1_a.B", "exchange-1_a.B"),
        (texts.printable, "", ""),
        (texts.printable, 'a "b" ü', 'a "b" ü'),
        (texts.some_text, "too many", "too many"),
        (texts.domain, "Bücher.Example", "xn--bcher-kva.example"),
        (texts.domain_or_any, "Example.COM", "example.com"),
        (texts.domain_or_any, "*", "*"),
        (texts.host, "Mail.Example.COM", "mail.example.com"),
        (texts.host, "bücher.example", "xn--bcher-kva.example"),
        (texts.host, "Mail_1.local", "mail_1.local"),
        (texts.host, "localhost", "localhost"),
        (texts.host, "192.0.2.1", "192.0.2.1"),
        (texts.host, "2001:db8::1", "2001:db8::1"),
        (texts.absolute_path, "/etc/ssl/ca 1.pem", "/etc/ssl/ca 1.pem"),
        (texts.windows_name, "CORP-1", "CORP-1"),
        (texts.socket_mode, "0660", "0660"),
        (texts.socket_mode, "600", "600"),
        (texts.socket_owner, "sasl-bridge:postfix", "sasl-bridge:postfix"),
        (texts.socket_owner, "0:0", "0:0"),
        (texts.optional(texts.socket_owner), "", ""),
        (texts.optional(texts.domain), "Example.COM", "example.com"),
        (texts.address_or_domain, "News@Example.COM", "news@example.com"),
        (texts.address_or_domain, "@B\u00fccher.Example", "@xn--bcher-kva.example"),
        (
            texts.address_or_domain,
            "J\u00f6rg@b\u00fccher.example",
            "j\u00f6rg@xn--bcher-kva.example",
        ),
        (texts.address_or_domain, "a@b@example.com", "a@b@example.com"),
        (texts.delimiters, "", ""),
        (texts.delimiters, "+-_=.#", "+-_=.#"),
        (texts.reply_text, "", ""),
        (texts.reply_text, "See https://example.com/?a=b", "See https://example.com/?a=b"),
        (texts.reply_text, "a" * 200, "a" * 200),
    ],
)
def test_a_text_of_the_right_form_comes_back_canonical(
    check: Callable[[str], str], text: str, canonical: str
) -> None:
    assert check(text) == canonical


@pytest.mark.parametrize(
    ("check", "text", "message"),
    [
        (texts.word, "", "is not one word"),
        (texts.word, "two words", "is not one word"),
        (texts.word, "a\n", "is not one word"),
        (texts.word, "größe", "is not one word"),
        (texts.printable, "a\tb", "holds a control character"),
        (texts.some_text, "", "an empty text is in every answer"),
        (texts.some_text, "a\rb", "holds a control character"),
        (texts.domain, "", '"" is not a domain name$'),
        (texts.domain, "*", "is not a domain name$"),
        (texts.domain, "@example.com", "is not a domain name: write it without the @"),
        (texts.domain, "example.com.", "is not a domain name$"),
        (texts.domain_or_any, "*.example.com", "is not a domain name$"),
        (texts.host, "", "is neither a host name nor an address"),
        (texts.host, "192.0.2.300", "is neither a host name nor an address"),
        (texts.host, "[::1]", "is neither a host name nor an address"),
        (texts.host, "mail.example.com:993", "is neither a host name nor an address"),
        (texts.host, "imaps://mail.example.com", "is neither a host name nor an address"),
        (texts.absolute_path, "ca.pem", "is not an absolute path"),
        (texts.absolute_path, "/a\0b", "is not an absolute path"),
        (texts.windows_name, "", "is not the name of a Windows domain"),
        (texts.windows_name, "CORP\\a", "is not the name of a Windows domain"),
        (texts.windows_name, "a@b", "is not the name of a Windows domain"),
        (texts.windows_name, "a b", "is not the name of a Windows domain"),
        (texts.windows_name, "größe", "is not the name of a Windows domain"),
        (texts.socket_mode, "0888", "is not an octal mode"),
        (texts.socket_mode, "0o660", "is not an octal mode"),
        (texts.socket_mode, "1777", "is not an octal mode"),
        (texts.socket_owner, "postfix", "is not a user and a group"),
        (texts.socket_owner, "a:b:c", "is not a user and a group"),
        (texts.optional(texts.domain), " ", "is not a domain name"),
        (texts.address_or_domain, "", "is neither an address nor @ with a domain"),
        (texts.address_or_domain, "news", "is neither an address nor @ with a domain"),
        (texts.address_or_domain, "news@", "is neither an address nor @ with a domain"),
        (texts.address_or_domain, "a\n@example.com", "is neither an address nor @ with a domain"),
        (texts.address_or_domain, "@", '"" is not a domain name'),
        (texts.address_or_domain, "@a b", "is not a domain name"),
        (texts.delimiters, "+a", '"a" cannot set an extension apart'),
        (texts.delimiters, "1", "cannot set an extension apart"),
        (texts.delimiters, "+@", "cannot set an extension apart"),
        (texts.delimiters, "+ ", "cannot set an extension apart"),
        (texts.delimiters, '"', "cannot set an extension apart"),
        (texts.delimiters, "'", "cannot set an extension apart"),
        (texts.delimiters, "\t", "cannot set an extension apart"),
        (texts.delimiters, "\u00a7", "cannot set an extension apart"),
        (texts.reply_text, "a\nb", "must be one line of printable ASCII"),
        (texts.reply_text, "gr\u00fc\u00dfe", "must be one line of printable ASCII"),
        (texts.reply_text, "a" * 201, "must be at most 200 characters long"),
    ],
)
def test_a_text_of_another_form_is_refused_in_words(
    check: Callable[[str], str], text: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        check(text)
