"""Results are checked by other nodes, and nodes are believed as far as checks agreed with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.db.schema.pool import completed, detail, failed, released, result

if TYPE_CHECKING:
    from tests.db.schema.pool import Json, Node, Pool, User

NOON = "2026-11-21 12:00:00+00"


@pytest.fixture
def pool(pool: Pool) -> Pool:
    """A pool at noon, whose chunks have ten iterations and whose new nodes are checked."""
    pool.set_clock(NOON)
    pool.configure(chunk_iterations_max=10, checks_to_trust=3, retry_elsewhere_period="0 seconds")
    return pool


def stranger(pool: Pool, agreements: int = 0) -> Node:
    """A node of somebody that everybody may use, which so many checks have agreed with."""
    node = pool.node()
    pool.share_with_everybody(node)
    if agreements:
        pool.admin.execute(
            "insert into private.node_trust (node_id, agreements) values (%s, %s)",
            (node.id, agreements),
        )
    return node


def submit(user: User, iterations: int = 10, **options: object) -> Json:
    """A job that anybody may run."""
    return user.submit(iterations, access_type="public", **options)


def lie(chunk: Json, number: int = 1) -> Json:
    """A valid result of a chunk that is not the right one."""
    return completed(chunk, result(chunk, invented=number))


def pass_time(pool: Pool, seconds: int, *nodes: Node) -> None:
    """Lets time pass in which these nodes are heard of, and others are not."""
    for step in range(0, seconds, 10):
        pool.advance(f"{min(10, seconds - step)} seconds")
        for node in nodes:
            node.heartbeat()


def statuses(pool: Pool) -> list[str]:
    """The status of every lease, in order."""
    return [row[0] for row in pool.rows("select status from public.sim_chunks order by attempt")]


def trust(node: Node) -> tuple[int, bool]:
    """How many checks in a row agreed with the node, and whether it is quarantined."""
    rows = node.pool.rows(
        "select agreements, quarantined_at is not null from private.node_trust where node_id = %s",
        node.id,
    )
    return rows[0] if rows else (0, False)


def assert_right(user: User, job: Json) -> None:
    """The job is done, and its result is that of one run."""
    row = user.job(job)
    assert row["status"] == "completed"
    whole = {"seed_offset": 0, "iterations": row["total_iterations"]}
    assert row["result"]["result"] == result(whole)


# -- what is checked, and by whom -----------------------------------------------------------


def test_a_result_of_a_new_node_waits_for_another_owners(pool: Pool) -> None:
    """It is accepted and does not count; with the second, equal one it does."""
    user = pool.user()
    job = submit(user)
    new, other = stranger(pool), stranger(pool)
    assert new.outcome(completed(new.take()[0])) == "accepted"
    assert statuses(pool) == ["held"]
    assert user.progress(job)["completed_iterations"] == 0
    assert new.take() == []
    (again,) = other.take()
    assert other.outcome(completed(again)) == "accepted"
    assert statuses(pool) == ["completed", "confirmed"]
    assert_right(user, job)
    assert (trust(new), trust(other)) == ((1, False), (1, False))


def test_another_node_of_the_same_owner_does_not_check_while_others_could(pool: Pool) -> None:
    """Two nodes of one owner may tell the same lie."""
    submit(pool.user())
    new, other = stranger(pool), stranger(pool)
    sibling = pool.node(new.owner)
    pool.share_with_everybody(sibling)
    new.outcome(completed(new.take()[0]))
    assert sibling.take() == []
    assert len(other.take()) == 1


def test_another_node_of_the_same_owner_checks_where_there_is_no_other(pool: Pool) -> None:
    """A machine that computes wrongly is found all the same."""
    user = pool.user()
    job = submit(user)
    new = stranger(pool)
    sibling = pool.node(new.owner)
    pool.share_with_everybody(sibling)
    new.outcome(completed(new.take()[0]))
    assert new.take() == []
    sibling.outcome(completed(sibling.take()[0]))
    assert_right(user, job)


def test_trusted_nodes_check_before_others(pool: Pool) -> None:
    """They have half of the time that a check waits to themselves."""
    submit(pool.user())
    new, other, trusted = stranger(pool), stranger(pool), stranger(pool, agreements=3)
    new.outcome(completed(new.take()[0]))
    assert other.take() == []
    (check,) = trusted.take()
    trusted.outcome(released(check))
    assert other.take() == []
    pass_time(pool, 60, new, other, trusted)
    pass_time(pool, 10, new, other, trusted)
    assert len(other.take()) == 1


def test_waiting_nodes_are_woken_to_check(pool: Pool) -> None:
    """The check is pushed when the result is handed in, and to nobody else."""
    user = pool.user()
    job = submit(user)
    new, other = stranger(pool), stranger(pool)
    (chunk,) = new.take()
    other.exchange(slots=1)
    new.exchange([completed(chunk)], slots=1)
    ((check,),) = (push["chunks"] for push in pool.messages(f"node:{other.id}", "chunks"))
    assert pool.messages(f"node:{new.id}", "chunks") == []
    other.outcome(completed(check))
    assert_right(user, job)


def test_nodes_of_the_submitter_are_trusted(pool: Pool) -> None:
    """However new: who would they lie to? It can be set otherwise."""
    user = pool.user()
    node = pool.node(user)
    stranger(pool)
    job = submit(user)
    node.work()
    assert_right(user, job)
    pool.configure(trusts_own_nodes=False)
    submit(user)
    node.work()
    assert "held" in statuses(pool)


def test_a_pool_of_one_node_checks_nothing(pool: Pool) -> None:
    """There is nobody to ask; its results count."""
    user = pool.user()
    job = submit(user, 50)
    node = stranger(pool)
    assert node.work() == 5
    assert_right(user, job)
    assert trust(node) == (0, False)


def test_nodes_that_cannot_check_are_not_waited_for(pool: Pool) -> None:
    """Silent, paused, without workers, backed off, quarantined, or not admitted."""
    user = pool.user()
    silent = stranger(pool)
    pool.advance("1 minute")
    paused, unused, troubled, liar, private = (
        stranger(pool),
        stranger(pool),
        stranger(pool),
        stranger(pool),
        pool.node(),
    )
    paused.owner.call("update_node_settings", node_id=paused.id, paused=True)
    unused.owner.call("update_node_settings", node_id=unused.id, max_parallel=0)
    pool.admin.execute(
        "insert into private.node_trust (node_id, backed_off_until, quarantined_at) values"
        " (%s, '2027-01-01', null), (%s, null, '2026-01-01')",
        (troubled.id, liar.id),
    )
    job = submit(user)
    stranger(pool).work()
    assert_right(user, job)
    assert not silent.take() + private.take()


def test_a_check_that_nobody_can_run_any_more_is_given_up(pool: Pool) -> None:
    """The result counts when the other node has gone, and that it was not checked is recorded."""
    user = pool.user()
    job = submit(user)
    new, other = stranger(pool), stranger(pool)
    new.outcome(completed(new.take()[0]))
    pool.advance("20 seconds")
    new.heartbeat()
    assert user.job(job)["status"] == "running"
    other.owner.call("update_node_settings", node_id=other.id, paused=True)
    pool.advance("10 seconds")
    new.heartbeat()
    assert_right(user, job)
    assert pool.rows("select node_id::text, verdict from private.verdicts") == [
        (new.id, "unchecked")
    ]
    assert trust(new) == (0, False)


def test_a_check_that_nobody_takes_is_given_up(pool: Pool) -> None:
    """A node that is there but never asks cannot keep a job from its end."""
    user = pool.user()
    job = submit(user)
    new, other = stranger(pool), stranger(pool)
    new.outcome(completed(new.take()[0]))
    pass_time(pool, 110, new, other)
    assert user.job(job)["status"] == "running"
    pass_time(pool, 20, new, other)
    assert_right(user, job)


def test_a_check_goes_to_another_when_its_lease_is_lost(pool: Pool) -> None:
    """Or was given back, or failed; and the job does not fail for it: the range can be run."""
    pool.configure(failures_max=1, backoff_after=100)
    user = pool.user()
    job = submit(user)
    new, other, third = stranger(pool), stranger(pool), stranger(pool)
    new.outcome(completed(new.take()[0]))
    other.outcome(released(other.take()[0]))
    (lost,) = other.take()
    pass_time(pool, 40, new, third)
    third.outcome(failed(third.take()[0]))
    other.heartbeat()
    (check,) = other.take()
    assert check["seed_offset"] == lost["seed_offset"]
    assert other.outcome(completed(check)) == "accepted"
    assert_right(user, job)
    assert other.outcome(completed(lost)) == "stale"


def test_a_late_result_of_a_lost_check_is_an_opinion(pool: Pool) -> None:
    """It spares the run that was opened in its place."""
    user = pool.user()
    job = submit(user)
    new, other = stranger(pool), stranger(pool)
    new.outcome(completed(new.take()[0]))
    (check,) = other.take()
    pool.advance("1 minute")
    new.heartbeat()
    pool.scalar("select private.requeue_expired_leases()")
    assert other.outcome(completed(check)) == "accepted"
    assert_right(user, job)


def test_a_late_opinion_makes_the_check_that_runs_pointless(pool: Pool) -> None:
    """Whoever has it now is told to drop it."""
    user = pool.user()
    job = submit(user, 30)
    new, other, third = stranger(pool), stranger(pool), stranger(pool)
    new.outcome(completed(new.take()[0]))
    (check,) = other.take()
    pass_time(pool, 40, new, third)
    (again,) = third.take()
    assert again["seed_offset"] == check["seed_offset"]
    assert other.outcome(completed(check)) == "accepted"
    assert pool.messages(f"node:{third.id}", "cancel") == [{"chunk_ids": [again["chunk_id"]]}]
    assert third.outcome(completed(again)) == "stale"
    assert user.progress(job)["completed_iterations"] == 10


def test_handing_in_a_held_result_again_changes_nothing(pool: Pool) -> None:
    """The answer is that of one that counts; another result is refused."""
    submit(pool.user())
    new, _other = stranger(pool), stranger(pool)
    (chunk,) = new.take()
    assert new.outcome(completed(chunk)) == "accepted"
    assert new.outcome(completed(chunk)) == "duplicate"
    assert new.outcome(lie(chunk)) == "rejected:different_result"
    assert new.outcome(failed(chunk)) == "stale"
    assert statuses(pool) == ["held"]


def test_a_check_goes_to_nodes_that_have_the_engine_of_the_result(pool: Pool) -> None:
    """The version of the first result is that of the job, and another's result would differ."""
    user = pool.user()
    job = submit(user)
    new, other = stranger(pool), stranger(pool)
    older = stranger(pool)
    older.heartbeat(engines={"combat": "0.9.0"})
    (chunk,) = new.take()
    new.exchange([completed(chunk)])
    assert older.take() == []
    other.work()
    assert_right(user, job)


def test_a_version_that_only_a_liar_had_does_not_bind_the_job(pool: Pool) -> None:
    """When all that it handed in is taken back, the next result decides anew."""
    user = pool.user()
    liar, good, third = stranger(pool, 10**9), stranger(pool), stranger(pool)
    bound, other = submit(user, 20), submit(user, 30, priority="low")
    (chunk,) = liar.take()
    (kept,) = good.take()
    liar.outcome(completed(chunk, result(chunk, engine_version="6.6.6")))
    assert good.outcome(completed(kept)) == "rejected:engine_version"
    user.call("pause_job", id=bound["id"])
    _convict(liar, [good, third], other)
    pool.scalar("select private.purge_distrusted_nodes()")
    assert user.job(bound)["engine_version"] is None
    user.call("resume_job", id=bound["id"])
    while good.work() + third.work():
        pass
    assert_right(user, bound)


# -- how often ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agreements", "probability"), [(0, 1), (2, 1), (4, 1 / 2), (100, 0.1), (10**9, 0.02)]
)
def test_a_node_is_checked_less_the_more_checks_agreed(
    pool: Pool, agreements: int, probability: float
) -> None:
    """Always at first, then less by the square root of what agreed, never less than the least."""
    pool.configure(check_probability_min=0.02)
    node = stranger(pool, agreements)
    found = pool.scalar(
        "select private.check_probability(private.trust_of(%s::uuid), false, settings)"
        " from private.settings",
        node.id,
    )
    assert found == pytest.approx(probability)


def test_the_draw_is_as_often_as_it_should(pool: Pool) -> None:
    """One in ten of twenty thousand, within five standard deviations."""
    query = (
        "with chunks as materialized ("
        "  select private.lease_ids(now(), gen_random_uuid()) || lpad(to_hex(n), 4, '0') as id"
        "  from generate_series(1, %s) as n"
        ")"
        " select count(*) from chunks cross join private.lot() as lots (lot)"
        " where private.draw(%s, chunks.id::uuid, lots.lot)"
    )
    assert abs(pool.scalar(query, 20_000, 0.1) - 2000) < 5 * (20_000 * 0.1 * 0.9) ** 0.5
    assert pool.scalar(query, 100, 1) == 100
    assert pool.scalar(query, 100, 0) == 0


def test_of_many_results_in_one_call_those_that_are_drawn_are_held(pool: Pool) -> None:
    """The others count at once; all are accepted, and in the end each counts once."""
    pool.configure(check_probability_min=0.5, fold_size=1000)
    user = pool.user()
    job = submit(user, 500)
    node, other = stranger(pool, 10**6), stranger(pool, 10**6)
    node.outcome(completed(node.take()[0]))
    chunks = node.take(24)
    outcomes = node.exchange([completed(chunk) for chunk in chunks])["outcomes"]
    assert outcomes == [{"chunk_id": chunk["chunk_id"], "outcome": "accepted"} for chunk in chunks]
    held = pool.scalar("select count(*) from public.sim_chunks where status = 'held'")
    counted = pool.scalar("select sum(chunks) from private.job_partials")
    assert 0 < held < 25
    assert held + counted == 25
    for _ in range(4):
        other.work()
        node.work()
    assert_right(user, job)


def test_nobody_earns_trust_with_jobs_of_its_own(pool: Pool) -> None:
    """Two nodes of a submitter could else vouch for each other; a stranger's check is worth it."""
    pool.configure(trusts_own_nodes=False)
    user = pool.user()
    job = submit(user)
    own, new = pool.node(user), stranger(pool)
    new.outcome(completed(new.take()[0]))
    own.outcome(completed(own.take()[0]))
    assert_right(user, job)
    assert [trust(node) for node in (own, new)] == [(0, False), (1, False)]


def test_an_invalid_result_costs_a_node_its_trust(pool: Pool) -> None:
    """It is checked like a new one."""
    submit(pool.user())
    node = stranger(pool, agreements=7)
    (chunk,) = node.take()
    broken = result(chunk) | {"iterations": 3}
    assert node.outcome(completed(chunk, broken)) == "rejected:iterations"
    assert trust(node) == (0, False)


# -- who lies -------------------------------------------------------------------------------


@pytest.fixture
def nodes(pool: Pool) -> list[Node]:
    """Three nodes of different owners, new to the pool."""
    return [stranger(pool) for _ in range(3)]


def test_a_third_node_decides_who_lies(pool: Pool, nodes: list[Node]) -> None:
    """The liar gets no more work, its owner is told, and everything is written down."""
    liar, good, third = nodes
    user = pool.user()
    job = submit(user)
    liar.outcome(lie(liar.take()[0]))
    good.outcome(completed(good.take()[0]))
    assert statuses(pool) == ["held", "held"]
    assert user.job(job)["status"] == "running"
    assert not liar.take() + good.take()
    third.outcome(completed(third.take()[0]))
    assert_right(user, job)
    assert [trust(node) for node in (liar, good, third)] == [(0, True), (1, False), (1, False)]
    assert pool.rows(
        "select node_id::text, verdict, digest = counted_digest from private.verdicts order by id"
    ) == [(liar.id, "disagreed", False), (good.id, "agreed", True), (third.id, "agreed", True)]
    told = pool.messages(f"user:{liar.owner.id}", "node")
    assert [message["status"] for message in told if "quarantined" in message["status"]] == [
        "quarantined"
    ]


def test_the_third_node_is_of_a_third_owner(pool: Pool, nodes: list[Node]) -> None:
    """Neither side is asked again by another of its nodes."""
    liar, good, third = nodes
    submit(pool.user())
    siblings = [pool.node(node.owner) for node in (liar, good)]
    for sibling in siblings:
        pool.share_with_everybody(sibling)
    liar.outcome(lie(liar.take()[0]))
    good.outcome(completed(good.take()[0]))
    assert [sibling.take() for sibling in siblings] == [[], []]
    assert len(third.take()) == 1


def test_a_lying_checker_is_found_as_well(pool: Pool, nodes: list[Node]) -> None:
    """Whoever came first is not for that reason wrong."""
    good, liar, third = nodes
    user = pool.user()
    job = submit(user)
    good.outcome(completed(good.take()[0]))
    liar.outcome(lie(liar.take()[0]))
    third.outcome(completed(third.take()[0]))
    assert_right(user, job)
    assert [trust(node)[1] for node in nodes] == [False, True, False]


def test_a_quarantined_node_gets_no_work_and_is_not_believed(pool: Pool, nodes: list[Node]) -> None:
    """Neither by asking nor by a push; what it still hands in is refused, and run by others."""
    liar, good, third = nodes
    user = pool.user()
    job = submit(user, 30)
    lied, kept = liar.take(2)
    liar.outcome(lie(lied))
    good.work()
    third.work()
    assert trust(liar) == (0, True)
    assert liar.outcome(completed(kept)) == "rejected:quarantined"
    assert liar.take() == []
    pool.scalar("select private.purge_distrusted_nodes()")
    assert pool.messages(f"node:{liar.id}", "cancel") == [{"chunk_ids": [kept["chunk_id"]]}]
    for _ in range(3):
        good.work()
        third.work()
    assert_right(user, job)


def _convict(liar: Node, judges: list[Node], job: Json) -> None:
    """Lets the node be caught with a lie about its next chunk."""
    (chunk,) = liar.take()
    assert chunk["job_id"] == job["id"]
    liar.pool.admin.execute(
        "update private.node_trust set agreements = 0 where node_id = %s", (liar.id,)
    )
    liar.outcome(lie(chunk))
    for judge in judges:
        judge.outcome(completed(judge.take()[0]))
    assert trust(liar) == (0, True)


def test_what_a_liar_alone_contributed_is_run_again(pool: Pool) -> None:
    """Before the job ends, whether it was merged already or not; what others confirmed stays."""
    pool.configure(fold_size=2)
    user = pool.user()
    job = submit(user, 100)
    liar, good, third = stranger(pool, 10**9), stranger(pool), stranger(pool)
    lies = liar.take(4)
    liar.exchange([lie(chunk, number) for number, chunk in enumerate(lies)])
    assert user.progress(job)["completed_chunks"] == 4
    _convict(liar, [good, third], job)
    pool.scalar("select private.purge_distrusted_nodes()")
    assert user.progress(job)["completed_chunks"] == 1
    assert pool.rows(
        "select node_id::text, seed_offset, iterations, is_run_again"
        " from private.distrusted_results order by seed_offset"
    ) == [(liar.id, chunk["seed_offset"], 10, True) for chunk in lies]
    while good.work() + third.work():
        pass
    assert_right(user, job)


def test_a_job_does_not_end_with_lies_that_are_known(pool: Pool) -> None:
    """Also when its last result comes before anybody has cleaned up."""
    user = pool.user()
    job = submit(user, 30)
    liar, good, third, slow = stranger(pool, 10**9), *(stranger(pool) for _ in range(3))
    liar.outcome(lie(liar.take()[0]))
    (last,) = slow.take()
    _convict(liar, [good, third], job)
    pool.configure(checks_to_trust=0)
    slow.outcome(completed(last))
    assert user.job(job)["status"] == "running"
    slow.work()
    assert_right(user, job)


def test_lies_in_finished_jobs_are_recorded(pool: Pool) -> None:
    """The result stays as it was handed over; how much of it is not to be believed is said."""
    user = pool.user()
    before, after = submit(user, 40), submit(user, 30, priority="low")
    liar, good, third = (stranger(pool, 10**9) for _ in range(3))
    liar.exchange([lie(chunk) for chunk in liar.take(2)])
    good.exchange([completed(good.take()[0])])
    third.exchange([completed(third.take()[0])])
    assert user.job(before)["status"] == "completed"
    result_then = user.job(before)["result"]
    _convict(liar, [good, third], after)
    pool.scalar("select private.purge_distrusted_nodes()")
    row = user.job(before)
    assert (row["result"], row["distrusted_iterations"]) == (result_then, 20)
    assert pool.rows(
        "select count(*), sum(iterations) from private.distrusted_results where not is_run_again"
    ) == [(2, 20)]


def test_results_that_are_not_believed_earn_nothing(pool: Pool) -> None:
    """Neither those of a job that runs nor those of one that ended; who confirmed earns as well."""
    user = pool.user()
    before, after = submit(user, 30), submit(user, 30, priority="low")
    liar, good, third = (stranger(pool, 10**9) for _ in range(3))
    liar.exchange([lie(chunk) for chunk in liar.take(3)])
    pool.scalar("select private.reward_jobs()")
    liar.outcome(lie(liar.take()[0]))
    _convict(liar, [good, third], after)
    pool.advance("11 minutes")
    assert _rewarded(pool, before) == {liar.id: 3}
    pool.scalar("select private.purge_distrusted_nodes()")
    pool.scalar("select private.reward_jobs()")
    assert _rewarded(pool, before) == {}
    assert _rewarded(pool, after) == {good.id: 1, third.id: 1}


def _rewarded(pool: Pool, job: Json) -> dict[str, int]:
    """How many results of the job were rewarded, by node."""
    return dict(
        pool.rows(
            "select node_id::text, tasks from private.job_earnings where job_id = %s and tasks > 0",
            job["id"],
        )
    )


def test_results_of_a_liar_that_are_held_are_taken_back(pool: Pool) -> None:
    """A check that loses its only result begins anew; one with others asks for one more."""
    user = pool.user()
    job = submit(user, 30)
    liar, good, third = stranger(pool), stranger(pool), stranger(pool)
    liar.exchange([lie(chunk) for chunk in liar.take(3)])
    first, second = good.take(2)
    good.exchange([completed(first), completed(second)])
    third.outcome(completed(third.take()[0]))
    assert trust(liar) == (0, True)
    pool.scalar("select private.purge_distrusted_nodes()")
    assert sorted(statuses(pool)).count("held") == 1
    while good.work() + third.work():
        pass
    assert_right(user, job)


def test_other_nodes_of_a_liars_owner_are_suspect(pool: Pool) -> None:
    """They are checked as if they were new."""
    user = pool.user()
    job = submit(user, 10)
    liar, good, third = stranger(pool), stranger(pool), stranger(pool)
    sibling = pool.node(liar.owner)
    pool.admin.execute(
        "insert into private.node_trust (node_id, agreements) values (%s, 50)", (sibling.id,)
    )
    _convict(liar, [good, third], job)
    assert trust(sibling) == (50, False)
    pool.scalar("select private.purge_distrusted_nodes()")
    assert trust(sibling) == (0, False)


def test_what_is_known_of_a_liar_outlives_its_node(pool: Pool) -> None:
    """It may unregister: what it contributed is taken back all the same."""
    user = pool.user()
    job = submit(user, 40)
    liar = pool.node(public_key="liar")
    pool.share_with_everybody(liar)
    pool.admin.execute(
        "insert into private.node_trust (node_id, agreements) values (%s, 1000000000)", (liar.id,)
    )
    good, third = stranger(pool), stranger(pool)
    liar.outcome(lie(liar.take()[0]))
    _convict(liar, [good, third], job)
    pool.scalar("select private.unregister_node('liar')")
    pool.scalar("select private.purge_distrusted_nodes()")
    while good.work() + third.work():
        pass
    assert_right(user, job)


def test_two_who_disagree_wait_for_a_third_and_then_nobody_is_believed(pool: Pool) -> None:
    """A result that is known to be doubtful never counts."""
    user = pool.user()
    job = submit(user)
    one, other = stranger(pool), stranger(pool)
    one.outcome(lie(one.take()[0]))
    other.outcome(completed(other.take()[0]))
    pass_time(pool, 130, one, other)
    row = user.job(job)
    assert row["status"] == "failed"
    assert "computed different results for iterations from 0" in row["error"]
    assert [trust(node)[1] for node in (one, other)] == [False, False]
    user.call("retry_job", id=job["id"])
    assert user.job(job)["status"] == "pending"


def test_where_there_is_no_third_the_trusted_one_is_believed(pool: Pool) -> None:
    """The other loses what trust it had, and is not quarantined on one word."""
    user = pool.user()
    job = submit(user)
    new, own = stranger(pool), pool.node(user)
    new.outcome(lie(new.take()[0]))
    own.outcome(completed(own.take()[0]))
    pass_time(pool, 130, new, own)
    assert_right(user, job)
    assert trust(new) == (0, False)


def test_an_engine_that_is_not_exact_fails_the_job_and_convicts_nobody(pool: Pool) -> None:
    """Four different results of one range are not four liars."""
    user = pool.user()
    job = submit(user)
    nodes = [stranger(pool) for _ in range(5)]
    for number, node in enumerate(nodes[:4]):
        node.outcome(lie(node.take()[0], number))
    pass_time(pool, 10, *nodes)
    row = user.job(job)
    assert row["status"] == "failed"
    assert row["error"] == (
        "nodes computed 4 different results for iterations from 0: its engine is not exact"
    )
    assert not any(trust(node)[1] for node in nodes)


# -- replication ----------------------------------------------------------------------------


@pytest.mark.parametrize("replication", [2, 3])
def test_a_job_may_ask_for_results_of_several_owners(pool: Pool, replication: int) -> None:
    """Trusted or not, its own or not: each range counts when so many agree."""
    user = pool.user()
    job = submit(user, 30, replication=replication)
    owners = [pool.node(user), *(stranger(pool, 10**9) for _ in range(replication - 1))]
    for done, node in enumerate(owners):
        assert user.progress(job)["completed_iterations"] == 0
        assert node.work() == 3, done
        assert node.work() == 0
    assert_right(user, job)
    assert (
        pool.scalar(
            "select count(distinct node_id) from public.sim_chunks where status = 'confirmed'"
        )
        == replication - 1
    )


def test_replication_waits_for_other_owners_however_long(pool: Pool) -> None:
    """It is a promise: more nodes of one owner do not keep it."""
    user = pool.user()
    job = submit(user, replication=2)
    node, sibling = pool.node(user), pool.node(user)
    node.work()
    assert sibling.take() == []
    pass_time(pool, 300, node, sibling)
    assert user.job(job)["status"] == "running"
    assert sibling.take() == []
    stranger(pool).work()
    assert_right(user, job)


def test_a_liar_among_replicas_is_found(pool: Pool) -> None:
    """Two of three agree, and the third is wrong."""
    user = pool.user()
    job = submit(user, replication=2)
    liar, good, third = (stranger(pool) for _ in range(3))
    liar.outcome(lie(liar.take()[0]))
    good.work()
    third.work()
    assert_right(user, job)
    assert trust(liar) == (0, True)


@pytest.mark.parametrize("replication", [0, 4, None])
def test_replication_is_in_bounds(pool: Pool, replication: int | None) -> None:
    """The field is named."""
    with pytest.raises(psycopg.Error) as refused:
        pool.user().submit(replication=replication)
    assert refused.value.sqlstate == "PT400"
    assert list(detail(refused.value)["fields"]) == ["replication"]


def test_a_cancelled_job_keeps_what_counts_and_runs_the_rest_again(pool: Pool) -> None:
    """What was held was not counted yet."""
    user = pool.user()
    job = submit(user, 40)
    one, other, third = stranger(pool), stranger(pool), stranger(pool)
    one.exchange([completed(chunk) for chunk in one.take(3)])
    other.exchange([completed(other.take()[0])])
    other.take()
    user.call("cancel_job", id=job["id"])
    assert user.progress(job)["completed_iterations"] == 10
    user.call("retry_job", id=job["id"])
    while one.work() + other.work() + third.work():
        pass
    assert_right(user, job)


# -- in words -------------------------------------------------------------------------------


def reasons(answer: Json) -> dict[str, str]:
    """What was explained, by code."""
    return {reason["code"]: reason["text"] for reason in answer["reasons"]}


def test_a_pause_keeps_what_is_held(pool: Pool) -> None:
    """Nobody checks it meanwhile, and it is not run by its node again."""
    pool.configure(chunk_iterations_min=10, chunk_iterations_max=10)
    submitter = pool.user()
    job = submitter.submit(30, access_type="public", replication=2)
    one, other = (pool.node() for _ in range(2))
    for node in (one, other):
        pool.share_with_everybody(node)
    first, second, third = one.take(3)
    one.exchange([completed(first), completed(second)])
    (check,) = other.take()
    assert check["seed_offset"] == first["seed_offset"]
    submitter.call("pause_job", id=job["id"])
    assert pool.scalar("select count(*) from public.sim_chunks where status = 'held'") == 2
    assert [one.take(4), other.take(4)] == [[], []]
    assert one.outcome(completed(third)) == "accepted"
    assert pool.database.broken_invariants() == []
    submitter.call("resume_job", id=job["id"])
    pushed = pool.messages(f"node:{other.id}", "chunks")
    chunks = [chunk for message in pushed for chunk in message["chunks"]]
    assert sorted(chunk["seed_offset"] for chunk in chunks) == [0, 10, 20]
    assert one.take(4) == []
    other.exchange([completed(chunk) for chunk in chunks])
    assert submitter.progress(job)["status"] == "completed"


def test_a_checker_that_takes_too_long_holds_nobody_up(pool: Pool) -> None:
    """Another runs the check instead, as soon as one waits, and the first hears of it."""
    pool.set_clock("2026-11-21 12:00:00+00")
    pool.configure(chunk_iterations_min=10)
    submitter = pool.user()
    job = submitter.submit(10, access_type="public", replication=2)
    one, slow, third = (pool.node() for _ in range(3))
    for node in (one, slow, third):
        pool.share_with_everybody(node)
    one.exchange([completed(one.take()[0])], slots=1)
    (check,) = slow.take()

    def last(*waiting: Node) -> None:
        for _ in range(15):
            pool.advance("2 seconds")
            slow.heartbeat(running=[check["chunk_id"]])
            for node in waiting:
                node.exchange(slots=1)

    last(one)
    assert slow.heartbeat(running=[check["chunk_id"]])["cancelled"] == []
    third.exchange(slots=1)
    last(one, third)
    (cancelled,) = pool.messages(f"node:{slow.id}", "cancel")
    assert cancelled == {"chunk_ids": [check["chunk_id"]]}
    (again,) = third.take()
    assert third.outcome(completed(again)) == "accepted"
    assert submitter.progress(job)["status"] == "completed"


def test_a_job_says_that_it_waits_for_checks(pool: Pool) -> None:
    """How many of its parts, and for how many of them a node is sought."""
    user = pool.user()
    job = submit(user, 30)
    new, other = stranger(pool), stranger(pool)
    new.exchange([completed(chunk) for chunk in new.take(3)])
    other.take()
    told = reasons(user.call("explain_job", id=job["id"]))
    assert list(told) == ["working", "free", "checks", "fully_leased"]
    assert "3 part(s) wait until another node has run them too, and 2 of them" in told["checks"]


def test_a_job_says_that_it_waits_for_another_owner(pool: Pool) -> None:
    """Nothing is out, and the submitter's own node cannot help."""
    user = pool.user()
    job = submit(user, replication=2)
    node = pool.node(user)
    node.work()
    told = reasons(user.call("explain_job", id=job["id"]))
    assert list(told) == ["free", "replicas"]
    assert told["replicas"].startswith("It asks that nodes of 2 owners agree on each part: 1 part")
    assert "those of 1 owner(s) may serve it" in told["replicas"]
    pool.share_with_everybody(pool.node())
    told = reasons(user.call("explain_job", id=job["id"]))
    assert "may serve it" not in told["replicas"]


def test_a_liar_and_its_jobs_say_so(pool: Pool) -> None:
    """The owner reads why there is no work, the submitter why the node does not help."""
    user = pool.user()
    job = submit(user, 30)
    liar, good, third = stranger(pool), stranger(pool), stranger(pool)
    _convict(liar, [good, third], job)
    told = reasons(liar.owner.call("explain_node", id=liar.id))
    assert told["quarantined"].startswith("It is quarantined since 2026-11-21 12:00:00 UTC")
    answer = user.call("explain_job", id=job["id"])
    assert answer["nodes"]["quarantined"] == 1
    assert "quarantined" in reasons(answer)
    assert answer["failures"][0]["failure"] == "distrusted"


def test_a_finished_job_says_what_of_it_is_distrusted(pool: Pool) -> None:
    """With what to do about it."""
    user = pool.user()
    before, after = submit(user, 20), submit(user, 30, priority="low")
    liar, good, third = (stranger(pool, 10**9) for _ in range(3))
    liar.exchange([lie(chunk) for chunk in liar.take(2)])
    _convict(liar, [good, third], after)
    pool.scalar("select private.purge_distrusted_nodes()")
    told = reasons(user.call("explain_job", id=before["id"]))
    assert "20 of its iterations" in told["distrusted"]


def test_an_operator_pardons(pool: Pool) -> None:
    """A machine that was mended works again, and is checked like a new one."""
    user = pool.user()
    job = submit(user, 30)
    liar, good, third = stranger(pool), stranger(pool), stranger(pool)
    _convict(liar, [good, third], job)
    assert liar.take() == []
    assert pool.scalar("select private.pardon_node(%s)", liar.id) is True
    assert trust(liar) == (0, False)
    assert len(liar.take()) == 1
    assert pool.scalar("select private.pardon_node(%s)", liar.id) is False
