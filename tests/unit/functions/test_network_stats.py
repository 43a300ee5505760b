"""GET network-stats and GET health."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from _shared import __version__

if TYPE_CHECKING:
    from tests.unit.functions.support import Pool

PATH = "/functions/v1/network-stats"
ALIAS = "/api/v1/network/stats"
HEALTH = "/functions/v1/health"
ROW = {
    "active_nodes": 2,
    "total_ram_gb": 48.5,
    "total_cpu_cores": 24,
    "total_storage_gb": 1000.0,
    "total_compute_score": 267.0,
}


@pytest.fixture
def stats_pool(pool: Pool) -> Pool:
    """Return handlers whose database knows the statistics."""
    pool.database.answers["public.get_network_stats"] = ROW
    return pool


@pytest.mark.parametrize("path", [PATH, ALIAS])
async def test_anybody_may_read(stats_pool: Pool, path: str) -> None:
    """The statistics need no key, at either path."""
    response = await stats_pool.client.get(path)
    assert response.status_code == 200
    assert response.json() == {"success": True, "data": ROW}
    assert response.headers["cache-control"] == "public, max-age=1"


async def test_unchanged_statistics_are_304(stats_pool: Pool) -> None:
    """Who names the ETag they have gets 304 without a body, and the same headers."""
    etag = (await stats_pool.client.get(PATH)).headers["etag"]
    for condition in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        response = await stats_pool.client.get(PATH, headers={"if-none-match": condition})
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["etag"] == etag
        assert "max-age" in response.headers["cache-control"]


async def test_changed_statistics_have_another_etag(stats_pool: Pool) -> None:
    """After the second of the cache a change is seen, under another ETag."""
    etag = (await stats_pool.client.get(PATH)).headers["etag"]
    stats_pool.database.answers["public.get_network_stats"] = {**ROW, "active_nodes": 3}
    stats_pool.timer.now += 1
    response = await stats_pool.client.get(PATH, headers={"if-none-match": etag})
    assert response.status_code == 200
    assert response.json()["data"]["active_nodes"] == 3


async def test_crowd_costs_one_query(stats_pool: Pool) -> None:
    """However many ask at once or within a second, the database is asked once."""
    await asyncio.gather(*(stats_pool.client.get(PATH) for _ in range(20)))
    stats_pool.timer.now += 0.9
    await stats_pool.client.get(ALIAS)
    assert stats_pool.database.names() == ["public.get_network_stats"]


async def test_crowd_shares_a_failure(stats_pool: Pool) -> None:
    """When the database is away, all who wait hear so from one attempt, and the next is new."""
    stats_pool.database.is_down = True
    answers = await asyncio.gather(*(stats_pool.client.get(PATH) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {503}
    stats_pool.database.is_down = False
    assert (await stats_pool.client.get(PATH)).status_code == 200


async def test_health(pool: Pool) -> None:
    """A healthy server says its version and how fast its database answers."""
    response = await pool.client.get(HEALTH)
    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "version": __version__,
        "database": {"ok": True, "latency_ms": 1.5},
    }
    assert response.headers["cache-control"] == "no-store"


async def test_health_without_a_database(pool: Pool) -> None:
    """Without its database the server is unavailable, and still says what works."""
    pool.database.is_down = True
    response = await pool.client.get(HEALTH)
    assert response.status_code == 503
    assert response.json() == {
        "success": False,
        "error": "The server cannot answer right now; try again shortly.",
        "code": "UNAVAILABLE",
        "details": {},
        "status": "unavailable",
        "version": __version__,
        "database": {"ok": False, "latency_ms": None},
    }
    assert response.headers["retry-after"] == "2"
