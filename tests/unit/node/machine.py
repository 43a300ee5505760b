"""Drives the node's state machine in tests: no loop, no sockets, no clock but the one told."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from node import instructions as do
from node import stimuli as on
from node.core import NodeState
from node.model import (
    Chunk,
    Ended,
    ExchangeAnswer,
    Finished,
    HeartbeatAnswer,
    NodeSettings,
    Outcome,
    RegistrationAnswer,
)
from node.rules import Policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from node.model import Event, OutcomeName, Status

Kind = TypeVar("Kind")

SPEED = 1000.0
EXPIRY = datetime(2026, 1, 1, tzinfo=UTC)


def chunk(number: int, *, iterations: int = 100, lease: str | None = None) -> Chunk:
    """A chunk whose ids are made from its number."""
    return Chunk(
        chunk_id=f"00000000-0000-0000-0000-{number:012d}",
        job_id="job",
        config_hash="0" * 64,
        engine="combat",
        seed=7,
        seed_offset=number * iterations,
        iterations=iterations,
        lease_token=lease or f"lease-{number}",
    )


def completed(number: int, *, iterations: int = 100) -> Finished:
    """The result of that chunk."""
    item = chunk(number)
    return Finished(item.chunk_id, item.lease_token, "completed", {"iterations": iterations})


class Machine:
    """A state machine with its time; every step checks the invariants."""

    def __init__(self, **policy: Any) -> None:
        self.state = NodeState(Policy(**policy), Random(0))  # noqa: S311  # jitter
        self.now = 100.0
        self.done: list[do.Instruction] = []

    def send(self, happened: type[on.Stimulus], /, **fields: Any) -> list[do.Instruction]:
        """Let something happen now."""
        instructions = self.state.handle(happened(at=self.now, **fields))
        self.state.validate()
        self.done += instructions
        return instructions

    def is_in(self, *states: Status) -> bool:
        """Whether the node is in one of these states."""
        return self.state.status in states

    def tick(self) -> list[do.Instruction]:
        """Go to the next moment the machine asked for."""
        wake = self.state.next_wake()
        assert wake is not None
        self.now = max(self.now, wake)
        instructions = self.send(on.Tick)
        assert self.state.next_wake() != wake, f"woken for nothing at {wake}"
        return instructions

    def wait(self, seconds: float) -> list[do.Instruction]:
        """Let time pass, with a tick whenever the machine asks for one."""
        until, instructions = self.now + seconds, []
        while (wake := self.state.next_wake()) is not None and wake <= until:
            instructions += self.tick()
        self.now = until
        return instructions

    # -- the life of a node, step by step ---------------------------------------------------

    def start(self, undelivered: Sequence[Finished] = ()) -> list[do.Instruction]:
        """The process starts and calibrates at once."""
        instructions = self.send(on.Started, undelivered=tuple(undelivered))
        return instructions + self.send(
            on.Calibrated, engine="combat", speed=SPEED, versions={"combat": "1.0.0"}
        )

    def show_code(self, code: str = "ABC234", expires_in: float = 900.0) -> list[do.Instruction]:
        """The server knows the node and waits for its owner."""
        answer = RegistrationAnswer("node-1", claim_code=code, claim_code_expires_at=EXPIRY)
        return self.send(on.Registered, answer=answer, code_expires_in=expires_in)

    def register_claimed(self, max_parallel: int = 2) -> list[do.Instruction]:
        """The server knows the node and its owner."""
        answer = RegistrationAnswer("node-1", claimed=True, name="atlas", max_parallel=max_parallel)
        return self.send(on.Registered, answer=answer)

    def give_token(
        self,
        token: str = "token-1",  # noqa: S107
        topic: str = "node:node-1",
        expires_in: float = 3600.0,
    ) -> list[do.Instruction]:
        """The server gives a token."""
        return self.send(on.TokenReceived, token=token, topic=topic, expires_in=expires_in)

    def answer_heartbeat(
        self, *, max_parallel: int = 2, paused: bool = False, **fields: Any
    ) -> list[do.Instruction]:
        """The server answers a heartbeat."""
        settings = NodeSettings(max_parallel=max_parallel, name="atlas", paused=paused)
        return self.send(on.HeartbeatAnswered, answer=HeartbeatAnswer(settings, **fields))

    def answer_exchange(
        self,
        *chunks: Chunk,
        outcomes: dict[int, OutcomeName] | None = None,
        cancelled: tuple[str, ...] = (),
        next_poll_ms: int | None = None,
        required_version: str | None = None,
    ) -> list[do.Instruction]:
        """The server answers an exchange."""
        answers = tuple(
            Outcome(chunk(number).chunk_id, outcome) for number, outcome in (outcomes or {}).items()
        )
        answer = ExchangeAnswer(answers, chunks, cancelled, next_poll_ms, required_version)
        return self.send(on.Exchanged, answer=answer)

    def end(self, number: int, end: str = "completed", **fields: Any) -> list[do.Instruction]:
        """A worker is done with that chunk."""
        if end == "completed":
            fields = {"result": {"iterations": 100}, "seconds": 0.1, **fields}
        return self.send(on.ChunkEnded, ended=Ended(chunk(number).chunk_id, end, **fields))  # type: ignore[arg-type]

    def fail(self, request: str, kind: str = "transient", **fields: Any) -> list[do.Instruction]:
        """A request fails."""
        fields = {"message": "no answer", **fields}
        return self.send(on.RequestFailed, request=request, kind=kind, **fields)

    def run(self, *, max_parallel: int = 2) -> Machine:
        """Bring the node to where it works: claimed, subscribed, with its settings, idle."""
        self.start()
        self.register_claimed(max_parallel)
        self.give_token()
        self.send(on.Subscribed)
        self.answer_heartbeat(max_parallel=max_parallel)
        self.answer_exchange()
        self.send(on.UnitsListed, units=())
        assert self.is_in("running")
        self.done.clear()
        return self

    def work_on(self, *numbers: int) -> Machine:
        """Give the node these chunks by push."""
        self.send(on.ChunksPushed, chunks=tuple(chunk(number) for number in numbers))
        return self


def of(kind: type[Kind], instructions: Sequence[do.Instruction]) -> list[Kind]:
    """The instructions of one kind."""
    return [item for item in instructions if isinstance(item, kind)]


def only(kind: type[Kind], instructions: Sequence[do.Instruction]) -> Kind:
    """The one instruction of a kind."""
    found = of(kind, instructions)
    assert len(found) == 1, instructions
    return found[0]


def told(instructions: Sequence[do.Instruction]) -> list[str]:
    """The actions of the events that were told."""
    return [item.event.action for item in of(do.Tell, instructions)]


def event(action: str, instructions: Sequence[do.Instruction]) -> Event:
    """The one event with this action."""
    found = [item.event for item in of(do.Tell, instructions) if item.event.action == action]
    assert len(found) == 1, told(instructions)
    return found[0]
