"""One policy request: the attributes of it that a decision may need.

Names are Postfix's (SMTPD_POLICY_README). An attribute that is absent is empty, as Postfix has it.
Pure; knows no bytes (`protocol`) and no rules.
"""

from typing import NamedTuple

# smtpd_check.c: what smtpd is at when it asks. Before MAIL FROM there is no sender to judge, and an
# empty one is no null sender.
_SENDER_KNOWN = frozenset({"MAIL", "RCPT", "DATA", "BDAT", "END-OF-MESSAGE"})


class PolicyRequest(NamedTuple):
    """One request; texts are as Postfix sent them, bytes that are no UTF-8 as surrogates."""

    protocol_state: str = ""
    sender: str = ""
    recipient: str = ""
    client_address: str = ""
    instance: str = ""
    sasl_method: str = ""
    sasl_username: str = ""
    policy_context: str = ""

    @property
    def is_authenticated(self) -> bool:
        """Whether the client has logged in: Postfix's own test (smtpd_sasl_is_active)."""
        # Not upper(): it makes an S of U+017F, which Postfix's strcasecmp does not.
        return self.sasl_method != "" and self.sasl_method.lower() != "anonymous"

    @property
    def sender_is_known(self) -> bool:
        """Whether MAIL FROM was said, so that an empty sender is the null sender."""
        return self.protocol_state in _SENDER_KNOWN or (self.sender != "")
