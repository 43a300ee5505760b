"""Whatever happens, in whatever order, the node's books stay sound and it never falls asleep."""

from __future__ import annotations

from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from node import instructions as do
from node import stimuli as on
from node.allocation import Allocation
from node.model import Unit
from node.sharing import CPU, Share, Sharing
from tests.unit.node.machine import Machine, chunk, completed, of

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.model import Chunk, OutcomeName
    from node.stimuli import FailureKind

OUTCOMES: tuple[OutcomeName, ...] = ("accepted", "duplicate", "stale", "rejected")
FAILURES: tuple[FailureKind, ...] = ("transient", "unauthorized", "forbidden", "refused")
ENDS = ("completed", "failed", "released", "stopped")


class World:
    """A server, workers and an owner that do anything they are able to do."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311  # a test's dice
        self.machine = Machine()
        self.numbers = 0
        self.started: dict[int, None] = {}
        self.machine.start([completed(0)])

    def step(self) -> None:
        """Let one possible thing happen."""
        moves: list[Callable[[], object]] = [
            self.answer,
            self.answer,
            self.push,
            self.end_chunk,
            self.cancel,
            self.settings,
            self.decide,
            self.command,
            self.realtime,
            self.claim,
            lambda: self.machine.wait(self.random.uniform(0.0, 20.0)),
        ]
        if self.random.random() < 0.002:
            moves = [lambda: self.machine.send(on.StopRequested)]
        before = len(self.machine.done)
        self.random.choice(moves)()
        self.see(self.machine.done[before:])

    def see(self, instructions: list[do.Instruction]) -> None:
        """Note what the node has started, which must be allowed."""
        for item in of(do.StartChunk, instructions):
            number = int(item.chunk.chunk_id[-12:])
            assert number not in self.started, f"{number} was started twice"
            self.started[number] = None

    def answer(self) -> None:
        """The server answers, or fails, one of the requests in flight."""
        waiting = sorted(self.machine.state.agenda.in_flight - {"subscribe"})
        if not waiting:
            return
        request = self.random.choice(waiting)
        if self.random.random() < 0.3:
            self.machine.fail(request, self.random.choice(FAILURES))
            return
        {
            "register": self.register,
            "token": lambda: self.machine.give_token(expires_in=self.random.uniform(1, 100)),
            "claim": lambda: self.machine.send(
                on.ClaimChecked, node_id="node-1", claimed=self.random.random() < 0.5
            ),
            "heartbeat": self.heartbeat,
            "exchange": self.exchange,
            "units": self.units,
        }[request]()

    def register(self) -> None:
        """Known or not, claimed or not."""
        if self.random.random() < 0.5:
            self.machine.show_code(expires_in=self.random.uniform(1, 900))
        else:
            self.machine.register_claimed(self.random.randrange(4))

    def heartbeat(self) -> None:
        """With settings that change."""
        self.machine.answer_heartbeat(
            max_parallel=self.random.randrange(4),
            paused=self.random.random() < 0.2,
            cancelled=self.some_ids(),
        )

    def exchange(self) -> None:
        """With outcomes for some, new chunks, and cancellations."""
        last = of(do.Exchange, self.machine.done)[-1]
        numbers = [int(finished.chunk_id[-12:]) for finished in last.finished]
        answered = [number for number in numbers if self.random.random() < 0.8]
        new = self.new_chunks(self.random.randrange(last.slots + 1))
        self.machine.answer_exchange(
            *new,
            outcomes={number: self.random.choice(OUTCOMES) for number in answered},
            cancelled=self.some_ids(),
        )

    def push(self) -> None:
        """A lease, new or known."""
        known = [item.chunk for item in self.machine.state.workload.ledger.assignments.values()]
        chunks = self.new_chunks(1) if self.random.random() < 0.5 else known[:1]
        self.machine.send(on.ChunksPushed, chunks=tuple(chunks))

    def new_chunks(self, count: int) -> list[Chunk]:
        """Leases nobody had before."""
        first, self.numbers = self.numbers + 1, self.numbers + count
        return [chunk(number) for number in range(first, self.numbers + 1)]

    def end_chunk(self) -> None:
        """A worker is done."""
        busy = self.machine.state.workload.ledger.ids("running", "stopping")
        if busy:
            number = int(self.random.choice(busy)[-12:])
            self.machine.end(number, self.random.choice(ENDS))

    def cancel(self) -> None:
        """A job was cancelled."""
        self.machine.send(on.ChunksCancelled, chunk_ids=self.some_ids())

    def some_ids(self) -> tuple[str, ...]:
        """Chunks the node knows, or does not."""
        ledger = self.machine.state.workload.ledger
        known = [*ledger.assignments, *ledger.outbox, chunk(10**6).chunk_id]
        return tuple(key for key in known if self.random.random() < 0.1)

    def settings(self) -> None:
        """The owner says that something changed."""
        self.machine.send(on.SettingsPushed, settings=None)

    def decide(self) -> None:
        """Somebody at the machine shares or withholds it, or lets it rest."""
        share = Share(self.random.random() < 0.8, Allocation(allocated=2, reserved=0))
        pause = self.random.choice((None, None, "maintenance"))
        sharing = Sharing(MappingProxyType({CPU: share}), pause)  # type: ignore[arg-type]
        self.machine.send(on.SharingDecided, sharing=sharing)

    def command(self) -> None:
        """The owner asks for something, perhaps again."""
        command = {
            "id": str(self.random.randrange(20)),
            "kind": self.random.choice(("pause", "resume", "allocate", "withhold", "dance")),
            "device_id": CPU,
        }
        self.machine.send(on.CommandPushed, command=command)

    def units(self) -> None:
        """What the pool has of this machine."""
        decided_at = self.random.choice((None, "then", "now"))
        status = self.random.choice(("active", "paused", "not_shared"))
        unit = Unit("unit", "cpu", CPU, 4, status, {"cores_allocated": 1}, decided_at)
        self.machine.send(on.UnitsListed, units=(unit,))

    def claim(self) -> None:
        """The owner enters the code."""
        self.machine.send(on.Claimed)

    def realtime(self) -> None:
        """The subscription comes or goes."""
        if "subscribe" in self.machine.state.agenda.in_flight and self.random.random() < 0.5:
            self.machine.send(on.Subscribed)
        elif self.machine.state.connection != "offline":
            self.machine.send(
                on.SubscriptionLost, reason="cut", token_refused=self.random.random() < 0.2
            )


@pytest.mark.parametrize("seed", range(40))
def test_no_order_of_events_breaks_the_node(seed: int) -> None:
    """Invariants are checked after each of a thousand random events."""
    world = World(seed)
    for _ in range(1000):
        world.step()
        if world.machine.is_in("stopped"):
            break


@pytest.mark.parametrize("seed", range(10))
def test_a_node_that_is_left_in_peace_comes_to_rest(seed: int) -> None:
    """After any trouble, a server that serves gets every result, and the node can stop."""
    world = World(seed)
    for _ in range(300):
        world.step()
    machine = world.machine
    machine.send(on.StopRequested)
    for _ in range(100):
        for chunk_id in machine.state.workload.ledger.ids("running", "stopping"):
            machine.end(int(chunk_id[-12:]), "stopped")
        if "exchange" in machine.state.agenda.in_flight:
            last = of(do.Exchange, machine.done)[-1]
            numbers = [int(finished.chunk_id[-12:]) for finished in last.finished]
            machine.answer_exchange(outcomes=dict.fromkeys(numbers, "accepted"))
        if machine.is_in("stopped"):
            break
        machine.wait(1.0)
    assert machine.is_in("stopped")
