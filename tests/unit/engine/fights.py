"""Small fights whose outcome can be worked out by hand."""

from __future__ import annotations

from typing import Any

from node.engine import get_engine

SECOND = 1000


def never() -> bool:
    """Let a run go on to its end."""
    return False


def config(duration_ms: int = 300 * SECOND, **changes: Any) -> dict[str, Any]:
    """Build a fight of a player with 1,000 attack power and no haste or crit who does nothing.

    Keyword arguments become parts of the spec, except `rotation` (its actions), `stats`, `armor`,
    `targets`, `health`, `variation` and `outside` (other parts of the config).
    """
    rotation = changes.pop("rotation", [{"cast": "idle"}])
    stats = {"attack_power": 1000, **changes.pop("stats", {})}
    target = {"armor": changes.pop("armor", 0), "count": changes.pop("targets", 1)}
    if "health" in changes:
        target["health"] = changes.pop("health")
    variation = changes.pop("variation", 0)
    outside = changes.pop("outside", {})
    idle = {"idle": {"cooldown": {"ms": 10_000_000}, "effects": []}}
    return {
        "schema": 1,
        "engine": "combat",
        "duration_ms": duration_ms,
        "duration_variation": variation,
        **outside,
        "profile": {
            "name": "plain",
            "gcd_ms": 1500,
            "gcd_floor_ms": 750,
            "crit_percent": 0,
            "crit_multiplier": 2,
            "rating_per_percent": {"crit": 100, "haste": 100, "mastery": 100, "versatility": 100},
            "armor": {"constant": 1000, "most_reduced": 0.85},
        },
        "spec": {
            "name": "Test",
            "resources": {},
            **changes,
            "abilities": {**idle, **changes.get("abilities", {})},
        },
        "player": {"stats": stats},
        "target": target,
        "rotation": {"name": "Test", "actions": rotation},
    }


def strike(attack_power: float = 1.0, **more: Any) -> dict[str, Any]:
    """Give an effect that deals magic damage."""
    return {"damage": {"attack_power": attack_power, "school": "fire", **more}}


def run(
    document: dict[str, Any], iterations: int = 1, *, seed: int = 7, first: int = 0
) -> dict[str, Any]:
    """Simulate a fight."""
    engine = get_engine("combat")
    result = engine.run(engine.prepare(document), seed, first, iterations, never)
    assert result is not None
    return result


def counters(document: dict[str, Any], iterations: int = 1, *, seed: int = 7) -> dict[str, int]:
    """Simulate a fight and give what was counted."""
    result = run(document, iterations, seed=seed)
    return {name: int(value) for name, value in result["counters"].items()}
