"""What must hold of any fight whatever, and of every way to compute it."""

from __future__ import annotations

import functools
import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from node.engine import SimulationError, get_engine, results
from node.engine.combat.encounter import Encounter
from node.engine.combat.fights import CombatPlan, Fights
from node.engine.combat.kernels import layout as at
from tests.unit.engine.fights import run
from tests.unit.engine.generated import fight

ROOT = Path(__file__).parents[3]
ITERATIONS = 3
RANDOM = st.randoms(use_true_random=False)
many = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
SEEDS = range(40)


@functools.cache
def _simulated(text: str) -> dict[str, Any] | None:
    try:
        return run(json.loads(text), ITERATIONS)
    except SimulationError:
        return None


def simulated(document: dict[str, Any]) -> dict[str, Any]:
    """Simulate; what ends within a guard of the engine is of no use here."""
    found = _simulated(json.dumps(document))
    assume(found is not None)
    assert found is not None
    return found


def counted(found: dict[str, Any]) -> dict[str, int]:
    """Give the counters of a result."""
    return {name: int(value) for name, value in found["counters"].items()}


def ending(names: dict[str, int], end: str) -> dict[str, int]:
    """Give the counters with an ending."""
    return {name: value for name, value in names.items() if name.endswith(end)}


def test_every_generated_fight_is_accepted() -> None:
    """None is refused, and next to none ends within a guard of the engine."""
    engine = get_engine("combat")
    documents = [fight(random.Random(seed)) for seed in SEEDS]  # noqa: S311 - test data

    assert [engine.validate(document) for document in documents] == [[]] * len(documents)


@many
@given(RANDOM)
def test_damage_adds_up(chance: random.Random) -> None:
    """Abilities and pets sum to the total, and so do the targets and the parts of the fight."""
    found = counted(simulated(fight(chance)))
    damage = ending(found, ".damage_milli")
    total = damage.pop("fight.damage_milli")
    kinds: Counter[str] = Counter()
    for name, value in damage.items():
        kinds[name.split(".", maxsplit=1)[0]] += value

    assert kinds.pop("ability", 0) + kinds.pop("pet", 0) == total
    assert set(kinds.values()) <= {total, 0} if not total else set(kinds.values()) <= {total}


def moves(document: dict[str, Any]) -> int:
    """Count how often the player has to move at most."""
    return sum(happening.kind == at.MOVEMENT for happening in Encounter(document).happenings)


@many
@given(RANDOM)
def test_what_happened_is_counted_once(chance: random.Random) -> None:
    """No more crits than hits, no more critical ticks than ticks, a line for every cast."""
    document = fight(chance)
    found = counted(simulated(document))

    for name, crits in ending(found, ".crits").items():
        assert 0 <= crits <= found[name.removesuffix("crits") + "hits"]
    for name, crits in ending(found, ".crit_ticks").items():
        assert 0 <= crits <= found[name.removesuffix("crit_ticks") + "ticks"]
    for ability in document["spec"]["abilities"]:
        fired = [value for name, value in found.items() if name.endswith(f".{ability}.fired")]
        # a cast that the end or moving cuts off was begun and not finished
        cut = ITERATIONS * (1 + moves(document))
        assert found[f"ability.{ability}.casts"] <= sum(fired)
        assert sum(fired) <= found[f"ability.{ability}.casts"] + cut


@many
@given(RANDOM)
def test_nothing_is_up_for_longer_than_the_fight(chance: random.Random) -> None:
    """Uptimes of auras and pets, stacks, and the time that a resource is full."""
    document = fight(chance)
    found = counted(simulated(document))
    length, targets = found["fight.length_ms"], Encounter(document).enemies

    for name, aura in document["spec"]["auras"].items():
        places = 1 if aura["on"] == "player" else targets
        assert 0 <= found[f"aura.{name}.uptime_ms"] <= places * length
        stacks = found[f"aura.{name}.stack_ms"]
        assert found[f"aura.{name}.uptime_ms"] <= stacks
        assert stacks <= aura["stacks"] * found[f"aura.{name}.uptime_ms"]
    for name, pet in document["spec"]["pets"].items():
        assert 0 <= found[f"pet.{name}.uptime_ms"] <= pet["count"] * length
    for name in document["spec"]["resources"]:
        assert 0 <= found[f"resource.{name}.capped_ms"] <= length


@many
@given(RANDOM)
def test_what_was_spent_paid_for_casts(chance: random.Random) -> None:
    """Spent = casts * cost, of the player and of pets."""
    spec = (document := fight(chance))["spec"]
    found = counted(simulated(document))
    owners = [("", "ability.", spec)]
    owners += [(f"pet.{name}.", f"pet.{name}.", pet) for name, pet in spec["pets"].items()]

    for prefix, caster, owner in owners:
        paid: Counter[str] = Counter()
        for name, ability in owner["abilities"].items():
            for resource, cost in ability.get("cost", {}).items():
                paid[resource] += found[f"{caster}{name}.casts"] * round(1000 * cost)
        for resource in owner["resources"]:
            assert found[f"{prefix}resource.{resource}.spent_milli"] == paid[resource]


@many
@given(RANDOM)
def test_a_resource_changes_by_what_is_booked(chance: random.Random) -> None:
    """Gained - overflow - spent is the change of the resource, in every single fight."""
    document = fight(chance)
    plan = get_engine("combat").prepare(document)
    assert isinstance(plan, CombatPlan)
    fights = Fights(plan, 7)
    places = {name.text: place for place, name in plan.names.items() if name.owner == "player"}
    for iteration in range(ITERATIONS):
        try:
            part, _ = fights.simulate(iteration, 1)
        except SimulationError:
            assume(False)  # noqa: FBT003 - it takes its argument by place
            raise
        found = {name: int(value) for name, value in part["counters"].items()}
        for name in document["spec"]["resources"]:
            value = places[name] + at.VALUE
            change = int(fights._arena.ints[value]) - int(plan.ints[value])
            assert 0 <= fights._arena.ints[value] <= plan.ints[places[name] + at.MAXIMUM]
            assert change == (
                found[f"resource.{name}.gained_milli"]
                - found[f"resource.{name}.overflow_milli"]
                - found[f"resource.{name}.spent_milli"]
            )


@many
@given(RANDOM, st.integers(1, ITERATIONS - 1))
def test_a_run_in_two_parts_is_the_run(chance: random.Random, cut: int) -> None:
    """Whatever is simulated, iterations do not know each other."""
    document = fight(chance)
    found = simulated(document)
    parts = (run(document, cut), run(document, ITERATIONS - cut, first=cut))

    assert results.digest(results.merge(*parts)) == results.digest(found)


@many
@given(RANDOM, st.sampled_from([10, 100, 730]))
def test_looks_that_are_left_out_would_have_found_nothing(
    chance: random.Random, reaction: int
) -> None:
    """With a clock that ticks every millisecond no look is left out, and nothing else happens."""
    document = fight(chance)
    document["player"]["reaction_ms"] = reaction
    found = counted(simulated(document))
    tick = {"period_ms": 1, "effects": []}
    document["spec"]["auras"]["clock"] = {"on": "player", "start": 1, "tick": tick}
    watched = counted(simulated(document))

    assert watched.pop("fight.events") - found.pop("fight.events") >= found["fight.length_ms"]
    assert found == {
        name: value for name, value in watched.items() if not name.startswith("aura.clock.")
    }


@pytest.mark.compiled
def test_random_fights_are_the_same_with_the_jit_off() -> None:
    """Interpreted, the same code finds the same bits."""
    documents = [fight(random.Random(seed)) for seed in SEEDS]  # noqa: S311 - test data
    expected = [_simulated(json.dumps(document)) for document in documents]
    program = (
        "import json, sys\n"
        "from tests.unit.engine.test_random_fights import digests\n"
        "print(json.dumps(digests(json.load(sys.stdin))))\n"
    )
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        input=json.dumps(documents),
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(finished.stdout) == digests(documents)
    assert sum(found is not None for found in expected) > 0.8 * len(expected)


def digests(documents: list[Any]) -> list[str | None]:
    """Give the digests of some fights, nothing for those that end within a guard."""
    found = [_simulated(json.dumps(document)) for document in documents]
    return [None if one is None else results.digest(one) for one in found]
