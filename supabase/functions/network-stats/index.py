"""GET network-stats: what the whole network offers right now, for anybody."""

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Annotated

from fastapi import Header, Response
from pydantic import BaseModel

from _shared.database import SERVICE
from _shared.routing import router as make_router
from _shared.services import Services, WithServices

ALIASES = ("/api/v1/network/stats",)
#: An answer is at most this old, and as long again in caches between us and the reader.
FRESH_SECONDS = 1

router = make_router()


class Totals(BaseModel):
    """The sums over all active devices."""

    active_nodes: int
    total_ram_gb: float
    total_cpu_cores: int
    total_storage_gb: float
    total_compute_score: float


class Statistics(BaseModel):
    """The statistics of the network."""

    success: bool = True
    data: Totals


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer ready to be sent, as often as it is asked for."""

    content: bytes
    headers: dict[str, str]


@dataclass
class Cache:
    """The last answer, so that a crowd of readers costs the database one call a second."""

    answer: Answer | None = None
    until: float = 0.0
    pending: asyncio.Task[Answer] | None = None

    async def read(self, services: Services) -> Answer:
        """Return the answer, at most a second old; all who find it too old wait for one call."""
        if self.answer is not None and services.timer() < self.until:
            return self.answer
        if self.pending is None or self.pending.done():
            self.pending = asyncio.create_task(self._refresh(services), name="network statistics")
        # One reader who goes away must not take the answer from the others.
        return await asyncio.shield(self.pending)

    async def _refresh(self, services: Services) -> Answer:
        asked_at = services.timer()
        self.answer = _answer(await _query(services))
        self.until = asked_at + FRESH_SECONDS
        return self.answer


def _answer(statistics: Statistics) -> Answer:
    # Equal statistics have equal tags, whichever replica is asked.
    content = statistics.model_dump_json().encode()
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return Answer(content, {"ETag": etag, "Cache-Control": f"public, max-age={FRESH_SECONDS}"})


async def _query(services: Services) -> Statistics:
    async with services.database.transaction(SERVICE) as transaction:
        row = await transaction.call("public.get_network_stats")
    return Statistics(data=Totals.model_validate(row))


@router.get(
    "",
    name="network_stats",
    summary="Read the network's statistics",
    response_model=Statistics,
    responses={304: {"description": "Nothing has changed since the ETag given."}},
)
async def read(
    services: WithServices, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """Return the sums over all devices seen in the last five minutes."""
    answer = await services.cache(Cache).read(services)
    if matches(if_none_match, answer.headers["ETag"]):
        return Response(status_code=304, headers=answer.headers)
    return Response(answer.content, headers=answer.headers, media_type="application/json")


def matches(condition: str | None, etag: str) -> bool:
    """Tell whether an If-None-Match names this ETag (weakly compared, RFC 9110)."""
    candidates = [item.strip().removeprefix("W/") for item in (condition or "").split(",")]
    return etag in candidates or "*" in candidates
