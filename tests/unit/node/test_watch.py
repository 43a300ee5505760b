"""Following a job: by pushes where they come, by asking where they do not."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from node import watch
from node.client import PoolClient
from node.config import Settings
from node.errors import SignInError
from node.realtime import Lost
from node.watch import ASK_WHEN_DEAF, ASK_WHEN_LIVE, Topic, follow, follow_news
from tests.unit.node.terminal import POOL, FakePool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping
    from pathlib import Path

    from node.jobs import Progress

PATH = "/rest/v1/rpc/job_progress"


class Script:
    """News that come in a given order, and the patience with which each was awaited."""

    def __init__(self, news: Iterable[Mapping[str, Any] | None], *, live: bool = True) -> None:
        self.live = live
        self.waited: list[float] = []
        self._news = deque(news)

    async def next(self, seconds: float) -> Mapping[str, Any] | None:
        """The next of the given news."""
        self.waited.append(seconds)
        return self._news.popleft()


@pytest.fixture
def pool() -> FakePool:
    """The pool that is asked."""
    return FakePool()


@pytest.fixture
async def client(pool: FakePool, tmp_path: Path) -> AsyncIterator[PoolClient]:
    """A client of the fake pool."""
    settings = Settings(url=POOL, data_dir=tmp_path)
    async with PoolClient(settings, transport=httpx.MockTransport(pool)) as client:
        yield client


def states(pool: FakePool, *answers: tuple[str, int] | httpx.Response) -> None:
    """Answer each question for progress with the next status and count of iterations."""
    queue = deque(answers)

    def answer(_: httpx.Request) -> httpx.Response:
        now = queue.popleft() if len(queue) > 1 else queue[0]
        if isinstance(now, httpx.Response):
            return now
        body = {"id": "j1", "total_iterations": 100}
        return httpx.Response(200, json=body | {"status": now[0], "completed_iterations": now[1]})

    pool.on("POST", PATH, answer)


async def test_pushes_are_shown_without_asking(pool: FakePool, client: PoolClient) -> None:
    """Between the first question and the end, pushes are enough."""
    states(pool, ("running", 0), ("completed", 100))
    shown: list[Progress] = []
    script = Script([{"completed_iterations": 40}, {"completed_iterations": 80}, None])
    last = await follow_news(client, "j1", script, shown.append)
    assert [one.completed_iterations for one in shown] == [0, 40, 80, 100]
    assert last.status == "completed"
    assert len(pool.requests) == 2
    assert script.waited == [ASK_WHEN_LIVE] * 3


async def test_without_pushes_the_pool_is_asked_often(pool: FakePool, client: PoolClient) -> None:
    """While the topic is not joined, silence is short."""
    states(pool, ("pending", 0), ("running", 50), ("cancelled", 50))
    script = Script([None, None], live=False)
    assert (await follow_news(client, "j1", script, lambda _: None)).status == "cancelled"
    assert script.waited == [ASK_WHEN_DEAF] * 2


async def test_an_outage_is_waited_out(pool: FakePool, client: PoolClient) -> None:
    """A pool that does not answer for a while does not end the watch."""
    down = httpx.Response(503, json={"error": "down"})
    states(pool, ("running", 10), down, ("completed", 100))
    shown: list[Progress] = []
    await follow_news(client, "j1", Script([None, None]), shown.append)
    assert [one.completed_iterations for one in shown] == [10, 10, 100]


async def test_a_job_that_has_ended_is_not_awaited(pool: FakePool, client: PoolClient) -> None:
    """A finished job is answered at once, and nothing is left running."""
    states(pool, ("completed", 100))
    before = asyncio.all_tasks()
    assert (await follow(client, "j1", lambda _: None)).ended
    assert asyncio.all_tasks() == before


async def test_a_topic_turns_messages_into_news(client: PoolClient) -> None:
    """Progress is passed on; a join and an end are reasons to ask."""
    topic = Topic(client, "j1")
    topic._joined()
    topic._deliver("progress", {"completed_iterations": 5})
    topic._deliver("finished", {"status": "completed"})
    assert topic.live
    assert [await topic.next(0.1) for _ in range(3)] == [None, {"completed_iterations": 5}, None]


async def test_a_lost_topic_is_joined_again(
    client: PoolClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each loss leaves the topic deaf, and after a while it is joined anew with a fresh token."""
    joins: list[tuple[str, str]] = []
    live: list[bool] = []

    class FakeSubscription:
        """A subscription that is lost as soon as it is joined."""

        def __init__(self, url: str, _key: str, topic: str, _deliver: object) -> None:
            self._place = (url, topic)

        async def run(self, _token: str, on_joined: Callable[[], None]) -> Lost:
            """Join, and lose it."""
            joins.append(self._place)
            on_joined()
            live.append(topic.live)
            return Lost("gone")

    async def pause(_: float) -> None:
        live.append(topic.live)
        if len(joins) == 2:
            raise asyncio.CancelledError

    topic = Topic(client, "j1")
    monkeypatch.setattr(watch, "Subscription", FakeSubscription)
    monkeypatch.setattr("node.watch.asyncio.sleep", pause)
    with pytest.raises(asyncio.CancelledError):
        await topic.hold()
    assert joins == [(POOL, "job:j1")] * 2
    assert live == [True, False, True, False]


async def test_nobody_signed_in_leaves_the_topic_silent(pool: FakePool, tmp_path: Path) -> None:
    """Where there is no token there are no pushes, and no crash either."""

    async def nobody() -> str:
        raise SignInError

    settings = Settings(url=POOL, data_dir=tmp_path)
    async with PoolClient(settings, nobody, httpx.MockTransport(pool)) as client:
        topic = Topic(client, "j1")
        await topic._listen()
        assert not topic.live


async def test_silence_ends_by_itself(client: PoolClient) -> None:
    """Nothing pushed in the given time is a reason to ask."""
    assert await Topic(client, "j1").next(0) is None
