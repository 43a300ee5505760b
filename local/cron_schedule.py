"""The schedules of pg_cron: when does a job run next?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from local.errors import ScheduleError

MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
SHORTHANDS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
SECONDS: Final = re.compile(r"([1-9]|[1-5][0-9]) seconds?")
ITEM: Final = re.compile(
    r"(?:\*|(?P<first>[0-9]{1,4}|[a-z]{3})(?:-(?P<last>[0-9]{1,4}|[a-z]{3}))?)"
    r"(?:/(?P<step>[0-9]{1,4}))?"
)
#: 29 February on a given weekday comes again within 40 years
HORIZON: Final = timedelta(days=366 * 41)
MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class Interval:
    """Every so many seconds, counted from the run before."""

    seconds: int

    def after(self, moment: datetime) -> datetime:
        """The first run later than `moment`, the run before."""
        return moment + timedelta(seconds=self.seconds)


@dataclass(frozen=True)
class Calendar:
    """The minutes (UTC) that match all five fields."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    #: whether day of month and day of week both restrict: then either of them is enough
    either_day: bool

    def matches(self, moment: datetime) -> bool:
        """Whether a job runs in the minute of `moment`."""
        return (
            self._matches_date(moment)
            and moment.hour in self.hours
            and moment.minute in self.minutes
        )

    def after(self, moment: datetime) -> datetime | None:
        """The first matching minute later than `moment`; None for a day that never comes."""
        candidate = moment.astimezone(UTC).replace(second=0, microsecond=0) + MINUTE
        horizon = candidate + HORIZON
        while candidate < horizon:
            if not self._matches_date(candidate):
                candidate = candidate.replace(hour=0, minute=0) + timedelta(days=1)
            elif candidate.hour not in self.hours:
                candidate = candidate.replace(minute=0) + timedelta(hours=1)
            elif candidate.minute not in self.minutes:
                candidate += MINUTE
            else:
                return candidate
        return None

    def _matches_date(self, moment: datetime) -> bool:
        if moment.month not in self.months:
            return False
        day = moment.day in self.days
        weekday = moment.isoweekday() % 7 in self.weekdays
        return day or weekday if self.either_day else day and weekday


Schedule = Interval | Calendar


def parse(text: str) -> Schedule:
    """The schedule that `text` describes; ScheduleError when it describes none."""
    normal = " ".join(text.lower().split())
    if seconds := SECONDS.fullmatch(normal):
        return Interval(int(seconds[1]))
    fields = SHORTHANDS.get(normal, normal).split(" ")
    try:
        minute, hour, day, month, weekday = fields
        return Calendar(
            minutes=_field(minute, 0, 59),
            hours=_field(hour, 0, 23),
            days=_field(day, 1, 31),
            months=_field(month, 1, 12, MONTHS),
            weekdays=frozenset(number % 7 for number in _field(weekday, 0, 7, DAYS)),
            either_day=not (day.startswith("*") or weekday.startswith("*")),
        )
    except ValueError:
        raise ScheduleError(text) from None


def _field(text: str, lowest: int, highest: int, names: tuple[str, ...] = ()) -> frozenset[int]:
    return frozenset(
        number for item in text.split(",") for number in _item(item, lowest, highest, names)
    )


def _item(text: str, lowest: int, highest: int, names: tuple[str, ...]) -> range:
    match = ITEM.fullmatch(text)
    if match is None:
        raise ValueError(text)
    first, last, step = match["first"], match["last"], match["step"]
    if step is not None and first is not None and last is None:
        raise ValueError("a step needs a range")
    start = lowest if first is None else _number(first, lowest, names)
    end = highest if first is None else _number(last or first, lowest, names)
    if not lowest <= start <= end <= highest or (step is not None and int(step) == 0):
        raise ValueError(text)
    return range(start, end + 1, int(step or 1))


def _number(text: str, lowest: int, names: tuple[str, ...]) -> int:
    return names.index(text) + lowest if text in names else int(text)
