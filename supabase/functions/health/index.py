"""GET health: whether this server and its database answer."""

from typing import Any

from fastapi import Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from _shared import __version__
from _shared.errors import UnavailableError
from _shared.routing import router as make_router
from _shared.services import WithServices

router = make_router()


class DatabaseHealth(BaseModel):
    """Whether the database answers, and how fast."""

    ok: bool
    latency_ms: float | None


class Health(BaseModel):
    """The state of this server."""

    status: str
    version: str
    database: DatabaseHealth


@router.get("", name="health", summary="Read the state of the server", response_model=Health)
async def health(services: WithServices) -> Response:
    """Return 200 when everything answers; else 503, which also says what does not."""
    try:
        latency = await services.database.ping()
    except UnavailableError as error:
        body: dict[str, Any] = error.envelope() | _state("unavailable", None)
        return JSONResponse(body, error.status, error.headers)
    return JSONResponse(_state("ok", round(latency, 2)))


def _state(status: str, latency_ms: float | None) -> dict[str, Any]:
    database = DatabaseHealth(ok=latency_ms is not None, latency_ms=latency_ms)
    return Health(status=status, version=__version__, database=database).model_dump()
