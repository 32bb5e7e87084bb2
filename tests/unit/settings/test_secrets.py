"""Where secrets come from."""

from pathlib import Path

import pytest

from bridge_common.secret import Secret
from bridge_common.settings.secrets import resolve_secret


def secret_file(folder: Path, content: bytes, mode: int = 0o640) -> Path:
    path = folder / "corp.secret"
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"pa55 w0rd", b"pa55 w0rd"),
        (b"pa55\n", b"pa55"),
        (b"pa55\r\n", b"pa55"),
        (b"pa55\n\n", b"pa55\n"),
        (b"pa55\r", b"pa55\r"),
        (b" pa\xff55 \n", b" pa\xff55 "),
        (b"p" * 65536, b"p" * 65536),
    ],
)
def test_a_file_holds_the_secret_and_perhaps_one_newline(
    tmp_path: Path, content: bytes, secret: bytes
) -> None:
    warnings: list[str] = []
    path = secret_file(tmp_path, content)
    assert resolve_secret(f"file:{path}", warnings.append) == Secret(secret)
    assert warnings == []


def test_a_file_that_everyone_can_read_is_doubtful(tmp_path: Path) -> None:
    warnings: list[str] = []
    path = secret_file(tmp_path, b"pa55", 0o644)
    assert resolve_secret(f"file:{path}", warnings.append) == Secret(b"pa55")
    message = f'"{path}" may be read by everyone on this machine: chmod 0640 it'
    assert warnings == [message]


def test_a_plain_text_is_the_secret_and_doubtful() -> None:
    warnings: list[str] = []
    assert resolve_secret("pa55:w0rd ü", warnings.append) == Secret("pa55:w0rd ü".encode())
    assert len(warnings) == 1
    assert warnings[0].endswith("put it in a file and write file:/path")
    assert resolve_secret("pa55") == Secret(b"pa55")


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("", "is empty"),
        ("file:", '"" is not an absolute path: write file:/path'),
        ("file:corp.secret", '"corp.secret" is not an absolute path'),
        ("file:/nowhere/corp.secret", '"/nowhere/corp.secret" cannot be read: No such file'),
        ("file:/", '"/" cannot be read: Is a directory'),
        ("file:/a\0b", '"/a\\\\u0000b" is not the path of a file'),
        ("file:/dev/null", '"/dev/null" is empty: write the secret into it'),
        ("file:/dev/zero", '"/dev/zero" is longer than 65536 bytes'),
        ("credential:", '"" is not the name of a credential'),
        ("credential:../x", '"../x" is not the name of a credential'),
        ("credential:..", '".." is not the name of a credential'),
    ],
)
def test_a_reference_that_leads_nowhere_says_what_to_do(reference: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resolve_secret(reference)


def test_a_file_that_holds_a_newline_alone_is_empty(tmp_path: Path) -> None:
    path = secret_file(tmp_path, b"\n")
    with pytest.raises(ValueError, match="is empty"):
        resolve_secret(f"file:{path}")


def test_a_credential_is_a_file_in_systemds_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    secret_file(tmp_path, b"pa55\n")
    assert resolve_secret("credential:corp.secret") == Secret(b"pa55")
    with pytest.raises(ValueError, match='other" cannot be read: No such file'):
        resolve_secret("credential:other")


def test_a_credential_without_systemd_says_how_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(ValueError, match="start the service with LoadCredential=corp:"):
        resolve_secret("credential:corp")
