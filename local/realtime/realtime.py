"""The composition of Realtime: what is shared, what runs in the background, who is connected."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, Self

from psycopg_pool import AsyncConnectionPool
from starlette.responses import JSONResponse

from local.errors import TokenError
from local.identity import resolve_identity
from local.realtime.authorization import PolicyAuthorizer
from local.realtime.changes import PostgresChanges
from local.realtime.chaos import Chaos
from local.realtime.connection import SERVICE_RESTART, Connection
from local.realtime.errors import HandshakeRefusedError, MalformedFrameError, TokenRefusedError
from local.realtime.feed import ChangeFeed
from local.realtime.frames import serializer_for
from local.realtime.hub import Hub
from local.realtime.messages import DatabaseMessages, MessageArchive
from local.realtime.replication import SESSION_OPTIONS
from local.realtime.services import LoopTimers, Meters, Services
from local.realtime.tokens import Tokens, refused_handshake

if TYPE_CHECKING:
    from types import TracebackType

    from starlette.websockets import WebSocket

    from local.context import Context
    from local.realtime.frames import Serializer
    from local.realtime.limits import Limits

logger = logging.getLogger(__name__)

#: connections that ask policies and rows on behalf of clients
POOL_SIZE: Final = 4
#: a policy that takes longer is an outage
POOL_OPTIONS: Final = f"{SESSION_OPTIONS} -c statement_timeout=10s"
#: seconds a client waits for one of them
POOL_TIMEOUT: Final = 5.0
#: seconds the start waits for the stream, so that the first message is not lost
START_TIMEOUT: Final = 10.0


class Realtime:
    """One running Realtime."""

    def __init__(self, context: Context, limits: Limits) -> None:
        self._context = context
        self._limits = limits
        self._connections: set[Connection] = set()
        self._is_empty = asyncio.Event()
        self._is_empty.set()
        self._tasks: list[asyncio.Task[None]] = []
        self._pool = AsyncConnectionPool(
            context.admin_dsn,
            min_size=1,
            max_size=POOL_SIZE,
            timeout=POOL_TIMEOUT,
            open=False,
            check=AsyncConnectionPool.check_connection,
            kwargs={
                "autocommit": True,
                "application_name": "realtime",
                "options": POOL_OPTIONS,
            },
            name="realtime",
        )
        self.chaos = Chaos(context.settings, context.random, context.clock)
        self.meters = Meters(limits, context.clock)
        self.hub = Hub(self.chaos.drops_message)
        self.changes = PostgresChanges(self._pool, limits)
        messages = DatabaseMessages(self.hub, limits, self.meters)
        self.feed = ChangeFeed(context.admin_dsn, messages, self.changes, context.clock)

        self.services = Services(
            hub=self.hub,
            tokens=Tokens(context.keyring, context.clock),
            authorizer=PolicyAuthorizer(self._pool),
            archive=MessageArchive(self._pool, context.clock),
            changes=self.changes,
            feed=self.feed,
            chaos=self.chaos,
            limits=limits,
            meters=self.meters,
            timers=LoopTimers(),
            clock=context.clock,
        )

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        await self._pool.open()
        self._tasks = [
            loop.create_task(self.feed.run(), name="realtime-feed"),
            loop.create_task(self.changes.run(), name="realtime-changes"),
        ]
        try:
            async with asyncio.timeout(START_TIMEOUT):
                await self.feed.wait_connected()
        except TimeoutError:
            logger.warning("the change feed has not connected yet; it goes on trying")
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stop()

    async def _stop(self) -> None:
        self.cut_connections()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._pool.close()

    async def wait_empty(self) -> None:
        """Return once no socket is open."""
        await self._is_empty.wait()

    def cut_connections(self) -> int:
        """Cut all open connections; returns how many."""
        for connection in tuple(self._connections):
            connection.close(SERVICE_RESTART, "cut")
        return len(self._connections)

    def pause(self, seconds: float = float("inf")) -> int:
        """Cut all connections and refuse new ones until `resume`, or for some seconds."""
        self.chaos.refuse(seconds)
        return self.cut_connections()

    def resume(self) -> None:
        """Accept connections again."""
        self.chaos.refuse(0)

    async def connect(self, websocket: WebSocket) -> None:
        """Serve one WebSocket, or refuse it with an HTTP answer that says why."""
        try:
            serializer, token = self._admit(websocket)
        except HandshakeRefusedError as refusal:
            await self._refuse(websocket, refusal)
            return
        headers = {name: value for name, value in websocket.headers.items() if name[:2] == "x-"}
        await websocket.accept()
        connection = Connection(self.services, websocket, serializer, token=token, headers=headers)
        self._connections.add(connection)
        self._is_empty.clear()
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
            if not self._connections:
                self._is_empty.set()

    async def _refuse(self, websocket: WebSocket, refusal: HandshakeRefusedError) -> None:
        await asyncio.sleep(self._limits.handshake_backoff)
        answer = JSONResponse({"error": refusal.message}, refusal.status)
        await websocket.send_denial_response(answer)
        # uvicorn complains of an incomplete handshake unless the socket is gone when we return
        await asyncio.sleep(0)

    def _admit(self, websocket: WebSocket) -> tuple[Serializer, str]:
        if self.chaos.refuses_connections:
            raise HandshakeRefusedError(503, "Realtime is paused by the chaos switch")
        token = self._token(websocket)
        if len(self._connections) >= self._limits.connections:
            raise HandshakeRefusedError(429, "Too many connected users")
        if self.meters.joins.exceeded:
            raise HandshakeRefusedError(429, "Too many joins per second")
        try:
            return serializer_for(websocket.query_params.get("vsn")), token
        except MalformedFrameError as error:
            raise HandshakeRefusedError(400, str(error)) from None

    def _token(self, websocket: WebSocket) -> str:
        key = websocket.headers.get("x-api-key") or websocket.query_params.get("apikey")
        if not key:
            raise HandshakeRefusedError(401, "API key is missing")
        try:
            sent = {"apikey": key, "user-agent": websocket.headers.get("user-agent", "")}
            identity = resolve_identity(self._context, sent, {})
            token = identity.token or ""
            self.services.tokens.verify(token)
        except (TokenError, TokenRefusedError) as refusal:
            raise refused_handshake(refusal.reason) from None
        return token
