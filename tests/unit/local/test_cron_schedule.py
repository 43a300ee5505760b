"""Schedules mean what they mean to pg_cron."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.cron_schedule import Calendar, Interval, parse
from local.errors import ScheduleError

VALID = (
    "* * * * *",
    "*/5 * * * *",
    "0 3 * * *",
    "0,30 8-17 * * 1-5",
    "10-50/20 * * * *",
    "0 0 1 jan *",
    "0 0 * JAN-MAR SUN",
    "0 0 * * 7",
    "  15   4 * * *  ",
    "@hourly",
    "@Daily",
    "1 second",
    "30 seconds",
    "59 seconds",
)
INVALID = (
    "",
    "* * * *",
    "* * * * * *",
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "* * 32 * *",
    "* * * 13 *",
    "* * * 0 *",
    "* * * * 8",
    "5-1 * * * *",
    "*/0 * * * *",
    "5/2 * * * *",
    "a * * * *",
    "jan * * * *",
    "1, * * * *",
    ",1 * * * *",
    "1-2-3 * * * *",
    "-1 * * * *",
    "0 seconds",
    "60 seconds",
    "5 minutes",
    "@reboot",
    "@often",
)


def moment(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def runs(schedule: str, start: str, count: int) -> list[str]:
    """The next runs after `start`."""
    parsed, current, found = parse(schedule), moment(start), []
    for _ in range(count):
        following = parsed.after(current)
        assert following is not None
        found.append(following.strftime("%Y-%m-%d %H:%M"))
        current = following
    return found


@pytest.mark.parametrize("text", VALID)
def test_a_schedule_is_understood(text: str) -> None:
    """These are schedules."""
    parse(text)


@pytest.mark.parametrize("text", INVALID)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    """The message quotes what was given, in the words of pg_cron."""
    with pytest.raises(ScheduleError) as caught:
        parse(text)
    assert str(caught.value) == f"invalid schedule: {text}"


@pytest.mark.parametrize(
    ("schedule", "start", "expected"),
    [
        ("* * * * *", "2026-03-01 10:00:30", ["2026-03-01 10:01", "2026-03-01 10:02"]),
        ("*/20 * * * *", "2026-03-01 10:30", ["2026-03-01 10:40", "2026-03-01 11:00"]),
        ("0 3 * * *", "2026-03-01 03:00", ["2026-03-02 03:00", "2026-03-03 03:00"]),
        ("0 3 * * *", "2026-03-01 02:59", ["2026-03-01 03:00", "2026-03-02 03:00"]),
        ("30 22 31 * *", "2026-04-01", ["2026-05-31 22:30", "2026-07-31 22:30"]),
        ("0 0 29 2 *", "2026-03-01", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("0 0 * * 0", "2026-03-01 00:00", ["2026-03-08 00:00", "2026-03-15 00:00"]),
        ("0 0 * * 7", "2026-03-01 00:00", ["2026-03-08 00:00", "2026-03-15 00:00"]),
        ("0 12 * * mon-fri", "2026-03-06 12:00", ["2026-03-09 12:00", "2026-03-10 12:00"]),
        ("10-50/20 9 * * *", "2026-03-01 09:10", ["2026-03-01 09:30", "2026-03-01 09:50"]),
        ("@monthly", "2026-12-15", ["2027-01-01 00:00", "2027-02-01 00:00"]),
        ("59 23 31 12 *", "2026-12-31 23:59", ["2027-12-31 23:59", "2028-12-31 23:59"]),
    ],
)
def test_runs_follow_the_schedule(schedule: str, start: str, expected: list[str]) -> None:
    """The next run is the first matching minute that is later."""
    assert runs(schedule, start, 2) == expected


def test_two_restricted_day_fields_mean_either() -> None:
    """The 13th and every Friday, not Friday the 13th only."""
    expected = ["2026-03-06 00:00", "2026-03-13 00:00", "2026-03-20 00:00"]
    assert runs("0 0 13 * 5", "2026-03-01", 3) == expected
    assert runs("0 0 13 * 5", "2026-04-11", 2) == ["2026-04-13 00:00", "2026-04-17 00:00"]


def test_a_starred_day_field_means_both() -> None:
    """A field that begins with a star does not add days, even with a step."""
    assert runs("0 0 */2 * 5", "2026-03-01", 3) == [
        "2026-03-13 00:00",
        "2026-03-27 00:00",
        "2026-04-03 00:00",
    ]


def test_a_day_that_never_comes_has_no_next_run() -> None:
    """30 February is a valid schedule that never runs."""
    assert parse("0 0 30 2 *").after(moment("2026-01-01")) is None


def test_other_time_zones_are_read_as_utc() -> None:
    """A schedule knows no local time."""
    local = datetime.fromisoformat("2026-03-01T01:30:00+05:00")
    assert parse("0 21 * * *").after(local) == moment("2026-03-01 21:00") - timedelta(days=1)


def test_an_interval_counts_from_the_run_before() -> None:
    """30 seconds after the last start."""
    start = moment("2026-03-01 10:00:10")
    assert parse("30 seconds").after(start) == moment("2026-03-01 10:00:40")
    assert parse("30 seconds") == Interval(30)


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from([text for text in VALID if "second" not in text]),
)
def test_the_next_run_is_the_first_matching_minute(start: datetime, text: str) -> None:
    """The found minute matches, is later, and has no matching minute in the hour before it."""
    schedule = parse(text)
    assert isinstance(schedule, Calendar)
    found = schedule.after(start)
    assert found is not None
    assert found > start
    assert schedule.matches(found)
    earlier = (found - timedelta(minutes=minutes) for minutes in range(1, 60))
    assert not any(schedule.matches(minute) for minute in earlier if minute > start)
