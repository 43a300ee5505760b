"""A tiny Phoenix server: just enough of Realtime's socket to misbehave on demand."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from http import HTTPStatus

    from websockets.http11 import Request, Response

JOIN = "phx_join"


class Phoenix:
    """One server; `join_reply` is what the next joins are answered."""

    def __init__(self) -> None:
        self.url = ""
        self.join_reply: dict[str, Any] = {"status": "ok", "response": {"postgres_changes": []}}
        self.handshake_status: HTTPStatus | None = None
        self.frames: list[dict[str, Any]] = []
        self.requests: list[Request] = []
        self.sockets: list[ServerConnection] = []
        self._seen = asyncio.Condition()

    async def frame(self, event: str, count: int = 1) -> dict[str, Any]:
        """Wait for the n-th frame with this event."""

        def found() -> list[dict[str, Any]]:
            return [frame for frame in self.frames if frame["event"] == event]

        async with self._seen, asyncio.timeout(PATIENCE):
            await self._seen.wait_for(lambda: len(found()) >= count)
        return found()[count - 1]

    async def send(self, event: str, payload: Any, topic: str = "realtime:node:1") -> None:
        """Push a message to the last socket."""
        await self.send_text(
            json.dumps({"topic": topic, "event": event, "payload": payload, "ref": None})
        )

    async def send_text(self, text: str) -> None:
        """Push these very characters."""
        await self.sockets[-1].send(text)

    async def broadcast(self, event: str, payload: dict[str, Any]) -> None:
        """Push a broadcast as the database's triggers do."""
        message = {"event": event, "payload": payload, "type": "broadcast", "meta": {"id": "x"}}
        await self.send("broadcast", message)

    async def shut_channel(self, message: str) -> None:
        """End the channel as the server does: a system error, then phx_close."""
        await self.send(
            "system",
            {
                "message": message,
                "status": "error",
                "extension": "system",
                "channel": "node:1",
            },
        )
        await self.send("phx_close", {})

    async def serve(self, socket: ServerConnection) -> None:
        """Answer one client until it goes."""
        self.sockets.append(socket)
        try:
            async for text in socket:
                await self._answer(socket, json.loads(text))
        except ConnectionClosed:
            return

    async def _answer(self, socket: ServerConnection, frame: dict[str, Any]) -> None:
        async with self._seen:
            self.frames.append(frame)
            self._seen.notify_all()
        ok = {"status": "ok", "response": {}}
        replies = {JOIN: self.join_reply, "heartbeat": ok, "phx_leave": ok}
        if (reply := replies.get(frame["event"])) is not None:
            answer = {
                "topic": frame["topic"],
                "event": "phx_reply",
                "ref": frame["ref"],
                "payload": reply,
            }
            await socket.send(json.dumps(answer))


@asynccontextmanager
async def phoenix() -> AsyncIterator[Phoenix]:
    """A running server on a free port."""
    server = Phoenix()

    def process_request(connection: ServerConnection, request: Request) -> Response | None:
        server.requests.append(request)
        if server.handshake_status is None:
            return None
        return connection.respond(server.handshake_status, '{"error": "no"}')

    async with serve(server.serve, "127.0.0.1", 0, process_request=process_request) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        server.url = f"http://127.0.0.1:{port}"
        yield server
