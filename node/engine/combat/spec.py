"""Turns a spec, its player and its target into the image of a fight, all but the rotation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from node.engine.combat.attacks import check as check_attacks
from node.engine.combat.aura_rules import build_auras
from node.engine.combat.character import armor_factor, refuse_both
from node.engine.combat.effects import Origin, bundle, roll, snapshots
from node.engine.combat.formulas import Notes, compile_all
from node.engine.combat.image import Entity, Image, set_range
from node.engine.combat.kernels import layout as at
from node.engine.combat.kernels.agenda import EMPTY
from node.engine.combat.modifiers import modify
from node.engine.combat.script import MAIN
from node.engine.combat.slates import build_copies, check_slates
from node.engine.combat.travel import flight
from node.engine.combat.triggers import build_triggers
from node.engine.combat.world import PLAYER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.engine.combat.world import Unit, World

    Document = Mapping[str, Any]

RESERVED = ("player", "target", "pets", "all", "active", "count", "remaining", "buff")
_THOUSANDTHS = 1000
_ALWAYS_USABLE = 2.0
_LARGEST = 1e15


def build(world: World) -> Image:
    """Fill the entities of a world and give each its place."""
    world.choices.check(world.spec, world.report)
    for index, name in enumerate(world.config["player"].get("trinkets", ())):
        world.find("ability", name, f"/player/trinkets/{index}")
    _build_fight(world)
    world.encounter.check(world.report)
    _build_targets(world)
    _build_player(world)
    for name in world.pets:
        if name in RESERVED:
            world.report.add(f"/spec/pets/{name}", f"a pet cannot be called {name!r}")
        for unit in world.copies(name):
            _build_pet(world, unit)
    for unit in world.units.values():
        _build_unit(world, unit)
    for name, number in world.spec.get("numbers", {}).items():
        _build_number(world, name, number)
    _build_happenings(world)
    build_auras(world)
    build_triggers(world)
    build_copies(world)
    check_slates(world)
    modify(world)
    _set_speeds(world)
    image = _place(world)
    compile_all(world)
    return image


def _set_speeds(world: World) -> None:
    for unit in world.units.values():
        actor = unit.entity
        actor.reals[at.HASTE_SEEN] = actor.reals[at.HASTE]
        actor.reals[at.PACE_SEEN] = actor.reals[at.HASTE] * actor.reals[at.SWING_SPEED]
        for resource in unit.resources.values():
            haste = actor.reals[at.HASTE] if resource.ints[at.REGEN_HASTED] else 1.0
            resource.reals[at.RATE] = resource.reals[at.BASE_RATE] * haste


def _build_fight(world: World) -> None:
    world.fight.ints |= {
        at.MEAN_LENGTH: world.config["duration_ms"],
        at.TARGETS: len(world.targets),
        at.TARGETS_THERE: world.config["target"].get("count", 1),
        at.KEEPS_HEALTH: int(world.encounter.keeps_health),
        at.ENDS_WITH_DEATH: int(world.encounter.ends_with_death),
        at.PLAYER: world.actors[PLAYER],
        at.LENGTH_STREAM: world.stream("fight.length", ""),
        at.LAST_ACTION_AT: at.LONG_AGO,
        at.OPENER_SLOT: world.timer(at.OPEN, at.FIRST_DECISION, world.fight),
        at.LATER_SLOT: world.timer(at.CARRY_OUT_LATER, at.FIRST_OTHER, world.fight),
        at.START_SLOT: world.timer(at.RAISE_CURTAIN, at.FIRST_TICK, world.fight),
        at.STAGE: world.stage,
    }
    world.fight.reals |= {
        at.LENGTH_VARIATION: world.config.get("duration_variation", 0),
    }


def _build_player(world: World) -> None:
    refuse_both(world.config["player"]["stats"], world.report)
    check_attacks(world)
    stats, actor = world.character, world.actors[PLAYER]
    actor.ints[at.ACTIVE] = 1
    actor.reals |= {
        at.ATTACK_POWER: stats.attack_power,
        at.SPELL_POWER: stats.spell_power,
        at.DAMAGE: 1 + stats.versatility,
        at.CRIT: stats.crit,
        at.HASTE: 1 + stats.haste,
        at.SWING_SPEED: 1.0,
        at.CRIT_MULTIPLIER: world.profile["crit_multiplier"],
    }


def _build_pet(world: World, unit: Unit) -> None:
    pet, stats, actor = unit.document, world.character, unit.entity
    share = pet.get("inherits", {})
    actor.ints |= {
        at.ACTIVE: int(pet.get("permanent", False)),
        at.COPIES: pet.get("count", 1),
        at.DESPAWN_AT: at.NEVER,
    }
    actor.reals |= {
        at.ATTACK_POWER: stats.attack_power * share.get("attack_power", 0),
        at.SPELL_POWER: stats.spell_power * share.get("spell_power", 0),
        at.DAMAGE: 1 + stats.versatility * share.get("versatility", 0),
        at.CRIT: stats.crit * share.get("crit", 0),
        at.HASTE: 1 + stats.haste * share.get("haste", 0),
        at.SWING_SPEED: 1.0,
        at.CRIT_MULTIPLIER: world.profile["crit_multiplier"],
    }
    timer = world.timer(at.DESPAWN, at.FIRST_OTHER, actor, unit.pointer)
    actor.ints[at.DESPAWN_SLOT] = timer


def _build_unit(world: World, unit: Unit) -> None:
    """Give somebody who acts a swing, resources, abilities and what decisions need."""
    player = world.config["player"]
    actor, pointer = unit.entity, unit.pointer
    settings = unit.document if unit.pet else player
    reaction = settings.get("reaction_ms", player.get("reaction_ms", 0))
    if unit.pet and MAIN not in unit.document:
        reaction = 0  # a look would find nothing, ever
    actor.ints |= {
        at.DECIDE_SLOT: world.timer(at.DECIDE, at.FIRST_DECISION, actor, pointer),
        at.CAST_SLOT: world.timer(at.FINISH_CAST, at.FIRST_DECISION, actor, pointer),
        at.CHANNEL_SLOT: world.timer(at.CHANNEL_TICK, at.FIRST_TICK, actor, pointer),
        at.QUEUE_SLOT: world.timer(at.CAST_QUEUED, at.LAST_OF_ALL, actor, pointer),
        at.GCD_FLOOR: world.profile["gcd_floor_ms"],
        at.REACTION: reaction,
        at.QUEUE_WINDOW: settings.get("queue_ms", 0),
        at.FIRST_LOOK: settings.get("first_look_ms", 0),
        at.LOOKS_AT: at.NEVER,
        at.GCD_ENDS: at.LONG_AGO,
        at.MOVES_UNTIL: at.LONG_AGO,
        at.CAST_ENDS: at.LONG_AGO,
    }
    _build_swing(world, unit)
    for name, resource in unit.document.get("resources", {}).items():
        _build_resource(unit, name, resource)
    for name in unit.abilities:
        _build_ability(world, unit, name)
    set_range(actor, at.FIRST_OWN_ABILITY, at.END_OWN_ABILITY, list(unit.abilities.values()))
    set_range(actor, at.FIRST_OWN_RESOURCE, at.END_OWN_RESOURCE, list(unit.resources.values()))


def _build_swing(world: World, unit: Unit) -> None:
    actor = unit.entity
    actor.ints |= {
        at.SWING_SLOT: world.timer(at.SWING, at.FIRST_SWINGS, actor, unit.pointer),
        at.SWING_AT: at.NEVER,
    }
    if swing := unit.document.get("swing"):
        travel = flight(world, swing, f"{unit.pointer}/swing")
        pointer = f"{unit.pointer}/swing/effects"
        origin = Origin(swing["name"], pointer, unit.name, travel_ms=travel)
        actor.ints |= {
            at.SWING_MS: swing["period_ms"],
            at.FIRST_SWING: swing.get("first_ms", 0),
            at.KEEPS_SWING: int(not swing.get("stretches", True)),
            at.SWING_BUNDLE: bundle(world, swing["effects"], origin),
        }


def _build_resource(unit: Unit, name: str, resource: Document) -> None:
    entity = unit.resources[name]
    maximum = round(resource["maximum"] * _THOUSANDTHS)
    start = round(resource.get("start", resource["maximum"]) * _THOUSANDTHS)
    entity.ints |= {
        at.RESOURCE_OF: unit.entity,
        at.START: min(start, maximum),
        at.VALUE: min(start, maximum),
        at.MAXIMUM: maximum,
        at.REGEN_HASTED: int(resource.get("hasted", False)),
    }
    # a thousandth per millisecond is one per second
    entity.reals |= {at.BASE_RATE: float(resource.get("per_second", 0))}


def _build_ability(world: World, unit: Unit, name: str) -> None:
    ability, entity = unit.document["abilities"][name], unit.abilities[name]
    pointer = f"{unit.pointer}/abilities/{name}"
    off_gcd = ability.get("off_gcd", False)
    cooldown = ability.get("cooldown", {"ms": 0})
    can_be_cast = world.choices.has(ability) and _reaches(world, ability)
    charges = cooldown.get("charges", 1) if can_be_cast else 0
    # where each enemy has health of its own, lines ask about the one they aim at
    in_time = not world.encounter.keeps_health
    below = ability.get("target_health_below_percent") if in_time else None
    travel = flight(world, ability, pointer)
    origin = Origin(name, f"{pointer}/effects", unit.name, travel_ms=travel, missile=entity)
    entity.ints |= {
        at.CASTER: unit.entity,
        at.BUNDLE: bundle(world, ability["effects"], origin),
        at.TRAVELS: travel,
        at.CAST_MS: ability.get("cast_ms", 0),
        at.GCD_MS: ability.get("gcd_ms", world.profile["gcd_ms"]),
        at.GCD_HASTED: int(ability.get("gcd_hasted", True)),
        at.OFF_GCD: int(off_gcd),
        at.WHILE_MOVING: int(ability.get("while_moving", False)),
        at.WAITS: int(cooldown["ms"] > 0 or charges == 0 or below is not None),
        at.WAITS_FOR_GCD: int(ability.get("needs_gcd", not off_gcd)),
        at.COOLDOWN: cooldown["ms"],
        at.COOLDOWN_HASTED: int(cooldown.get("hasted", False)),
        at.BETWEEN: cooldown.get("between_ms", 0),
        at.NOT_BEFORE: at.LONG_AGO,
        at.USABLE_TEST: at.NO_FORMULA,
        at.USABLE_WAKE: at.NO_FORMULA,
        at.MAX_CHARGES: charges,
        at.CHARGES: charges,
        at.RECHARGE_AT: at.NEVER,
        at.CAST_AT: at.LONG_AGO,
    }
    entity.reals |= {
        at.HEALTH_BELOW: _ALWAYS_USABLE if below is None else below / 100,
        at.COST_FACTOR: 1.0,
        at.CAST_FACTOR: 1.0,
        at.GCD_FACTOR: 1.0,
    }
    if "usable" in ability:
        test, wake, place = at.USABLE_TEST, at.USABLE_WAKE, f"{pointer}/usable"
        Notes(world, unit.name).condition(entity, test, ability["usable"], place, wake)
    if channel := ability.get("channel"):
        _build_channel(world, unit, name, channel)
    for resource, cost in ability.get("cost", {}).items():
        payer = world.find("resource", resource, f"{pointer}/cost", unit.name)
        entity.ints[at.COST_RESOURCE] = payer
        entity.ints[at.COST] = round(cost * _THOUSANDTHS)


def _reaches(world: World, ability: Document) -> bool:
    distance: float = ability.get("range_yards", world.distance)
    return distance >= world.distance


def _build_channel(world: World, unit: Unit, name: str, channel: Document) -> None:
    pointer = f"{unit.pointer}/abilities/{name}/channel/effects"
    fixed = at.POWER_FIXED | at.CRIT_FIXED if channel.get("snapshot", False) else 0
    origin = Origin(name, pointer, unit.name, is_tick=True, fixed=fixed, path="channel.")
    unit.abilities[name].ints |= {
        at.CHANNEL_TICKS: channel["ticks"],
        at.CHANNEL_MS: channel["period_ms"],
        at.CHANNEL_HASTED: int(channel.get("hasted", True)),
        at.CHANNEL_AT_START: int(channel.get("at_start", False)),
        at.CHANNEL_BUNDLE: bundle(world, channel["effects"], origin),
        at.SNAPSHOT_BUNDLE: snapshots(world, origin.snapped),
    }
    if "attack" in channel:
        start = replace(origin, pointer=f"{unit.pointer}/abilities/{name}/channel/attack")
        attack = roll(world, channel["attack"], start, "start")
        unit.abilities[name].ints[at.CHANNEL_ATTACK] = attack
        world.effects.append(attack)


def _build_number(world: World, name: str, number: Document) -> None:
    entity, pointer = world.numbers[name], f"/spec/numbers/{name}"
    least, most = number.get("least", -_LARGEST), number.get("most", _LARGEST)
    start: float = number.get("start", 0)
    if not least <= start <= most:
        world.report.add(pointer, f"{start} is not between {least} and {most}")
    entity.ints[at.PER_TARGET] = int("of" in number)
    entity.reals |= {at.NUMBER_LEAST: least, at.NUMBER_MOST: most, at.NUMBER_START: start}
    entity.reals |= dict.fromkeys(range(at.NUMBER_VALUE, entity.size), start)


def _build_targets(world: World) -> None:
    armor = armor_factor(world.profile, world.config["target"]["armor"])
    count, health = world.config["target"].get("count", 1), world.encounter.health
    for number, target in enumerate(world.targets):
        target.ints |= {
            at.PRESENT_NOW: int(number < count),
            at.HEALTH: health,
            at.MOST_HEALTH: health,
            at.LEAVES_AT: at.NEVER,
        }
        target.reals[at.ARMOR_FACTOR] = armor


def _build_happenings(world: World) -> None:
    """Write the timetable of what befalls the fight, if anything does."""
    if world.encounter.happenings:
        timer = world.timer(at.HAPPEN, at.FROM_OUTSIDE, world.fight, "/events")
        world.fight.ints[at.HAPPENING_SLOT] = timer
        world.happenings = [happening.entity() for happening in world.encounter.happenings]
        world.own_numbers = [
            Entity(at.LINK_SIZE, {at.LISTENER: number})
            for number in world.numbers.values()
            if number.ints[at.PER_TARGET]
        ]


def _place(world: World) -> Image:
    image = Image()
    leaves = 1 << max(1, (len(world.slots) - 1).bit_length())
    tree = Entity(2 * leaves, dict.fromkeys(range(2 * leaves), EMPTY))
    pending = Entity(at.DEEPEST_FRAME * at.FRAME_SIZE)
    later = Entity(at.LATER_CAPACITY * at.WAITING_SIZE)
    image.place([world.fight, tree, *world.streams.values()])
    units = world.units.values()
    abilities = [entity for unit in units for entity in unit.abilities.values()]
    resources = [entity for unit in units for entity in unit.resources.values()]
    image.place([unit.entity for unit in units])
    auras = [entity for instances in world.instances.values() for entity in instances]
    image.place([*abilities, *resources, *auras, *world.procs.values(), *world.targets])
    image.place([copy for copy, _ in world.copied])
    image.place([*world.slates.values(), *world.memories])
    image.place([*world.snapshots, *world.numbers.values(), *world.sources.values(), *world.taken])
    if world.late or any(f.column == at.MODIFIER_FORMULA for f in world.formulas):
        image.place(world.modifiers)
    world.fight.ints[at.CHANGEABLE_END] = image.size
    image.place(list(world.tables.values()))
    image.place([world.always, world.stage, *world.effects, *world.bundles, *world.stats])
    image.place([entity for entity in world.modifiers if entity.offset < 0])
    image.place([*world.happenings, *world.own_numbers])
    image.place(
        [*world.links, *world.slots, pending, later, *world.tallies.values(), world.timeline.entity]
    )
    world.fight.ints |= world.timeline.columns() | {
        at.LAST_ROW: world.rows - 1,
        at.AGENDA: tree,
        at.LEAVES: leaves,
        at.FIRST_SLOT: world.slots[0],
        at.PENDING: pending,
        at.FRAME: pending,
        at.LATER: later,
        at.FIRST_TARGET: world.targets[0],
    }
    set_range(world.fight, at.FIRST_ACTOR, at.END_ACTOR, [unit.entity for unit in units])
    set_range(world.fight, at.FIRST_ABILITY, at.END_ABILITY, abilities)
    set_range(world.fight, at.FIRST_RESOURCE, at.END_RESOURCE, resources)
    set_range(world.fight, at.FIRST_AURA, at.END_AURA, auras)
    set_range(world.fight, at.NEXT_HAPPENING, at.END_HAPPENING, world.happenings)
    set_range(world.fight, at.FIRST_TARGET_NUMBER, at.END_TARGET_NUMBER, world.own_numbers)
    return image
