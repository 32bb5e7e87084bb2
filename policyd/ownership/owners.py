"""Who owns an address, by all sources: the login itself, the aliases file, the directory.

As in Postfix, the most specific line of the aliases file decides (`keys`): who owns `@domain` owns
none of its addresses that have a line of their own, and who owns an address none of its extensions
that have one. Whose own an address is, by what the login is or by its directory, no line can take
away.
An address with an extension is its owner's as well, but not where it may be somebody else's: as
long as nobody knows which lines there are, or if it may be a login itself.
Answers UNKNOWN if a source cannot say and no other says yes. Raises nothing but CancelledError.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from bridge_common.deadline import Deadline
from bridge_common.identity import Identity
from policyd.ownership.aliases import Aliases
from policyd.ownership.aliases_file import AliasesFile
from policyd.ownership.directory import Addresses, DirectoryAddresses
from policyd.ownership.identity import OWN_ADDRESS, may_be_a_login, owns_by_identity
from policyd.ownership.interface import Belonging, Belongings, Owned, Ownership, Scope
from policyd.ownership.keys import keys_of, without_extension

_NOTHING = Addresses(frozenset())
_OWN = Ownership(Owned.YES, OWN_ADDRESS)


@dataclass(frozen=True, slots=True)
class AllOwners:
    """The sources; ``delimiters`` may each begin an extension."""

    aliases: AliasesFile
    directory: DirectoryAddresses | None
    delimiters: str

    def recall(self, login: Identity, address: str, scope: Scope) -> Ownership | None:
        """Answer at once, or return None: then the directory must be asked."""
        if address == login.address:
            return _OWN
        forms, how = self._at_hand(login, address, scope)
        if how:
            return Ownership(Owned.YES, how)
        known = self.directory.recall(login) if self.directory else _NOTHING
        return None if known is None else self._by(known, login, forms)

    async def look_up(
        self, login: Identity, address: str, scope: Scope, deadline: Deadline
    ) -> Ownership:
        """Answer by the deadline."""
        if answer := self.recall(login, address, scope):
            return answer
        assert self.directory is not None  # noqa: S101  # for the type checker: else it is answered
        known = await self.directory.look_up(login, deadline)
        # Others may be in force by now.
        forms, how = self._at_hand(login, address, scope)
        return Ownership(Owned.YES, how) if how else self._by(known, login, forms)

    async def belongings(self, login: Identity, deadline: Deadline) -> Belongings:
        """Return all that a login owns: its own address, then by the file, then by the directory.

        Each of these in alphabetical order.
        """
        known = await self.directory.look_up(login, deadline) if self.directory else _NOTHING
        troubles = filter(None, (self._aliases_trouble, known.trouble))
        return Belongings(tuple(self._items(login, known)), "; ".join(troubles))

    @property
    def _in_file(self) -> Aliases | None:
        """What the aliases file says, if that is known."""
        return self.aliases.reading.aliases

    @property
    def _aliases_trouble(self) -> str:
        """Why nobody knows what the aliases file allows; empty if it is known."""
        return "" if self._in_file else f"{self.aliases.path}: {self.aliases.reading.trouble}"

    def _items(self, login: Identity, known: Addresses) -> Iterator[Belonging]:
        yield Belonging(login.address, OWN_ADDRESS)
        for key, number in sorted(self._in_file.of(login)) if self._in_file else ():
            whole = key + self.aliases.rules.myorigin if key.endswith("@") else key
            yield Belonging(whole, f"line {number} of {self.aliases.path}")
        for address in sorted(known.addresses - {login.address}):
            yield Belonging(address, self._by_directory(address, known))

    def _at_hand(self, login: Identity, address: str, scope: Scope) -> tuple[tuple[str, ...], str]:
        """Return the forms of an address, and why the login owns it; empty if by none at hand."""
        forms = self._forms(address)
        return forms, owns_by_identity(login, forms, scope) or self._listed(login, address)

    def _forms(self, address: str) -> tuple[str, ...]:
        """Return as what it may be somebody's own: as it is, and without its extension."""
        plain = without_extension(address, self.delimiters)
        if plain == address or self._in_file is None or address in self._in_file.owners:
            return (address,)
        return (address,) if self._may_be_a_login(address) else (address, plain)

    def _may_be_a_login(self, address: str) -> bool:
        return may_be_a_login(address, self.aliases.rules.identity)

    def _listed(self, login: Identity, address: str) -> str:
        """Return how the aliases file lists the login as an owner; empty if it does not."""
        owners = self._in_file.owners if self._in_file else None
        if not owners:
            return ""
        myorigin = self.aliases.rules.myorigin
        for key in keys_of(address, self.delimiters, myorigin):
            if (lines := owners.get(key)) is None:
                continue
            line = lines.get(login.address)  # a line of nobody's decides too
            if not line or (_is_shortened(key, address) and self._may_be_a_login(address)):
                return ""
            return f"line {line} of {self.aliases.path} gives it to the login"
        return ""

    def _by(self, known: Addresses, login: Identity, forms: tuple[str, ...]) -> Ownership:
        """Answer by the directory, where nothing else says yes."""
        for form in forms:
            if form in known.addresses:
                return Ownership(Owned.YES, self._by_directory(form, known))
        if trouble := self._aliases_trouble or known.trouble:
            return Ownership(Owned.UNKNOWN, trouble)
        return Ownership(Owned.NO, f"{login.address} does not own {forms[0]}")

    def _by_directory(self, address: str, known: Addresses) -> str:
        assert self.directory is not None  # noqa: S101  # for the type checker: it has said so
        profile = self.directory.directory.profile
        by = "send_as_filter" if address in known.send_as else "address_attributes"
        return f"{by} of ldap_profile {profile.name}"


def _is_shortened(key: str, address: str) -> bool:
    """Say whether a key of an address is one only because its extension was taken off."""
    name = key.rpartition("@")[0]
    return name not in {"", address.rpartition("@")[0]}
