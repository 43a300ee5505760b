"""Which jobs start when, decided without a clock and without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from local.cron import MAX_CONCURRENT_JOBS, Agenda, Job

START = datetime(2026, 3, 1, 10, 0, 30, tzinfo=UTC)


def job(jobid: int = 1, schedule: str = "* * * * *") -> Job:
    """A job that would do nothing."""
    return Job(jobid, schedule, "select 1", "postgres", "postgres")


def at(seconds: float) -> datetime:
    """A moment after the start."""
    return START + timedelta(seconds=seconds)


def test_nothing_is_due_before_its_minute() -> None:
    """A job waits for the first minute after the start."""
    agenda = Agenda(START)
    assert agenda.due([job()], at(29)) == []
    assert agenda.due([job()], at(30)) == [job()]


def test_a_job_runs_once_a_minute() -> None:
    """Looking twice in one minute starts one run."""
    agenda = Agenda(START)
    agenda.due([job()], at(30))
    agenda.end(1)
    assert agenda.due([job()], at(31)) == []
    assert agenda.due([job()], at(90)) == [job()]


def test_a_run_waits_for_the_run_before() -> None:
    """At most one run of a job at a time; the one that was missed comes right after."""
    agenda = Agenda(START)
    agenda.due([job()], at(30))
    assert agenda.due([job()], at(90)) == []
    agenda.end(1)
    assert agenda.due([job()], at(91)) == [job()]


def test_minutes_slept_through_are_made_up_once() -> None:
    """A laptop that wakes up does not run a job a hundred times."""
    agenda = Agenda(START)
    assert agenda.due([job()], at(7200)) == [job()]
    agenda.end(1)
    assert agenda.due([job()], at(7201)) == []


def test_a_clock_set_back_starts_nothing_twice() -> None:
    """A minute that was served stays served."""
    agenda = Agenda(START)
    agenda.due([job()], at(30))
    agenda.end(1)
    assert agenda.due([job()], at(-60)) == []
    assert agenda.due([job()], at(45)) == []


def test_no_more_than_eight_run_together() -> None:
    """The rest starts as runs end."""
    agenda = Agenda(START)
    jobs = [job(number) for number in range(10)]
    assert len(agenda.due(jobs, at(30))) == MAX_CONCURRENT_JOBS == 8
    assert agenda.due(jobs, at(31)) == []
    agenda.end(3)
    assert agenda.due(jobs, at(32)) == [jobs[8]]


def test_a_removed_job_does_not_start_any_more() -> None:
    """Neither when due nor when waiting."""
    agenda = Agenda(START)
    agenda.due([job()], at(30))
    agenda.due([job()], at(90))
    agenda.end(1)
    assert agenda.due([], at(91)) == []
    assert agenda.due([job()], at(92)) == []


def test_seconds_count_from_the_start_before() -> None:
    """An interval job starts one interval after it was first seen, and again after that."""
    agenda = Agenda(START)
    every_ten = job(schedule="10 seconds")
    assert agenda.due([every_ten], at(0)) == []
    assert agenda.due([every_ten], at(10)) == [every_ten]
    agenda.end(1)
    assert agenda.due([every_ten], at(19)) == []
    assert agenda.due([every_ten], at(21)) == [every_ten]


def test_a_slow_interval_job_is_not_queued() -> None:
    """While it runs it is not due; it starts again when its interval has passed."""
    agenda = Agenda(START)
    every_ten = job(schedule="10 seconds")
    agenda.due([every_ten], at(0))
    agenda.due([every_ten], at(10))
    assert agenda.due([every_ten], at(25)) == []
    agenda.end(1)
    assert agenda.due([every_ten], at(26)) == [every_ten]


def test_a_schedule_that_cannot_be_read_never_runs() -> None:
    """A row from elsewhere does not stop the others."""
    agenda = Agenda(START)
    assert agenda.due([job(1, "whenever"), job(2)], at(30)) == [job(2)]
