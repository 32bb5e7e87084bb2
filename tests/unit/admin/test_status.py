"""What `bridgectl status` makes of a daemon's reply; the daemons' own tests ask real ones."""

import time
from typing import Any

from bridge_admin.commands.status import _lines


def lines(**more: Any) -> list[str]:
    reply = {
        "program": "sasl-policyd",
        "pid": 42,
        "started": time.time(),
        "settings_file": "/etc/sasl-bridge/settings.toml",
        "settings_applied": time.time(),
        "settings_problems": [],
        "settings_warnings": [],
        "listeners": ["unix:/run/policy"],
        "connections": 2,
        "enabled": True,
    }
    return list(_lines(reply | more))


def test_lost_log_lines_are_told() -> None:
    lost = "log: 7 lines were dropped: standard error did not take them"
    assert lost in lines(log_lines_dropped=7)
    assert not [line for line in lines(log_lines_dropped=0) if line.startswith("log:")]
