"""The counts of devices are what reading every device would give, whatever happens to devices."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

if TYPE_CHECKING:
    from tests.db.schema.pool import Pool

NOON: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)
STALE: Final = timedelta(minutes=5)
#: one statement, so one snapshot: what readers get, and what reading every device gives
BOTH: Final = """
with ours as (select * from public.get_network_stats()), plain as (
  select
    count(*), coalesce(sum(ram_gb), 0), coalesce(sum(cpu_cores), 0),
    coalesce(sum(storage_gb), 0), coalesce(sum(compute_score), 0)
  from public.compute_devices
  where is_active and last_seen > private.current_time() - interval '5 minutes'
)
select row(ours.*)::text, row(ours.*) = row(plain.*), row(plain.*)::text from ours, plain
"""
INSERT: Final = """
insert into public.compute_devices (
  user_id, device_name, device_type, ram_gb, cpu_cores, storage_gb, last_seen, is_active
)
values (%s, 'Box', 'desktop', %s, %s, %s, %s, %s)
returning id
"""
AMOUNTS: Final = st.tuples(
    st.decimals(0, 65536, places=4), st.integers(0, 4096), st.decimals(0, 10**7, places=5)
)
#: seconds, forwards and backwards, within and far beyond the five minutes
STEPS: Final = st.sampled_from([0.25, 1, 1.5, 60, 90, 299, 300, 301, 86_400, -1, -0.5, -90, -3600])


def assert_exact(connection: psycopg.Connection, now: datetime) -> None:
    """Both answers are equal for a reader at that time."""
    connection.execute("delete from private.clock where is_fake")
    connection.execute("insert into private.clock (fake_now) values (%s)", (now,))
    row = connection.execute(BOTH).fetchone()
    assert row is not None
    ours, is_equal, plain = row
    assert is_equal, f"at {now}: {ours} counted, {plain} in fact"


class Devices(RuleBasedStateMachine):
    """Two sessions change devices, the second in transactions that stay open for a while."""

    def __init__(self, pool: Pool) -> None:
        super().__init__()
        self.admin = pool.database.connect()
        self.admin.execute("delete from public.compute_devices where true")
        self.admin.execute("select private.recount_devices()")
        self.other = pool.database.connect()
        names = (next(pool._numbers) for _ in range(3))
        self.users = [pool.database.create_user(f"{name}@example.org") for name in names]
        #: of the first session, and of the second
        self.ids: tuple[list[str], list[str]] = ([], [])
        self.now = NOON
        self.is_open = False

    def teardown(self) -> None:
        """Close the sessions, and leave the clock running."""
        self.other.close()
        self.admin.execute("delete from private.clock where is_fake")
        self.admin.close()

    def _session(self, number: int) -> psycopg.Connection:
        return (self.admin, self.other)[number]

    def _change(self, number: int, statement: str, *values: object, pick: int) -> None:
        ids = self.ids[number]
        if ids:
            self._session(number).execute(statement, (*values, ids[pick % len(ids)]))

    @rule(
        number=st.integers(0, 1),
        amounts=AMOUNTS,
        ago=st.floats(0, 400),
        is_active=st.booleans(),
        user=st.integers(0, 2),
    )
    def add(
        self, number: int, amounts: tuple[Any, ...], ago: float, *, is_active: bool, user: int
    ) -> None:
        """A device appears, active or not, perhaps stale already."""
        seen = self.now - timedelta(seconds=ago)
        values = (self.users[user], *amounts, seen, is_active)
        row = self._session(number).execute(INSERT, values).fetchone()
        assert row is not None
        if number == 0 or not self.is_open:
            self.ids[number].append(row[0])

    @rule(number=st.integers(0, 1), pick=st.integers(0), ago=st.floats(0, 400))
    def hear(self, number: int, pick: int, ago: float) -> None:
        """A device is heard of, or said to have been heard of earlier than it was."""
        self._change(
            number,
            "update public.compute_devices set last_seen = %s, is_active = true where id = %s",
            self.now - timedelta(seconds=ago),
            pick=pick,
        )

    @rule(number=st.integers(0, 1), pick=st.integers(0), amounts=AMOUNTS)
    def resize(self, number: int, pick: int, amounts: tuple[Any, ...]) -> None:
        """Its figures change."""
        self._change(
            number,
            "update public.compute_devices"
            " set ram_gb = %s, cpu_cores = %s, storage_gb = %s where id = %s",
            *amounts,
            pick=pick,
        )

    @rule(number=st.integers(0, 1), pick=st.integers(0))
    def deactivate(self, number: int, pick: int) -> None:
        """It stops."""
        statement = "update public.compute_devices set is_active = false where id = %s"
        self._change(number, statement, pick=pick)

    @rule(number=st.integers(0, 1), pick=st.integers(0))
    def delete(self, number: int, pick: int) -> None:
        """It is removed."""
        self._change(number, "delete from public.compute_devices where id = %s", pick=pick)

    @precondition(lambda self: not self.is_open)
    @rule(user=st.integers(0, 2))
    def delete_user(self, user: int) -> None:
        """All devices of a user go with the user, who comes back with none."""
        self.admin.execute("delete from public.profiles where id = %s", (self.users[user],))
        self.admin.execute(
            "insert into public.profiles (id, display_name) values (%s, 'Again')",
            (self.users[user],),
        )

    @precondition(lambda self: not self.is_open)
    @rule()
    def begin(self) -> None:
        """The second session starts a transaction, in which it writes."""
        self.other.execute("begin")
        self.other.execute("select pg_current_xact_id()")
        self.is_open = True

    @precondition(lambda self: self.is_open)
    @rule(ending=st.sampled_from(["commit", "rollback"]))
    def end(self, ending: str) -> None:
        """And ends it, one way or the other."""
        self.other.execute(ending)
        self.is_open = False

    @rule(quantity=st.sampled_from([1, 3, 1000]))
    def fold(self, quantity: int) -> None:
        """Some moves are folded."""
        self.admin.execute("select private.fold_device_moves(%s)", (quantity,))

    @rule()
    def clean_up(self) -> None:
        """Cron folds the rest, and deactivates what is stale."""
        self.admin.execute("select private.deactivate_stale_devices()")

    @rule(step=STEPS)
    def wait(self, step: float) -> None:
        """The clock goes on, or is set back."""
        self.now += timedelta(seconds=step)
        self.admin.execute("delete from private.clock where is_fake")
        self.admin.execute("insert into private.clock (fake_now) values (%s)", (self.now,))

    @invariant()
    def is_exact(self) -> None:
        """For a reader now, and for readers around the moment in which a device goes stale."""
        seen = self.admin.execute(
            "select last_seen from public.compute_devices order by id limit 1"
        ).fetchone()
        moments = [self.now]
        if seen is not None:
            edge = seen[0] + STALE
            moments += [edge, edge - timedelta(microseconds=1)]
        with self.admin.transaction(force_rollback=True):
            for moment in moments:
                assert_exact(self.admin, moment)
            assert (
                self.admin.execute("select * from private.check_network_stats()").fetchall() == []
            )


def test_the_counts_are_exact_whatever_happens_to_devices(pool: Pool) -> None:
    """Through changes, folds, open transactions, cascades, and a clock that is set back."""

    class DevicesHere(Devices):
        def __init__(self) -> None:
            super().__init__(pool)

    run_state_machine_as_test(
        DevicesHere,
        settings=settings(max_examples=20, stateful_step_count=40, deadline=None, derandomize=True),
    )


def register(pool: Pool, quantity: int = 1) -> list[str]:
    """Devices of one user, last seen now."""
    user = pool.database.create_user(f"{next(pool._numbers)}@example.org")
    return [
        id_
        for (id_,) in pool.rows(
            "insert into public.compute_devices"
            " (user_id, device_name, device_type, ram_gb, cpu_cores, storage_gb)"
            " select %s, 'Box', 'desktop', 16, 8, n from generate_series(1, %s) as n returning id",
            user,
            quantity,
        )
    ]


def hear(connection: psycopg.Connection, device: str) -> None:
    """Moves a device to the current second."""
    connection.execute(
        "update public.compute_devices set last_seen = private.current_time() where id = %s",
        (device,),
    )


def test_who_writes_while_others_fold_is_not_forgotten(pool: Pool) -> None:
    """A move is committed after moves that were written later are folded."""
    pool.set_clock(str(NOON))
    first, second = register(pool, 2)
    pool.advance("6 minutes")
    other = pool.database.connect()
    with other.transaction():
        hear(other, first)
        hear(pool.admin, second)
        assert pool.scalar("select private.fold_device_moves()") == 3
        assert pool.scalar("select active_nodes from public.get_network_stats()") == 1
    assert pool.scalar("select active_nodes from public.get_network_stats()") == 2
    hear(pool.admin, second)
    assert pool.scalar("select private.fold_device_moves()") == 1
    assert pool.scalar("select active_nodes from public.get_network_stats()") == 2


def test_nobody_waits_for_who_folds(pool: Pool) -> None:
    """Others change devices, read, and find the fold taken."""
    pool.set_clock(str(NOON))
    first, second = register(pool, 2)
    pool.advance("10 seconds")
    other = pool.database.connect()
    other.execute("set lock_timeout to '1s'")
    hear(pool.admin, first)
    with pool.admin.transaction():
        assert pool.scalar("select private.fold_device_moves()") == 3
        hear(other, second)
        assert other.execute("select private.fold_device_moves()").fetchone() == (0,)
        assert_exact(other, NOON)
    assert pool.scalar("select private.fold_device_moves()") == 1


def test_a_reader_keeps_its_snapshot_while_others_fold(pool: Pool) -> None:
    """What is folded after the snapshot is still read as moves."""
    pool.set_clock(str(NOON))
    device, _ = register(pool, 2)
    reader = pool.database.connect()
    reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with reader.transaction():
        before = reader.execute(BOTH).fetchone()
        pool.scalar("select private.fold_device_moves()")
        pool.admin.execute("delete from public.compute_devices where id = %s", (device,))
        pool.scalar("select private.fold_device_moves()")
        assert reader.execute(BOTH).fetchone() == before
    assert before is not None
    assert before[0].startswith("(2,")
    assert pool.scalar("select active_nodes from public.get_network_stats()") == 1


def test_a_device_goes_stale_at_the_second(pool: Pool) -> None:
    """Five minutes after the second in which it was heard of, folded or not."""
    pool.set_clock(str(NOON + timedelta(milliseconds=750)))
    register(pool)
    for _ in range(2):
        for moment, count in ((NOON + STALE - timedelta(microseconds=1), 1), (NOON + STALE, 0)):
            pool.set_clock(str(moment))
            assert pool.scalar("select active_nodes from public.get_network_stats()") == count
        assert pool.scalar("select private.fold_device_moves()") in {0, 1}


def test_a_backup_of_another_server_is_read_and_folded(pool: Pool) -> None:
    """Its transactions are ones that this server has not come to: nothing is taken as folded."""
    register(pool)
    pool.admin.execute("update private.device_folds set unfolded_from = '4000000000'")
    assert pool.scalar("select active_nodes from public.get_network_stats()") == 1
    register(pool)
    assert pool.scalar("select active_nodes from public.get_network_stats()") == 2
    assert pool.scalar("select private.fold_device_moves()") == 2
    assert pool.scalar("select unfolded_from < '4000000000' from private.device_folds")


def test_a_heartbeat_folds_what_others_left_a_while_ago(pool: Pool) -> None:
    """At most five times a second, whatever the clock was set to meanwhile."""
    pool.set_clock(str(NOON))
    user = pool.user()
    figures = {"device_type": "phone", "ram_gb": 4, "cpu_cores": 8, "storage_gb": 100}
    device = user.call("register_device", device_name="Phone", **figures)["id"]

    def unfolded_after(step: str) -> int:
        pool.advance(step)
        user.call("device_heartbeat", device_id=device)
        count: int = pool.scalar("select count(*) from private.device_moves")
        return count

    steps = ("1900 milliseconds", "200 milliseconds", "1 millisecond", "-1 hour")
    assert [unfolded_after(step) for step in steps] == [0, 1, 0, 0]


def test_a_heartbeat_in_a_transaction_of_one_snapshot_does_not_fold(pool: Pool) -> None:
    """It would fail when somebody else has folded in between."""
    user = pool.user()
    figures = {"device_type": "phone", "ram_gb": 4, "cpu_cores": 8, "storage_gb": 100}
    device = user.call("register_device", device_name="Phone", **figures)["id"]
    user.connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with user.connection.transaction():
        user.call("deactivate_device", device_id=device)
        pool.scalar("select private.fold_device_moves()")
        user.call("device_heartbeat", device_id=device)
    assert pool.scalar("select active_nodes from public.get_network_stats()") == 1


@pytest.mark.cooks_the_books
def test_wrong_counts_are_found_and_mended(pool: Pool) -> None:
    """Whoever loads devices past the triggers counts them anew."""
    pool.set_clock(str(NOON))
    register(pool, 3)
    pool.scalar("select private.fold_device_moves()")
    pool.admin.execute("update private.device_seconds set ram_gb = ram_gb + 1")
    problem = (
        "devices last seen 2026-11-21 12:00:00+00 are (3,48,24,6,216.30),"
        " but counted as (3,49,24,6,216.30)"
    )
    assert pool.rows("select * from private.check_invariants()") == [(None, problem)]
    assert pool.scalar("select private.recount_devices()") == 3
    assert pool.rows("select * from private.check_invariants()") == []
    assert_exact(pool.admin, NOON)


def test_what_is_claimed_is_counted_in_thousandths(pool: Pool) -> None:
    """However many digits a client sends, sums stay short."""
    user = pool.user()
    user.call(
        "register_device",
        device_name="Phone",
        device_type="phone",
        ram_gb="0.12349999999999999999999999999999999999999999",
        cpu_cores=1,
        storage_gb="7.0000",
    )
    assert pool.rows("select ram_gb::text, storage_gb::text from public.compute_devices") == [
        ("0.123", "7")
    ]
    assert pool.scalar("select total_compute_score::text from public.get_network_stats()") == (
        "5.596"
    )


def test_only_what_changes_a_sum_is_noted(pool: Pool) -> None:
    """Not a second heartbeat in one second, nor another name."""
    pool.set_clock(str(NOON))
    (device,) = register(pool)
    pool.scalar("select private.fold_device_moves()")
    pool.advance("0.9 seconds")
    hear(pool.admin, device)
    pool.admin.execute("update public.compute_devices set device_name = 'Other' where true")
    assert pool.scalar("select count(*) from private.device_moves") == 0
    pool.admin.execute("update public.compute_devices set is_active = false where true")
    hear(pool.admin, device)
    assert pool.rows("select until, devices from private.device_moves") == [(NOON, -1)]


def test_counting_anew_waits_for_who_folds_and_holds_up_nobody_else(pool: Pool) -> None:
    """Cron folds, then changes devices: it meets nobody who did the one and waits for the other."""
    device, _ = register(pool, 2)
    counter, watcher = pool.database.connect(), pool.database.connect()
    with ThreadPoolExecutor() as threads:
        with pool.admin.transaction():
            pool.scalar("select private.fold_device_moves()")
            recount = threads.submit(counter.execute, "select private.recount_devices()")
            waiting = "select wait_event_type from pg_stat_activity where pid = %s"
            while watcher.execute(waiting, (counter.info.backend_pid,)).fetchone() != ("Lock",):
                assert not recount.done()
            pool.admin.execute(
                "update public.compute_devices set is_active = false where id = %s", (device,)
            )
        assert recount.result().fetchone() == (1,)
