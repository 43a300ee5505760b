"""The doctor: each thing that can be wrong is found, and what to fix is said."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import asdict, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from node import doctor
from node.auth import NodeKey
from node.config import Settings
from node.daemon import key_path
from node.doctor import Finding, PoolExamination, check_engine, check_machine, join_topic
from node.model import Token
from node.realtime import Lost
from node.session import Session
from node.settings_file import write_private
from tests.unit.node.engines import CountingEngine
from tests.unit.node.terminal import NOW, POOL, FakePool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEALTH, STATS, TOKEN = (
    "/functions/v1/health",
    "/rest/v1/rpc/get_network_stats",
    "/functions/v1/node-token",
)
HEALTHY = {"status": "ok", "version": "1.2.3", "database": {"ok": True, "latency_ms": 0.5}}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a machine with nothing wrong."""
    return Settings(
        url=POOL,
        data_dir=tmp_path / "data",
        config_path=tmp_path / "node.toml",
        access_token="user-token",
    )


@pytest.fixture
def pool() -> FakePool:
    """A pool with nothing wrong."""
    pool = FakePool()
    pool.on("GET", HEALTH, healthy())
    pool.on("POST", STATS, [{"active_nodes": 3}])
    token = {
        "accessToken": "t",
        "expiresAt": datetime.fromtimestamp(NOW + 3600, UTC).isoformat(),
        "nodeId": "00000000-0000-4000-8000-000000000001",
        "topic": "node:00000000-0000-4000-8000-000000000001",
    }
    pool.on("POST", TOKEN, token)
    return pool


def healthy(skew: float = 0, status: int = 200, **changes: Any) -> httpx.Response:
    """The answer of health by a pool whose clock is `skew` seconds behind."""
    moment = format_datetime(datetime.fromtimestamp(NOW - skew, UTC), usegmt=True)
    return httpx.Response(status, json={**HEALTHY, **changes}, headers={"Date": moment})


async def joins(_settings: Settings, _token: Token) -> str | None:
    """Realtime that lets everybody in."""
    return None


async def refuses(_settings: Settings, _token: Token) -> str | None:
    """Realtime that lets nobody in."""
    return "Unauthorized: You do not have permissions"


async def examine(settings: Settings, pool: FakePool, join: Any = joins) -> dict[str, Finding]:
    """What the checks of the pool find, by check."""
    findings: list[Finding] = []
    examination = PoolExamination(settings, httpx.MockTransport(pool), lambda: NOW, join)
    await examination.run(findings.append)
    return {finding.check: finding for finding in findings}


def registered(settings: Settings) -> None:
    """Give the machine a key, as the first start does."""
    NodeKey.load_or_create(key_path(settings.data_dir))


async def test_a_healthy_pool_passes(settings: Settings, pool: FakePool) -> None:
    """With nothing wrong every check is ok and has nothing to fix."""
    registered(settings)
    findings = await examine(settings, pool)
    assert list(findings) == [
        "server",
        "clock",
        "database",
        "publishable key",
        "registration",
        "Realtime",
        "user",
    ]
    assert {finding.health for finding in findings.values()} == {"ok"}
    assert all(finding.fix is None for finding in findings.values())


async def test_a_new_machine_is_well(settings: Settings, pool: FakePool) -> None:
    """A machine that never ran has no key and no registration, and that is no fault."""
    findings = await examine(settings, pool)
    assert findings["registration"].health == "ok"
    assert "Realtime" not in findings
    assert not key_path(settings.data_dir).exists()


async def test_a_silent_server_is_found(settings: Settings, pool: FakePool) -> None:
    """Where nothing answers there is one finding, not seven."""
    pool.silent = True
    findings = await examine(settings, pool)
    assert list(findings) == ["server"]
    assert findings["server"].health == "fail"
    assert "--pool" in str(findings["server"].fix)


async def test_a_dead_database_is_found(settings: Settings, pool: FakePool) -> None:
    """A server without its database says so itself."""
    database = {"ok": False, "latency_ms": None}
    pool.on("GET", HEALTH, healthy(status=503, database=database, error="No database."))
    findings = await examine(settings, pool)
    assert findings["server"].found == "pool.test says: No database."
    assert findings["database"].health == "fail"
    assert "Postgres" in str(findings["database"].fix)


async def test_another_server_is_found(settings: Settings, pool: FakePool) -> None:
    """Something else at the address is no pool."""
    pool.on("GET", HEALTH, httpx.Response(404, text="<html>"))
    findings = await examine(settings, pool)
    assert findings["server"].found == "pool.test says: HTTP 404"


@pytest.mark.parametrize(
    ("skew", "health"), [(0, "ok"), (-4, "ok"), (30, "warn"), (-299, "warn"), (301, "fail")]
)
async def test_a_wrong_clock_is_found(
    settings: Settings, pool: FakePool, skew: float, health: str
) -> None:
    """A little is tolerated, more is told, and what signatures do not survive fails."""
    pool.on("GET", HEALTH, healthy(skew))
    clock = (await examine(settings, pool))["clock"]
    assert clock.health == health
    assert (clock.fix is None) == (health == "ok")
    if skew > 5:
        assert clock.found == f"{skew} s ahead of the pool's"


async def test_a_wrong_publishable_key_is_found(settings: Settings, pool: FakePool) -> None:
    """A key that the gateway refuses is told apart from a pool without a schema."""
    pool.on("POST", STATS, {"message": "Invalid API key"}, status=401)
    key = (await examine(settings, pool))["publishable key"]
    assert (key.health, key.found) == ("fail", "refused: Invalid API key")
    assert "--key" in str(key.fix)


async def test_a_pool_without_schema_is_found(settings: Settings, pool: FakePool) -> None:
    """A function that is not there means that nobody deployed the schema."""
    pool.on("POST", STATS, {"code": "PGRST202", "message": "no function"}, status=404)
    key = (await examine(settings, pool))["publishable key"]
    assert key.health == "fail"
    assert "supabase db push" in str(key.fix)


async def test_an_unknown_node_is_found(settings: Settings, pool: FakePool) -> None:
    """A key that the pool does not know gets no token; Realtime is not tried then."""
    registered(settings)
    envelope = {"success": False, "error": "Unknown node.", "code": "UNAUTHORIZED", "details": {}}
    pool.on("POST", TOKEN, envelope, status=401)
    findings = await examine(settings, pool)
    assert findings["registration"].health == "fail"
    assert "registers it" in str(findings["registration"].fix)
    assert "Realtime" not in findings


async def test_a_broken_token_handler_is_found(settings: Settings, pool: FakePool) -> None:
    """Any other failure of the handler is told in its own words."""
    registered(settings)
    pool.on("POST", TOKEN, {"error": "Broken."}, status=500)
    assert (await examine(settings, pool))["registration"].found == "Broken."


async def test_closed_realtime_is_found(settings: Settings, pool: FakePool) -> None:
    """A topic that cannot be joined fails, with the reason."""
    registered(settings)
    realtime = (await examine(settings, pool, refuses))["Realtime"]
    assert realtime.health == "fail"
    assert "You do not have permissions" in realtime.found
    assert "websockets" in str(realtime.fix)


class FakeSubscription:
    """A topic that answers as the test wants."""

    lost: Lost | None = None

    def __init__(self, _url: str, _key: str, topic: str, _deliver: object) -> None:
        assert topic == "node:n1"

    async def run(self, _token: str, on_joined: Callable[[], None]) -> Lost:
        """Be refused, or joined for as long as wanted."""
        if self.lost is None:
            on_joined()
            await asyncio.Event().wait()
        return self.lost or Lost("never")


@pytest.mark.parametrize("lost", [None, Lost("Unauthorized: no")])
async def test_joining_leaves_nothing_behind(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, lost: Lost | None
) -> None:
    """The topic is joined and left again, or the reason is told; no task stays."""
    monkeypatch.setattr(FakeSubscription, "lost", lost)
    monkeypatch.setattr(doctor, "Subscription", FakeSubscription)
    token = Token("t", datetime.fromtimestamp(NOW, UTC), "n1", "node:n1")
    before = asyncio.all_tasks()
    assert await join_topic(settings, token) == (lost and lost.reason)
    assert asyncio.all_tasks() == before


async def test_a_user_whose_session_cannot_be_renewed_is_found(
    settings: Settings, pool: FakePool
) -> None:
    """A session that has ended is a warning, a pool that cannot renew it a failure."""
    expired = Session(POOL, "me@example.org", "u1", "a1", "r1", NOW)
    write_private(settings.session_path, json.dumps(asdict(expired)))
    nobody = replace(settings, access_token=None)
    pool.on("POST", "/auth/v1/token", {"message": "used"}, status=400)
    assert (await examine(nobody, pool))["user"].found == "your session has ended"
    pool.on("POST", "/auth/v1/token", {"message": "down"}, status=503)
    assert (await examine(nobody, pool))["user"].health == "fail"


async def test_a_user_is_named(settings: Settings, pool: FakePool) -> None:
    """Whoever is signed in is told."""
    session = Session(POOL, "me@example.org", "u1", "a1", "r1", NOW + 3600)
    write_private(settings.session_path, json.dumps(asdict(session)))
    findings = await examine(replace(settings, access_token=None), pool)
    assert findings["user"].found == "signed in as me@example.org"


async def test_nobody_signed_in_is_a_warning(settings: Settings, pool: FakePool) -> None:
    """A node needs no user; submitting does."""
    user = (await examine(replace(settings, access_token=None), pool))["user"]
    assert user.health == "warn"
    assert "login" in str(user.fix)


def machine(settings: Settings) -> dict[str, Finding]:
    """What the checks of the machine find, by check."""
    return {finding.check: finding for finding in check_machine(settings)}


def test_a_healthy_machine_passes(settings: Settings) -> None:
    """Settings, directory, key and cores of this machine are fine, with or without a key."""
    assert {finding.health for finding in machine(settings).values()} == {"ok"}
    registered(settings)
    assert machine(settings)["key"].health == "ok"
    assert "mode 0600" in machine(settings)["key"].found


def test_notices_are_findings(settings: Settings) -> None:
    """What was strange about the settings is told again."""
    finding = machine(replace(settings, notices=("SIMPOOL_POL is not a setting",)))["settings"]
    assert (finding.health, finding.found) == ("warn", "SIMPOOL_POL is not a setting")


def test_a_key_that_others_can_read_is_found(settings: Settings) -> None:
    """A loose mode is a failure with the command that mends it."""
    registered(settings)
    path = key_path(settings.data_dir)
    path.chmod(0o644)
    finding = machine(settings)["key"]
    assert finding.health == "fail"
    assert finding.fix == f"Run: chmod 600 {path}"


def test_a_damaged_key_is_found(settings: Settings) -> None:
    """A file that is no key is a failure, and is not replaced."""
    registered(settings)
    key_path(settings.data_dir).write_text("short\n")
    assert machine(settings)["key"].health == "fail"
    assert key_path(settings.data_dir).read_text() == "short\n"


def test_a_directory_that_cannot_be_written_is_found(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that cannot keep its key and results cannot run."""
    monkeypatch.setattr("os.access", lambda *_: False)
    finding = machine(settings)["data directory"]
    assert finding.health == "fail"
    assert "--data-dir" in str(finding.fix)


def test_a_full_disk_is_found(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Little room is a warning."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
    assert machine(settings)["data directory"].health == "warn"


def test_more_workers_than_cores_are_found(settings: Settings) -> None:
    """Asking for more workers than the machine can feed is a warning."""
    finding = machine(replace(settings, max_parallel=4000))["cores"]
    assert finding.health == "warn"
    assert "max_parallel" in str(finding.fix)


def test_an_engine_that_does_not_compile_is_found(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the compiler says is the finding, not a crash."""

    def broken(*_: object) -> object:
        raise RuntimeError("LLVM is too old")

    monkeypatch.setattr(doctor, "load_engine", broken)
    finding = check_engine(settings)
    assert (finding.health, finding.found) == ("fail", "RuntimeError: LLVM is too old")
    assert "numba" in str(finding.fix)


@pytest.mark.parametrize(
    ("version", "answer", "health"),
    [("1", "right", "ok"), ("1", "wrong", "fail"), ("2", "right", "warn")],
)
def test_an_engine_that_answers_wrong_is_found(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, version: str, answer: str, health: str
) -> None:
    """A machine that computes otherwise than others must not be a node."""
    engine = CountingEngine()
    engine.version = version
    monkeypatch.setattr(doctor, "load_engine", lambda *_: engine)
    monkeypatch.setattr(doctor, "answer_of", lambda _: answer)
    monkeypatch.setattr(doctor, "KNOWN_ANSWERS", {("combat", "1"): "right"})
    finding = check_engine(settings)
    assert finding.health == health
    assert (finding.fix is None) == (health == "ok")
