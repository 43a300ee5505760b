"""Random fights: specs, pets and rotations that use everything that documents can say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.unit.engine.fights import config

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    Document = dict[str, Any]

AURAS = ("might", "pain", "speed", "mark")
RESOURCES = ("focus", "mana")
ABILITIES = ("first", "second", "third", "fourth")
PETS = ("cat", "imp")


def fight(chance: random.Random) -> Document:
    """Make a config that the engine accepts."""
    pets = {name: pet(chance, name) for name in PETS if chance.random() < 0.6}
    maker = _Maker(chance, tuple(pets))
    return config(
        chance.randint(3000, 40_000),
        variation=chance.choice([0, 0.2]),
        targets=chance.choice([1, 1, 2, 5]),
        armor=chance.choice([0, 500]),
        stats={
            "attack_power": chance.randint(0, 5000),
            "spell_power": chance.randint(0, 5000),
            "haste_percent": chance.choice([0, 7.3, 30, 160]),
            "crit_percent": chance.choice([0, 23.5, 100]),
        },
        rotation=[maker.line(ABILITIES) for _ in range(chance.randint(1, 7))],
        resources={name: resource(chance) for name in RESOURCES},
        abilities={name: maker.ability() for name in ABILITIES},
        auras={name: maker.aura(name) for name in AURAS},
        triggers={name: maker.proc() for name in ("luck", "fate") if chance.random() < 0.7},
        pets=pets,
        **({"swing": maker.swing()} if chance.random() < 0.7 else {}),
        **({"health": chance.randint(1000, 200_000)} if chance.random() < 0.3 else {}),
        outside=outside(chance),
    )


def outside(chance: random.Random) -> Document:
    """Make what befalls a fight."""
    kinds: list[Callable[[], Document]] = [
        lambda: {"move": {"seconds": chance.uniform(0.1, 3)}},
        lambda: {
            "adds": {
                "count": chance.randint(1, 4),
                **chance.choice([{}, {"seconds": chance.uniform(0.5, 9)}]),
                **chance.choice([{}, {"health": chance.randint(1, 30_000)}]),
            }
        },
    ]
    when = [
        {"at": chance.uniform(0, 5), "every": chance.uniform(2, 9)},
        {"at": chance.uniform(0, 9)},
    ]
    many = chance.choice([0, 0, 1, 3])
    return {"events": [{**chance.choice(kinds)(), **chance.choice(when)} for _ in range(many)]}


def resource(chance: random.Random) -> Document:
    """Make a resource."""
    maximum = chance.choice([5, 100, 120.5])
    return {
        "maximum": maximum,
        "start": maximum * chance.choice([0, 0.5, 1]),
        "per_second": chance.choice([0, 1.7, 10]),
        "hasted": chance.random() < 0.5,
    }


def pet(chance: random.Random, name: str) -> Document:
    """Make a pet that swings and bites."""
    maker = _Maker(chance, (name,), name)
    return {
        "permanent": chance.random() < 0.6,
        "count": chance.choice([1, 1, 3]),
        "inherits": {"attack_power": 0.5, "crit": 1, "haste": chance.choice([0, 1])},
        "swing": {**maker.swing(), "name": "claw"},
        "resources": {"rage": resource(chance)},
        "abilities": {
            "bite": {
                "cost": {"rage": chance.randint(1, 30)},
                "effects": [maker.damage()],
                **chance.choice([{}, {"cast_ms": 1300}, {"cooldown": {"ms": 4000}}]),
            }
        },
        "actions": [{"cast": "bite"}],
    }


class _Maker:
    """Makes the parts of a spec, for the player or a pet."""

    def __init__(self, chance: random.Random, pets: tuple[str, ...], owner: str = "") -> None:
        self._chance = chance
        self._pets = pets
        self._owner = owner

    def swing(self) -> Document:
        """Make a swing."""
        chance = self._chance
        return {
            "name": "swing",
            "period_ms": chance.randint(400, 3500),
            "first_ms": chance.choice([0, 700]),
            "effects": [self.damage()],
        }

    def damage(self) -> Document:
        """Make a hit."""
        chance = self._chance
        return {
            "damage": {
                "base": chance.choice([0, 333.3]),
                "attack_power": chance.choice([0, 0.75]),
                "spell_power": chance.choice([0, 1.2]),
                "variance": chance.choice([0, 0.24]),
                "school": chance.choice(["physical", "fire"]),
                "can_crit": chance.random() < 0.8,
            },
            "to": chance.choice(["target", "all", "others", {"most": 3}]),
        }

    def effect(self) -> Document:
        """Make any effect."""
        chance = self._chance
        kinds: list[Callable[[], Document]] = [
            self.damage,
            lambda: {"apply": {"aura": chance.choice(AURAS), "stacks": chance.randint(1, 3)}},
            lambda: {"remove": {"aura": chance.choice(AURAS)}},
            lambda: {
                "gain": {"resource": chance.choice(RESOURCES), "amount": chance.uniform(0, 40)}
            },
            lambda: {"reduce_cooldown": {"ability": chance.choice(ABILITIES), "ms": 900}},
            lambda: {"add_charges": {"ability": chance.choice(ABILITIES)}},
        ]
        if self._pets and not self._owner:
            kinds.append(lambda: {"summon": {"pet": chance.choice(self._pets), "ms": 4321}})
        return chance.choice([*kinds, self.damage, kinds[1]])()

    def effects(self, most: int) -> list[Document]:
        """Make a few effects."""
        return [self.effect() for _ in range(self._chance.randint(0, most))]

    def ability(self) -> Document:
        """Make an ability that cannot be cast without end in one moment."""
        chance = self._chance
        made: Document = {"effects": self.effects(4)}
        if chance.random() < 0.6:
            made["cost"] = {chance.choice(RESOURCES): chance.choice([1, 4.5, 33])}
        kind = chance.choice(["instant", "cast", "channel", "off_gcd"])
        if kind == "cast":
            made["cast_ms"] = chance.randint(200, 3000)
        elif kind == "channel":
            made["channel"] = {
                "ticks": chance.randint(1, 6),
                "period_ms": chance.randint(300, 1500),
                "hasted": chance.random() < 0.5,
                "effects": [self.damage()],
            }
        made["off_gcd"] = kind == "off_gcd"
        if kind == "off_gcd" or chance.random() < 0.5:
            made["cooldown"] = {
                "ms": chance.randint(900, 20_000),
                "hasted": chance.random() < 0.5,
                "charges": chance.randint(1, 3),
            }
        return made

    def aura(self, name: str) -> Document:
        """Make an aura; two are on the player, two on the target."""
        chance = self._chance
        is_buff = name in {"might", "speed"}
        made: Document = {
            "on": "player" if is_buff else "target",
            "duration_ms": chance.randint(700, 15_000),
            "stacks": chance.randint(1, 5),
            "refresh": chance.choice(["reset", "rollover", {"pandemic": 0.3}]),
        }
        if made["refresh"] == "rollover" or name == "pain" or chance.random() < 0.5:
            made["tick"] = {
                "period_ms": chance.randint(200, 3000),
                "hasted": chance.random() < 0.5,
                "snapshot": chance.random() < 0.5,
                "partial": made["refresh"] != "rollover" and chance.random() < 0.3,
                "effects": [self.damage()],
            }
        if is_buff:
            stat = {"might": "damage", "speed": "haste"}[name]
            made["modifies"] = [{"stat": stat, "by": chance.choice([-0.1, 0.25])}]
        if chance.random() < 0.3:
            made["expires"] = [self.damage()]
        return made

    def proc(self) -> Document:
        """Make a proc that cannot set itself off without end."""
        chance = self._chance
        return {
            "on": {chance.choice(ABILITIES): ["cast"]},
            "effects": self.effects(2),
            "icd_ms": chance.randint(1, 5000),
            **chance.choice([{"chance": 0.3}, {"rppm": {"rate": 6, "hasted": True}}]),
        }

    def line(self, abilities: tuple[str, ...]) -> Document:
        """Make a line of a rotation."""
        chance = self._chance
        made: Document = {"cast": chance.choice(abilities)}
        if chance.random() < 0.7:
            made["if"] = self.condition(3)
        return made | chance.choice(
            [
                {},
                {},
                {"line_cd": chance.uniform(0.1, 5)},
                {"cycle": True, "max_targets": chance.randint(1, 4)},
                {"target": chance.randint(1, 3)},
                {"target_if": {chance.choice(["min", "max"]): "dot.pain.remaining"}},
                {"target_if": {"first": "debuff.mark.active"}},
            ]
        )

    def condition(self, depth: int) -> Any:
        """Make a condition."""
        chance = self._chance
        if depth and chance.random() < 0.4:
            kind = chance.choice(["and", "or", "xor", "not"])
            parts = [self.condition(depth - 1) for _ in range(1 if kind == "not" else 2)]
            return {kind: parts[0] if kind == "not" else parts}
        if chance.random() < 0.4:
            return chance.choice(
                [
                    f"buff.{chance.choice(['might', 'speed'])}.active",
                    "debuff.mark.inactive",
                    "dot.pain.refreshable",
                    f"cd.{chance.choice(ABILITIES)}.ready",
                    "prev.first",
                ]
            )
        return {chance.choice([">", ">=", "<", "<=", "==", "!="]): [self.number(2), self.number(2)]}

    def number(self, depth: int) -> Any:
        """Make a number."""
        chance = self._chance
        if depth and chance.random() < 0.5:
            kind = chance.choice(["+", "-", "*", "/", "%", "min", "max"])
            return {kind: [self.number(depth - 1), self.number(depth - 1)]}
        return chance.choice(
            [
                chance.uniform(-3, 50),
                f"resource.{chance.choice(RESOURCES)}",
                "resource.focus.deficit",
                f"cd.{chance.choice(ABILITIES)}.remaining",
                f"cd.{chance.choice(ABILITIES)}.charges_fractional",
                "buff.might.stacks",
                "buff.speed.remaining",
                "dot.pain.remaining",
                "combat.remaining",
                "combat.time",
                "target.health_percent",
                "target.time_to_die",
                "enemy.count",
                "player.haste",
            ]
        )
