"""Who acts, and when: pets that cast, copies of pets, reaction times and waiting for a cooldown."""

from __future__ import annotations

from typing import Any

from node.engine import get_engine
from tests.unit.engine.fights import config, counters, strike

BITE: dict[str, Any] = {"cost": {"rage": 30}, "effects": [strike(2)]}
RAGE = {"rage": {"maximum": 100, "start": 60, "per_second": 10}}
WOLF: dict[str, Any] = {
    "permanent": True,
    "inherits": {"attack_power": 0.5, "haste": 1},
    "resources": RAGE,
    "abilities": {"bite": BITE},
    "actions": [{"cast": "bite"}],
}


def problems(**spec: Any) -> dict[str, str]:
    """Give what is wrong with a spec, by place."""
    found = get_engine("combat").validate(config(**spec))
    return {problem.pointer: problem.message for problem in found}


def test_a_pet_follows_its_own_rotation_with_its_own_resource() -> None:
    """Two bites can be paid for at once, the others as rage comes back."""
    found = counters(config(30_000, pets={"wolf": WOLF}))

    # 0 and 1.5 s from the start; rage 60 + 300 pays for twelve, the last at exactly 30 s
    assert found["pet.wolf.bite.casts"] == 12
    assert found["pet.wolf.bite.damage_milli"] == 12 * 1_000_000
    assert found["pet.wolf.resource.rage.spent_milli"] == 12 * 30_000
    assert found["line.wolf.actions.0.bite.fired"] == 12


def test_a_pet_casts_while_the_player_does() -> None:
    """Each has a cast of its own under way; the pet's is as fast as what it inherits of haste."""
    bolt = {"cast_ms": 2000, "effects": [strike()]}
    imp = {"permanent": True, "abilities": {"bolt": bolt}, "actions": [{"cast": "bolt"}]}
    found = counters(
        config(
            60_000,
            stats={"haste_percent": 25},
            abilities={"blast": {"cast_ms": 3000, "effects": []}},
            rotation=[{"cast": "blast"}],
            pets={"imp": imp, "quick": {**imp, "inherits": {"haste": 1}}},
        )
    )

    assert found["ability.blast.casts"] == 25
    assert found["pet.imp.bolt.casts"] == 30
    assert found["pet.quick.bolt.casts"] == 37


def test_a_cast_ends_with_the_pet() -> None:
    """A guardian that leaves in the middle of a cast does not finish it, and begins anew later."""
    bolt = {"cast_ms": 4000, "effects": [strike()]}
    call = {"cooldown": {"ms": 20_000}, "effects": [{"summon": {"pet": "imp", "ms": 10_000}}]}
    found = counters(
        config(
            40_000,
            abilities={"call": call},
            rotation=[{"cast": "call"}],
            pets={"imp": {"abilities": {"bolt": bolt}, "actions": [{"cast": "bolt"}]}},
        )
    )

    assert found["pet.imp.bolt.casts"] == 2 * 2
    assert found["pet.imp.uptime_ms"] == 20_000


def test_a_summoned_pet_arrives_with_a_full_resource() -> None:
    """What was spent at the last visit, and the time between, do not count."""
    call = {"cooldown": {"ms": 20_000}, "effects": [{"summon": {"pet": "imp", "ms": 5000}}]}
    imp = {
        "resources": {"rage": {"maximum": 60, "per_second": 0}},
        "abilities": {"bite": BITE},
        "actions": [{"cast": "bite"}],
    }
    found = counters(
        config(39_000, abilities={"call": call}, rotation=[{"cast": "call"}], pets={"imp": imp})
    )

    assert found["pet.imp.bite.casts"] == 2 * 2


def test_copies_of_a_pet_act_each_for_itself_and_are_reported_together() -> None:
    """Three images swing and cast at once; buffs of the pet reach all of them."""
    bolt = {"cast_ms": 2000, "effects": [strike()]}
    image = {
        "count": 3,
        "inherits": {"attack_power": 1},
        "abilities": {"bolt": bolt},
        "actions": [{"cast": "bolt"}],
        "swing": {"name": "hit", "period_ms": 1000, "effects": [strike()]},
    }
    might = {"on": "image", "modifies": [{"stat": "damage", "of": "image", "by": 1}]}
    effects = [
        {"apply": {"aura": "might"}},
        {"summon": {"pet": "image", "ms": 10_000}},
        strike(by="image", name="together"),
    ]
    found = counters(
        config(
            30_000,
            abilities={"call": {"cooldown": {"ms": 900_000}, "effects": effects}},
            rotation=[{"cast": "call"}],
            auras={"might": might},
            pets={"image": image},
        )
    )

    assert found["pet.image.summons"] == 3
    assert found["pet.image.bolt.casts"] == 3 * 5
    assert found["pet.image.hit.hits"] == 3 * 11
    assert found["pet.image.together.damage_milli"] == 3 * 2_000_000


def test_some_copies_can_be_summoned_and_the_oldest_gives_way() -> None:
    """Each cast calls one of two; a third renews the stay of the one who would leave first."""
    call = {
        "cooldown": {"ms": 4000},
        "effects": [{"summon": {"pet": "imp", "count": 1, "ms": 10_000}}],
    }
    found = counters(
        config(
            8000,
            abilities={"call": call},
            rotation=[{"cast": "call", "if": {">": ["pet.imp.count", -1]}}],
            pets={"imp": {"count": 2}},
        )
    )

    assert found["pet.imp.summons"] == 3
    assert found["pet.imp.uptime_ms"] == 8000
    assert found["pet.imp.copy_ms"] == 8000 + 4000


def test_a_pet_may_spend_what_is_the_players_and_the_player_feed_the_pet() -> None:
    """Names are the pet's own first, then the player's; `wolf.rage` is the wolf's for anyone."""
    wolf = {
        **WOLF,
        "abilities": {"bite": BITE, "howl": {"cost": {"focus": 50}, "effects": []}},
        "actions": [{"cast": "howl", "if": {">=": ["resource.rage", 90]}}],
    }
    feed = {
        "cooldown": {"ms": 900_000},
        "effects": [{"gain": {"resource": "wolf.rage", "amount": 35}}],
    }
    found = counters(
        config(
            1000,
            resources={"focus": {"maximum": 100}},
            abilities={"feed": feed},
            rotation=[{"cast": "feed", "if": {"<": ["resource.wolf.rage.current", 61]}}],
            pets={"wolf": wolf},
        )
    )

    assert found["pet.wolf.howl.casts"] == 1
    assert found["resource.focus.spent_milli"] == 50_000


def test_an_actor_with_a_reaction_time_looks_that_often() -> None:
    """A buff that comes at 2.03 s is seen at the next look, 2.1 s, not at once."""
    proc = {"on": "player", "tick": {"period_ms": 2030, "effects": [{"apply": {"aura": "luck"}}]}}
    spell = {"cooldown": {"ms": 900_000}, "effects": [{"apply": {"aura": "late"}}]}
    document = config(
        10_000,
        auras={"clock": proc, "luck": {"on": "player"}, "late": {"on": "player"}},
        abilities={
            "start": {"cooldown": {"ms": 900_000}, "effects": [{"apply": {"aura": "clock"}}]},
            "spell": spell,
        },
        rotation=[{"cast": "spell", "if": "buff.luck.active"}, {"cast": "start"}],
    )
    at_once = counters(document)
    document["player"]["reaction_ms"] = 100
    later = counters(document)

    assert at_once["aura.late.uptime_ms"] == 10_000 - 2030
    assert later["aura.late.uptime_ms"] == 10_000 - 2100


def test_looks_that_find_nothing_are_left_out() -> None:
    """Between two casts, with nothing but a cooldown to wait for, there is one look, not 100."""
    spell = {"cooldown": {"ms": 10_000}, "effects": []}
    document = config(60_000, abilities={"spell": spell}, rotation=[{"cast": "spell"}])
    document["player"]["reaction_ms"] = 100
    found = counters(document)

    assert found["ability.spell.casts"] == 7
    assert found["fight.events"] == 7 * 2  # the look that casts, and the one right behind it


def test_a_pet_that_only_swings_does_not_look() -> None:
    """What has no rotation has nothing to decide, whatever its reaction time."""
    swing = {"name": "bite", "period_ms": 2000, "effects": [strike()]}
    wolf = {"permanent": True, "reaction_ms": 100, "swing": swing}
    alone = counters(config(60_000))
    found = counters(config(60_000, pets={"wolf": wolf}))

    assert found["pet.wolf.bite.hits"] == 31
    assert found["fight.events"] == alone["fight.events"] + 31


def test_a_swing_makes_an_actor_with_a_reaction_time_look() -> None:
    """In the middle of a long reaction time the rotation is read a reaction after a swing."""
    swing = {"name": "swing", "period_ms": 2500, "first_ms": 2500, "effects": []}
    spell = {"cooldown": {"ms": 900_000}, "effects": [{"apply": {"aura": "late"}}]}
    document = config(
        20_000,
        swing=swing,
        auras={"late": {"on": "player"}},
        abilities={"spell": {"off_gcd": True, **spell}, "slow": {"gcd_ms": 9000, "effects": []}},
        rotation=[{"cast": "spell", "if": {">=": ["combat.time", 1]}}, {"cast": "slow"}],
    )
    document["player"]["reaction_ms"] = 300

    # the first look in the GCD of 9 s comes 300 ms after the swing at 2.5 s
    assert counters(document)["aura.late.uptime_ms"] == 20_000 - 2800


def test_an_ability_that_is_nearly_ready_is_waited_for() -> None:
    """With a window of 400 ms a cooldown that ends in 300 ms is better than the next line."""
    strong = {"cooldown": {"ms": 4800}, "effects": []}
    document = config(
        30_000,
        abilities={"strong": strong, "weak": {"effects": []}},
        rotation=[{"cast": "strong"}, {"cast": "weak"}],
    )
    document["player"]["reaction_ms"] = 100
    impatient = counters(document)
    document["player"]["queue_ms"] = 400
    patient = counters(document)

    # strong, weak, weak and at 4.5 s: weak again, so every 6 s; or 300 ms of waiting, every 4.8 s
    assert impatient["ability.strong.casts"] == 6
    assert patient["ability.strong.casts"] == 7


def test_an_ability_may_wait_for_the_gcd_without_setting_it_off() -> None:
    """What needs the GCD to be free is not cast in the middle of it."""
    spell = {"cooldown": {"ms": 2000}, "off_gcd": True, "effects": []}
    abilities = {"spell": spell, "filler": {"effects": []}}
    rotation = [{"cast": "spell"}, {"cast": "filler"}]
    free = counters(config(30_000, abilities=abilities, rotation=rotation))
    abilities["spell"] = {**spell, "needs_gcd": True}
    held = counters(config(30_000, abilities=abilities, rotation=rotation))

    assert free["ability.spell.casts"] == 16
    assert held["ability.spell.casts"] == 11
    assert held["ability.filler.casts"] == free["ability.filler.casts"] == 21


def test_the_player_may_let_a_pet_cast() -> None:
    """The pet pays, its GCD counts, and what is away cannot be told to do anything."""
    wolf = {**WOLF, "actions": [{"cast": "bite", "if": {"<": ["combat.time", 1]}}]}
    document = config(10_000, rotation=[{"cast": "wolf.bite"}], pets={"wolf": wolf})
    absent = {**wolf, "permanent": False}

    assert counters(document)["pet.wolf.bite.casts"] == 5
    document["spec"]["pets"]["wolf"] = absent
    assert counters(document)["pet.wolf.bite.casts"] == 0


def test_what_is_wrong_with_a_pets_rotation_is_found() -> None:
    """Pets cast what is theirs and nothing else."""
    wolf = {**WOLF, "actions": [{"cast": "idle"}, {"cast": "bite", "if": 5}]}

    assert problems(pets={"wolf": wolf}) == {
        "/spec/pets/wolf/actions/0/cast": "there is no ability 'idle'",
        "/spec/pets/wolf/actions/1/if": "expected a boolean, got a number",
    }


def test_charges_may_have_a_cooldown_of_their_own() -> None:
    """Two charges of 120 s: the second is used 20 s after the first, then each as it returns."""
    soul: dict[str, Any] = {
        "off_gcd": True,
        "cooldown": {"ms": 120_000, "charges": 2, "between_ms": 20_000},
        "effects": [],
    }
    for end, casts in ((19_999, 1), (20_000, 2), (119_999, 2), (120_000, 3), (240_000, 4)):
        found = counters(config(end, abilities={"soul": soul}, rotation=[{"cast": "soul"}]))
        assert found["ability.soul.casts"] == casts


def test_a_charge_that_has_to_wait_is_not_ready() -> None:
    """Conditions see the time until it can be used, and the charge all the same."""
    soul: dict[str, Any] = {
        "off_gcd": True,
        "cooldown": {"ms": 50_000, "charges": 3, "between_ms": 20_000},
        "effects": [],
    }
    jab: dict[str, Any] = {"cooldown": {"ms": 10_000_000}, "effects": []}
    waits = {"and": [{"<=": ["cd.soul.remaining", 7]}, {"==": ["cd.soul.charges", 2]}]}
    for end, casts in ((12_999, 0), (13_000, 1)):
        rotation = [{"cast": "soul"}, {"cast": "jab", "if": waits}]
        found = counters(config(end, abilities={"soul": soul, "jab": jab}, rotation=rotation))
        assert found["ability.jab.casts"] == casts


def test_an_ability_may_be_usable_only_at_times() -> None:
    """What an ability asks for itself holds for every line, beside what the line asks for."""
    blow: dict[str, Any] = {"usable": "buff.rage.active", "effects": [strike()]}
    shout: dict[str, Any] = {"cooldown": {"ms": 30_000}, "effects": [{"apply": {"aura": "rage"}}]}
    found = counters(
        config(
            60_000,
            auras={"rage": {"on": "player", "duration_ms": 10_000}},
            abilities={"blow": blow, "shout": shout},
            rotation=[{"cast": "blow", "if": {"<": ["combat.time", 55]}}, {"cast": "shout"}],
        )
    )

    # shout at 0 and 30 s, blows from 1.5 s after it until the rage is over, its last ms included
    assert found["ability.shout.casts"] == 3
    assert found["ability.blow.casts"] == 12


def test_an_ability_that_is_usable_from_a_moment_on_is_used_in_it() -> None:
    """Nothing but time goes by until then, and no line asks for it."""
    shout: dict[str, Any] = {
        "usable": {">=": ["combat.time", 5.25]},
        "cooldown": {"ms": 30_000},
        "effects": [{"apply": {"aura": "rage"}}],
    }
    found = counters(
        config(
            20_000,
            auras={"rage": {"on": "player"}},
            abilities={"shout": shout},
            rotation=[{"cast": "shout"}],
        )
    )

    assert found["aura.rage.uptime_ms"] == 20_000 - 5250


def test_what_makes_an_ability_usable_is_checked() -> None:
    """A condition that means nothing is refused where it stands."""
    blow: dict[str, Any] = {"usable": "buff.range.active", "effects": []}
    rage = {"on": "player", "duration_ms": 10_000}

    assert problems(abilities={"blow": blow}, auras={"rage": rage}) == {
        "/spec/abilities/blow/usable": "there is no buff 'range'",
    }
