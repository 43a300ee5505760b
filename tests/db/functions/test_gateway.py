"""The handlers behind the stand-in's gateway, with a user who really signed up there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx

from supabase import AsyncClientOptions, create_async_client
from tests.patience import PATIENCE
from tests.unit.functions.support import Handlers

if TYPE_CHECKING:
    from supabase_auth.types import SignUpWithEmailAndPasswordCredentials

    from local.stack import Stack

MACHINE = {"hostname": "atlas", "totalCores": 8, "enabledCores": 4, "version": "0.1.0"}
BASE = "/functions/v1"


async def test_from_sign_up_to_claimed_node(stack: Stack) -> None:
    """A user signs up with the real client, sees the node behind a code, and claims it."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=PATIENCE) as http:
        options = AsyncClientOptions(httpx_client=http)
        client = await create_async_client(stack.url, stack.publishable_key, options)
        credentials: SignUpWithEmailAndPasswordCredentials = {
            "email": "ada@example.com",
            "password": "correct horse",
        }
        session = (await client.auth.sign_up(credentials)).session
        assert session is not None
        bearer = {"authorization": f"Bearer {session.access_token}"}
        registered = await register(http, stack.url)
        code = {"code": registered["claimCode"]}
        seen = await http.get(f"{BASE}/claim", params=code, headers=bearer)
        assert seen.json()["totalCores"] == 8
        claimed = await http.post(f"{BASE}/claim", json=code, headers=bearer)
        assert claimed.status_code == 200
        nodes = await client.table("nodes").select("id,hostname").execute()
        assert nodes.data == [{"id": registered["id"], "hostname": "atlas"}]
        await client.auth.sign_out()


async def register(http: httpx.AsyncClient, origin: str) -> Any:
    """Register a node with the stand-in; returns what it is told."""
    path = f"{BASE}/node-register"
    response = await Handlers(http, time.time).signed(path, MACHINE, sign_url=f"{origin}{path}")
    assert response.status_code == 201, response.text
    return response.json()


async def test_public_paths_need_no_key(stack: Stack) -> None:
    """Statistics, health and the OpenAPI document are for anybody, at their aliases too."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=PATIENCE) as http:
        for path in ("network-stats", "health", "openapi.json"):
            response = await http.get(f"{BASE}/{path}")
            assert response.status_code == 200
            assert len(response.headers.get_list("date")) == 1
        assert (await http.get("/api/v1/network/stats")).json()["success"] is True
        assert (await http.get(f"{BASE}/nothing")).json()["code"] == "NOT_FOUND"


async def test_browsers_get_one_origin_header(stack: Stack) -> None:
    """Gateway and handlers do not both answer for browsers: two headers would be none."""
    headers = {"origin": "https://portal.example"}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=PATIENCE) as http:
        response = await http.get(f"{BASE}/health")
    assert response.headers.get_list("access-control-allow-origin") == ["*"]
