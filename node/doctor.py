"""Everything a node needs, checked one by one, each with what to fix."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import httpx

from node.auth import NodeKey
from node.client import PoolClient
from node.daemon import key_path
from node.errors import (
    IdentityError,
    NodeError,
    PoolUnavailableError,
    SignInError,
    UnauthorizedError,
)
from node.hardware import detect_hardware
from node.http import http_date, new_client
from node.known_answers import ENGINE, KNOWN_ANSWERS, answer_of
from node.realtime import Subscription
from node.sentinel import Sentinel
from node.session import Sessions
from node.simulation import load_engine

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from node.config import Settings
    from node.model import Token

Health = Literal["ok", "warn", "fail"]
SMALL_SKEW, TOLERATED_SKEW = 5.0, 300.0
SLOW_ANSWER_MS = 1_000.0
LITTLE_DISK = 500 * 1024**2
MEBIBYTE = 1024**2
JOIN_TIMEOUT = 15.0
UPDATE = "Use a released version of the node where results matter."


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, and what to do about it."""

    check: str
    health: Health
    found: str
    fix: str | None = None


def check_machine(settings: Settings) -> Iterator[Finding]:
    """What can be said without the pool."""
    yield _settings(settings)
    yield _directory(settings.data_dir)
    yield _key(key_path(settings.data_dir))
    yield _cores(settings)


def _settings(settings: Settings) -> Finding:
    place = settings.config_path if settings.config_path.is_file() else "no settings file"
    source = settings.sources.get("url", "default")
    found = f"{place}; pool {settings.url} ({source})"
    if settings.notices:
        return Finding("settings", "warn", "; ".join(settings.notices), "Correct the setting.")
    return Finding("settings", "ok", found)


def _directory(path: Path) -> Finding:
    existing = path
    while not existing.exists():
        existing = existing.parent
    if not os.access(existing, os.W_OK | os.X_OK):
        return Finding(
            "data directory",
            "fail",
            f"{path} cannot be written",
            "Make it yours (chown), or name another one with --data-dir.",
        )
    free = shutil.disk_usage(existing).free
    if free < LITTLE_DISK:
        fix = "Free some space: finished results wait there while the pool does not answer."
        return Finding("data directory", "warn", f"{free // MEBIBYTE} MiB free in {path}", fix)
    return Finding("data directory", "ok", f"{path}, {free // MEBIBYTE // 1024} GiB free")


def _key(path: Path) -> Finding:
    if not path.exists():
        return Finding("key", "ok", f"none yet: the first start makes {path}")
    try:
        key = NodeKey.load_or_create(path)
    except IdentityError as error:
        return Finding("key", "fail", str(error), error.advice)
    return Finding("key", "ok", f"{key.public_key[:12]}…, mode {_mode(path)}, in {path}")


def _mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):04o}"


def _cores(settings: Settings) -> Finding:
    hardware = detect_hardware(settings.data_dir)
    total, wanted = hardware.cores.total, settings.max_parallel
    found = f"{hardware.cpu.name}: {total} usable, {hardware.cores.optimal} workers by default"
    if wanted is not None and wanted > total:
        fix = f"Set max_parallel to {total} or less: more workers than cores only share them."
        return Finding("cores", "warn", f"{found}, but {wanted} wanted", fix)
    return Finding("cores", "ok", found)


async def join_topic(settings: Settings, token: Token) -> str | None:
    """Join the topic of a node and leave it again; returns what was in the way."""
    joined = asyncio.Event()
    subscription = Subscription(
        settings.url, settings.publishable_key, token.topic, lambda _event, _payload: None
    )
    listening = asyncio.create_task(
        subscription.run(token.access_token, joined.set), name="doctor joins"
    )
    waiting = asyncio.create_task(joined.wait(), name="doctor waits to be joined")
    await asyncio.wait(
        {listening, waiting}, timeout=JOIN_TIMEOUT, return_when=asyncio.FIRST_COMPLETED
    )
    lost = listening.result() if listening.done() else None
    for task in (listening, waiting):
        task.cancel()
    await asyncio.gather(listening, waiting, return_exceptions=True)
    if joined.is_set():
        return None
    return lost.reason if lost else f"no answer in {JOIN_TIMEOUT:.0f} s"


class PoolExamination:
    """The checks that need the pool; each is made only if the one before it leaves hope."""

    def __init__(
        self,
        settings: Settings,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.time,
        join: Callable[[Settings, Token], Awaitable[str | None]] = join_topic,
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._clock = clock
        self._join = join

    async def run(self, tell: Callable[[Finding], None]) -> None:
        """Tell what each check found."""
        try:
            response, asked_for = await self._ask_health()
        except NodeError as error:
            tell(Finding("server", "fail", str(error), error.advice))
            return
        tell(_server(response, asked_for))
        tell(_clock(response, self._clock()))
        tell(_database(response))
        tell(await self._publishable_key())
        token, finding = await self._token()
        tell(finding)
        if token is not None:
            tell(await self._realtime(token))
        tell(await self._user())

    async def _ask_health(self) -> tuple[httpx.Response, float]:
        started = time.perf_counter()
        async with PoolClient(self._settings, transport=self._transport) as client:
            response = await client.ask("GET", "/functions/v1/health")
        return response, (time.perf_counter() - started) * 1000

    async def _publishable_key(self) -> Finding:
        """Whether the database answers a visitor who holds the key."""
        try:
            async with PoolClient(self._settings, transport=self._transport) as client:
                stats = await client.rpc("get_network_stats")
        except SignInError as error:
            fix = "Set the publishable key of the pool with --key (python -m local keys shows it)."
            return Finding("publishable key", "fail", f"refused: {error}", fix)
        except NodeError as error:
            fix = "The pool lacks its schema: deploy it with `supabase db push`."
            return Finding("publishable key", "fail", str(error), error.advice or fix)
        row = stats[0] if isinstance(stats, list) and stats else stats
        active = row.get("active_nodes") if isinstance(row, dict) else None
        return Finding("publishable key", "ok", f"accepted; {active} nodes are active")

    async def _token(self) -> tuple[Token | None, Finding]:
        path = key_path(self._settings.data_dir)
        if not path.exists():
            return None, Finding("registration", "ok", "not yet: the first start registers it")
        settings = self._settings
        async with self._http() as http:
            try:
                key = NodeKey.load_or_create(path)
                handlers = (settings.handlers_url, settings.publishable_key)
                token = await Sentinel(http, key, *handlers, clock=self._clock).token()
            except UnauthorizedError as error:
                fix = f"{error.advice} If this node was unregistered: python -m node registers it."
                return None, Finding("registration", "fail", str(error), fix)
            except NodeError as error:
                return None, Finding("registration", "fail", str(error), error.advice)
        return token, Finding("registration", "ok", f"node {token.node_id} gets its token")

    def _http(self) -> httpx.AsyncClient:
        if self._transport is None:
            return new_client(self._settings.request_timeout)
        return httpx.AsyncClient(transport=self._transport)

    async def _realtime(self, token: Token) -> Finding:
        started = time.perf_counter()
        trouble = await self._join(self._settings, token)
        took = (time.perf_counter() - started) * 1000
        if trouble is None:
            return Finding("Realtime", "ok", f"{token.topic} joined in {took:.0f} ms")
        fix = (
            "A node works without it, but asks for work only now and then. Let websockets "
            "through to the pool, and check its policies on realtime.messages."
        )
        return Finding("Realtime", "fail", trouble, fix)

    async def _user(self) -> Finding:
        sessions = Sessions(self._settings, self._transport, self._clock)
        try:
            await sessions.token()
            who = "the user of SIMPOOL_ACCESS_TOKEN"
            if self._settings.access_token is None:
                who = sessions.load().email
        except SignInError as error:
            fix = f"Needed only to submit and to claim. {error.advice}"
            return Finding("user", "warn", str(error), fix)
        except PoolUnavailableError as error:
            return Finding("user", "fail", str(error), error.advice)
        return Finding("user", "ok", f"signed in as {who}")


def _server(response: httpx.Response, took_ms: float) -> Finding:
    body = _object(response)
    if not response.is_success:
        said = body.get("error") or f"HTTP {response.status_code}"
        fix = "Look at the logs of the handlers, and check that --pool is right."
        return Finding("server", "fail", f"{response.url.host} says: {said}", fix)
    found = f"version {body.get('version', 'unknown')}, answers in {took_ms:.0f} ms"
    if took_ms > SLOW_ANSWER_MS:
        return Finding("server", "warn", found, "The network or the server is slow.")
    return Finding("server", "ok", found)


def _clock(response: httpx.Response, now: float) -> Finding:
    date = http_date(response.headers.get("date", ""))
    if date is None:
        return Finding("clock", "warn", "the pool does not tell the time", "Nothing to do here.")
    skew = now - date.timestamp()
    words = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the pool's"
    if abs(skew) <= SMALL_SKEW:
        return Finding("clock", "ok", f"within {SMALL_SKEW:.0f} s of the pool's")
    fix = "Set it by NTP (timedatectl set-ntp true)."
    return Finding("clock", "warn" if abs(skew) < TOLERATED_SKEW else "fail", words, fix)


def _database(response: httpx.Response) -> Finding:
    database = _object(response).get("database") or {}
    if not database.get("ok"):
        fix = "See that Postgres runs, and that SUPABASE_DB_URL of the handlers is right."
        return Finding("database", "fail", "it does not answer the server", fix)
    return Finding("database", "ok", f"answers the server in {database.get('latency_ms')} ms")


def _object(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def check_engine(settings: Settings) -> Finding:
    """Whether the engine compiles here, and gives to the last bit what it gives elsewhere."""
    started = time.perf_counter()
    try:
        engine = load_engine(settings, {"engine": ENGINE})
        found = answer_of(engine)
    except Exception as error:  # noqa: BLE001  # whatever the compiler throws is the finding
        fix = "Install the node's dependencies again: numba, llvmlite and numpy must fit together."
        return Finding("engine", "fail", f"{type(error).__name__}: {error}", fix)
    took = time.perf_counter() - started
    name = f"{engine.name} {engine.version}"
    known = KNOWN_ANSWERS.get((engine.name, engine.version))
    if known is None:
        return Finding("engine", "warn", f"{name} runs, but no answer of it is known", UPDATE)
    if found != known:
        fix = "This machine would give wrong results: please report it with the CPU's name."
        return Finding("engine", "fail", f"{name} gives {found[:12]}…, a wrong answer", fix)
    return Finding("engine", "ok", f"{name} gives the known answer, after {took:.1f} s")
