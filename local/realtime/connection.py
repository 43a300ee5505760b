"""The WebSocket of one client: carries frames between the socket and its session."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.websockets import WebSocketDisconnect, WebSocketState

from local.realtime.session import Session

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from starlette.websockets import WebSocket

    from local.realtime.frames import Encoded, Serializer
    from local.realtime.services import Cancellable, Services

logger = logging.getLogger(__name__)

NORMAL: Final = 1000
FRAME_TOO_LARGE: Final = 1009
SERVICE_RESTART: Final = 1012
TRY_AGAIN_LATER: Final = 1013


@dataclass(frozen=True, slots=True)
class _Close:
    code: int
    reason: str


class Connection:
    """One open socket."""

    def __init__(
        self,
        services: Services,
        websocket: WebSocket,
        serializer: Serializer,
        *,
        token: str,
        headers: Mapping[str, str],
    ) -> None:
        self._services = services
        self._websocket = websocket
        self._queue: asyncio.Queue[Encoded | _Close] = asyncio.Queue()
        self._session = Session(services, serializer, self, token=token, headers=headers)
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle_timer: Cancellable | None = None
        self._closing = False

    async def run(self) -> None:
        """Serve the client until one side ends it."""
        self._restart_idle_timer()
        ends = [
            self.spawn(self._read(), "realtime-read"),
            self.spawn(self._write(), "realtime-write"),
        ]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self._clean_up()

    def send(self, message: Encoded) -> None:
        """Queue a frame; a client that lets too many pile up is cut off."""
        if self._closing:
            return
        if self._queue.qsize() >= self._services.limits.backlog:
            self.close(TRY_AGAIN_LATER, "the client reads too slowly")
            return
        self._queue.put_nowait(message)

    def close(self, code: int, reason: str) -> None:
        """End the connection after what is queued."""
        if not self._closing:
            self._closing = True
            self._queue.put_nowait(_Close(code, reason))

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a task that ends with the connection."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("the task %s failed", task.get_name(), exc_info=task.exception())

    async def _read(self) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                message = await self._receive()
                self._restart_idle_timer()
                if self._services.chaos.cuts_connection():
                    self.close(SERVICE_RESTART, "cut by the chaos switch")
                if len(message) > self._services.limits.frame_size:
                    self.close(FRAME_TOO_LARGE, "the frame is too large")
                if not self._closing:
                    await self._session.receive(message)

    async def _receive(self) -> Encoded:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", NORMAL))
        text: str | None = message.get("text")
        data: bytes | None = message.get("bytes")
        return text if text is not None else data or b""

    async def _write(self) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                match await self._queue.get():
                    case _Close(code, reason):
                        await self._websocket.close(code, reason)
                        return
                    case str(text):
                        await self._websocket.send_text(text)
                    case bytes(data):
                        await self._websocket.send_bytes(data)

    def _restart_idle_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        self._idle_timer = self._services.timers.call_later(
            self._services.limits.idle_timeout, lambda: self.close(NORMAL, "idle")
        )

    async def _clean_up(self) -> None:
        self._closing = True
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        self._session.close()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._websocket.application_state is WebSocketState.CONNECTED:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await self._websocket.close(SERVICE_RESTART)
