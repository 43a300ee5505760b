"""GET network-stats: what the whole network offers right now, for anybody."""

import asyncio
import hashlib
import json
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Header, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from _shared.database import SERVICE
from _shared.routing import router as make_router
from _shared.services import Services, WithServices

ALIASES = ("/api/v1/network/stats",)
FRESH_SECONDS = 5

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


@dataclass
class Cache:
    """The last answer, so that a crowd of readers costs the database one call."""

    body: dict[str, Any] | None = None
    until: float = 0.0
    pending: asyncio.Task[dict[str, Any]] | None = None

    async def read(self, services: Services) -> dict[str, Any]:
        """Return the statistics, at most a few seconds old."""
        if self.body is not None and services.timer() < self.until:
            return self.body
        if self.pending is None or self.pending.done():
            self.pending = asyncio.create_task(self._refresh(services), name="network statistics")
        # One reader who goes away must not take the answer from the others.
        return await asyncio.shield(self.pending)

    async def _refresh(self, services: Services) -> dict[str, Any]:
        self.body = await _query(services)
        self.until = services.timer() + FRESH_SECONDS
        return self.body


async def _query(services: Services) -> dict[str, Any]:
    async with services.database.transaction(SERVICE) as transaction:
        row = await transaction.call("public.get_network_stats")
    return Statistics(data=Totals.model_validate(row)).model_dump()


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
    body = await services.cache(Cache).read(services)
    etag = '"' + hashlib.sha256(json.dumps(body).encode()).hexdigest()[:32] + '"'
    headers = {"ETag": etag, "Cache-Control": f"public, max-age={FRESH_SECONDS}"}
    if matches(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    return JSONResponse(body, headers=headers)


def matches(condition: str | None, etag: str) -> bool:
    """Tell whether an If-None-Match names this ETag (weakly compared, RFC 9110)."""
    candidates = [item.strip().removeprefix("W/") for item in (condition or "").split(",")]
    return etag in candidates or "*" in candidates
