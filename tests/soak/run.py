"""One run: everything is started, suffers, recovers, is looked at once more, and ends.

Raises LabError if something of the lab does not start; what breaks a law is in the record.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from lab.bridge import Bridge, Policyd

from soak.laws import Said
from soak.people import Crowd, User, right
from soak.record import Record
from soak.report import judge_logs, progress, servers_of, summary
from soak.servers import Ailing
from soak.stage import Plan, Stage, set_stage
from soak.vitals import LEAST_SECONDS_TO_COMPARE, Sample, figures, grown
from soak.weather import SETTLED_SECONDS, Spell, forecast

SENDERS_A_SECOND = 10.0
_PROGRESS_SECONDS = 10.0
_SAMPLE_SECONDS = 1.0
_REST_SECONDS = 75.0  # a directory's connections are kept for 60 s
_RETRY_SECONDS = 0.5
_NEWCOMERS = 10
_AT_ONCE = 20


async def run(plan: Plan, folder: Path, tell: Callable[[str], None]) -> Record:
    """Return what happened; ``tell`` is told how it goes."""
    async with set_stage(plan, folder) as stage:
        before = stage.sample()
        await _warm_up(stage)
        await _suffer(stage, tell)
        after = await _rested(stage, before)
    judge_logs(stage)
    for name, samples in stage.samples.items():
        for text in grown(name, samples, before[name], after[name]):
            stage.record.violation(text)
        answers = stage.record.logins if name == Bridge.module else stage.record.senders
        tell(figures(name, samples, before[name], after[name], answers.total()))
    for line in summary(stage):
        tell(line)
    return stage.record


async def _warm_up(stage: Stage) -> None:
    """Let everybody log in once, while all is well."""
    await _all_get_in(stage)
    stage.record.logins.clear()


async def _suffer(stage: Stage, tell: Callable[[str], None]) -> None:
    """Keep up the load while the servers fall ill, and until all is well again."""
    plan = stage.plan
    stage.lag.begun += stage.lag.now()
    works = (
        _befall(stage),
        stage.lag.watch(stage.daemons[Bridge.module].pid),
        stage.logins.flow(Crowd(stage.users, Random(plan.seed)), plan.rate),
        stage.senders.flow(SENDERS_A_SECOND),
        stage.administrator.work(Random(plan.seed), [stage.daemons[Policyd.module]]),
        _watch(stage, tell),
    )
    tasks = [asyncio.create_task(work) for work in works]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)  # the end, or a fault
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, BaseException) and not isinstance(ended, asyncio.CancelledError):
            raise ended
    await stage.logins.end()


async def _befall(stage: Stage) -> None:
    """Let happen what is forecast, then look whether all is well again."""
    servers = {ailing.name: ailing for ailing in stage.servers}
    troubles = {name: ailing.troubles for name, ailing in servers.items()}
    async with asyncio.TaskGroup() as tasks:
        for spell in forecast(stage.plan.seed, stage.plan.seconds, troubles):
            await asyncio.sleep(spell.at - stage.lag.now())
            tasks.create_task(_play(stage, servers[spell.server], spell))
        await asyncio.sleep(stage.plan.seconds - stage.lag.now())
    await _recover(stage)


async def _play(stage: Stage, ailing: Ailing, spell: Spell) -> None:
    stage.weather.strike(spell.server, spell.trouble, stage.lag.now())
    await ailing.strike(spell.trouble, spell.number)
    await asyncio.sleep(spell.seconds)
    await ailing.relent(spell.trouble)
    stage.weather.relent(spell.server, stage.lag.now())


async def _recover(stage: Stage) -> None:
    """Everybody logs in again before long, and strangers are told that they are wrong."""
    await _all_get_in(stage)
    stage.record.servers += servers_of(await stage.administrator.command("status", "--json"))
    crowd = Crowd(stage.users, Random(stage.plan.seed))
    for _ in range(_NEWCOMERS):
        if await stage.logins.ask(crowd.newcomer()) is not Said.NO:
            stage.record.violation("all is well, and a login that nobody has is not refused")


async def _all_get_in(stage: Stage) -> None:
    """Let everybody log in whom nobody restrains."""
    end = stage.lag.now() + SETTLED_SECONDS
    steady = [user for user in stage.users if not user.guessed]
    at_once = [steady[number::_AT_ONCE] for number in range(_AT_ONCE)]
    await asyncio.gather(*(_get_in(stage, users, end) for users in at_once))


async def _get_in(stage: Stage, users: Sequence[User], end: float) -> None:
    """Log in as each of them, again and again until it succeeds; there is time until ``end``."""
    for user in users:
        while await stage.logins.ask(right(user)) is not Said.YES:
            if stage.lag.now() > end:
                text = f"{user.login} does not log in, and all was well for {SETTLED_SECONDS:g} s"
                stage.record.violation(text, user.login)
                break
            await asyncio.sleep(_RETRY_SECONDS)


async def _watch(stage: Stage, tell: Callable[[str], None]) -> None:
    """Take samples, and tell how it goes, until cancelled or until there is enough to mend."""
    told = 0.0
    while not stage.record.is_enough:
        for name, one in stage.sample().items():
            stage.samples[name].append(one)
        if stage.lag.now() - told >= _PROGRESS_SECONDS:
            told = stage.lag.now()
            tell(progress(stage))
        await asyncio.sleep(_SAMPLE_SECONDS)


async def _rested(stage: Stage, before: dict[str, Sample]) -> dict[str, Sample]:
    """Return samples of the daemons once they have as little as before, or have had time for it.

    After a short run nobody waits.
    """
    is_long = stage.plan.seconds >= LEAST_SECONDS_TO_COMPARE
    end = stage.lag.now() + (_REST_SECONDS if is_long else 0.0)
    while True:
        after = stage.sample()
        same = all(
            one.descriptors <= before[name].descriptors and one.threads <= before[name].threads
            for name, one in after.items()
        )
        if same or stage.lag.now() > end:
            return after
        await asyncio.sleep(_RETRY_SECONDS)
