"""What the network had: recorded every five minutes, thinned out with age, read in bounds."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import psycopg
import pytest

if TYPE_CHECKING:
    from tests.db.schema.pool import Pool

NOON: Final = datetime(2026, 11, 21, 12, 2, 30, tzinfo=UTC)
MINUTES_5, HOUR, DAY = timedelta(minutes=5), timedelta(hours=1), timedelta(days=1)


def history(pool: Pool, period: str) -> list[datetime]:
    """When the samples are from that anybody gets."""
    rows = pool.database.connect("anon").execute(
        "select sampled_at from public.network_history(period => %s)", (period,)
    )
    return [moment for (moment,) in rows.fetchall()]


def steps(moments: list[datetime]) -> set[timedelta]:
    """The distances between them."""
    return {later - earlier for earlier, later in itertools.pairwise(moments)}


@pytest.fixture
def recorded(pool: Pool) -> Pool:
    """A pool that was recorded every five minutes of a hundred days."""
    pool.set_clock(str(NOON))
    pool.node(hardware={"ram_total_gb": 16})
    pool.admin.execute(
        "insert into private.network_samples"
        " select moment, 1, 2, 3, 4, 5 from generate_series("
        "  date_bin('5 minutes', %(now)s, '2000-01-01') - interval '100 days',"
        "  %(now)s - interval '5 minutes', '5 minutes') as moment",
        {"now": NOON},
    )
    pool.scalar("select private.sample_network()")
    return pool


def test_a_sample_is_what_the_network_has_now(recorded: Pool) -> None:
    """At the last full five minutes, once."""
    recorded.scalar("select private.sample_network()")
    rows = recorded.rows(
        "select sampled_at, active_nodes, total_ram_gb, total_cpu_cores"
        " from public.network_history('hour') order by sampled_at desc limit 2"
    )
    assert rows == [
        (datetime(2026, 11, 21, 12, tzinfo=UTC), 1, 16, 8),
        (datetime(2026, 11, 21, 11, 55, tzinfo=UTC), 1, 2, 3),
    ]


@pytest.mark.parametrize(
    ("period", "step", "count"),
    [
        ("hour", MINUTES_5, 12),
        ("day", MINUTES_5, 288),
        ("week", HOUR, 168),
        ("month", HOUR, 744),
        ("year", DAY, 101),
    ],
)
def test_each_period_is_read_in_its_steps(
    recorded: Pool, period: str, step: timedelta, count: int
) -> None:
    """Evenly, to the end, and never in more rows than a chart can show."""
    moments = history(recorded, period)
    assert (len(moments), steps(moments[1:])) == (count, {step})
    assert NOON - moments[-1] < step + MINUTES_5


def test_old_samples_are_thinned_out(recorded: Pool) -> None:
    """Two days of five minutes, sixty of hours, then days; what is left stays."""
    ages = [
        NOON - moment
        for (moment,) in recorded.rows("select sampled_at from private.network_samples")
    ]
    assert sum(age <= 2 * DAY for age in ages) == 2 * 288
    assert sum(2 * DAY < age <= 60 * DAY for age in ages) == 58 * 24
    assert sum(age > 60 * DAY for age in ages) == 41
    assert recorded.scalar("select private.sample_network()") == 0


def test_an_hour_whose_first_sample_is_missing_keeps_its_next(recorded: Pool) -> None:
    """The recorder may have been down."""
    recorded.admin.execute("delete from private.network_samples where sampled_at::time < '11:20'")
    recorded.advance("3 days")
    recorded.scalar("select private.sample_network()")
    assert recorded.rows(
        "select min(sampled_at), count(*) from private.network_samples"
        " where sampled_at between '2026-11-21 11:00+00' and '2026-11-21 11:59+00'"
    ) == [(datetime(2026, 11, 21, 11, 20, tzinfo=UTC), 1)]


def test_another_period_is_refused(pool: Pool) -> None:
    """The error names those that there are."""
    for period in ("decade", "", None):
        with pytest.raises(psycopg.Error, match="hour, day, week, month or year") as caught:
            pool.admin.execute("select * from public.network_history(%s)", (period,))
        assert caught.value.sqlstate == "PT400"
