"""The options by which commands are told what to simulate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node.commands.command import Argument
from node.config import MAX_WORKERS
from node.options import Option, decimal, path, whole
from node.simulation import MAX_ITERATIONS, MAX_SEED, Inputs
from node.utils.cpu import detect_cores

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_CONFIG = "modern/beast_mastery"
DEFAULT_ITERATIONS = 10_000
# A fixed seed, so that two rotations are compared on the same rolls.
DEFAULT_SEED = 1


def inputs(values: Mapping[str, Any]) -> Inputs:
    """What the options of `simulation_options` say of the inputs."""
    return Inputs(
        duration=values["duration"],
        targets=values["targets"],
        character=values["character"],
        rotation=values["rotation"],
    )


def simulation_options(group: str) -> tuple[Option, ...]:
    """The options that describe a simulation, for a command that sends or runs one."""
    return (
        Option(
            key="character",
            group=group,
            read=path,
            wanted="a file",
            help="play the character in this file, in place of that of the config",
            metavar="FILE",
        ),
        Option(
            key="rotation",
            group=group,
            read=path,
            wanted="a file",
            help="follow the rotation in this file, in place of that of the config",
            metavar="FILE",
        ),
        Option(
            key="iterations",
            short="-n",
            group=group,
            read=whole(1, MAX_ITERATIONS),
            wanted=f"a whole number from 1 to {MAX_ITERATIONS:,}",
            default=DEFAULT_ITERATIONS,
            help="fights to simulate",
            metavar="N",
        ),
        Option(
            key="duration",
            group=group,
            read=decimal(1, 3600),
            wanted="a number of seconds from 1 to 3600",
            help="length of the fight in seconds (default: that of the config)",
            metavar="SECONDS",
        ),
        Option(
            key="targets",
            group=group,
            read=whole(1, 50),
            wanted="a whole number from 1 to 50",
            help="enemies to fight (default: those of the config)",
            metavar="N",
        ),
    )


def seed_option(group: str) -> Option:
    """Where the random numbers start."""
    return Option(
        key="seed",
        group=group,
        read=whole(0, MAX_SEED),
        wanted=f"a whole number from 0 to {MAX_SEED}",
        default=DEFAULT_SEED,
        help="start of the random numbers: the same seed gives the same result",
        metavar="N",
    )


SOURCE_HELP = f"a file of JSON, or a built-in config (default: {DEFAULT_CONFIG})"
SOURCE = Argument(key="source", metavar="CONFIG", help=SOURCE_HELP, optional=True)


def workers_option(group: str) -> Option:
    """How many threads simulate."""
    return Option(
        key="workers",
        group=group,
        read=whole(1, MAX_WORKERS),
        wanted=f"a whole number from 1 to {MAX_WORKERS}",
        help="workers to use (default: the fast cores of this machine)",
        metavar="N",
    )


def workers_of(values: Mapping[str, Any]) -> int:
    """The workers asked for, or the fast cores of this machine."""
    workers: int = values["workers"] or detect_cores().optimal
    return workers
