"""Earnings: uptime, rewards, days, ledger, disputes; every figure against a hand calculation."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.db.schema.machines import SHARED_CPU, allocate, register_machine
from tests.db.schema.pool import CONFIG, call, completed, result

if TYPE_CHECKING:
    from tests.db.schema.machines import Machine
    from tests.db.schema.pool import Node, Pool, User

NOON: Final = "2026-11-21 12:00:00+00"
CPU_HOUR: Final = Fraction(1, 100)
GPU_HOUR: Final = Fraction(2, 100)
THOUSAND_ITERATIONS: Final = Fraction(1, 1000)


def credits_of(amount: Fraction) -> Decimal:
    """An exact amount as the pool rounds it: once, to six places, halves away from zero."""
    millionths = amount * 10**6
    whole = Decimal(millionths.numerator) / Decimal(millionths.denominator)
    return whole.quantize(Decimal(1), ROUND_HALF_UP) / Decimal(10**6)


def uptime_of(quantity: Fraction | int, seconds: Fraction | int, rate: Fraction) -> Decimal:
    """What so many cores or gigabytes earn in so many seconds."""
    return credits_of(quantity * Fraction(seconds) / 3600 * rate)


def days(pool: Pool, unit_id: str) -> dict[str, list[Any]]:
    """The earnings of a unit: tasks, their reward, seconds, their pay, by day."""
    return {
        date: figures
        for date, *figures in pool.rows(
            "select date::text, tasks_completed, task_earnings, uptime_seconds, uptime_earnings"
            " from private.day_earnings(array[%s::uuid], '-infinity') order by date",
            unit_id,
        )
    }


def balance(pool: Pool, unit_id: str) -> Decimal:
    """What the ledger holds for a unit."""
    held: Decimal = pool.scalar(
        "select coalesce(sum(amount), 0) from private.ledger_entries where account_id = %s", unit_id
    )
    return held


def settle_books(pool: Pool) -> None:
    """Does what cron does, until nothing is left; then all books agree, or the test fails."""
    pool.scalar("select private.reward_jobs()")
    pool.admin.execute("update private.postings set due_at = private.current_time() where true")
    while pool.scalar("select private.post_earnings(100)"):
        pool.admin.execute(
            "update private.postings set due_at = null where due_at > private.current_time()"
        )
    assert pool.rows("select * from private.reconcile_earnings()") == []
    assert pool.scalar("select coalesce(sum(amount), 0) from private.ledger_entries") == 0


def cpu_of(pool: Pool, node: Node) -> str:
    """The id of the CPU unit of a node."""
    return str(
        pool.scalar(
            "select id::text from public.compute_units where node_id = %s and device_type = 'cpu'",
            node.id,
        )
    )


def work(user: User, node: Node, jobs: int, iterations: int, events: int | None = None) -> None:
    """Has a node do jobs of one config; an iteration makes so many events."""
    config = CONFIG if events is None else f'{{"engine":"combat","events":{events}}}'
    for _ in range(jobs):
        user.submit(iterations, config_json=config)
        while chunks := node.take(8):
            counted = [
                {} if events is None else {"fight.events": events * chunk["iterations"]}
                for chunk in chunks
            ]
            node.exchange(
                [
                    completed(chunk, result(chunk, **more))
                    for chunk, more in zip(chunks, counted, strict=True)
                ]
            )


BEATS: Final = """
create procedure pg_temp.beats(node_id uuid, status jsonb, moments integer[])
language plpgsql
as $$
declare
  v_second integer;
begin
  perform set_config(
    'request.jwt.claims',
    json_build_object('sub', beats.node_id, 'node_id', beats.node_id)::text, false
  );
  foreach v_second in array beats.moments loop
    update private.clock
    set fake_now = '2026-11-21 00:00:00+00'::timestamptz + make_interval(secs => v_second)
    where is_fake;
    perform private.machine_heartbeat(beats.status);
    commit;
  end loop;
end;
$$
"""


def beat_at(pool: Pool, machine: Machine, moments: list[int]) -> None:
    """Sends the heartbeats of a machine at these seconds of a day, all in one call."""
    units = [{"unit_id": machine.unit(name), "status": "active"} for name in ("cpu", "gpu")]
    pool.admin.execute(
        "call pg_temp.beats(%s, %s, %s)",
        (machine.id, Jsonb({"compute_units": units}), moments),
    )


@dataclass
class Meter:
    """What one unit should earn, by hand: an interval is paid for its first 45 seconds."""

    quantity: int
    rates: tuple[tuple[int, Fraction], ...]
    since: int | None = None
    seconds: int = 0
    amount: Fraction = Fraction(0)

    def pay(self, until: int) -> None:
        """Pays since the last time, second by second."""
        assert self.since is not None
        for second in range(self.since, min(until, self.since + 45)):
            rate = [rate for begins, rate in self.rates if begins <= second][-1]
            self.amount += self.quantity * rate / 3600
            self.seconds += 1
        self.since = until


def test_a_day_of_heartbeats_and_results_earns_what_the_formulas_say(pool: Pool) -> None:
    """A CPU, a GPU, and a node that runs jobs, from one midnight to the next.

    Every fourth hour the machine is silent for ten minutes, after noon its owner halves the cores,
    in the evening the GPU rests for an hour, and some seconds after 18:00 a better rate begins.
    """
    better, change, pause, resume = 64807, 43211, 72013, 75619
    pool.set_clock("2026-11-21 00:00:00+00")
    pool.admin.execute(BEATS)
    user = pool.user()
    machine, node = register_machine(user), pool.node(user)
    pool.admin.execute(
        "update private.rates set valid_until = '2026-11-21 18:00:07+00' where device_type = 'cpu'"
    )
    pool.admin.execute(
        "insert into private.rates (device_type, valid_from, per_hour, per_task)"
        " values ('cpu', '2026-11-21 18:00:07+00', 0.013, 0.0025)"
    )
    cpu = Meter(8, ((0, CPU_HOUR), (better, Fraction(13, 1000))))
    gpu = Meter(22, ((0, GPU_HOUR),))
    beats = [second for second in range(30, 86400, 30) if not 0 < second % 14400 <= 600]
    stops = [21600, change, pause, resume, 79200, 86400]
    done = 0
    for stop in stops:
        moments = [second for second in beats if done < second <= stop]
        beat_at(pool, machine, moments)
        for second in moments:
            for meter in (cpu, gpu):
                if meter.since is not None:
                    meter.pay(second)
            cpu.since = second
            gpu.since = None if pause <= second < resume else second
        done = stop
        pool.set_clock(f"2026-11-{21 + stop // 86400} {clock(stop % 86400)}+00")
        if stop == change:
            half = {"unit_id": machine.unit(), "allocation": {"cores_allocated": 4}}
            allocate(user, machine.id, half)
            cpu.pay(stop)
            cpu.quantity = 4
        elif stop == pause:
            user.call("pause_unit", unit_id=machine.unit("gpu"))
            gpu.pay(stop)
            gpu.since = None
        elif stop == resume:
            user.call("resume_unit", unit_id=machine.unit("gpu"))
            gpu.since = stop
        elif stop in {21600, 79200}:
            work(user, node, jobs=3, iterations=1234)
    assert list(days(pool, machine.unit())) == ["2026-11-21"]
    assert days(pool, machine.unit())["2026-11-21"] == [
        0,
        0,
        cpu.seconds,
        credits_of(cpu.amount),
    ]
    assert days(pool, machine.unit("gpu"))["2026-11-21"] == [
        0,
        0,
        gpu.seconds,
        credits_of(gpu.amount),
    ]
    assert (cpu.seconds, gpu.seconds) != (0, 0)
    settle_books(pool)
    chunks = pool.scalar("select count(*) from public.sim_chunks where status = 'completed'")
    reward = 3 * 1234 * (Fraction(1, 1000) + Fraction(25, 10000)) / 1000
    (of_node,) = days(pool, cpu_of(pool, node)).values()
    assert of_node[:2] == [chunks, credits_of(reward)]
    assert balance(pool, machine.unit()) == credits_of(cpu.amount)
    assert balance(pool, machine.unit("gpu")) == credits_of(gpu.amount)
    earned = user.call("my_earnings")
    total = credits_of(cpu.amount) + credits_of(gpu.amount) + of_node[1] + of_node[3]
    assert Decimal(str(earned["total_earnings"])) == total
    assert Decimal(str(earned["ledger"])) == total


def clock(second: int) -> str:
    """A second of a day as a time."""
    return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"


def test_uptime_is_never_more_than_the_time_that_passed(pool: Pool) -> None:
    """However many heartbeats come in it, and however many sessions send them."""
    pool.set_clock(NOON)
    machine = register_machine(pool.user(), SHARED_CPU)
    for _ in range(20):
        pool.advance("3 seconds")
        machine.beat()
        machine.beat()
    (day,) = days(pool, machine.unit()).values()
    assert day[2:] == [57, uptime_of(8, 57, CPU_HOUR)]


def test_silence_is_paid_for_three_heartbeats_at_most(pool: Pool) -> None:
    """The same whether the unit was marked offline in between or not."""
    pool.set_clock(NOON)
    paid = []
    for marks in (False, True):
        machine = register_machine(
            pool.user(), SHARED_CPU, machine_id=f"m-{marks}", api_key=f"key {marks}"
        )
        machine.beat()
        pool.advance("10 minutes")
        if marks:
            assert pool.scalar("select private.mark_silent_units_offline()") == 2
        machine.beat()
        paid += [day[2] for day in days(pool, machine.unit()).values()]
    assert paid == [45, 45]


def test_midnight_parts_what_was_earned(pool: Pool) -> None:
    """In UTC: fifteen seconds of the one day, five of the next."""
    pool.set_clock("2026-11-21 23:59:45+00")
    machine = register_machine(pool.user(), SHARED_CPU)
    machine.beat()
    pool.advance("20 seconds")
    machine.beat()
    assert {day: figures[2] for day, figures in days(pool, machine.unit()).items()} == {
        "2026-11-21": 15,
        "2026-11-22": 5,
    }


def test_what_rests_is_not_paid(pool: Pool) -> None:
    """Neither a unit that says so, nor one of a node that is paused."""
    pool.set_clock(NOON)
    machine, node = register_machine(pool.user(), SHARED_CPU), pool.node()
    unit = cpu_of(pool, node)
    machine.beat()
    node.owner.call("update_node_settings", node_id=node.id, paused=True)
    node.heartbeat()
    for said in ("paused", "paused", "active", "active"):
        pool.advance("10 seconds")
        machine.beat(said)
        node.heartbeat()
    # ten seconds until it said that it rests, ten after it said that it works
    assert [day[2] for day in days(pool, machine.unit()).values()] == [20]
    assert days(pool, unit) == {}


def test_where_no_rate_is_valid_nothing_is_paid(pool: Pool) -> None:
    """The time still counts; and two rates are never valid at once."""
    pool.set_clock(NOON)
    pool.admin.execute("delete from private.rates where device_type = 'cpu'")
    pool.admin.execute(
        "insert into private.rates (device_type, valid_from, per_hour, per_task)"
        " values ('cpu', '2026-11-21 12:00:20+00', 36, 0)"
    )
    machine = register_machine(pool.user(), SHARED_CPU)
    machine.beat()
    pool.advance("30 seconds")
    machine.beat()
    (day,) = days(pool, machine.unit()).values()
    assert day[2:] == [30, uptime_of(8, 10, Fraction(36))]
    with pytest.raises(psycopg.errors.ExclusionViolation):
        pool.admin.execute(
            "insert into private.rates (device_type, per_hour, per_task) values ('cpu', 1, 1)"
        )


def test_a_result_is_rewarded_once_by_what_it_weighs(pool: Pool) -> None:
    """While its job runs, when it has ended, and however often somebody looks."""
    pool.set_clock(NOON)
    pool.configure(chunk_iterations_max=100, progress_period="0 seconds")
    user = pool.user()
    node = pool.node(user)
    unit = cpu_of(pool, node)
    user.submit(1000)
    number = 0
    while chunks := node.take():
        (chunk,) = chunks
        number += 1
        assert node.outcome(completed(chunk)) == "accepted"
        assert node.outcome(completed(chunk)) == "duplicate"
        for _ in range(2):
            pool.scalar("select private.reward_jobs()")
        counted = sum(day[0] for day in days(pool, unit).values())
        # counted again when it grew by a quarter, and at its end
        assert number * 3 / 4 <= counted <= number
    (day,) = days(pool, unit).values()
    assert number >= 10
    assert day[:2] == [number, credits_of(THOUSAND_ITERATIONS)]
    assert pool.scalar("select private.reward_jobs()") == 0
    assert pool.rows("select * from private.uncredited_jobs") == []
    settle_books(pool)


def test_an_iteration_weighs_as_much_as_it_has_events(pool: Pool) -> None:
    """2,500 events are two and a half times a thousand; measured once per config."""
    pool.set_clock(NOON)
    user = pool.user()
    node = pool.node(user)
    work(user, node, jobs=2, iterations=1000, events=2500)
    settle_books(pool)
    assert pool.rows("select cost from private.config_costs") == [(Decimal("2.5"),)]
    (day,) = days(pool, cpu_of(pool, node)).values()
    assert day[1] == credits_of(2 * Fraction(5, 2) * THOUSAND_ITERATIONS)


def test_rewards_survive_what_they_are_for(pool: Pool) -> None:
    """A job that is deleted is rewarded first; a node that is gone, all the same."""
    pool.set_clock(NOON)
    owner, submitter = pool.user(), pool.user()
    node = pool.node(owner)
    unit = cpu_of(pool, node)
    pool.share_with_everybody(node)
    submitter.submit(1000, access_type="public")
    node.exchange([completed(chunk) for chunk in node.take(8)])
    call(owner.connection, "private.unregister_machine", {"id": node.id})
    pool.admin.execute("delete from public.sim_jobs where true")
    settle_books(pool)
    (day,) = days(pool, unit).values()
    assert day[0] >= 1
    assert balance(pool, unit) == day[1] + day[3]
    pool.admin.execute("delete from public.profiles where id = %s", (owner.id,))
    assert balance(pool, unit) == day[1] + day[3]


def test_old_chunks_are_forgotten_and_their_rewards_are_not(pool: Pool) -> None:
    """Rewards are not computed again from what is left."""
    pool.set_clock(NOON)
    user = pool.user()
    node = pool.node(user)
    work(user, node, jobs=1, iterations=1000)
    settle_books(pool)
    before = balance(pool, cpu_of(pool, node))
    pool.advance("31 days")
    assert pool.scalar("select private.prune_finished_work()")["jobs"] == 1
    pool.admin.execute(
        "insert into private.uncredited_jobs (job_id) select id from public.sim_jobs"
    )
    settle_books(pool)
    assert balance(pool, cpu_of(pool, node)) == before


def test_a_disputed_result_is_taken_back_by_an_entry(pool: Pool) -> None:
    """Once; what was there before stays as it was."""
    pool.set_clock(NOON)
    pool.configure(chunk_iterations_max=100)
    user = pool.user()
    node = pool.node(user)
    unit = cpu_of(pool, node)
    work(user, node, jobs=1, iterations=1000)
    settle_books(pool)
    before = pool.rows("select * from private.ledger_entries order by 1, 2")
    ((chunk, iterations),) = pool.rows(
        "select id::text, iterations from public.sim_chunks where seed_offset = 0"
    )
    assert pool.scalar("select private.reverse_credit(%s, 'another digest')", chunk) is True
    assert pool.scalar("select private.reverse_credit(%s, 'another digest')", chunk) is False
    assert balance(pool, unit) == credits_of((1000 - iterations) * THOUSAND_ITERATIONS / 1000)
    after = pool.rows("select * from private.ledger_entries order by 1, 2")
    assert after[: len(before)] == before
    assert len(after) == len(before) + 2
    ((kind, reason),) = pool.rows(
        "select kind, reason from private.ledger_transactions where kind = 'reversal'"
    )
    assert reason == f"result of chunk {chunk}: another digest"
    assert kind == "reversal"
    assert pool.scalar("select private.reverse_credit(gen_random_uuid(), 'x')") is False
    settle_books(pool)


def test_disputes_of_a_finished_job_are_settled_by_cron(pool: Pool) -> None:
    """Whoever notes that results are not believed leaves the rest to the books."""
    pool.set_clock(NOON)
    user = pool.user()
    node = pool.node(user)
    work(user, node, jobs=1, iterations=1000)
    settle_books(pool)
    assert balance(pool, cpu_of(pool, node)) == credits_of(THOUSAND_ITERATIONS)
    pool.admin.execute(
        "insert into private.disputed_chunks (chunk_id, job_id, reason)"
        " select id, job_id, 'its node lied' from public.sim_chunks where status = 'completed'"
    )
    assert pool.scalar("select private.reward_jobs()") < 0
    settle_books(pool)
    assert balance(pool, cpu_of(pool, node)) == 0
    assert pool.rows("select * from private.uncredited_jobs") == []


def test_a_day_is_posted_now_and_then_and_closed_when_it_is_over(pool: Pool) -> None:
    """At once, then every hour, and the last time an hour after midnight."""
    pool.set_clock(NOON)
    machine = register_machine(pool.user(), SHARED_CPU)

    def movements() -> int:
        """How many there are."""
        return int(pool.scalar("select count(*) from private.ledger_transactions"))

    def pass_time(beats: int) -> int:
        """Beats so often, with cron between; answers how many movements are new."""
        before = movements()
        for _ in range(beats):
            pool.advance("20 seconds")
            machine.beat()
            pool.scalar("select private.post_earnings()")
        return movements() - before

    machine.beat()
    assert pass_time(2) == 1
    assert pass_time(2) == 0
    pool.advance("1 hour")
    assert pass_time(2) == 1
    assert pool.rows("select * from private.reconcile_earnings()") == []
    pool.advance("13 hours")
    assert pool.scalar("select private.post_earnings()") == 1
    assert pool.rows("select due_at from private.postings") == [(None,)]
    assert pool.rows("select * from private.reconcile_earnings()") == []
    (day,) = days(pool, machine.unit()).values()
    assert balance(pool, machine.unit()) == day[3]


def test_books_that_do_not_agree_are_found(pool: Pool) -> None:
    """Whoever touched them, by way of the database's owner."""
    pool.set_clock(NOON)
    user = pool.user()
    node = pool.node(user)
    unit = cpu_of(pool, node)
    work(user, node, jobs=1, iterations=1000)
    settle_books(pool)
    pool.admin.execute("update private.postings set due_at = null where true")
    for damage, problem in (
        ("update private.unit_tasks set amount = amount + 1", "nothing is due"),
        ("update private.unit_tasks set tasks = 0", "are rewarded"),
        ("update private.postings set tasks_posted = 0", "are noted as posted"),
        ("delete from private.postings", "are noted as posted"),
    ):
        with pool.admin.transaction(force_rollback=True):
            pool.admin.execute(f"{damage} where true")
            found = pool.rows("select subject::text, problem from private.reconcile_earnings()")
            assert [subject for subject, said in found if problem in said] == [unit], damage
    assert pool.rows("select * from private.reconcile_earnings()") == []


def test_sums_are_of_today_this_week_this_month_and_ever(pool: Pool) -> None:
    """Weeks begin on Monday. 2026-11-21 is a Saturday."""
    pool.set_clock("2026-10-31 12:00:00+00")
    user = pool.user()
    machine = register_machine(user, SHARED_CPU)
    for day in ("2026-10-31", "2026-11-01", "2026-11-15", "2026-11-16", "2026-11-21"):
        pool.set_clock(f"{day} 12:00:00+00")
        machine.beat()
        pool.set_clock(f"{day} 12:00:30+00")
        machine.beat()
    each = uptime_of(8, 30, CPU_HOUR)
    gap = uptime_of(8, 75, CPU_HOUR)  # after a silence, 45 seconds more
    earned = user.call("my_earnings", days=6)
    figures = {name: Decimal(str(earned[name])) for name in earned if "earnings" in name}
    assert figures == {
        "earnings_today": each,
        "earnings_this_week": gap + each,
        "earnings_this_month": 3 * gap + each,
        "total_earnings": 4 * gap + each,
    }
    assert [record["date"] for record in earned["days"]] == ["2026-11-21", "2026-11-16"]
    assert set(earned["days"][0]) >= {
        "unit_id",
        "date",
        "tasks_completed",
        "task_earnings",
        "uptime_seconds",
        "uptime_earnings",
        "total_earnings",
    }
    for wrong in (0, 3661, None):
        with pytest.raises(psycopg.Error, match="days"):
            user.call("my_earnings", days=wrong)


def test_what_results_cost_does_not_grow_with_the_books(pool: Pool) -> None:
    """Handing in results touches no table of the books."""
    pool.set_clock(NOON)
    user = pool.user()
    node = pool.node(user)
    user.submit(100_000)
    chunks = node.take(50)
    books = ("unit_tasks", "job_earnings", "postings", "ledger_entries", "config_costs")
    node.exchange([completed(chunk) for chunk in chunks])
    for table in books:
        assert pool.scalar(f"select count(*) from private.{table}") == 0  # noqa: S608
