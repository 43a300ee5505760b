"""Handlers are served as their files are now."""

from __future__ import annotations

import asyncio
import shutil
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from local.config import Settings
from local.stack import Stack
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.databases import DatabaseServer, TestDatabase

HANDLER = '''
"""A handler of a test."""

from fastapi import APIRouter

router = APIRouter()
ALIASES = ("/api/answer",)


@router.get("")
async def answer() -> dict[str, int]:
    """The answer."""
    return {"answer": %d}
'''


@pytest.fixture
def functions_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the handlers that a test may change; its modules are forgotten afterwards."""
    ignored = shutil.ignore_patterns("__pycache__")
    directory = tmp_path / "functions"
    shutil.copytree(Settings().functions_dir, directory, ignore=ignored)
    monkeypatch.setattr(sys, "path", [*sys.path])
    original = {name: module for name, module in sys.modules.items() if is_handler(name)}
    forget_handlers()
    yield directory
    forget_handlers()
    sys.modules.update(original)


def is_handler(module: str) -> bool:
    """Whether a module belongs to the handlers."""
    return module.partition(".")[0] == "_shared"


def forget_handlers() -> None:
    """Lets the next import read the files."""
    for name in [name for name in sys.modules if is_handler(name)]:
        del sys.modules[name]


@asynccontextmanager
async def client(
    server: DatabaseServer, database: TestDatabase, functions_dir: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a stand-in that loads changed handlers again."""
    settings = Settings(
        data_dir=functions_dir.parent / "data", api_port=0, functions_dir=functions_dir, reload=True
    )
    async with (
        Stack(settings, server=server.server, database=database.name) as stack,
        httpx.AsyncClient(base_url=stack.url, timeout=PATIENCE) as client,
    ):
        yield client


def write(functions_dir: Path, text: str) -> None:
    """Writes the handler `answer`."""
    folder = functions_dir / "answer"
    folder.mkdir(exist_ok=True)
    (folder / "index.py").write_text(text)


async def test_a_changed_handler_is_loaded_again(
    database_server: DatabaseServer, platform_database: TestDatabase, functions_dir: Path
) -> None:
    """New, changed, broken and mended handlers answer as their files say."""
    path = "/functions/v1/answer"
    async with client(database_server, platform_database, functions_dir) as api:
        assert (await api.get(path)).status_code == 404
        write(functions_dir, HANDLER % 1)
        assert (await api.get(path)).json() == {"answer": 1}
        assert (await api.get("/api/answer")).json() == {"answer": 1}
        write(functions_dir, HANDLER % 4242)
        assert (await api.get(path)).json() == {"answer": 4242}
        write(functions_dir, "this is no Python")
        broken = await api.get(path)
        assert (broken.status_code, broken.json()["code"]) == (500, "SERVER_ERROR")
        assert "SyntaxError" in broken.json()["error"]
        write(functions_dir, HANDLER % 17)
        assert (await api.get(path)).json() == {"answer": 17}


async def test_nothing_of_replaced_handlers_stays_behind(
    database_server: DatabaseServer, platform_database: TestDatabase, functions_dir: Path
) -> None:
    """Each generation gives back its connections and tasks."""
    before = {task.get_name() for task in asyncio.all_tasks()}
    async with client(database_server, platform_database, functions_dir) as api:
        for answer in (1, 22, 333):
            write(functions_dir, HANDLER % answer)
            await api.get("/functions/v1/answer")
    assert {task.get_name() for task in asyncio.all_tasks()} == before
