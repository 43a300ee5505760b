"""The whole stand-in as one context manager: Postgres, platform, migrations, cron, HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
import time
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

import psycopg
import uvicorn
from psycopg_pool import AsyncConnectionPool

from local import bootstrap, migrations
from local.config import EMBEDDED, SYSTEM
from local.context import Context
from local.cron import CronRunner
from local.errors import PostgresError
from local.gateway import create_gateway
from local.keys import Keyring
from local.postgres import CRON_DATABASE, Cluster, take_port
from local.servers import SUPERUSER, ExternalServer
from local.tasks import in_own_task

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

    from starlette.applications import Starlette

    from local.config import Settings
    from local.postgres import StopMode
    from local.servers import Server

logger = logging.getLogger(__name__)

POOL_SIZE: Final = 20
#: as the hosted Realtime limits its frames
LARGEST_FRAME: Final = 5_000_000
WATCH_INTERVAL: Final = 0.5
PARTITION_INTERVAL: Final = 4 * 3600.0
SHUTDOWN_PATIENCE: Final = 3


class Stack:
    """One running stand-in.

    With a `server`, that server and its `database` are used as they are: platform and migrations
    are there already, and nothing of them is stopped at the end.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        server: Server | None = None,
        database: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self.keyring = Keyring.load(settings.data_dir)
        self.cluster = None if server else _cluster(settings)
        self._server = server or self.cluster or ExternalServer(settings.database)
        self._prepared = server is not None
        self._database = database or _database_of(settings)
        self._clock = clock
        self._resources = AsyncExitStack()
        self._restarting = asyncio.Lock()
        self._background: list[asyncio.Task[None]] = []
        self.context: Context

    @property
    def url(self) -> str:
        """The origin that clients know."""
        return self.context.url

    @property
    def db_url(self) -> str:
        """Role postgres, for any program of this machine."""
        return self._server.network_dsn("postgres", self._database)

    @property
    def admin_url(self) -> str:
        """The superuser."""
        return self._server.dsn(SUPERUSER, self._database)

    @property
    def publishable_key(self) -> str:
        """The key of clients."""
        return self.keyring.publishable_key

    @property
    def secret_key(self) -> str:
        """The key that passes row level security."""
        return self.keyring.secret_key

    @property
    def jwt_secret(self) -> str:
        """The HS256 secret."""
        return self.keyring.jwt_secret

    @property
    def gateway(self) -> Starlette:
        """The application behind `url`."""
        return self._gateway

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._resources.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._resources.aclose()

    async def restart_postgres(self, mode: StopMode = "fast") -> None:
        """Stops and starts our Postgres; everything else reconnects by itself."""
        if self.cluster is None:
            raise PostgresError("this stand-in runs on a Postgres that it did not start")
        async with self._restarting:
            await asyncio.to_thread(self.cluster.restart, mode)

    async def wait_until_broken(self) -> None:
        """Returns never; raises what has ended a part that runs in the background."""
        done, _ = await asyncio.wait(self._background, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task

    async def _start(self) -> None:
        enter = self._resources.enter_async_context
        listener = self._resources.enter_context(
            _listener(self.settings.host, self.settings.api_port)
        )
        await self._start_database()
        pool = await enter(_pool(self._server.dsn("authenticator", self._database)))
        self.context = self._create_context(pool, self.settings.public_url or _url(listener))
        self._gateway = create_gateway(self.context)
        lifespan = self._gateway.router.lifespan_context(self._gateway)
        await enter(in_own_task(lifespan, "gateway"))
        await enter(_serving(self._gateway, listener))
        await self._start_cron()

    async def _start_database(self) -> None:
        if self.cluster is not None:
            await self._resources.enter_async_context(self.cluster)
            self._run(self._watch_postgres(), "watch postgres")
        if not self._prepared:
            await asyncio.to_thread(self._prepare)
            self._run(self._keep_partitions(), "keep partitions")

    def _prepare(self) -> None:
        bootstrap.prepare_server(self._server)
        bootstrap.prepare_database(self._server, self._database)
        dsn = self._server.dsn("postgres", self._database)
        migrations.push(dsn, self.settings.migrations_dir, notice=logger.info)

    def _create_context(self, pool: AsyncConnectionPool, url: str) -> Context:
        return Context(
            settings=self.settings,
            keyring=self.keyring,
            pool=pool,
            admin_dsn=self.admin_url,
            dsn=self._server.dsn("postgres", self._database),
            url=url,
            random=random.Random(self.settings.seed),  # noqa: S311 - losses for tests
            clock=self._clock,
        )

    async def _start_cron(self) -> None:
        if not await asyncio.to_thread(self._has_real_cron):
            runner = CronRunner(self._server, self._database, self._clock)
            self._run(runner.run(), "cron")

    def _has_real_cron(self) -> bool:
        with psycopg.connect(self.admin_url) as connection:
            return bootstrap.has_real_cron(connection)

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Runs `work` in a task until the stand-in stops."""
        task = asyncio.create_task(work, name=name)
        self._background.append(task)
        self._resources.push_async_callback(_cancel, task)

    async def _watch_postgres(self) -> None:
        """Starts Postgres again when something else has ended it."""
        while True:
            await asyncio.sleep(WATCH_INTERVAL)
            async with self._restarting:
                if self.cluster is not None and self.cluster.has_died:
                    logger.warning("Postgres has ended: starting it again")
                    await asyncio.to_thread(self.cluster.restart)

    async def _keep_partitions(self) -> None:
        while True:
            await asyncio.sleep(PARTITION_INTERVAL)
            with contextlib.suppress(psycopg.OperationalError):
                await asyncio.to_thread(bootstrap.keep_partitions, self._server, self._database)


class _Server(uvicorn.Server):
    """uvicorn inside a program that handles signals itself."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


def _cluster(settings: Settings) -> Cluster | None:
    """Our own Postgres, always on loopback, since its password is known; or none for a DSN."""
    if settings.database == EMBEDDED:
        return Cluster(settings.data_dir, port=settings.db_port)
    if settings.database == SYSTEM:
        return Cluster.of_system(settings.data_dir, port=settings.db_port)
    return None


def _database_of(settings: Settings) -> str:
    """The database that a DSN names; else the one that pg_cron serves."""
    if settings.database in {EMBEDDED, SYSTEM}:
        return CRON_DATABASE
    return ExternalServer(settings.database).database or CRON_DATABASE


@contextmanager
def _listener(host: str, port: int) -> Iterator[socket.socket]:
    """The socket of the HTTP origin, taken first: a taken port stops us before anything runs."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns off Nagle's delay (40 ms an answer) only where the protocol is named
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, take_port(host, port, "--api-port")))
        yield listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@asynccontextmanager
async def _pool(dsn: str) -> AsyncIterator[AsyncConnectionPool]:
    pool = AsyncConnectionPool(
        dsn,
        min_size=1,
        max_size=POOL_SIZE,
        open=False,
        name="authenticator",
        # Postgres may have been restarted since the connection was used last
        check=AsyncConnectionPool.check_connection,
    )
    async with pool:
        yield pool


@asynccontextmanager
async def _serving(app: Starlette, listener: socket.socket) -> AsyncIterator[None]:
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        ws="websockets-sansio",
        ws_max_size=LARGEST_FRAME,
        timeout_graceful_shutdown=SHUTDOWN_PATIENCE,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve([listener]), name="http server")
    try:
        await server.listening.wait()
        yield
    finally:
        server.should_exit = True
        await task


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
