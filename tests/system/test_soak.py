"""The soak itself, for a few seconds: it runs, meets trouble, and finds nothing."""

import pytest
from lab.processes import lab_folder
from soak.run import run
from soak.stage import Plan


@pytest.mark.alone
@pytest.mark.timeout(150)
async def test_a_short_soak_breaks_no_law() -> None:
    told: list[str] = []
    with lab_folder() as folder:
        record = await run(Plan(seconds=20.0, rate=15.0, seed=1), folder, told.append)
    assert record.violations == [], "\n".join(told)
    assert record.logins["right OK"] > 100
    assert record.logins["wrong FAIL"] > 10
    assert record.senders["DUNNO"] > 50
    assert len(record.history) >= 4  # two troubles at least, and their ends
