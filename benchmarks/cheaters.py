"""How many wrong results a pool with cheaters accepts, and what the checks cost.

A fleet of nodes of as many owners, one in ten of them a cheater, runs public jobs through the real
SQL functions, with the settings that a new pool has. The results of honest nodes are right; a lie
is a valid result with something invented, different each time. The cheaters take turns in being

* shameless: every result is a lie,
* random: a third of the results, from the first on,
* patient: honest for 300 results, then a fifth of them,
* occasional: honest for 300 results, then one in fifty.

A wrong result is accepted when it counts in a job that has ended. Extra work is what nodes handed
in beyond one result per range: checks, and what was run again because its node had lied.

No sampling finds every lie: where one result in n is checked, a cheater who tells one in a job and
is content with that tells n - 1 on average before it is found. What counts is how few these are of
all that the fleet did: a run must be long enough for that, here 3,000 results of each node.

Target: below 1 in 10,000 accepted results is wrong, at under 15 % extra work, and no honest node is
quarantined.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING, Final

from tests.databases import open_server
from tests.db.schema.pool import Pool, completed, result

if TYPE_CHECKING:
    from tests.databases import TestDatabase
    from tests.db.schema.pool import Json, Node, User

TARGET_WRONG, TARGET_EXTRA = 1e-4, 0.15
ONE_IN: Final = 10
PATIENCE: Final = 100
#: what a cheater does: after how many results it begins, and the share of them that are lies
CHEATERS: Final = {
    "shameless": (0, 1.0),
    "random": (0, 1 / 3),
    "patient": (300, 0.2),
    "occasional": (300, 0.02),
}


@dataclass
class Member:
    """A node of the fleet, and its character."""

    node: Node
    kind: str
    luck: random.Random
    handed_in: int = 0
    lies: int = 0
    chunks: list[Json] = field(default_factory=list)

    def meet(self, slots: int) -> bool:
        """Hand in what was taken, take more; whether there was anything to do."""
        finished = [completed(chunk, self._answer(chunk)) for chunk in self.chunks]
        answer = self.node.exchange(finished, slots)
        self.handed_in += sum(item["outcome"] == "accepted" for item in answer["outcomes"])
        self.chunks = answer["chunks"]
        return bool(finished or self.chunks)

    def _answer(self, chunk: Json) -> Json:
        begins, share = CHEATERS.get(self.kind, (0, 0.0))
        if self.handed_in < begins or self.luck.random() >= share:
            return result(chunk)
        self.lies += 1
        return result(chunk, invented=self.luck.randrange(1, 2**40))


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of it."""

    counted: int
    wrong: int
    handed_in: int
    caught: int
    innocent: int

    @property
    def share(self) -> float:
        """Of what counts, what is wrong."""
        return self.wrong / self.counted

    @property
    def extra(self) -> float:
        """What was done beyond what had to be."""
        return self.handed_in / self.counted - 1


def assemble(pool: Pool, size: int, seed: int) -> list[Member]:
    """A fleet of which one in ten is a cheater, each node with an owner of its own."""
    kinds = cycle(CHEATERS)
    members = []
    for number in range(size):
        node = pool.node()
        pool.share_with_everybody(node)
        node.owner.connection.close()
        kind = next(kinds) if number % ONE_IN == 0 else "honest"
        members.append(Member(node, kind, random.Random(f"{seed}/{number}")))  # noqa: S311
    return members


def run_job(user: User, members: list[Member], chunks: int, batch: int) -> Json:
    """Submit a job and have it run to its end. Raises RuntimeError when nothing more happens."""
    job = user.submit(chunks, access_type="public")
    idle = 0
    while user.job(job)["status"] != "completed":
        idle = 0 if sum([member.meet(batch) for member in members]) else idle + 1
        if idle > PATIENCE:
            raise RuntimeError(f"the job is stuck: {user.call('explain_job', id=job['id'])}")
        if idle:
            time.sleep(0.1)
    return job


def simulate(database: TestDatabase, options: argparse.Namespace) -> Figures:
    """Run all jobs; print one line for each."""
    pool = Pool(database, database.connect())
    pool.configure(chunk_iterations_min=1, chunk_iterations_max=1)
    user = pool.user()
    members = assemble(pool, options.nodes, options.seed)
    print(f"{'job':>4}{'results':>10}{'wrong':>8}{'handed in':>11}{'lies told':>11}{'caught':>8}")
    for number in range(options.jobs):
        run_job(user, members, options.chunks, options.batch)
        figures = measure(pool, members)
        lies = sum(member.lies for member in members)
        print(
            f"{number + 1:>4}{figures.counted:>10,}{figures.wrong:>8,}{figures.handed_in:>11,}"
            f"{lies:>11,}{figures.caught:>8}",
            flush=True,
        )
    for row in pool.rows("select * from private.check_invariants()"):
        raise RuntimeError(f"the books do not balance: {row}")
    return measure(pool, members)


def measure(pool: Pool, members: list[Member]) -> Figures:
    """Count what counts, and who was caught."""
    ((counted, wrong),) = pool.rows(
        "select count(*), count(*) filter (where chunks.result -> 'counters' ? 'invented')"
        " from public.sim_chunks as chunks where chunks.status = 'completed'"
    )
    liars = {
        str(row[0])
        for row in pool.rows(
            "select node_id from private.node_trust where quarantined_at is not null"
        )
    }
    caught = [member for member in members if member.node.id in liars]
    return Figures(
        counted=counted,
        wrong=wrong,
        handed_in=sum(member.handed_in for member in members),
        caught=sum(member.kind != "honest" for member in caught),
        innocent=sum(member.kind == "honest" for member in caught),
    )


def verdict(figures: Figures, cheaters: int) -> bool:
    """Print the figures and whether the target is met."""
    print(
        f"{figures.caught} of {cheaters} cheaters and {figures.innocent} honest nodes were caught; "
        f"{figures.wrong} of {figures.counted:,} accepted results are wrong"
    )
    is_met = figures.share < TARGET_WRONG and figures.extra < TARGET_EXTRA and figures.innocent == 0
    print(
        f"target < {TARGET_WRONG * 10_000:.0f} in 10,000 wrong at < {TARGET_EXTRA:.0%} extra work: "
        f"{'met' if is_met else 'MISSED'}, {figures.share * 10_000:.2f} in 10,000 at "
        f"{figures.extra:.1%}"
    )
    return is_met


def main(arguments: list[str] | None = None) -> int:
    """Print the table and the verdict."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nodes", type=int, default=40, help="nodes, one in ten a cheater")
    parser.add_argument("--jobs", type=int, default=3, help="jobs, one after the other")
    parser.add_argument("--chunks", type=int, default=40_000, help="results that each job needs")
    parser.add_argument("--batch", type=int, default=50, help="chunks that a node takes at a time")
    parser.add_argument("--seed", type=int, default=1, help="luck of the cheaters")
    options = parser.parse_args(arguments)
    with open_server() as server, server.database() as database:
        figures = simulate(database, options)
    return 0 if verdict(figures, -(-options.nodes // ONE_IN)) else 1


if __name__ == "__main__":
    sys.exit(main())
