"""The event loop and its naive twin agree on fights of every shape."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engine.fights import config, counters, strike
from tests.unit.engine.naive import NaiveFight

HALVES = [0.5, 1.0, 1.5, 2.0]
CONDITIONS: list[Any] = [
    None,
    {">=": ["resource.focus", 55]},
    {"<": ["buff.might.remaining", 2.5]},
    {"not": "debuff.pain.active"},
    {"<": ["debuff.pain.remaining", 3]},
    "buff.speed.active",
]


@st.composite
def abilities(draw: st.DrawFn) -> dict[str, Any]:
    """Draw an ability."""
    ability: dict[str, Any] = {"effects": [strike(draw(st.sampled_from(HALVES)), can_crit=False)]}
    for aura in sorted(draw(st.sets(st.sampled_from(["might", "pain", "speed"]), max_size=2))):
        ability["effects"].append({"apply": {"aura": aura}})
    if draw(st.booleans()):
        ability["cost"] = {"focus": draw(st.integers(1, 60))}
    ability["off_gcd"] = draw(st.booleans())
    if ability["off_gcd"] or draw(st.booleans()):
        ability["cooldown"] = {
            "ms": draw(st.integers(800, 9000)),
            "charges": draw(st.integers(1, 3)),
        }
    elif draw(st.booleans()):
        ability["cast_ms"] = draw(st.integers(500, 3000))
    return ability


@st.composite
def fights(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a fight without chance."""
    known = {name: draw(abilities()) for name in ("first", "second", "third")}
    rotation = []
    for name in draw(st.permutations(list(known))):
        condition = draw(st.sampled_from(CONDITIONS))
        rotation.append({"cast": name} | ({} if condition is None else {"if": condition}))
    period = draw(st.integers(300, 3000))
    tick = {
        "period_ms": period,
        "effects": [strike(can_crit=False), {"gain": {"resource": "focus", "amount": 3}}],
    }
    pain = {
        "on": "target",
        "duration_ms": period * draw(st.integers(1, 6)),
        "refresh": {"pandemic": 0.3},
        "tick": tick,
    }
    return config(
        draw(st.integers(5000, 20_000)),
        stats={"haste_percent": draw(st.sampled_from([0, 12.5, 25]))},
        resources={
            "focus": {"maximum": 100, "start": 60, "per_second": 8, "hasted": draw(st.booleans())}
        },
        swing={
            "name": "swing",
            "period_ms": draw(st.integers(700, 3000)),
            "effects": [strike(can_crit=False)],
        },
        abilities=known,
        auras={
            "might": {
                "on": "player",
                "duration_ms": 4000,
                "stacks": 3,
                "modifies": [{"stat": "damage", "by": 0.25}],
            },
            "speed": {
                "on": "player",
                "duration_ms": 3000,
                "modifies": [{"stat": "haste", "by": 0.25}],
            },
            "pain": pain,
        },
        rotation=rotation,
    )


@settings(max_examples=40, deadline=None)
@given(fights())
def test_the_event_loop_agrees_with_its_twin(document: dict[str, Any]) -> None:
    """Casts, hits, ticks, damage, applications and refreshes are the same."""
    expected = NaiveFight(document).play()

    found = counters(document)

    compared = {
        name: count
        for name, count in found.items()
        if name.startswith(("ability.", "aura."))
        and name.endswith(("casts", "hits", "ticks", "damage_milli", "applications", "refreshes"))
        and not name.endswith("crit_ticks")
    }
    assert {name: expected[name] for name in compared} == compared
