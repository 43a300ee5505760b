"""The handlers on one core, and clients that ask them for the statistics again and again."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil

from local.postgres import take_port

if TYPE_CHECKING:
    from tests.databases import TestDatabase

FUNCTIONS: Final = Path(__file__).parents[2] / "supabase" / "functions"
HOST, PATH = "127.0.0.1", "/functions/v1/network-stats"
CLIENTS: Final = 16
PATIENCE: Final = 30.0

Fork = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests per second, as the clock went, and per second of processor time of the server."""

    per_second: float
    per_core: float


def measure(database: TestDatabase, seconds: float) -> dict[str, Rate]:
    """The rates of answers with a body, and of 304."""
    port = _free_port()
    environment = {
        **os.environ,
        "SUPABASE_URL": f"http://{HOST}:{port}",
        "SUPABASE_DB_URL": database.dsn,
        "SUPABASE_JWT_SECRET": "for the time of one benchmark only",
    }
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(FUNCTIONS), "--host", HOST]
    command += ["--port", str(port), "--no-access-log", "--log-level", "warning"]
    server = subprocess.Popen(
        [*command, "_shared.main:app"], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        psutil.Process(server.pid).cpu_affinity([min(os.sched_getaffinity(0))])
        etag = asyncio.run(_first_etag(port))
        condition = f"If-None-Match: {etag}\r\n"
        return {
            "200": _rate(server.pid, port, "", seconds),
            "304": _rate(server.pid, port, condition, seconds),
        }
    finally:
        server.terminate()
        server.wait()


def _rate(server: int, port: int, condition: str, seconds: float) -> Rate:
    before = psutil.Process(server).cpu_times()
    answers = Fork.Queue()
    clients = Fork.Process(target=_ask, args=(port, condition, seconds, answers))
    clients.start()
    done: int = answers.get(timeout=seconds + PATIENCE)
    clients.join()
    after = psutil.Process(server).cpu_times()
    used = after.user + after.system - before.user - before.system
    return Rate(done / seconds, done / used)


def _ask(port: int, condition: str, seconds: float, answers: Any) -> None:
    answers.put(asyncio.run(_crowd(port, condition, seconds)))


async def _crowd(port: int, condition: str, seconds: float) -> int:
    end = time.monotonic() + seconds
    return sum(await asyncio.gather(*(_client(port, condition, end) for _ in range(CLIENTS))))


async def _client(port: int, condition: str, end: float) -> int:
    reader, writer = await asyncio.open_connection(HOST, port)
    done = 0
    while time.monotonic() < end:
        await _request(reader, writer, condition)
        done += 1
    writer.close()
    return done


async def _request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, condition: str
) -> dict[str, str]:
    """One request on a connection that stays open; the headers of its answer."""
    writer.write(f"GET {PATH} HTTP/1.1\r\nHost: {HOST}\r\n{condition}\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    status, *lines = head.strip().split("\r\n")
    if status.split()[1] not in {"200", "304"}:
        raise RuntimeError(head)
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    await reader.readexactly(int(headers.get("content-length", 0)))
    return headers


async def _first_etag(port: int) -> str:
    """The tag of the statistics, as soon as the server is up."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            reader, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)
        else:
            headers = await _request(reader, writer, "")
            writer.close()
            return headers["etag"]


def _free_port() -> int:
    return take_port(HOST, 0, "--port")
