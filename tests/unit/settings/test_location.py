"""Where the control socket is, in files good and broken."""

from pathlib import Path

import pytest

from bridge_common.settings.location import control_of

DEFAULT = "unix:/run/sasl-bridge/control"


@pytest.mark.parametrize(
    ("text", "control"),
    [
        ('[smtp_auth]\ncontrol = "unix:/run/x"\n', "unix:/run/x"),
        ('[smtp_auth]\nenalbed = 1\ncontrol = "unix:/run/x"\n', "unix:/run/x"),
        ("[smtp_auth]\nenabled = true\n", DEFAULT),
        ('[sender]\ncontrol = "unix:/run/x"\n', DEFAULT),
        ('[smtp_auth]\ncontrol = "inet:127.0.0.1:1"\n', DEFAULT),
        ('[smtp_auth]\ncontrol = "nonsense"\n', DEFAULT),
        ("[smtp_auth]\ncontrol = 1\n", DEFAULT),
        ("smtp_auth = 1\n", DEFAULT),
        ("[smtp_auth", DEFAULT),
        ('[smtp_auth]\nenabled = yes\ncontrol = "unix:/run/x"\n', "unix:/run/x"),
        ('[smtp_auth]\nenabled = yes\n\n[sender]\ncontrol = "unix:/run/x"\n', DEFAULT),
        ("\udcff", DEFAULT),
    ],
)
def test_a_broken_file_still_tells_where_to_ask(tmp_path: Path, text: str, control: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text, errors="surrogateescape")
    assert control_of(file, "smtp_auth", DEFAULT) == control


def test_a_missing_file_means_the_default(tmp_path: Path) -> None:
    assert control_of(tmp_path / "none", "smtp_auth", DEFAULT) == DEFAULT
