"""Who gets what work, and who is woken for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.db.schema.pool import call, completed, failed, released

if TYPE_CHECKING:
    from tests.db.schema.pool import Json, Node, Pool, User


def _befriend(one: User, other: User) -> None:
    one.connection.execute(
        "insert into public.friendships (requester_id, addressee_id) values (%s, %s)",
        (one.id, other.id),
    )
    other.connection.execute("update public.friendships set accepted_at = now() where true")


def _found_guild(owner: User, *members: User) -> str:
    owner.connection.execute(
        "insert into public.guilds (owner_id, name) values (%s, 'Night shift')", (owner.id,)
    )
    row = owner.connection.execute("select id from public.guilds").fetchone()
    assert row is not None
    for member in members:
        owner.connection.execute(
            "insert into public.guild_members (guild_id, user_id) values (%s, %s)",
            (row[0], member.id),
        )
        member.connection.execute(
            "update public.guild_members set joined_at = now() where user_id = %s", (member.id,)
        )
    return str(row[0])


def _pushed(pool: Pool, node: Node) -> list[Json]:
    return [
        chunk
        for message in pool.messages(f"node:{node.id}", "chunks")
        for chunk in message["chunks"]
    ]


def test_a_submit_pushes_chunks_to_waiting_nodes_at_once(pool: Pool) -> None:
    """One message per node, with exactly the rows that are leased to it."""
    user = pool.user()
    nodes = [pool.node(user), pool.node(user)]
    for node in nodes:
        node.exchange(slots=2)
    user.submit(100_000)
    for node in nodes:
        assert len(pool.messages(f"node:{node.id}", "chunks")) == 1
        pushed = _pushed(pool, node)
        assert len(pushed) == 2
        assert node.exchange(slots=2)["chunks"] == pushed


def test_a_pushed_chunk_can_be_finished_before_it_is_confirmed(pool: Pool) -> None:
    """A node starts at once: the push is all it needs."""
    user = pool.user()
    node = pool.node(user)
    node.exchange(slots=1)
    job = user.submit()
    (chunk,) = _pushed(pool, node)
    assert node.outcome(completed(chunk)) == "accepted"
    assert user.progress(job)["completed_chunks"] == 1


def test_a_busy_node_is_not_woken(pool: Pool) -> None:
    """A node that got all it asked for is left alone."""
    user = pool.user()
    user.submit(100_000)
    node = pool.node(user)
    assert len(node.take(2)) == 2
    user.submit(100_000)
    assert pool.messages(f"node:{node.id}", "chunks") == []


def test_a_push_uses_up_the_workers_that_waited(pool: Pool) -> None:
    """The second job finds nobody waiting."""
    user = pool.user()
    node = pool.node(user)
    node.exchange(slots=2)
    user.submit(100_000)
    user.submit(100_000)
    assert len(_pushed(pool, node)) == 2


def test_a_node_that_waits_with_fewer_workers_gets_less(pool: Pool) -> None:
    """Its owner allows it two of the four that it asked for; then none."""
    pool.configure(chunk_iterations_max=10)
    node = pool.node()
    node.exchange(slots=4)
    node.owner.call("update_node_settings", node_id=node.id, max_parallel=2)
    node.owner.submit(10_000)
    assert len(_pushed(pool, node)) == 2


def test_what_has_changed_since_a_node_asked_counts(pool: Pool) -> None:
    """It is shared no more while it asks, or is too old since."""
    private, outdated, node = (
        pool.node(version=version) for version in ("2.0.0", "1.0.0", "2.0.0")
    )
    for one in (private, outdated, node):
        pool.share_with_everybody(one)
        with one.connection.transaction():
            one.exchange(slots=1)
            if one is private:
                one.owner.call("unshare_node", node_id=one.id, access_type="public")
    pool.configure(minimum_node_version="1.5.0")
    pool.user().submit(10_000, access_type="public")
    assert [len(_pushed(pool, one)) for one in (private, outdated, node)] == [0, 0, 1]


@pytest.mark.parametrize("how", ["released", "failed", "rejected", "unregistered"])
def test_what_a_node_gives_back_is_pushed_to_another_at_once(pool: Pool, how: str) -> None:
    """Nobody waits for a poll while there is work."""
    user = pool.user()
    node, waiting = pool.node(user, public_key="key"), pool.node(user)
    user.submit(10)
    (chunk,) = node.take()
    waiting.exchange(slots=1)
    match how:
        case "released":
            node.exchange([released(chunk)])
        case "failed":
            node.exchange([failed(chunk)], slots=1)
        case "rejected":
            node.exchange([completed(chunk, {})])
        case _:
            call(pool.admin, "private.unregister_node", {"public_key": "key"})
    (pushed,) = _pushed(pool, waiting)
    assert pushed["seed_offset"] == chunk["seed_offset"]


def test_the_fastest_nodes_come_first(pool: Pool) -> None:
    """A small job goes to the node that measured the highest speed."""
    user = pool.user()
    slow, fast = pool.node(user, speed=10.0), pool.node(user, speed=1000.0)
    for node in (slow, fast):
        node.exchange(slots=1)
    user.submit(50)
    assert len(_pushed(pool, fast)) == 1
    assert _pushed(pool, slow) == []


def test_a_dead_node_is_not_given_work(pool: Pool) -> None:
    """A node that waits but has stopped its heartbeats gets nothing."""
    pool.set_clock("2026-11-21 12:00:00+00")
    user = pool.user()
    node = pool.node(user)
    node.exchange(slots=1)
    pool.advance("40 seconds")
    user.submit()
    assert _pushed(pool, node) == []


def test_a_woken_node_wakes_others(pool: Pool) -> None:
    """A large fleet is woken in waves, so that a submit stays cheap."""
    pool.configure(dispatch_nodes_max=1, dispatch_nodes_per_exchange=1)
    user = pool.user()
    nodes = [pool.node(user, speed=speed) for speed in (30.0, 20.0, 10.0)]
    for node in nodes:
        node.exchange(slots=1)
    user.submit(100_000)
    assert [len(_pushed(pool, node)) for node in nodes] == [1, 0, 0]
    nodes[0].exchange([completed(chunk) for chunk in _pushed(pool, nodes[0])], slots=1)
    assert [len(_pushed(pool, node)) for node in nodes] == [1, 1, 0]


def test_a_range_that_came_back_is_pushed_to_a_waiting_node(pool: Pool) -> None:
    """A dead node's work does not wait for a poll."""
    pool.set_clock("2026-11-21 12:00:00+00")
    user = pool.user()
    user.submit(10)
    dead, waiting = pool.node(user), pool.node(user)
    assert len(dead.take()) == 1
    waiting.exchange(slots=1)
    pool.advance("20 seconds")
    waiting.heartbeat()
    pool.advance("20 seconds")
    waiting.heartbeat()
    assert len(_pushed(pool, waiting)) == 1


def test_higher_priority_comes_first_then_the_older_job(pool: Pool) -> None:
    """Ten chunks of four jobs are leased in that order."""
    user = pool.user()
    jobs = {
        name: user.submit(10, priority=priority)["id"]
        for name, priority in (
            ("first low", "low"),
            ("first normal", "normal"),
            ("second normal", "normal"),
            ("high", "high"),
        )
    }
    taken = [chunk["job_id"] for chunk in pool.node(user).take(4)]
    assert taken == [jobs["high"], jobs["first normal"], jobs["second normal"], jobs["first low"]]


def test_a_job_that_nobody_can_run_blocks_nobody(pool: Pool) -> None:
    """Private jobs of others, however old and however many, are not even looked at."""
    stranger = pool.user()
    for _ in range(70):
        stranger.submit(10, priority="high")
    user = pool.user()
    job = user.submit(10)
    assert [chunk["job_id"] for chunk in pool.node(user).take()] == [job["id"]]


@pytest.mark.parametrize("access_type", ["private", "guild", "public"])
def test_a_node_serves_its_owner_only_unless_shared(pool: Pool, access_type: str) -> None:
    """Whatever a stranger's job allows, the node's owner decides."""
    node, stranger = pool.node(), pool.user()
    node.exchange(slots=1)
    stranger.submit(access_type=access_type)
    assert _pushed(pool, node) == []
    assert node.take() == []


def test_a_public_node_serves_public_jobs_of_anybody(pool: Pool) -> None:
    """And no others."""
    node, stranger = pool.node(), pool.user()
    pool.share_with_everybody(node)
    for access_type in ("private", "guild"):
        stranger.submit(10, access_type=access_type)
    job = stranger.submit(10, access_type="public")
    assert [chunk["job_id"] for chunk in node.take(4)] == [job["id"]]


def test_a_waiting_public_node_is_pushed_public_jobs(pool: Pool) -> None:
    """Sharing counts for pushes as it does for polls."""
    node, stranger = pool.node(), pool.user()
    pool.share_with_everybody(node)
    node.exchange(slots=2)
    stranger.submit(10)
    assert _pushed(pool, node) == []
    stranger.submit(10, access_type="public")
    assert len(_pushed(pool, node)) == 1


def test_a_friend_who_is_named_may_run_private_jobs(pool: Pool) -> None:
    """By push and by poll, as long as they are friends."""
    owner, friend = pool.user(), pool.user()
    node = pool.node(owner)
    _befriend(friend, owner)
    owner.call("share_node", node_id=node.id, access_type="user", target_id=friend.id)
    node.exchange(slots=1)
    friend.submit(10)
    assert len(_pushed(pool, node)) == 1
    friend.submit(10)
    assert len(node.exchange(slots=2)["chunks"]) == 2
    friend.connection.execute("delete from public.friendships where true")
    friend.submit(10)
    assert len(node.exchange(slots=9)["chunks"]) == 2


def test_guild_mates_may_run_what_they_let_guilds_run(pool: Pool) -> None:
    """Their private jobs stay private."""
    owner, mate = pool.user(), pool.user()
    node = pool.node(owner)
    guild_id = _found_guild(mate, owner)
    owner.call("share_node", node_id=node.id, access_type="guild", target_id=guild_id)
    node.exchange(slots=3)
    mate.submit(10)
    assert _pushed(pool, node) == []
    mate.submit(10, access_type="guild")
    assert len(_pushed(pool, node)) == 1
    mate.submit(10, access_type="public")
    assert len(_pushed(pool, node)) == 2
    assert len(node.exchange(slots=9)["chunks"]) == 2


def test_an_invited_user_is_no_member_yet(pool: Pool) -> None:
    """An invitation admits nobody."""
    owner, founder = pool.user(), pool.user()
    node = pool.node(owner)
    guild_id = _found_guild(founder, owner)
    owner.call("share_node", node_id=node.id, access_type="guild", target_id=guild_id)
    invited = pool.user()
    founder.connection.execute(
        "insert into public.guild_members (guild_id, user_id) values (%s, %s)",
        (guild_id, invited.id),
    )
    invited.submit(access_type="guild")
    assert node.take() == []


def test_unsharing_ends_it(pool: Pool) -> None:
    """What is out is finished; nothing more is leased."""
    node, stranger = pool.node(), pool.user()
    pool.share_with_everybody(node)
    stranger.submit(access_type="public")
    (chunk,) = node.take()
    node.owner.call("unshare_node", node_id=node.id, access_type="public")
    answer = node.exchange([completed(chunk)], slots=1)
    assert answer["outcomes"][0]["outcome"] == "accepted"
    assert answer["chunks"] == []


def test_everybody_sees_the_nodes_they_may_use(pool: Pool) -> None:
    """Their own first, with what admits them."""
    owner, stranger = pool.user(), pool.user()
    private, public = pool.node(owner), pool.node(owner)
    pool.share_with_everybody(public)

    def available(user: User) -> dict[str, list[str]]:
        rows = user.connection.execute(
            "select id::text, access_types from public.available_nodes()"
        ).fetchall()
        return dict(rows)

    assert available(owner) == {private.id: ["owner"], public.id: ["owner", "public"]}
    assert available(stranger) == {public.id: ["public"]}
