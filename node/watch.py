"""Following a job to its end: pushes of its Realtime topic, and questions where none come."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Protocol

from node.errors import NodeError, PoolUnavailableError
from node.jobs import Progress, job_progress
from node.realtime import Subscription

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from node.client import PoolClient

# Pushes may be lost, so even a live topic is checked now and then.
ASK_WHEN_LIVE = 10.0
ASK_WHEN_DEAF = 1.0
REJOIN_AFTER = 15.0
LOG = logging.getLogger(__name__)


class News(Protocol):
    """Where news of a job comes from."""

    live: bool

    async def next(self, seconds: float) -> Mapping[str, Any] | None:
        """The progress that is pushed next; None for anything else worth a look, or for silence."""


class Topic:
    """The private Realtime topic of one job."""

    def __init__(self, client: PoolClient, job_id: str) -> None:
        self.live = False
        self._client = client
        self._name = f"job:{job_id}"
        self._news: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue()

    async def next(self, seconds: float) -> Mapping[str, Any] | None:
        """The progress that is pushed next; None for anything else worth a look, or for silence."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self._news.get()
        return None

    async def hold(self) -> None:
        """Join the topic, and join it again whenever it is lost, until cancelled."""
        while True:
            await self._listen()
            await asyncio.sleep(REJOIN_AFTER)

    async def _listen(self) -> None:
        settings = self._client.settings
        subscription = Subscription(
            settings.url, settings.publishable_key, self._name, self._deliver
        )
        try:
            lost = await subscription.run(await self._client.token() or "", self._joined)
            LOG.debug("no pushes for %s: %s", self._name, lost.reason)
        except NodeError as error:
            LOG.debug("no pushes for %s: %s", self._name, error)
        finally:
            self.live = False

    def _joined(self) -> None:
        self.live = True
        # Whatever was pushed before is lost: worth a look.
        self._news.put_nowait(None)

    def _deliver(self, event: str, payload: Mapping[str, Any]) -> None:
        self._news.put_nowait(payload if event == "progress" else None)


async def follow(client: PoolClient, job_id: str, show: Callable[[Progress], None]) -> Progress:
    """Show the progress of a job until it ends, and return its last."""
    topic = Topic(client, job_id)
    holder = asyncio.create_task(topic.hold(), name=f"listen to job {job_id}")
    try:
        return await follow_news(client, job_id, topic, show)
    finally:
        holder.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await holder


async def follow_news(
    client: PoolClient, job_id: str, news: News, show: Callable[[Progress], None]
) -> Progress:
    """As `follow`, with the news from anywhere."""
    progress = await job_progress(client, job_id)
    show(progress)
    while not progress.ended:
        pushed = await news.next(ASK_WHEN_LIVE if news.live else ASK_WHEN_DEAF)
        if pushed is None:
            progress = await _ask(client, progress)
        else:
            progress = progress.merged(pushed)
        show(progress)
    return progress


async def _ask(client: PoolClient, last: Progress) -> Progress:
    """What the pool says, or the last that it said while it does not answer."""
    try:
        return await job_progress(client, last.job_id)
    except PoolUnavailableError as error:
        LOG.debug("no progress of %s: %s", last.job_id, error)
        return last
