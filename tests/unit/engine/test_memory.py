"""States that are kept and brought back, cooldowns without casts, and moments of thought."""

from __future__ import annotations

from typing import Any

from node.engine import get_engine
from tests.unit.engine.fights import config, counters, strike

SHIELD = {"shield": {"on": "player", "duration_ms": 10_000}}


def at(name: str, seconds: float) -> dict[str, Any]:
    """Cast something once, from a moment on."""
    time, once = {">=": ["combat.time", seconds]}, {"==": [f"spell.{name}.casts", 0]}
    return {"cast": name, "if": {"and": [time, once]}}


def instant(*effects: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Give an ability off the GCD."""
    return {"off_gcd": True, "effects": list(effects), **more}


def problems(**spec: Any) -> dict[str, str]:
    """Give what is wrong with a spec, by place."""
    found = get_engine("combat").validate(config(**spec))
    return {problem.pointer: problem.message for problem in found}


def remembering(*auras: str, **more: Any) -> dict[str, Any]:
    """Give abilities that save a slot and restore it."""
    slot = {"slot": "then"}
    return {
        "save": instant({"save": {**slot, "auras": list(auras), **more}}),
        "restore": instant({"restore": slot}),
        "shield": instant({"apply": {"aura": "shield"}}),
        "drop": instant({"remove": {"aura": "shield"}}),
    }


def test_a_buff_comes_back_with_the_time_it_had() -> None:
    """Of ten seconds eight are left at 2 s; restored at 20 s, they run until 28 s."""
    found = counters(
        config(
            60_000,
            abilities=remembering("shield"),
            auras=SHIELD,
            rotation=[at("shield", 0), at("save", 2), at("restore", 20)],
        )
    )

    assert found["aura.shield.uptime_ms"] == 18_000
    assert found["aura.shield.applications"] == 2


def test_a_buff_that_is_up_gets_the_time_it_had() -> None:
    """Saved with eight seconds at 2 s, it ends at 17 s when it is restored at 9 s."""
    found = counters(
        config(
            60_000,
            abilities=remembering("shield"),
            auras=SHIELD,
            rotation=[at("shield", 0), at("save", 2), at("restore", 9)],
        )
    )

    assert found["aura.shield.uptime_ms"] == 17_000
    assert found["aura.shield.applications"] == 1


def test_a_buff_that_was_not_there_goes() -> None:
    """Saved without it at 0, restored at 5 s in the middle of it."""
    found = counters(
        config(
            60_000,
            abilities=remembering("shield"),
            auras=SHIELD,
            rotation=[at("save", 0), at("shield", 1), at("restore", 5)],
        )
    )

    assert found["aura.shield.uptime_ms"] == 4000


def test_a_restore_without_a_save_does_nothing() -> None:
    """Nothing is remembered yet."""
    found = counters(
        config(
            20_000,
            abilities=remembering("shield"),
            auras=SHIELD,
            rotation=[at("shield", 0), at("restore", 5), at("save", 15)],
        )
    )

    assert found["aura.shield.uptime_ms"] == 10_000


def test_resources_are_brought_back_both_ways() -> None:
    """What was spent since comes back, what was gained since goes."""
    for later, gained, spent in (
        ({"drain": {"resource": "mana", "amount": 30}}, 30_000, 30_000),
        ({"gain": {"resource": "mana", "amount": 30}}, 30_000, 30_000),
    ):
        found = counters(
            config(
                20_000,
                abilities={**remembering(resources=["mana"]), "change": instant(later)},
                auras=SHIELD,
                resources={"mana": {"maximum": 100, "start": 50}},
                rotation=[at("save", 0), at("change", 1), at("restore", 2)],
            )
        )

        assert found["resource.mana.gained_milli"] == gained
        assert found["resource.mana.spent_milli"] == spent


def test_a_dot_comes_back_as_it_was() -> None:
    """Ticks go on as strong and at the distance that they had when they were saved."""
    burn = {
        "on": "target",
        "duration_ms": 10_000,
        "tick": {"period_ms": 2000, "snapshot": True, "effects": [strike()]},
    }
    found = counters(
        config(
            60_000,
            abilities={
                **remembering("burn"),
                "burn": instant({"apply": {"aura": "burn"}}),
                "rage": instant({"apply": {"aura": "rage"}}),
            },
            auras={
                **SHIELD,
                "burn": burn,
                "rage": {"on": "player", "modifies": [{"stat": "damage", "by": 1}]},
            },
            rotation=[at("burn", 0), at("save", 5), at("rage", 20), at("restore", 30)],
        )
    )

    # at 2 ... 10 s, then what was left: after one, three and five more seconds
    assert found["ability.burn.ticks"] == 5 + 3
    assert found["ability.burn.damage_milli"] == 8 * 1_000_000


def test_a_cooldown_can_begin_without_a_cast() -> None:
    """Ten seconds from 0, and anew when the buff is lost at 4 s: the next cast is at 14 s."""
    found = counters(
        config(
            14_000,
            abilities={
                "presence": instant({"apply": {"aura": "presence"}}, cooldown={"ms": 10_000}),
                "use": instant({"remove": {"aura": "presence"}}),
            },
            auras={
                "presence": {
                    "on": "player",
                    "removed": [{"start_cooldown": {"ability": "presence"}}],
                }
            },
            rotation=[{"cast": "presence"}, at("use", 4)],
        )
    )

    assert found["ability.presence.casts"] == 2
    assert found["aura.presence.uptime_ms"] == 4000


def test_a_cooldown_may_begin_in_the_middle_of_the_cast() -> None:
    """The cast goes on, and the cooldown of ten seconds begins anew at its end: every 12 s."""
    shared = {"start_cooldown": {"ability": "slow"}}
    found = counters(
        config(
            60_000,
            swing={"name": "swing", "period_ms": 99_000, "first_ms": 1000, "effects": [shared]},
            abilities={"slow": {"cast_ms": 2000, "cooldown": {"ms": 10_000}, "effects": []}},
            rotation=[{"cast": "slow"}],
        )
    )

    assert found["ability.slow.casts"] == 5


def test_a_thought_delays_the_next_look() -> None:
    """A player who is free at 1.5 s thinks when the mark ends at 1.45 s, and acts at 1.55 s."""
    thoughts: list[tuple[dict[str, Any], int]] = [({}, 3), ({"expires": [{"think": {}}]}, 2)]
    for thought, casts in thoughts:
        document = config(
            3000,
            abilities={"touch": {"effects": [{"apply": {"aura": "mark"}, "if": "first"}]}},
            auras={"mark": {"on": "target", "duration_ms": 1450, **thought}},
            variables={"first": {"==": ["spell.touch.casts", 1]}},
            rotation=[{"cast": "touch"}],
        )
        document["player"]["reaction_ms"] = 100

        assert counters(document)["ability.touch.casts"] == casts


def test_mistakes_are_reported_with_their_places() -> None:
    """Slots that nobody saves, saves of nothing, two saves in one slot."""
    save = {"save": {"slot": "then", "auras": ["shield"]}}
    pointer = "/spec/abilities/a/effects"

    assert problems(abilities={"a": instant({"restore": {"slot": "then"}})}) == {
        f"{pointer}/0/restore/slot": "there is no saved slot 'then'"
    }
    assert problems(abilities={"a": instant({"save": {"slot": "then"}})}) == {
        f"{pointer}/0/save": "nothing is saved"
    }
    assert problems(auras=SHIELD, abilities={"a": instant(save, save)}) == {
        f"{pointer}/1/save/slot": "two effects save in this slot"
    }
