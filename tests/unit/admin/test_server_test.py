"""`bridgectl server test`: what is wrong before any daemon is asked."""

from pathlib import Path

import pytest

from bridge_admin.cli import main as bridgectl


@pytest.mark.parametrize(
    ("options", "option"),
    [(["--client", "192.0.2.7"], "--client"), (["--password-stdin"], "--password-stdin")],
)
def test_what_is_of_no_use_without_a_login(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], option: str
) -> None:
    settings = ["--settings", str(tmp_path / "none")]
    assert bridgectl(["server", "test", "first", *settings, *options]) == 64
    assert capsys.readouterr().err == f"bridgectl: {option} is of no use without --login\n"
