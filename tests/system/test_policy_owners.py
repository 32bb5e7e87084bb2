"""What a login owns besides its own address: by the aliases file, and by a directory."""

from pathlib import Path

from lab.directory_entries import Person
from lab.gateway import Gateway
from lab.policed import ALICE, BOB, ENFORCED, TAKEN, logged_in, told
from lab.settings import ldap_profile

SALES = "sales@example.com"
_WHY = "its owner cannot be looked up now"
NOBODY_KNOWS = (451, f"4.3.0 <{SALES}>: Sender address rejected: {_WHY}")


def not_alices(sender: str) -> tuple[int, str]:
    return 553, f"5.7.1 <{sender}>: Sender address rejected: not owned by user {ALICE}"


def test_the_aliases_file_counts_and_counts_anew_when_it_has_changed(
    policed: Gateway, tmp_path: Path
) -> None:
    aliases = tmp_path / "aliases"
    aliases.write_text(f"{SALES}: {ALICE}, {BOB}\n@example.org {ALICE}\n")
    with (
        policed.policyd(**ENFORCED, aliases_file=str(aliases)) as policyd,
        logged_in(policed) as session,
    ):
        assert told(session, SALES) == TAKEN
        assert told(session, "anybody@example.org") == TAKEN
        assert told(session, "info@example.com") == not_alices("info@example.com")
        new = tmp_path / "new"
        new.write_text(f"info@example.com: {ALICE}\n")
        new.replace(aliases)
        policyd.lines_with("aliases: .*: 1 address$")
        assert told(session, "info@example.com") == TAKEN
        assert told(session, SALES) == not_alices(SALES)


def test_a_directory_says_what_a_login_owns_and_is_waited_for_when_it_is_away(
    policed: Gateway,
) -> None:
    alice = Person("alice", "hers", (ALICE, SALES))
    with policed.slapd([alice]) as slapd:
        profile = ldap_profile("corp", slapd, security="plain")
        keys = {**ENFORCED, "ldap_profile": "corp"}
        with policed.policyd(profile, **keys) as policyd, logged_in(policed) as session:
            assert told(session, SALES) == TAKEN
            assert told(session, BOB) == not_alices(BOB)
            slapd.stop()
            with logged_in(policed, BOB) as bobs:
                assert told(bobs, BOB) == TAKEN
                assert told(bobs, SALES) == NOBODY_KNOWS
            assert policyd.lines_with('action="451 4.3.0" rule=match_login')
