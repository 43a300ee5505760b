"""Whatever nodes do, and however one of them lies, a checked job ends with the right result."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.db.schema.pool import completed, failed, released, result

if TYPE_CHECKING:
    from tests.db.schema.pool import Node, Pool

NODES, RANGES, SIZE = 4, 8, 10
STEPS = 60
#: the node that lies when it is told to
LIAR = 0


class Checking:
    """A public job all of whose results are checked, and nodes of different owners, one a liar."""

    def __init__(self, pool: Pool, chance: random.Random) -> None:
        self.pool, self.chance = pool, chance
        self.user = pool.user()
        self.nodes = [self._stranger() for _ in range(NODES)]
        self.job = self.user.submit(RANGES * SIZE, access_type="public")
        self.held: list[list[dict[str, Any]]] = [[] for _ in self.nodes]

    def _stranger(self) -> Node:
        node = self.pool.node()
        self.pool.share_with_everybody(node)
        return node

    def _hand_in(self, number: int, items: list[dict[str, Any]]) -> None:
        self.nodes[number].exchange(items)
        self.held[number] = []

    def step(self) -> None:
        """One of the things that happen, the usual ones more often."""
        kinds = {
            self.take: 6,
            self.run_at_once: 2,
            self.tell_the_truth: 4,
            self.tell_a_lie: 3,
            self.give_back: 2,
            self.clean_up: 2,
            self.fall_silent: 1,
            self.interrupt: 1,
        }
        self.chance.choices(list(kinds), list(kinds.values()))[0]()

    def take(self) -> None:
        """A node asks for work, or for checks."""
        number = self.chance.randrange(NODES)
        self.held[number] = self.nodes[number].take(self.chance.randint(1, 3))

    def run_at_once(self) -> None:
        """A node takes something and hands it in."""
        number = self.chance.randrange(1, NODES)
        self._hand_in(number, [completed(chunk) for chunk in self.nodes[number].take(2)])

    def tell_the_truth(self) -> None:
        """A node hands in what it has run, perhaps once more."""
        number = self.chance.randrange(NODES)
        items = [completed(chunk) for chunk in self.held[number]]
        for _ in range(self.chance.randint(1, 2)):
            self._hand_in(number, items)

    def tell_a_lie(self) -> None:
        """The liar hands in something else for all that it has."""
        lie = self.chance.randint(1, 10**6)
        items = [completed(chunk, result(chunk, invented=lie)) for chunk in self.held[LIAR]]
        self._hand_in(LIAR, items)

    def give_back(self) -> None:
        """A node gives back or fails what it has."""
        number, item = self.chance.randrange(NODES), self.chance.choice([failed, released])
        self._hand_in(number, [item(chunk) for chunk in self.held[number]])

    def fall_silent(self) -> None:
        """All leases are lost; what nodes hold is late from now on."""
        self.pool.advance("1 minute")
        self.pool.scalar("select private.requeue_expired_leases()")
        for node in self.nodes:
            node.heartbeat()

    def clean_up(self) -> None:
        """What the sweep does, now and then."""
        self.pool.scalar("select private.purge_distrusted_nodes()")
        self.pool.scalar("select private.review_checks()")

    def interrupt(self) -> None:
        """The user stops the job for a moment."""
        if self.user.job(self.job)["status"] in {"pending", "running"}:
            there, back = self.chance.choice([("cancel", "retry"), ("pause", "resume")])
            self.user.call(f"{there}_job", id=self.job["id"])
            self.clean_up()
            self.user.call(f"{back}_job", id=self.job["id"])

    def the_books_balance(self) -> None:
        """And nobody but the liar is ever quarantined."""
        assert self.pool.database.broken_invariants() == []
        accused = self.pool.rows(
            "select node_id::text from private.node_trust where quarantined_at is not null"
            " and node_id::text = any(%s)",
            [node.id for node in self.nodes[1:]],
        )
        assert accused == []

    def finish(self) -> None:
        """New nodes do what is left, and the result is that of one run."""
        self.nodes = [self._stranger(), self._stranger(), self._stranger()]
        for _ in range(RANGES * NODES):
            for node in self.nodes:
                node.work()
            self.clean_up()
            self.pool.advance("20 seconds")
            for node in self.nodes:
                node.heartbeat()
            self.pool.scalar("select private.requeue_expired_leases()")
            if self.user.job(self.job)["status"] == "completed":
                break
        row = self.user.job(self.job)
        assert row["status"] == "completed", row["error"]
        assert row["result"]["result"] == result({"seed_offset": 0, "iterations": RANGES * SIZE})


@pytest.mark.parametrize("seed", range(4))
def test_a_checked_job_ends_right_whatever_happens(pool: Pool, seed: int) -> None:
    """Sixty things happen by chance, and after each of them the books balance."""
    pool.set_clock("2026-11-21 12:00:00+00")
    pool.configure(
        chunk_iterations_min=SIZE,
        chunk_iterations_max=SIZE,
        retry_elsewhere_period="0 seconds",
        failures_max=1000,
        backoff_after=1000,
        checks_to_trust=1000,
        # no check is given up, and the sweep comes when the walk says so
        check_patience="1000 years",
        sweep_period="1000 years",
    )
    walk = Checking(pool, random.Random(seed))  # noqa: S311
    for _ in range(STEPS):
        walk.step()
        walk.the_books_balance()
    walk.finish()
