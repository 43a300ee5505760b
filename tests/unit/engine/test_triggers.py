"""Triggers listen, look at conditions, and let their effects happen in order."""

from __future__ import annotations

from typing import Any

import pytest

from node.engine import get_engine
from node.engine.protocol import SimulationError
from tests.unit.engine.fights import config, counters, run, strike


def once(*effects: Any, duration_ms: int = 20_000, **parts: Any) -> dict[str, int]:
    """Cast one ability once, at the start."""
    spell = {"cooldown": {"ms": 10_000_000}, "effects": list(effects)}
    rotation = [{"cast": "spell"}]
    return counters(config(duration_ms, abilities={"spell": spell}, rotation=rotation, **parts))


def apply(aura: str, **more: Any) -> dict[str, Any]:
    """Give an effect that applies an aura."""
    return {"apply": {"aura": aura, **more}}


def heating_up(crits: list[bool]) -> dict[str, int]:
    """Cast one spell per second, critical or not as listed, with Heating Up as data."""
    chain = [
        {"cast": f"spell_{index}", "if": {"==": ["spell.spell_0.casts", 1 if index else 0]}}
        for index in range(len(crits))
    ]
    return counters(
        config(
            1000 * len(crits) + 500,
            abilities={
                f"spell_{index}": {
                    "gcd_ms": 1000,
                    "cooldown": {"ms": 10_000_000},
                    "effects": [strike(name="bolt", crit_chance_percent=100 * crit)],
                }
                for index, crit in enumerate(crits)
            },
            auras={
                "heating_up": {"on": "player", "duration_ms": 10_000},
                "pyroblast": {"on": "player", "duration_ms": 15_000},
            },
            triggers={
                "heat": {
                    "on": {"bolt": ["hit"]},
                    "if": "event.crit",
                    "effects": [
                        {**apply("pyroblast"), "if": "buff.heating_up.active"},
                        {
                            "set": {
                                "number": "hot",
                                "value": {"if": ["buff.heating_up.active", 1, 0]},
                            }
                        },
                        {"remove": {"aura": "heating_up"}, "if": {"==": ["number.hot", 1]}},
                        {**apply("heating_up"), "if": {"==": ["number.hot", 0]}},
                    ],
                },
                "cool": {
                    "on": {"bolt": ["hit"]},
                    "if": {"not": "event.crit"},
                    "delay_ms": 250,
                    "effects": [{"remove": {"aura": "heating_up"}}],
                },
            },
            numbers={"hot": {}},
            rotation=chain,
        )
    )


@pytest.mark.parametrize(
    ("crits", "heats", "pyroblasts"),
    [
        ([True], 1, 0),
        ([True, True], 1, 1),
        ([True, False, True], 2, 0),
        ([True, True, True, True], 2, 2),
    ],
)
def test_heating_up_is_data(crits: list[bool], heats: int, pyroblasts: int) -> None:
    """A crit heats, a second one in a row gives a Pyroblast, another hit cools down."""
    found = heating_up(crits)

    applied = found["aura.pyroblast.applications"] + found["aura.pyroblast.refreshes"]
    assert (found["aura.heating_up.applications"], applied) == (heats, pyroblasts)


def test_a_delay_passes_before_the_effects() -> None:
    """What a non-crit takes away stays up for the delay."""
    assert heating_up([True, False])["aura.heating_up.uptime_ms"] == 1250


def test_what_an_effect_sets_off_comes_before_the_next_effect() -> None:
    """The trigger of the first hit raises the damage of the second."""
    found = once(
        strike(name="one"),
        strike(name="two"),
        auras={"might": {"on": "player", "modifies": [{"stat": "damage", "by": 1}]}},
        triggers={"rage": {"on": {"one": ["hit"]}, "effects": [apply("might")]}},
    )

    assert found["ability.one.damage_milli"] == 1_000_000
    assert found["ability.two.damage_milli"] == 2_000_000


def test_a_cast_is_heard_after_its_effects() -> None:
    """What listens to a cast changes nothing of what the cast does."""
    found = once(
        strike(),
        auras={"might": {"on": "player", "modifies": [{"stat": "damage", "by": 1}]}},
        triggers={"rage": {"on": {"spell": ["cast"]}, "effects": [apply("might")]}},
    )

    assert found["proc.rage.procs"] == 1
    assert found["ability.spell.damage_milli"] == 1_000_000


def test_auras_tell_what_happens_to_them() -> None:
    """Application, refresh, expiry and removal are heard apart."""
    names = ("apply", "refresh", "expire", "remove")
    found = once(
        apply("mark"),
        apply("mark"),
        {"after": {"ms": 5000, "effects": [apply("mark"), {"remove": {"aura": "mark"}}]}},
        auras={"mark": {"on": "target", "duration_ms": 3000}},
        triggers={f"on_{name}": {"on": {"mark": [name]}, "effects": []} for name in names},
    )

    assert {name: found[f"proc.on_{name}.procs"] for name in names} == {
        "apply": 2,
        "refresh": 1,
        "expire": 1,
        "remove": 1,
    }


def test_any_damage_is_heard_by_its_school() -> None:
    """A trigger on any damage hears the schools that it names."""
    found = once(
        strike(name="one"),
        strike(name="two", school="frost"),
        triggers={
            "fire": {"on": {"any": ["hit"]}, "schools": ["fire"], "effects": []},
            "all": {"on": {"any": ["hit"]}, "effects": []},
        },
    )

    assert (found["proc.fire.procs"], found["proc.all.procs"]) == (1, 2)


def test_the_fight_begins_once() -> None:
    """What listens to the fight acts at its start, before the first swing."""
    swing = {"name": "swing", "period_ms": 100_000, "effects": [strike()]}
    found = once(
        swing=swing,
        auras={"might": {"on": "player", "modifies": [{"stat": "damage", "by": 1}]}},
        triggers={"start": {"on": {"fight": ["start"]}, "effects": [apply("might")]}},
    )

    assert found["ability.swing.damage_milli"] == 2_000_000


def test_an_aura_can_be_up_from_the_start() -> None:
    """`start` gives its stacks at once."""
    found = once(auras={"armor": {"on": "player", "stacks": 5, "start": 3}})

    assert found["aura.armor.stack_ms"] == 3 * 20_000


def attempts(length: int = 100_000, **trigger: Any) -> dict[str, Any]:
    """Build a fight in which a trigger may act once per second."""
    swing = {"name": "swing", "period_ms": 1000, "effects": [strike()]}
    luck = {"on": {"swing": ["hit"]}, "effects": [], **trigger}
    return config(length - 1, swing=swing, triggers={"luck": luck})


@pytest.mark.parametrize(("successes", "of"), [(1, 10), (3, 20), (0, 5), (4, 4)])
def test_a_deck_gives_its_successes_exactly(successes: int, of: int) -> None:
    """Of every deck, so many cards succeed, wherever they lie."""
    found = counters(attempts(deck={"successes": successes, "of": of}), 20)

    assert found["proc.luck.procs"] == 20 * 100 // of * successes


@pytest.mark.parametrize(
    ("chance", "mean"), [(0.05, 5.293584586), (0.1, 3.660215680), (0.01, 12.209960630)]
)
def test_an_accumulated_chance_grows_with_every_failure(chance: float, mean: float) -> None:
    """The mean number of tries is that of the closed form."""
    found = counters(attempts(1_000_000, accumulate=chance), 20)

    assert found["proc.luck.attempts"] == 20_000
    assert 20_000 / found["proc.luck.procs"] == pytest.approx(mean, rel=0.03)


def test_a_chance_can_be_an_expression() -> None:
    """It is evaluated at each attempt."""
    found = counters(attempts(chance={"if": [{"<": ["combat.time", 50]}, 1, 0]}))

    assert found["proc.luck.procs"] == 50


def test_triggers_that_set_each_other_off_end_the_iteration() -> None:
    """A circle without chance is an error, not a hang."""
    document = attempts(effects=[strike(name="swing")])

    with pytest.raises(SimulationError, match="procs set each other off"):
        run(document)


def test_event_is_not_for_rotations() -> None:
    """A rotation cannot ask what happened."""
    document = config(rotation=[{"cast": "idle", "if": "event.crit"}])

    problems = get_engine("combat").validate(document)

    assert "means nothing in a rotation" in problems[0].message
