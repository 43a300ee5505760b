"""How values given by people are read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from node import options
from node.options import Option

if TYPE_CHECKING:
    from collections.abc import Callable

PORT = Option(
    key="max_parallel", read=options.whole(1, 8), wanted="a number from 1 to 8", help="workers"
)


def test_names_follow_from_the_key() -> None:
    """The flag and the variable of an option are its key in other clothes."""
    grouped = Option(
        key="target_error", group="submit", read=options.text, wanted="text", help="help"
    )
    assert PORT.flag == "--max-parallel"
    assert PORT.variable == "SIMPOOL_MAX_PARALLEL"
    assert grouped.variable == "SIMPOOL_SUBMIT_TARGET_ERROR"


@pytest.mark.parametrize(
    ("read", "given", "value"),
    [
        (options.text, "  word ", "word"),
        (options.printable(5), "desk", "desk"),
        (options.address, "https://abc.supabase.co/", "https://abc.supabase.co"),
        (options.address, "http://[::1]:54321", "http://[::1]:54321"),
        (options.whole(1, 10), "3", 3),
        (options.whole(1, 10), 3, 3),
        (options.whole(1, 10**9), "20_000", 20_000),
        (options.whole(1, 10**9), "2e6", 2_000_000),
        (options.decimal(0, 1), "0.25", 0.25),
        (options.decimal(0, 10), 7, 7.0),
        (options.seconds(100), "90s", 90.0),
        (options.seconds(3_600), "1.5M", 90.0),
        (options.seconds(1e6), "2h", 7_200.0),
        (options.seconds(1e6), "7d", 604_800.0),
        (options.one_of("low", "high"), "HIGH", "high"),
        (options.switch, "on", True),
        (options.switch, "0", False),
        (options.switch, True, True),
    ],
)
def test_right_values_are_read(
    read: Callable[[object], object], given: object, value: object
) -> None:
    """A value of the wanted form is read, whether it is text or of its type already."""
    assert read(given) == value


@pytest.mark.parametrize(
    ("read", "given"),
    [
        (options.text, "  "),
        (options.text, 3),
        (options.printable(5), "too long"),
        (options.printable(50), "two\nlines"),
        (options.address, "ftp://host"),
        (options.address, "https://"),
        (options.address, "http://host:port"),
        (options.address, "http://host/?query"),
        (options.path, ""),
        (options.whole(1, 10), "0"),
        (options.whole(1, 10), "11"),
        (options.whole(1, 10), "1.5"),
        (options.whole(1, 10), "many"),
        (options.whole(1, 10), True),
        (options.whole(1, 10), 2.0),
        (options.seconds(100), "101s"),
        (options.seconds(100), "0s"),
        (options.seconds(100), "90"),
        (options.seconds(100), "s"),
        (options.seconds(100), "nans"),
        (options.seconds(100), 90),
        (options.decimal(0, 1), "nan"),
        (options.decimal(0, 1), "inf"),
        (options.decimal(0, 1), False),
        (options.decimal(0, 1), "fast"),
        (options.one_of("low", "high"), "middle"),
        (options.switch, "perhaps"),
    ],
)
def test_wrong_values_are_refused(read: Callable[[object], object], given: object) -> None:
    """Anything but the wanted form raises what `read_given` turns into a sentence."""
    with pytest.raises((TypeError, ValueError)):
        read(given)


def test_a_path_is_absolute_and_knows_the_home() -> None:
    """A path holds wherever the process goes later."""
    assert options.path("~/pool") == Path.home() / "pool"
    assert options.path("pool").is_absolute()


def test_a_problem_names_source_value_and_wish() -> None:
    """The sentence about a wrong value says where it is, what it is and what it must be."""
    problems: list[str] = []
    given = {"max_parallel": options.Given("9", "flag --max-parallel")}
    assert dict(options.read_given({"max_parallel": PORT}, given, problems)) == {}
    assert problems == [
        (
            "flag --max-parallel: max_parallel is '9', but must be a number from 1 to 8. "
            "Correct it, or leave it out."
        )
    ]


def test_a_secret_is_not_repeated() -> None:
    """The sentence about a wrong secret does not hold it."""
    problems: list[str] = []
    token = Option(
        key="token", read=options.whole(1, 2), wanted="a token", help="token", secret=True
    )
    given = {"token": options.Given("hunter2", "environment variable SIMPOOL_TOKEN")}
    assert dict(options.read_given({"token": token}, given, problems)) == {}
    assert "hunter2" not in problems[0]


def test_a_near_miss_is_recognised() -> None:
    """A suggestion is made for what looks like a known word, and for nothing else."""
    assert options.suggestion("sumbit", ["submit", "status"]) == " (did you mean submit?)"
    assert not options.suggestion("zebra", ["submit", "status"])
