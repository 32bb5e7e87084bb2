"""The settings reference is the model's, word for word."""

import subprocess
import sys
from pathlib import Path

from bridge_admin.settings_reference import settings_reference
from bridge_common.settings.declaration import keys_of, sections_below
from bridge_common.settings.model import Settings

PROJECT = Path(__file__).parents[3]


def test_the_page_in_docs_is_the_one_that_the_model_makes() -> None:
    """If not: python -m bridge_admin.settings_reference > docs/settings.md."""
    page = (PROJECT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert page == settings_reference()


def test_the_page_tells_of_every_section_and_key() -> None:
    page = settings_reference()
    for path, about in sections_below(Settings):
        heading = f"\n## `[[{path}]]`\n" if about.repeated else f"\n## `[{path}]`\n"
        assert heading in page
        for name, key in keys_of(about.declared).items():
            assert f"\n### `{name}`\n" in page
            assert f"\n{key.prose}\n\n```toml\n{name} = {key.example}\n```\n" in page


def test_a_key_is_told_with_its_type_and_default() -> None:
    page = settings_reference()
    assert "### `port`\n\nType: a whole number from 0 to 65535.\\\nDefault: `0`.\n" in page
    assert "### `name`\n\nType: one word.\\\nDefault: none, required.\n" in page
    assert '### `bind_password`\n\nType: a secret: "file:/path" or "credential:name".\\\n' in page
    assert 'Default: `""`.\n\nThe password of `bind_dn`.\n' in page
    assert '### `protocol`\n\nType: one of "imap", "pop3", "ldap".\\\nDefault: `"imap"`.\n' in page


def test_a_key_that_may_be_as_in_the_section_around_says_so() -> None:
    page = settings_reference()
    within = page[page.index("\n## `[[sender.context]]`\n") : page.index("\n## `[log]`\n")]
    choices = 'Type: one of "off", "monitor", "enforce".\\\n'
    assert f"### `match_login`\n\n{choices}Default: as in `[sender]`.\n" in within


def test_run_as_a_program_it_prints_the_page() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "bridge_admin.settings_reference"],
        cwd=PROJECT,
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert run.stdout.decode("utf-8") == settings_reference()
