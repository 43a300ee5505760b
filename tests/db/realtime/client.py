"""A server on a free port and a client of the bare protocol."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

import uvicorn
import websockets
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.patience import PATIENCE

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator

    from local.context import Context
    from local.realtime.realtime import Realtime


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Bind, then say so."""
        await super().startup(sockets)
        self.listening.set()


class RealtimeServer:
    """Serves the application at `/realtime/v1`, with its lifespan."""

    def __init__(self, context: Context, app: Starlette) -> None:
        self.context = context
        self.realtime: Realtime = app.state.realtime
        self._app = app
        outer = Starlette(routes=[Mount("/realtime/v1", app)])
        config = uvicorn.Config(outer, port=0, lifespan="off", log_config=None, access_log=False)
        self._server = _Server(config)
        self._stack = contextlib.AsyncExitStack()

    @property
    def port(self) -> int:
        """The port it listens on."""
        (sockets,) = (server.sockets for server in self._server.servers)
        return int(sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """The origin."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._app.router.lifespan_context(self._app))
        self._task = asyncio.create_task(self._server.serve(), name="uvicorn")
        await self._server.listening.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.realtime.cut_connections()
        self._server.should_exit = True
        await self._task
        await self._stack.aclose()

    def token(self, *, lifetime: int = 3600, role: str = "authenticated", **claims: Any) -> str:
        """A token of a user."""
        return self.context.keyring.issue(
            {"role": role, **claims}, expires_in=lifetime, now=self.context.clock()
        )

    async def until_empty(self) -> None:
        """Wait until the server has noticed that all clients are gone."""
        async with asyncio.timeout(PATIENCE):
            await self.realtime.wait_empty()

    @contextlib.asynccontextmanager
    async def client(
        self, *, vsn: str | None = "1.0.0", key: str | None = None, path: str = "websocket"
    ) -> AsyncIterator[Client]:
        """A connected client."""
        query = {"apikey": key or self.context.keyring.publishable_key}
        if vsn is not None:
            query["vsn"] = vsn
        uri = f"ws://127.0.0.1:{self.port}/realtime/v1/{path}?{urlencode(query)}"
        async with websockets.connect(uri, open_timeout=PATIENCE) as socket:
            yield Client(socket, vsn or "1.0.0")


class Client:
    """Sends and receives frames; every wait is bounded."""

    def __init__(self, socket: websockets.ClientConnection, vsn: str) -> None:
        self.socket = socket
        self._arrays = vsn.startswith("2")
        self._refs = itertools.count(1)
        self.kept: list[dict[str, Any]] = []

    async def send(
        self, topic: str, event: str, payload: Any, *, ref: str | None = "", join_ref: Any = None
    ) -> str | None:
        """Send a frame and return its reference."""
        ref = str(next(self._refs)) if ref == "" else ref
        body: Any = {"topic": topic, "event": event, "payload": payload, "ref": ref}
        if self._arrays:
            body = [join_ref, ref, topic, event, payload]
        else:
            body["join_ref"] = join_ref
        await self.socket.send(json.dumps(body))
        return ref

    async def call(self, topic: str, event: str, payload: Any) -> dict[str, Any]:
        """Send a frame and return the payload of its answer."""
        ref = await self.send(topic, event, payload)
        frame = await self.expect("phx_reply", ref=ref)
        payload = frame["payload"]
        assert isinstance(payload, dict)
        return payload

    async def join(
        self, topic: str, token: str | None = None, *, private: bool = True, **config: Any
    ) -> dict[str, Any]:
        """Join a channel and return the payload of the answer."""
        payload: dict[str, Any] = {"config": {"private": private, **config}}
        if token is not None:
            payload["access_token"] = token
        return await self.call(f"realtime:{topic}", "phx_join", payload)

    async def expect(self, event: str, **fields: Any) -> dict[str, Any]:
        """Return the next frame of an event; others are kept for later."""
        for index, frame in enumerate(self.kept):
            if _matches(frame, event, fields):
                return self.kept.pop(index)
        while True:
            frame = await self.receive()
            if _matches(frame, event, fields):
                return frame
            self.kept.append(frame)

    async def receive(self) -> dict[str, Any]:
        """Return the next frame."""
        async with asyncio.timeout(PATIENCE):
            message = await self.socket.recv()
        if isinstance(message, bytes):
            return _binary(message)
        body = json.loads(message)
        if not self._arrays:
            assert isinstance(body, dict)
            return body
        names = ("join_ref", "ref", "topic", "event", "payload")
        return dict(zip(names, body, strict=True))

    async def hears_nothing_before(self, topic: str) -> bool:
        """Whether no broadcast arrived on a topic before the answer to a heartbeat."""
        await self.heartbeat()
        return not any(
            frame["event"] == "broadcast" and frame["topic"] == f"realtime:{topic}"
            for frame in self.kept
        )

    async def heartbeat(self) -> None:
        """Send a heartbeat and wait for the answer."""
        await self.call("phoenix", "heartbeat", {})


def _matches(frame: dict[str, Any], event: str, fields: dict[str, Any]) -> bool:
    return frame["event"] == event and all(frame[name] == fields[name] for name in fields)


def _binary(message: bytes) -> dict[str, Any]:
    assert message[0] == 4
    topic_size, event_size, meta_size, encoding = message[1:5]
    cuts = list(itertools.accumulate([5, topic_size, event_size, meta_size]))
    topic, event, meta = (message[start:end] for start, end in itertools.pairwise(cuts))
    body = message[cuts[-1] :]
    payload = {"event": event.decode(), "payload": json.loads(body) if encoding else body}
    if meta:
        payload["meta"] = json.loads(meta)
    return {
        "join_ref": None,
        "ref": None,
        "topic": topic.decode(),
        "event": "broadcast",
        "payload": payload,
    }
