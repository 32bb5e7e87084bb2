"""What docs/directory.md shows: settings that work, and the words that the log really has."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bridge_common.directory.codec import Done
from bridge_common.directory.words import words_for
from bridge_common.errors import SettingsError
from bridge_common.settings.read import Loaded, parse_settings, settings_from

PAGE = (Path(__file__).parents[3] / "docs" / "directory.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
WHOLE = [block for block in BLOCKS if "[[ldap_profile]]" in block and "[smtp_auth]" in block]
CODES = re.findall(r"^\| ([0-9a-f]{3}) \| ([^|]+) \|", PAGE, re.MULTILINE)

FRAME = """
[smtp_auth]
enabled = true
method = "ldap"
ldap_profile = "corp"

[identity]
domains = ["example.com"]
"""
PROFILE = """
[[ldap_profile]]
name = "corp"
kind = "openldap"
hosts = ["ldap.example.com"]
bind_dn = "cn=gateway,dc=example,dc=com"
bind_password = "file:/etc/sasl-bridge/corp.secret"
base_dn = "dc=example,dc=com"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the secret, for `file:` as for `credential:`, in the folder returned."""
    secret = tmp_path / "corp"
    secret.write_text("pa55\n")
    secret.chmod(0o640)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    return tmp_path


def loaded(block: str, folder: Path) -> Loaded:
    """Return the settings that a block stands for, within what it leaves out."""
    page, frame, profile = (
        tomllib.loads(re.sub(r'"file:[^"]*"', f'"file:{folder}/corp"', text))
        for text in (block, FRAME, PROFILE)
    )
    return settings_from(_framed(page, frame | profile))


def _framed(page: dict[str, Any], frame: dict[str, Any]) -> dict[str, Any]:
    """Put a fragment into the frame: keys of a profile, or tables."""
    if not any(isinstance(value, dict) or key in frame for key, value in page.items()):
        return frame | {"ldap_profile": [frame["ldap_profile"][0] | page]}
    if "smtp_auth" not in page and "ldap_profile" in page:
        named = frame["smtp_auth"] | {"ldap_profile": page["ldap_profile"][0]["name"]}
        return frame | {"smtp_auth": named} | page
    return frame | page


@pytest.mark.parametrize("block", BLOCKS)
def test_each_example_loads_without_problem_or_warning(block: str, folder: Path) -> None:
    assert loaded(block, folder).warnings == ()


@pytest.mark.parametrize("block", WHOLE)
def test_a_whole_example_needs_no_frame(block: str, folder: Path) -> None:
    text = re.sub(r'"file:[^"]*"', f'"file:{folder}/corp"', block)
    assert parse_settings(text) == loaded(block, folder)
    assert parse_settings(text).settings.smtp_auth.method == "ldap"


def test_each_kind_has_a_minimal_and_a_full_example(folder: Path) -> None:
    names = [loaded(block, folder).settings.ldap_profiles[0].name for block in WHOLE]
    assert names == ["corp", "corp", "people", "people", "ipa", "ipa"]
    assert len(BLOCKS) > len(WHOLE)


@pytest.mark.parametrize("block", ['base = "dc=example"', '[[ldap_profile]]\nname = "corp"'])
def test_a_mistake_in_an_example_would_be_seen(block: str, folder: Path) -> None:
    with pytest.raises(SettingsError):
        loaded(block, folder)


def test_the_codes_of_active_directory_are_all_there_in_the_log_s_words() -> None:
    codes = ["51f", "525", "52e", "530", "531", "532", "533", "701", "773", "775"]
    assert [code for code, _ in CODES] == codes
    for code, words in CODES:
        said = f"80090308: LdapErr: DSID-0C0903A9, comment: ... error, data {code}, v1db1"
        assert words_for(Done(49, "Invalid credentials", said), None) == f"{words} (data {code})"
