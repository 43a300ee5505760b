"""Everything breaks at once, by a seed: every iteration is counted once all the same."""

from __future__ import annotations

import asyncio
from functools import partial
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.e2e.fleet.members import insist, seen
from tests.e2e.fleet.wire import Weather
from tests.e2e.pool import assert_exact

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.e2e.fleet.members import Fleet, Member
    from tests.e2e.pool import Job

pytestmark = [
    pytest.mark.xdist_group("e2e"),
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="package"),
]

#: requests and answers get lost, come twice, and overtake each other
STORM = Weather(lost_requests=0.05, lost_answers=0.1, repeats=0.15, delay=0.3)
CALM = Weather()
#: with leases of three seconds
LEASE = 3.0


async def test_what_a_node_has_finished_survives_its_death_and_its_network(fleet: Fleet) -> None:
    """Cut off, killed and started again, it hands in what it has on disk, and that counts once."""
    fleet.pool.set(chunk_duration="1 second", lease_duration="60 seconds")
    victim, *others = fleet.members
    for other in others:
        other.freeze()
    job = await fleet.pool.submit(iterations=4_000, duration=600.0)
    await seen(lambda: victim.is_busy, "the victim at work")
    victim.wire.cut()
    await seen(lambda: len(victim.spool) > 0, "a result on disk")
    await victim.kill()
    waiting, damaged = victim.spool.load()
    assert (len(waiting) > 0, damaged) == (True, [])
    victim.wire.weather = Weather(lost_answers=0.5)
    victim.wire.mend()
    await victim.start()
    for other in others:
        other.thaw()
    row = await fleet.pool.finished(job)
    assert_exact(job, row)
    for finished in waiting:
        rows = fleet.pool.query(
            "select status, attempt, lease_token::text from public.sim_chunks where id = %s",
            finished.chunk_id,
        )
        assert rows == [("completed", 1, finished.lease_token)]
    await seen(lambda: len(victim.spool) == 0, "an empty spool")
    victim.wire.weather = CALM
    fleet.assert_that_the_books_balance()


class Havoc:
    """Faults, one after the other, each over when its method returns."""

    def __init__(self, fleet: Fleet, random: Random) -> None:
        self._fleet = fleet
        self._random = random

    async def strike(self) -> list[str]:
        """Let everything happen that can, in any order; the names of what happened."""
        faults: list[Callable[[], Awaitable[None]]] = [
            self.kill,
            self.freeze,
            self.cut,
            self.lose_pushes,
            self.refuse_connections,
            self.restart_postgres,
            self.pause,
        ]
        self._random.shuffle(faults)
        for fault in faults:
            await fault()
            await asyncio.sleep(self._random.uniform(0, 0.5))
        return [fault.__name__ for fault in faults]

    async def kill(self) -> None:
        """A node dies and comes back."""
        victim = self._any()
        await victim.kill()
        await asyncio.sleep(self._random.uniform(0, 1))
        await victim.start()

    async def freeze(self) -> None:
        """A node stands still until others have its work, and then goes on as if nothing were."""
        victim = self._any()
        victim.freeze()
        await seen(partial(self._has_nothing, victim), f"leases of {victim.name} lost")
        victim.thaw()

    async def cut(self) -> None:
        """A node is cut off for longer than its leases live."""
        victim = self._any()
        victim.wire.cut()
        await asyncio.sleep(LEASE + self._random.uniform(0, 1))
        victim.wire.mend()

    async def lose_pushes(self) -> None:
        """No push arrives."""
        await self._fleet.pool.make_trouble(drop_messages=1.0)
        await asyncio.sleep(self._random.uniform(1, 2))
        await self._fleet.pool.make_trouble(drop_messages=0.0)

    async def refuse_connections(self) -> None:
        """Realtime ends all connections, and takes none for a while."""
        await self._fleet.pool.make_trouble(cut=True, refuse_seconds=2)

    async def restart_postgres(self) -> None:
        """The database goes away in the midst of it."""
        mode = self._random.choice(("fast", "immediate"))
        await self._fleet.pool.stack.restart_postgres(mode)  # type: ignore[arg-type]

    async def pause(self) -> None:
        """The user stops the newest job and lets it go on."""
        owner = self._fleet.pool.owner
        (job,) = await insist(
            lambda: owner.rows("sim_jobs", order="created_at.desc", limit="1", select="id,status")
        )
        if job["status"] in {"pending", "running"}:
            for function in ("cancel_job", "retry_job", "pause_job", "resume_job"):
                await insist(partial(owner.rpc, function, {"id": job["id"]}))

    def _any(self) -> Member:
        return self._random.choice(self._fleet.members)

    def _has_nothing(self, member: Member) -> bool:
        return self._fleet.leases(member.id) == 0


async def _work(fleet: Fleet, random: Random, until: asyncio.Task[list[str]]) -> list[Job]:
    """Send one job after the other for as long as the havoc lasts."""
    jobs: list[Job] = []
    while not (jobs and until.done()):
        submit = partial(
            fleet.pool.submit,
            iterations=random.randrange(2_000, 5_000),
            duration=60.0,
            seed=random.randrange(1000),
            idempotency_key=f"job {random.random()}",
        )
        jobs.append(await insist(submit))
        await insist(partial(fleet.pool.finished, jobs[-1]))
    return jobs


@pytest.mark.parametrize("seed", [1, 2])
async def test_chaos(fleet: Fleet, seed: int) -> None:
    """Nodes die, freeze and are cut off, Postgres restarts, pushes and answers are lost."""
    random = Random(seed)  # noqa: S311  # havoc that can be repeated
    fleet.pool.set(chunk_duration="400 milliseconds", lease_duration=f"{LEASE} seconds")
    fleet.set_weather(STORM)
    havoc = asyncio.create_task(Havoc(fleet, random).strike(), name="havoc")
    jobs = await _work(fleet, random, havoc)
    assert len(await havoc) == 7
    fleet.set_weather(CALM)
    for job in jobs:
        assert_exact(job, await fleet.pool.finished(job))
    await seen(lambda: fleet.leases() == 0, "no lease left")
    fleet.assert_that_the_books_balance()
