"""Whose job a node is given: by lot between users; by priority and waiting among those of one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.db.schema.pool import completed, detail

if TYPE_CHECKING:
    from tests.db.schema.pool import Node, Pool, User

MANY = 1_000_000_000


def _public_node(pool: Pool) -> Node:
    node = pool.node(pool.user())
    pool.share_with_everybody(node)
    return node


def _draws(pool: Pool, node: Node, quantity: int) -> Counter[str]:
    """How often each user was served in so many draws of one chunk."""
    pool.configure(chunk_iterations_max=10, progress_period="1 hour")
    owners = {str(job): str(user) for job, user in pool.rows("select id, user_id from sim_jobs")}
    draws: Counter[str] = Counter()
    chunks = node.take()
    for _ in range(quantity):
        draws[owners[chunks[0]["job_id"]]] += 1
        chunks = node.exchange([completed(chunks[0])], 1)["chunks"]
    return draws


def test_users_are_served_in_equal_shares_however_many_jobs_they_have(pool: Pool) -> None:
    """Bounds at five standard deviations: 400 draws, four users."""
    node = _public_node(pool)
    users = [pool.user() for _ in range(4)]
    for _ in range(70):
        users[0].submit(MANY, access_type="public")
    for user in users[1:]:
        user.submit(MANY, access_type="public")
    draws = _draws(pool, node, 400)
    assert all(57 < draws[user.id] < 143 for user in users), draws


def test_the_shares_follow_the_priority_of_the_best_job(pool: Pool) -> None:
    """Low, normal and high have one, two and four tickets: 350 draws, five standard deviations."""
    node = _public_node(pool)
    users = {name: pool.user() for name in ("low", "normal", "high")}
    for name, user in users.items():
        user.submit(MANY, access_type="public", priority=name)
    draws = _draws(pool, node, 350)
    bounds = {"low": (17, 83), "normal": (57, 143), "high": (153, 247)}
    for name, (least, most) in bounds.items():
        assert least < draws[users[name].id] < most, (name, draws)


def test_a_node_serves_its_owner_first(pool: Pool) -> None:
    """Who shares a machine does not wait for it behind strangers."""
    node = _public_node(pool)
    pool.user().submit(MANY, access_type="public", priority="high")
    node.owner.submit(MANY, priority="low")
    assert set(_draws(pool, node, 20)) == {node.owner.id}


def test_waiting_raises_the_priority_of_a_job_among_its_user_s(pool: Pool) -> None:
    """Ten minutes are a step: then a low job is as good as a normal one, and older."""
    pool.set_clock("2026-11-21 12:00:00+00")
    user = pool.user()
    node = pool.node(user)
    waiting = user.submit(MANY, priority="low")
    pool.advance("9 minutes")
    newer = user.submit(MANY)

    def served() -> str:
        (chunk,) = node.take()
        node.exchange([completed(chunk)])
        return str(chunk["job_id"])

    assert served() == newer["id"]
    pool.advance("1 minute")
    assert served() == waiting["id"]
    high = user.submit(MANY, priority="high")
    assert served() == high["id"]
    pool.advance("10 hours")
    assert served() == waiting["id"]


@pytest.mark.parametrize("quantity", [1, 5, 12, 100])
def test_users_of_public_jobs_are_found_once_each(pool: Pool, quantity: int) -> None:
    """From wherever the look around starts; those with private jobs only are not among them."""
    offering = [pool.user() for _ in range(12)]
    for user in offering:
        for _ in range(3):
            user.submit(access_type="public")
        user.submit()
    pool.user().submit()
    for _ in range(20):
        found = [str(one) for one in pool.scalar("select private.public_users(%s)", quantity)]
        assert len(found) == len(set(found)) == min(quantity, 12)
        assert set(found) <= {user.id for user in offering}


def _refusal(user: User, iterations: int = 1000) -> dict[str, object]:
    with pytest.raises(psycopg.Error) as refused:
        user.submit(iterations)
    assert refused.value.sqlstate == "PT429"
    return detail(refused.value)


def test_jobs_that_are_not_done_are_limited(pool: Pool) -> None:
    """A finished job makes room; a repeated submit of a job that is there is answered."""
    pool.configure(queued_jobs_max=2)
    user = pool.user()
    user.submit(10, idempotency_key="first")
    user.submit(10)
    assert _refusal(user) == {"code": "RATE_LIMITED", "quota": "queued_jobs", "used": 2, "limit": 2}
    assert user.submit(10, idempotency_key="first")["repeated"]
    assert pool.scalar("select count(*) from public.sim_jobs") == 2
    pool.node(user).work(slots=1, rounds=1)
    user.submit(10)
    pool.user().submit(10)


def test_iterations_in_a_day_are_limited(pool: Pool) -> None:
    """Any 24 hours count, not the calendar's."""
    pool.set_clock("2026-11-21 23:59:00+00")
    pool.configure(daily_iterations_max=1500)
    user = pool.user()
    user.submit(1000)
    pool.advance("23 hours")
    assert _refusal(user, 501) == {
        "code": "RATE_LIMITED",
        "quota": "daily_iterations",
        "used": 1000,
        "limit": 1500,
    }
    user.submit(500)
    pool.advance("61 minutes")
    user.submit(1000)


def test_leases_of_a_user_are_limited(pool: Pool) -> None:
    """Whoever asks, and whoever waits, gets no more of them until one is handed in."""
    pool.configure(running_chunks_max=3, chunk_iterations_max=10)
    user = pool.user()
    node, waiting = pool.node(user), pool.node(user)
    user.submit(MANY)
    chunks = node.take(3)
    assert len(chunks) == 3
    held = [chunk["chunk_id"] for chunk in chunks]
    assert node.exchange(slots=1, running=held)["chunks"] == waiting.take() == []
    user.submit(10)
    assert pool.messages(f"node:{waiting.id}", "chunks") == []
    node.exchange([completed(chunks[0])])
    assert len(waiting.take()) == 1


@pytest.mark.parametrize("whose", ["own", "strange"])
def test_no_node_takes_more_at_once_than_a_quota_leaves(pool: Pool, whose: str) -> None:
    """However many workers it has free, and however many jobs there are."""
    pool.configure(running_chunks_max=3, chunk_iterations_max=10)
    node = _public_node(pool)
    user = node.owner if whose == "own" else pool.user()
    for _ in range(2):
        user.submit(1000, access_type="public")
    assert len(node.take(20)) == 3


def test_no_more_is_pushed_than_a_quota_leaves(pool: Pool) -> None:
    """To all nodes that wait together."""
    pool.configure(running_chunks_max=3, chunk_iterations_max=10)
    user = pool.user()
    for _ in range(2):
        pool.node(user).exchange(slots=2)
    user.submit(1000)
    assert pool.scalar("select count(*) from public.sim_chunks") == 3


def test_an_operator_gives_a_user_other_limits(pool: Pool) -> None:
    """In place of all three; null is no limit."""
    pool.configure(queued_jobs_max=1, daily_iterations_max=10, running_chunks_max=0)
    user = pool.user()
    pool.admin.execute("insert into private.user_quotas (user_id) values (%s)", (user.id,))
    for _ in range(3):
        user.submit(1000)
    assert len(pool.node(user).take()) == 1
