"""The Python clients, blocking and not, behind one way to call them."""

from __future__ import annotations

import inspect
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import httpx

from supabase import AsyncClientOptions, ClientOptions, acreate_client, create_client
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.conformance.targets import Target

Flavour = Literal["sync", "async"]
PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Caller:
    """A Supabase client of one flavour; `client` is the real one."""

    client: Any

    async def data(self, request: Any) -> Any:
        """The data that a request for tables or functions answers with."""
        return (await done(request.execute())).data

    async def sign_up(self, email: str | None = None, **data: Any) -> Any:
        """Sign a new user up; the client then speaks for them."""
        credentials = {
            "email": email or some_email(),
            "password": PASSWORD,
            "options": {"data": data},
        }
        return await done(self.client.auth.sign_up(credentials))


async def done(result: Any) -> Any:
    """The result of a call, whether the client waits for it or we have to."""
    return await result if inspect.isawaitable(result) else result


def some_email() -> str:
    """An address that nobody has signed up with."""
    return f"conformance-{uuid.uuid4()}@example.com"


@asynccontextmanager
async def open_caller(flavour: Flavour, target: Target, key: str) -> AsyncIterator[Caller]:
    """A new client with a key."""
    if flavour == "sync":
        with httpx.Client(timeout=PATIENCE) as http:
            options = ClientOptions(httpx_client=http, auto_refresh_token=False)
            yield Caller(create_client(target.url, key, options))
    else:
        async with httpx.AsyncClient(timeout=PATIENCE) as async_http:
            async_options = AsyncClientOptions(httpx_client=async_http, auto_refresh_token=False)
            yield Caller(await acreate_client(target.url, key, async_options))
