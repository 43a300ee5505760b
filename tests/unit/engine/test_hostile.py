"""Whatever a document says, it is refused with its reasons, or its fights come to an end."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numba import njit

from node.engine import ConfigError, SimulationError, get_engine
from node.engine.combat.expressions import DEEPEST, Expressions
from node.engine.combat.interpretation import interpreter
from node.engine.combat.kernels import layout as at
from node.engine.combat.kernels.jit import columns, kernel
from node.engine.combat.kernels.questions import ask
from node.engine.combat.native import compiled
from node.engine.combat.shapes import Report
from node.engine.combat.spec import build
from node.engine.combat.world import World
from node.engine.configs import default_config
from tests.unit.engine.fights import config, never, strike
from tests.unit.engine.strangers import BASE, configs, expressions, extreme_configs
from tests.unit.engine.test_expressions import call

QUIET = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


answer = kernel(ask)


def _asked(question: int, about: int, more: float, ints: Any, reals: Any) -> float:
    return answer(question, about, more, columns(ints), columns(reals))


_njit: Any = njit  # its stubs do not know that it gives a function
asked = _njit(_asked)  # asks compiled kernels from outside


def outcome(document: Any) -> str:
    """Try to simulate a document; anything but a refusal or an end is an error of ours."""
    engine = get_engine("combat")
    problems = engine.validate(document)
    assert all(str(problem).startswith("/") for problem in problems)
    if problems:
        with pytest.raises(ConfigError):
            engine.prepare(document)
        return "refused"
    assert all(problem.severity == "warning" for problem in engine.warnings(document))
    plan = engine.prepare({**document, "duration_ms": min(document["duration_ms"], 30_000)})
    try:
        result = engine.run(plan, 1, 0, 2, never)
    except SimulationError as error:
        return str(error)
    assert result is not None
    assert result["iterations"] == 2
    json.dumps(result, allow_nan=False)
    return "simulated"


@pytest.mark.timeout(600)
@pytest.mark.compiled
@QUIET
@given(st.one_of(configs(), extreme_configs()))
def test_any_config_is_refused_or_ends(document: Any) -> None:
    """A config that is strange in a few places never crashes, hangs or gives what is no JSON."""
    outcome(document)


@pytest.mark.timeout(600)
@QUIET
@given(expressions())
@example({"and": [{">": [{"*": [1e15] * 30}, 0]}, {"==": [{"-": [{"*": [1e15] * 30}] * 2}, 0]}]})
def test_compiled_expressions_are_what_they_are_interpreted_as(condition: Any) -> None:
    """Both ways to evaluate an expression and its wake-up agree to the last bit, at any time."""
    report = Report()
    world = World(BASE, report)
    image = build(world)
    Expressions(world, {}, report).condition(condition, "")
    assert report.problems == []
    ints, reals = image.arrays()
    ints[at.LENGTH] = 20_000
    roots = world.code.roots
    fast, slow = compiled(roots), interpreter(roots, asked)
    for now in (0, 1, 7_777, 16_000, 20_000):
        ints[at.NOW] = now
        for number in range(len(roots)):
            found = call(fast, number, ints, reals)
            expected = slow(number, ints, reals)
            assert found == expected or (math.isnan(found) and math.isnan(expected))


@pytest.mark.timeout(600)
@pytest.mark.compiled
@QUIET
@given(expressions())
def test_any_condition_can_be_followed(condition: Any) -> None:
    """A rotation with any condition ends, or its iteration is given up with the line named."""
    actions = [{"cast": "kill_command", "if": condition}, {"cast": "cobra_shot"}]
    assert outcome({**BASE, "rotation": {"name": "any", "actions": actions}}) == "simulated"


def nested(depth: int, operator: str = "not", inside: Any = "gcd.active") -> Any:
    """Put operators into each other."""
    for _ in range(depth):
        inside = {operator: inside}
    return inside


SPELL = {"off_gcd": True, "effects": [strike()]}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (config(rotation=[{"cast": "idle", "if": nested(DEEPEST)}]), "simulated"),
        (config(rotation=[{"cast": "idle", "if": nested(DEEPEST + 1)}]), "refused"),
        (config(rotation=[{"cast": "idle", "if": nested(50_000)}]), "refused"),
        (config(rotation=[{"cast": "spell"}], abilities={"spell": SPELL}), "acts without end"),
        (config(0), "refused"),
        (config(10**30), "refused"),
        (config(stats={"attack_power": math.nan}), "refused"),
        (config(stats={"attack_power": 10**400}), "refused"),
        (config(stats={"attack_power": 10**5000}), "refused"),
        (config(swing={"name": "swing", "period_ms": 0, "effects": []}), "refused"),
        (
            config(swing={"name": "s", "period_ms": 1, "effects": [strike(1e6, base=1e9)] * 100}),
            "more damage than can be counted",
        ),
    ],
)
def test_what_cannot_be_simulated_is_said(document: Any, reason: str) -> None:
    """Bottomless, endless, immense and impossible documents have their reasons told."""
    assert reason in outcome(document)


@pytest.mark.timeout(900)
@pytest.mark.compiled
def test_no_kernel_reads_outside_its_arrays() -> None:
    """Kernels that check every index give what those do that do not."""
    script = (
        "from tests.unit.engine.test_hostile import checked\n"
        "import json\n"
        "print(json.dumps(checked()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "NUMBA_BOUNDSCHECK": "1", "PYTHONPATH": "."},
    )

    assert json.loads(done.stdout) == checked()


def checked() -> list[str]:
    """Simulate every spec that ships for a short time, and give the damage done."""
    from node.engine.configs import spec_names  # noqa: PLC0415 - also run as a script

    engine = get_engine("combat")
    found = []
    for name in spec_names():
        document = {**default_config(name, duration=40, targets=3), "duration_variation": 0.2}
        result = engine.run(engine.prepare(document), 5, 0, 5, never)
        assert result is not None
        found.append(str(result["counters"]["fight.damage_milli"]))
    return found
