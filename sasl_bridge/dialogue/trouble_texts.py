"""What servers say when a refusal means trouble, and not a wrong password.

Knows texts of both protocols, in small letters. A text stands here only if no server is known to
say it of a wrong password, and if it holds a space, so that no login is one.
Does not know what a code means: `imap` and `pop3` do.
Raises nothing; logs nothing.
"""

ENCRYPTION_TEXTS = (
    "plaintext authentication dis",  # Dovecot up to 2.3, behind [AUTH]: disallowed, disabled
    "cleartext authentication dis",  # Dovecot from 2.4
    "only available under a layer",  # Cyrus, behind [AUTH]
    "only valid after entering tls",  # Zimbra
    "tls required",  # Courier
    "connection is required for authentication",  # hMailServer
)
"""The login would be taken over TLS, and is not on this connection."""

_WHATEVER_THE_CODE = (
    *ENCRYPTION_TEXTS,
    # The connection is one too many
    "too many connections",  # in so many words, or as the two below
    "too many concurrent connections",
    "too many simultaneous connections",  # Gmail, behind [ALERT]
    # Nobody is there to look at the password
    "temporary authentication failure",  # Dovecot; its proxy once said so behind [IN-USE]
    "internal login failure",  # Dovecot, once behind [IN-USE]
    "temporary problem",  # Courier
    "generic failure",  # Cyrus without its saslauthd, behind [AUTH]
    "remote authentication server unavailable",  # Cyrus
)
_WITHOUT_A_CODE = (
    # The server, or its backend
    "server unavailable",  # Exchange
    "command is not valid in this state",  # Exchange
    "protocol error. ",  # Exchange; a number follows
    "connection is closed. 20",  # Exchange
    "temporary system problem",  # Gmail
    "exceeded command or bandwidth limits",  # Gmail
    "undergoing maintenance",  # Zimbra, IMAP
    "having maintenance",  # Zimbra, POP3
    "child crashed",  # qmail
    "unable to fork",  # qmail
    "out of memory",  # qmail
    # USER is no command there
    "unknown command",  # Dovecot, Qpopper
    "unrecognized command",  # Cyrus
    "invalid command",  # Courier, hMailServer
    "unknown authorization state command",  # UW
    # The maildrop (RFC 1939 section 4): the password may be right, but with a code it is for the
    # code to say so
    "unable to lock maildrop",  # RFC 1939 section 7
    "already locked",  # RFC 1939 section 7; hMailServer
    "can't get lock",  # UW
    "lock busy",  # Qpopper
    "maximum number of connections from user+ip",  # Dovecot, up to 2.3 behind [IN-USE]
    "mailbox locked",  # VPOP3
    "maildrop locked",  # these are of smaller ones
    "mailbox is locked",
    "maildrop is locked",
    "mailbox in use",
    "maildrop in use",
)


def speaks_of_trouble(words: bytes, more: tuple[str, ...], *, coded: bool) -> bool:
    """Say whether a refusal holds a text that means trouble; capitals make no difference.

    ``coded``: it has a code that tells about the login; then only the texts count that are stronger
    than any. ``more`` are the administrator's, which count always.
    """
    if _holds_any(words, _WHATEVER_THE_CODE + more):
        return True
    return not coded and _holds_any(words, _WITHOUT_A_CODE)


def _holds_any(words: bytes, texts: tuple[str, ...]) -> bool:
    said = words.decode("utf-8", "replace").casefold()
    return any(text.casefold() in said for text in texts)
