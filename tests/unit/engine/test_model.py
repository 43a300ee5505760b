"""Rules of the model, one at a time."""

from __future__ import annotations

from typing import Any

import pytest

from node.engine import SimulationError
from tests.unit.engine.fights import config, counters, strike

ONCE: dict[str, Any] = {"cooldown": {"ms": 900_000}}
SWING = {"name": "swing", "period_ms": 2000, "effects": [strike()]}


def once(*effects: dict[str, Any], duration_ms: int = 60_000, **more: Any) -> dict[str, int]:
    """Cast an ability with these effects once, at the start."""
    ability = {**ONCE, **more.pop("ability", {}), "effects": list(effects)}
    others = more.pop("abilities", {})
    rotation = more.pop("rotation", [{"cast": "spell"}])
    return counters(
        config(duration_ms, abilities={"spell": ability, **others}, rotation=rotation, **more)
    )


def test_a_haste_buff_speeds_up_a_swing_in_progress() -> None:
    """What is left of a swing shrinks with the new speed and grows back when it ends."""
    haste = {"on": "player", "duration_ms": 3000, "modifies": [{"stat": "haste", "by": 1}]}
    swing = {**SWING, "first_ms": 2000}

    found = once({"apply": {"aura": "rush"}}, auras={"rush": haste}, swing=swing, duration_ms=4000)

    # swings at 1.0, 2.0 and 3.0 s, then every two seconds
    assert found["ability.swing.hits"] == 3


def test_a_swing_that_does_not_stretch_keeps_its_time() -> None:
    """New speed counts from the next swing on, when it comes and when it ends."""
    haste = {"on": "player", "duration_ms": 3000, "modifies": [{"stat": "haste", "by": 1}]}
    swing = {**SWING, "first_ms": 2000, "stretches": False}

    found = once({"apply": {"aura": "rush"}}, auras={"rush": haste}, swing=swing, duration_ms=5500)

    # swings at 2.0 and 3.0 s, at 4.0 s as set before the buff ended, and not before 6.0 s
    assert found["ability.swing.hits"] == 3


def test_a_haste_buff_speeds_up_cooldowns_and_regeneration() -> None:
    """A hasted cooldown of 8 s under doubled haste for 3 s is ready after 5.5 s."""
    haste = {"on": "player", "duration_ms": 3000, "modifies": [{"stat": "haste", "by": 1}]}
    blast = {"cooldown": {"ms": 8000, "hasted": True}, "off_gcd": True, "effects": [strike()]}
    found = once(
        {"apply": {"aura": "rush"}},
        duration_ms=5500,
        auras={"rush": haste},
        resources={"mana": {"maximum": 100, "start": 0, "per_second": 2, "hasted": True}},
        ability={"off_gcd": True},
        abilities={"blast": blast},
        rotation=[{"cast": "blast"}, {"cast": "spell"}],
    )

    assert found["ability.blast.casts"] == 2
    assert found["resource.mana.gained_milli"] == 1000 * (2 * 2 * 3 + 2 * 2.5)


def test_an_expired_aura_no_longer_modifies() -> None:
    """A buff of 5 s raises the swings up to its last millisecond and none after."""
    might = {"on": "player", "duration_ms": 5000, "modifies": [{"stat": "damage", "by": 0.5}]}

    found = once({"apply": {"aura": "might"}}, auras={"might": might}, swing=SWING)

    # swings at 0 (before the cast), then at 2 and 4 s with the buff
    assert found["ability.swing.damage_milli"] == 1_000_000 * 31 + 2 * 500_000
    assert found["aura.might.uptime_ms"] == 5000


def test_stacks_add_up_and_stop_at_their_most() -> None:
    """Each stack adds its part, up to the most."""
    might = {"on": "player", "stacks": 3, "modifies": [{"stat": "damage", "by": 0.1}]}
    apply = {"apply": {"aura": "might", "stacks": 2}}

    found = once(apply, apply, strike(), auras={"might": might})

    assert found["ability.spell.damage_milli"] == 1_300_000
    assert found["aura.might.stack_ms"] == 3 * 60_000


def test_removing_stacks_and_auras() -> None:
    """Some stacks can be taken away, or all, and the damage follows."""
    might = {"on": "player", "stacks": 3, "modifies": [{"stat": "damage", "by": 0.1}]}
    apply = {"apply": {"aura": "might", "stacks": 3}}
    fewer, none = {"remove": {"aura": "might", "stacks": 1}}, {"remove": {"aura": "might"}}

    found = once(apply, strike(), fewer, strike(), none, strike(), none, auras={"might": might})

    assert found["ability.spell.damage_milli"] == 1_300_000 + 1_200_000 + 1_000_000
    assert found["aura.might.uptime_ms"] == 0


def test_a_buff_consumed_by_a_cast_still_raises_it() -> None:
    """Effects are carried out in their order: strike first, then remove."""
    precise = {
        "on": "player",
        "stacks": 2,
        "modifies": [{"stat": "damage", "by": 0.75, "abilities": ["shot"]}],
    }
    shot = {"effects": [strike(), {"remove": {"aura": "precise", "stacks": 1}}]}

    found = once(
        {"apply": {"aura": "precise", "stacks": 2}},
        strike(),
        duration_ms=6000,
        auras={"precise": precise},
        abilities={"shot": shot},
        rotation=[{"cast": "spell"}, {"cast": "shot"}],
    )

    # the modifier counts once per stack: +150 %, +75 %, then nothing
    assert found["ability.shot.damage_milli"] == 2_500_000 + 1_750_000 + 1_000_000 * 2
    assert found["ability.spell.damage_milli"] == 1_000_000


def test_cost_and_cast_time_can_be_modified() -> None:
    """A buff can make a spell free and instant."""
    free = {
        "on": "player",
        "modifies": [
            {"stat": "cost", "by": -1, "abilities": ["bolt"]},
            {"stat": "cast_time", "by": -1, "abilities": ["bolt"]},
        ],
    }
    bolt = {"cast_ms": 3000, "cost": {"mana": 60}, "effects": [strike()]}

    found = once(
        {"apply": {"aura": "free"}},
        duration_ms=3000,
        resources={"mana": {"maximum": 100}},
        ability={"off_gcd": True},
        auras={"free": free},
        abilities={"bolt": bolt},
        rotation=[{"cast": "spell"}, {"cast": "bolt"}],
    )

    assert found["ability.bolt.casts"] == 3
    assert found["resource.mana.spent_milli"] == 0


def test_expiry_sets_off_effects() -> None:
    """What an aura does when it expires is reported under it."""
    bomb = {"on": "target", "duration_ms": 5000, "expires": [strike(3)]}

    found = once({"apply": {"aura": "bomb"}}, auras={"bomb": bomb})

    assert found["ability.bomb.damage_milli"] == 3_000_000


@pytest.mark.parametrize(("snapshot", "ticks_raised"), [(True, 4), (False, 2)])
def test_snapshots_keep_the_power_of_the_application(
    snapshot: bool,  # noqa: FBT001 - a parameter of the table
    ticks_raised: int,
) -> None:
    """A snapshot DoT ticks as it was applied, a dynamic one as the moment has it."""
    tick = {"period_ms": 2000, "snapshot": snapshot, "effects": [strike()]}
    auras = {
        "might": {"on": "player", "duration_ms": 5000, "modifies": [{"stat": "damage", "by": 1}]},
        "pain": {"on": "target", "duration_ms": 8000, "tick": tick},
    }

    found = once({"apply": {"aura": "might"}}, {"apply": {"aura": "pain"}}, auras=auras)

    assert found["ability.pain.damage_milli"] == 1_000_000 * (4 + ticks_raised)


def test_pets_inherit_what_their_data_say() -> None:
    """A pet has its share of the player's power, bonuses and buffs, and is reported apart."""
    pet = {
        "permanent": True,
        "inherits": {"attack_power": 0.6, "versatility": 1},
        "swing": {**SWING, "name": "bite"},
    }
    power = {"on": "player", "modifies": [{"stat": "attack_power", "by": 0.5}]}

    found = once(
        {"apply": {"aura": "power"}},
        duration_ms=2000,
        stats={"versatility_percent": 10},
        pets={"cat": pet},
        auras={"power": power},
    )

    # the first bite comes before the buff, which raises 60 % of what it was
    assert found["pet.cat.bite.damage_milli"] == pytest.approx(660_000 * (1 + 1.5), abs=1)


def test_passives_and_mastery_are_always_on() -> None:
    """A passive raises all damage; mastery raises what it names by its points."""
    found = once(
        strike(),
        stats={"mastery_rating": 1000},
        passives=[{"stat": "damage", "by": 0.1}],
        mastery={
            "points": 5,
            "percent_per_point": 2,
            "modifies": [{"stat": "damage", "abilities": ["spell"]}],
        },
    )

    assert found["ability.spell.damage_milli"] == 1_000_000 * 1.1 * 1.3


def test_area_damage_stops_at_its_most_targets() -> None:
    """An area of five hits five of eight, one of true hits all."""
    five, every = {"to": {"most": 5}}, {"to": "all"}
    found = once(strike(name="five") | five, strike(name="all") | every, targets=8)

    assert found["ability.five.hits"] == 5
    assert found["ability.all.hits"] == 8


def test_what_a_summoned_pet_deals_ends_with_it() -> None:
    """A pet of 10 s swings six times every 2 s, the last time as it leaves, and not after."""
    found = once({"summon": {"pet": "imp", "ms": 10_000}}, pets={"imp": {"swing": SWING}})

    assert found["pet.imp.swing.hits"] == 6
    assert found["pet.imp.uptime_ms"] == 10_000


def test_damage_by_an_absent_pet_does_not_happen() -> None:
    """Nobody strikes who is not there."""
    found = once(strike(by="imp"), pets={"imp": {}})

    assert found["pet.imp.spell.hits"] == 0


@pytest.mark.compiled
def test_procs_do_not_shift_each_others_rolls() -> None:
    """Adding a proc changes none of the crits and procs that were there before."""
    luck = {"on": {"swing": ["hit"]}, "chance": 0.3, "effects": []}
    plain: dict[str, Any] = {"swing": SWING, "stats": {"crit_percent": 30}}

    before = counters(config(triggers={"luck": luck}, **plain), 20)
    after = counters(config(triggers={"fate": luck, "luck": luck}, **plain), 20)

    assert {name: after[name] for name in before} == before
    assert after["proc.fate.procs"] != after["proc.luck.procs"]


@pytest.mark.parametrize(
    ("event", "heard"), [("hit", 151), ("crit", 151), ("tick", 100), ("crit_tick", 100)]
)
def test_procs_hear_the_event_they_name(event: str, heard: int) -> None:
    """Hits, crits, ticks and critical ticks are told apart."""
    tick = {"period_ms": 3000, "effects": [strike()]}
    found = once(
        {"apply": {"aura": "pain"}},
        duration_ms=300_000,
        stats={"crit_percent": 100},
        swing=SWING,
        auras={"pain": {"on": "target", "tick": tick}},
        triggers={"luck": {"on": {"swing": [event], "pain": [event]}, "chance": 1, "effects": []}},
    )

    assert found["proc.luck.procs"] == heard


def test_procs_hear_casts() -> None:
    """A proc on casts is attempted once per cast."""
    proc = {"on": {"spell": ["cast"]}, "chance": 1, "effects": [strike(name="echo")]}

    assert once(strike(), triggers={"echo": proc})["ability.echo.hits"] == 1


def test_a_rotation_that_never_lets_time_pass_is_an_error() -> None:
    """A thousand actions in one moment end the iteration and name the line."""
    endless = {"off_gcd": True, "effects": []}

    with pytest.raises(SimulationError, match=r"iteration 0 failed at 0\.000 s.*actions\.0\.spell"):
        counters(config(abilities={"spell": endless}, rotation=[{"cast": "spell"}]))


def test_procs_that_set_each_other_off_for_ever_are_an_error() -> None:
    """A proc whose damage procs itself with certainty is stopped."""
    proc = {
        "on": {"echo": ["hit"], "spell": ["hit"]},
        "chance": 1,
        "effects": [strike(name="echo")],
    }

    with pytest.raises(SimulationError, match="procs set each other off"):
        once(strike(), triggers={"echo": proc})


def test_damage_past_what_can_be_counted_is_an_error() -> None:
    """Sums never wrap around."""
    with pytest.raises(SimulationError, match="more damage"):
        once(strike(1e6, base=1e9), stats={"attack_power": 1e9})
