"""The node's questions to its pool, and the stimuli that their answers or failures are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import httpx
import psutil

from node import instructions as do
from node import stimuli as on
from node.errors import PoolRefusalError, PoolUnavailableError, UnauthorizedError
from node.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from node.hardware.sensors import Reading
    from node.model import UnitReport
    from node.queries import Queries
    from node.sentinel import Sentinel

INVALID: Final = frozenset({400, 413, 422})  # asking again cannot help
_NAMES: Final[Mapping[type[do.Request], on.Request]] = {
    do.Register: "register",
    do.FetchToken: "token",
    do.CheckClaim: "claim",
    do.SendHeartbeat: "heartbeat",
    do.Exchange: "exchange",
    do.ListUnits: "units",
}


class Machine(Protocol):
    """What a machine tells of itself."""

    def registration(self) -> Mapping[str, Any]:
        """The body of node-register."""

    def reading(self, device_id: str) -> Reading | None:
        """How a device feels, None where nobody has looked yet."""


class Requests:
    """Sends what the state machine asks for, with what only the machine itself can tell.

    `now` gives its monotonic time, `machine` what it is and how its devices feel.
    """

    def __init__(
        self,
        machine: Machine,
        sentinel: Sentinel,
        queries: Queries,
        now: Callable[[], float],
    ) -> None:
        self._machine = machine
        self._sentinel = sentinel
        self._queries = queries
        self._now = now

    async def answer(self, request: do.Request) -> on.Stimulus:
        """Send one request. What comes of it, also a failure, is a stimulus."""
        try:
            return await self._send(request)
        except (PoolUnavailableError, PoolRefusalError) as error:
            return on.RequestFailed(
                at=self._now(),
                request=_NAMES[type(request)],
                kind=_kind_of(error),
                message=str(error),
                advice=error.advice,
                retry_after=getattr(error, "retry_after", 0.0),
            )

    async def _send(self, request: do.Request) -> on.Stimulus:
        match request:
            case do.Register():
                return await self._register()
            case do.FetchToken():
                return await self._fetch_token()
            case do.CheckClaim(node_id):
                return await self._check_claim(node_id)
            case do.SendHeartbeat():
                return await self._heartbeat(request)
            case do.Exchange():
                return await self._exchange(request)
            case do.ListUnits():
                return on.UnitsListed(at=self._now(), units=await self._queries.units())

    async def _register(self) -> on.Stimulus:
        answer = await self._sentinel.register(self._machine.registration())
        expires = answer.claim_code_expires_at
        code_expires_in = None if expires is None else expires.timestamp() - self._sentinel.now()
        return on.Registered(at=self._now(), answer=answer, code_expires_in=code_expires_in)

    async def _fetch_token(self) -> on.Stimulus:
        token = await self._sentinel.token()
        return on.TokenReceived(
            at=self._now(),
            token=token.access_token,
            topic=token.topic,
            expires_in=token.expires_at.timestamp() - self._sentinel.now(),
        )

    async def _check_claim(self, node_id: str) -> on.Stimulus:
        claimed = await self._queries.is_claimed(node_id)
        return on.ClaimChecked(at=self._now(), node_id=node_id, claimed=claimed)

    async def _heartbeat(self, instruction: do.SendHeartbeat) -> on.Stimulus:
        status: dict[str, Any] = {
            "version": VERSION,
            "engines": dict(instruction.engines),
            "running": instruction.running,
            "free_workers": instruction.free_workers,
            "load": psutil.getloadavg()[0],
            "iterations_per_second": instruction.iterations_per_second,
        }
        if instruction.units:
            status["units"] = [self._report(unit) for unit in instruction.units]
        if instruction.acknowledged:
            status["acknowledged"] = instruction.acknowledged
        answer = await self._queries.node_heartbeat(status)
        return on.HeartbeatAnswered(at=self._now(), answer=answer)

    def _report(self, unit: UnitReport) -> dict[str, Any]:
        """What a unit does, with what its sensors say."""
        reading = self._machine.reading(unit.device_id)
        fields = {
            "unit_id": unit.unit_id,
            "status": unit.status,
            "current_task_id": unit.current_task_id,
            "current_load_percent": reading and reading.load_percent,
            "temperature_celsius": reading and reading.temperature_celsius,
            "power_draw_watts": reading and reading.power_draw_watts,
            "vram_used_mb": reading and reading.vram_used_mb,
        }
        return {name: value for name, value in fields.items() if value is not None}

    async def _exchange(self, instruction: do.Exchange) -> on.Stimulus:
        answer = await self._queries.exchange_chunks(
            instruction.finished, instruction.slots, instruction.running
        )
        return on.Exchanged(at=self._now(), answer=answer)


def _kind_of(error: PoolUnavailableError | PoolRefusalError) -> on.FailureKind:
    match error:
        case PoolUnavailableError():
            return "transient"
        case UnauthorizedError():
            return "unauthorized"
        case PoolRefusalError(status=httpx.codes.FORBIDDEN):
            return "forbidden"
        case PoolRefusalError(status=status) if status in INVALID:
            return "invalid"
    return "refused"
