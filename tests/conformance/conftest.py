"""Real clients, and what they are tested against."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

import httpx
import psycopg
import pytest
import pytest_asyncio

from tests.conformance.clients import Caller, Flavour, open_caller
from tests.conformance.javascript import Node
from tests.conformance.targets import Target, named_target, serving_target
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

HERE = Path(__file__).parent
#: how long another Supabase may take to see new tables
SCHEMA_PATIENCE = 30.0


@pytest.fixture(scope="session")
def target(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    """The Supabase under test: the one that the environment names, else the stand-in."""
    named = named_target()
    if named is not None:
        yield named
        return
    server = request.getfixturevalue("database_server")
    with serving_target(server, tmp_path_factory.mktemp("conformance")) as target:
        yield target


@pytest.fixture(scope="session")
def scratch_schema(target: Target) -> Iterator[Target]:
    """The target with tables and functions to test with, for as long as tests run."""
    _apply(target, "scratch.sql")
    _await_schema(target)
    yield target
    _apply(target, "scratch_drop.sql")


@pytest.fixture
def scratch(scratch_schema: Target) -> Target:
    """The target with its tables as they were at first."""
    with psycopg.connect(scratch_schema.db_url) as connection:
        connection.execute("select public.conformance_reset()")
    return scratch_schema


@pytest.fixture(params=["sync", "async"])
def flavour(request: pytest.FixtureRequest) -> Flavour:
    """Both Python clients in turn."""
    return cast("Flavour", request.param)


@pytest_asyncio.fixture
async def anonymous(scratch: Target, flavour: Flavour) -> AsyncIterator[Caller]:
    """A client of somebody who has not signed in."""
    async with open_caller(flavour, scratch, scratch.key) as caller:
        yield caller


@pytest_asyncio.fixture
async def visitor(scratch: Target, flavour: Flavour) -> AsyncIterator[Caller]:
    """A client of somebody else."""
    async with open_caller(flavour, scratch, scratch.key) as caller:
        yield caller


@pytest_asyncio.fixture
async def administrator(scratch: Target, flavour: Flavour) -> AsyncIterator[Caller]:
    """A client with the secret key."""
    async with open_caller(flavour, scratch, scratch.secret_key) as caller:
        yield caller


@pytest.fixture(scope="session")
def node() -> Node:
    """Node.js with the JavaScript client; where there is none, the test says so."""
    return Node()


def _apply(target: Target, file: str) -> None:
    with psycopg.connect(target.db_url) as connection:
        connection.execute((HERE / file).read_bytes())


def _await_schema(target: Target) -> None:
    """New tables are seen after a notification, sooner or later."""
    deadline = time.monotonic() + SCHEMA_PATIENCE
    url, headers = f"{target.url}/rest/v1/conformance_items", {"apikey": target.key}
    while (
        response := httpx.get(url, headers=headers, timeout=PATIENCE)
    ).status_code != httpx.codes.OK:
        assert time.monotonic() < deadline, response.text
        time.sleep(0.2)
