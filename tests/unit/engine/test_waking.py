"""A player without a reaction time acts in the very millisecond in which time lets him."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest

from node.engine import SimulationError, get_engine
from tests.unit.engine.generated import ABILITIES, RESOURCES, fight

FIGHTS = 120
NUMBERS = (
    "resource.focus",
    "resource.focus.deficit",
    "resource.focus.time_to_max",
    "cd.first.remaining",
    "cd.second.charges_fractional",
    "cd.third.full_recharge",
    "buff.speed.remaining",
    "buff.might.elapsed",
    "dot.pain.next_tick",
    "time_since_cast.first",
    "target.health_percent",
    "gcd.remaining",
    "combat.time",
)
TRUTHS = (
    "buff.might.active",
    "debuff.mark.refreshable",
    "cd.first.ready",
    "spell.first.usable",
    "player.moving",
    "target.execute",
)


class Writer:
    """Writes rotations whose conditions are linear in time, of lines of every kind."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def condition(self, depth: int = 2) -> Any:
        """Write a condition."""
        chance = self._chance
        if depth and chance.random() < 0.3:
            kind = chance.choice(["and", "or"])
            return {kind: [self.condition(depth - 1), self.condition(depth - 1)]}
        if chance.random() < 0.3:
            return chance.choice(TRUTHS)
        limit = round(chance.uniform(0, 20), 2)
        return {chance.choice([">", ">=", "<", "<="]): [chance.choice(NUMBERS), limit]}

    def cast(self) -> dict[str, Any]:
        """Write a line that casts."""
        chance = self._chance
        condition = {"if": self.condition()} if chance.random() < 0.6 else {}
        options: list[dict[str, Any]] = [
            {},
            {"line_cd": chance.uniform(0.1, 5)},
            {"off_gcd": False},
            {"while_casting": True},
            {"cycle": True},
            {"target": 2},
            {"target_if": {"max": "dot.pain.remaining"}},
        ]
        return {"cast": chance.choice(ABILITIES), **condition, **chance.choice(options)}

    def plain(self) -> dict[str, Any]:
        """Write a line that casts at the main target."""
        return {"cast": self._chance.choice(ABILITIES), "if": self.condition(1)}

    def lines(self) -> list[dict[str, Any]]:
        """Write a line of any kind, and the one that it needs behind it."""
        chance = self._chance
        parts = [self.plain() for _ in range(chance.randint(1, 3))]
        pool = {"resource": chance.choice(RESOURCES), "for_next": True}
        options = {"if": self.condition()} if chance.random() < 0.5 else {}
        kinds: list[list[dict[str, Any]]] = [
            [{"pool": pool, **options}, self.cast()],
            [{"pool": {"resource": "focus", "amount": chance.uniform(0, 4)}, **options}],
            [{"strict_sequence": parts, **options}],
            [{"sequence": parts, **options}],
            [{"schedule": {"at": [3.3, 9.9], "action": self.plain()}, **options}],
            [{"wait": 0.75, "line_cd": 5, **options}],
            [{"wait_until": self.condition(1), "line_cd": 3, **options}],
            [{"cancel_buff": "might", **options}],
            [{"move": 1.5, "line_cd": 8, "while_casting": True, **options}],
        ]
        return chance.choice(kinds) if chance.random() < 0.5 else [self.cast()]


def written(seed: int) -> dict[str, Any]:
    """Write a fight."""
    chance = random.Random(seed)  # noqa: S311 - test data
    document, writer = fight(chance), Writer(chance)
    lines = [line for _ in range(chance.randint(2, 6)) for line in writer.lines()]
    document["rotation"]["actions"] = [*lines, {"call": "last", "if": writer.condition()}]
    document["rotation"]["lists"] = {"last": writer.lines()}
    for name in ABILITIES:
        about = document["spec"]["abilities"][name]
        about |= chance.choice(
            [{}, {}, {"target_health_below_percent": 60}, {"usable": writer.condition()}]
        )
    return document


def told(document: dict[str, Any]) -> list[tuple[int, str]]:
    """Give what happened in a fight; what does so at one moment in the order of the alphabet."""
    engine = get_engine("combat")
    lines = engine.replay(engine.prepare(document), 7, 0).lines
    return sorted((line.ms, line.text) for line in lines if "Clock" not in line.text)


@pytest.mark.compiled
def test_no_moment_is_missed() -> None:
    """With a clock that ticks every millisecond, and so lets him look, nothing comes sooner."""
    compared = 0
    for seed in range(FIGHTS):
        document = written(seed)
        watched = copy.deepcopy(document)
        tick = {"period_ms": 1, "effects": []}
        watched["spec"]["auras"]["clock"] = {"on": "player", "start": 1, "tick": tick}
        try:
            expected = told(watched)
        except SimulationError:
            continue
        compared += 1

        assert told(document) == expected, seed

    assert compared > 0.8 * FIGHTS
