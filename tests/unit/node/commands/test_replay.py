"""`replay`."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from node.arguments import command_parser, read_call
from node.commands.replay import COMMAND
from node.errors import CommandError, ConfigurationError
from tests.unit.node import engines

if TYPE_CHECKING:
    from tests.unit.node.terminal import Shell

LOG = [{"ms": 1500, "event": "cast", "name": "shot", "text": "casts Shot"}]


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> engines.CountingEngine:
    """The engine that commands use."""
    return engines.install(monkeypatch)


def replayed(shell: Shell, **values: Any) -> Any:
    """Replay an iteration, for a program."""
    return shell.call(COMMAND, {"iterations": 100, "seed": 7, **values}, as_json=True).json


def test_a_fight_is_replayed_by_its_number(shell: Shell) -> None:
    """Its log is printed line by line, and its DPS told beside it."""
    outcome = shell.call(COMMAND, {"iteration": 4, "seed": 7})

    assert outcome.out == "     1.500  casts Shot\n"
    assert "iteration 4 of seed 7: dps 11.0, fight length 300.0" in outcome.err


def test_a_replay_for_programs(shell: Shell) -> None:
    """Each thing that happened is an object with its time."""
    document = replayed(shell, iteration=4)

    assert document["log"] == LOG
    assert (document["iteration"], document["seed"]) == (4, 7)
    assert document["metrics"]["dps"]["sum"] == "11000"


@pytest.mark.parametrize(("which", "iteration"), [("best", 99), ("worst", 0)])
def test_the_best_and_the_worst_are_found(shell: Shell, which: str, iteration: int) -> None:
    """They are those of a simulation of all iterations."""
    assert replayed(shell, iteration=which)["iteration"] == iteration


@pytest.fixture
def job(shell: Shell) -> dict[str, Any]:
    """A completed job of the pool."""
    engine = engines.CountingEngine()
    result = engine.run(engine.prepare(engines.CONFIG), 11, 0, 60, lambda: False)
    text = json.dumps(engines.CONFIG)
    job = {
        "id": "3f2a0000-0000-4000-8000-000000000001",
        "status": "completed",
        "seed": 11,
        "config_hash": hashlib.sha256(text.encode()).hexdigest(),
        "result": {"result": result},
    }
    shell.pool.on("GET", "/rest/v1/sim_configs", [{"config_json": text}])
    shell.pool.on("GET", "/rest/v1/sim_jobs", [job])
    return job


def test_a_fight_of_a_job_is_replayed(shell: Shell, job: dict[str, Any]) -> None:
    """Config and seed are those of the job, and the best fight is known without a search."""
    best = replayed(shell, job="last", iteration="best")
    third = replayed(shell, job=job["id"], iteration=3)

    assert (best["iteration"], best["seed"]) == (59, 11)
    assert (third["iteration"], third["metrics"]["dps"]["sum"]) == (3, "14000")


@pytest.mark.usefixtures("job")
def test_a_job_and_a_config_are_one_too_many(shell: Shell) -> None:
    """A job has a config."""
    with pytest.raises(ConfigurationError, match="config of its own"):
        replayed(shell, job="last", source="hunter.json")


def test_a_job_without_a_result_has_no_best_fight(shell: Shell, job: dict[str, Any]) -> None:
    """Before its end nobody knows which that is, but a number is enough."""
    shell.pool.on("GET", "/rest/v1/sim_jobs", [job | {"result": None, "status": "running"}])
    with pytest.raises(CommandError, match="no result yet: it is running"):
        replayed(shell, job="last", iteration="worst")
    assert replayed(shell, job="last", iteration=2)["iteration"] == 2


@pytest.mark.parametrize("word", ["median", "-1", "1.5"])
def test_another_word_is_no_iteration(word: str) -> None:
    """What is neither best, worst nor a number is refused."""
    flags = vars(command_parser(COMMAND).parse_args([f"--iteration={word}"]))
    with pytest.raises(ConfigurationError, match="iteration is"):
        read_call(COMMAND, flags, {})


def test_words_and_numbers_are_iterations() -> None:
    """However they are written."""
    for word, expected in (("Best", "best"), ("12", 12)):
        flags = vars(command_parser(COMMAND).parse_args(["-i", word]))
        assert read_call(COMMAND, flags, {})[1]["iteration"] == expected
