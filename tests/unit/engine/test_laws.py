"""Closed forms that the engine reproduces exactly; h = 1 + haste, T = length of the fight."""

from __future__ import annotations

import math
from typing import Any

import pytest

from node.engine import results
from tests.unit.engine.fights import config, counters, run, strike

HASTES = [0, 5, 10, 16.67, 30]
LENGTHS = [1, 1500, 99_999, 300_000]


def spam(duration_ms: int = 300_000, haste: float = 0, **ability: Any) -> dict[str, int]:
    """Cast one ability whenever it can be cast."""
    return counters(
        config(
            duration_ms,
            stats={"haste_percent": haste},
            abilities={"spell": {"effects": [strike()], **ability}},
            rotation=[{"cast": "spell"}],
        )
    )


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("haste", HASTES)
def test_auto_attacks(length: int, haste: float) -> None:
    """The first swing is at 0: floor(T / P) + 1."""
    swing = {"name": "swing", "period_ms": 2600, "effects": [strike()]}

    found = counters(config(length, stats={"haste_percent": haste}, swing=swing))

    assert found["ability.swing.hits"] == length // round(2600 / (1 + haste / 100)) + 1


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("haste", HASTES)
@pytest.mark.parametrize("cast_ms", [1000, 2500])
def test_cast_spam(length: int, haste: float, cast_ms: int) -> None:
    """Casts that land: floor(T / (cast / h)), with the GCD between them if it is longer."""
    h = 1 + haste / 100
    cast, gcd = round(cast_ms / h), max(750, round(1500 / h))

    landed = spam(length, haste, cast_ms=cast_ms)["ability.spell.casts"]

    assert landed == (length - cast) // max(cast, gcd) + 1
    if cast >= gcd:
        assert landed == length // cast


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("haste", [*HASTES, 150])
def test_instant_spam(length: int, haste: float) -> None:
    """Instants: floor(T / gcd) + 1, gcd = max(floor, 1.5 / h)."""
    gcd = max(750, round(1500 / (1 + haste / 100)))

    assert spam(length, haste)["ability.spell.casts"] == length // gcd + 1


@pytest.mark.parametrize("haste", HASTES)
def test_a_gcd_without_haste_stays(haste: float) -> None:
    """An ability whose GCD is not hasted is cast as often at any haste."""
    found = spam(300_000, haste, gcd_ms=1000, gcd_hasted=False)

    assert found["ability.spell.casts"] == 301


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("cooldown", [1500, 7777, 120_000])
def test_cooldown_on_use(length: int, cooldown: int) -> None:
    """The first use is at 0: floor(T / cd) + 1."""
    found = spam(length, cooldown={"ms": cooldown}, off_gcd=True)

    assert found["ability.spell.casts"] == length // cooldown + 1


@pytest.mark.parametrize("haste", HASTES)
def test_hasted_cooldown_on_use(haste: float) -> None:
    """A hasted cooldown is divided by h and rounded to the millisecond."""
    found = spam(haste=haste, cooldown={"ms": 7500, "hasted": True})

    assert found["ability.spell.casts"] == 300_000 // round(7500 / (1 + haste / 100)) + 1


@pytest.mark.parametrize("charges", [1, 2, 5])
def test_charges_spammed(charges: int) -> None:
    """With n charges: n + floor(T / recharge)."""
    found = spam(cooldown={"ms": 12_000, "charges": charges})

    assert found["ability.spell.casts"] == charges + 300_000 // 12_000


@pytest.mark.parametrize("cost", [20, 35, 40])
@pytest.mark.parametrize("haste", HASTES)
def test_resource_limited_casts(cost: int, haste: float) -> None:
    """Casts are as many as start and regeneration pay for: floor((R0 + regen T) / cost)."""
    found = counters(
        config(
            stats={"haste_percent": haste},
            resources={"focus": {"maximum": 100, "start": 40, "per_second": 5, "hasted": True}},
            abilities={"spell": {"cost": {"focus": cost}, "effects": [strike()]}},
            rotation=[{"cast": "spell"}],
        )
    )

    income = 40 + 5 * (1 + haste / 100) * 300
    assert found["ability.spell.casts"] == math.floor(income / cost)
    assert found["resource.focus.spent_milli"] == found["ability.spell.casts"] * cost * 1000


def dot(refresh: Any, rotation: list[Any], duration_ms: int = 300_000) -> dict[str, int]:
    """Keep a DoT of 6 ticks every 3 s on the target."""
    tick = {"period_ms": 3000, "effects": [strike()]}
    return counters(
        config(
            duration_ms,
            abilities={"spell": {"effects": [{"apply": {"aura": "pain"}}]}},
            auras={
                "pain": {"on": "target", "duration_ms": 18_000, "refresh": refresh, "tick": tick}
            },
            rotation=rotation,
        )
    )


@pytest.mark.parametrize("length", [17_999, 18_000, 100_000, 300_000])
def test_dot_recast_at_expiry(length: int) -> None:
    """Ticks = full cycles * n + floor(rest / period)."""
    found = dot("reset", [{"cast": "spell", "if": {"not": "dot.pain.ticking"}}], length)

    cycles, rest = divmod(length, 18_000)
    assert found["ability.pain.ticks"] == cycles * 6 + rest // 3000
    assert found["aura.pain.uptime_ms"] == length


@pytest.mark.parametrize("refresh", [{"pandemic": 0.3}, {"pandemic": 0.3, "of": "base"}])
def test_dot_kept_up_by_pandemic_refresh(refresh: Any) -> None:
    """Refreshed in its last 30 %, a DoT ticks floor(T / period) times and is always up."""
    found = dot(refresh, [{"cast": "spell", "if": "dot.pain.refreshable"}])

    assert found["ability.pain.ticks"] == 300_000 // 3000
    assert found["aura.pain.uptime_ms"] == 300_000
    # applied at 0 for 18 s, then whenever 5.4 s are left, for 18 s more
    assert found["ability.spell.casts"] == 1 + (300_000 - 12_600) // 18_000 + 1


def test_pandemic_carries_over_no_more_than_its_part() -> None:
    """A refresh after 10 of 18 s carries 5.4 s over; the rest is lost."""
    late = {">=": ["time_since_cast.spell", 10]}
    first = {"cast": "spell", "if": {"==": ["spell.spell.casts", 0]}}
    second = {"cast": "spell", "if": {"and": [late, {"==": ["spell.spell.casts", 1]}]}}

    found = dot({"pandemic": 0.3}, [first, second])

    assert found["aura.pain.uptime_ms"] == 10_000 + 18_000 + 5400


def test_a_rollover_refresh_keeps_the_pending_tick() -> None:
    """Refreshed 10 s in, the tick due at 12 s is kept and six more follow it."""
    late = {">=": ["time_since_cast.spell", 10]}
    first = {"cast": "spell", "if": {"==": ["spell.spell.casts", 0]}}
    second = {"cast": "spell", "if": {"and": [late, {"==": ["spell.spell.casts", 1]}]}}

    found = dot("rollover", [first, second])

    assert found["aura.pain.uptime_ms"] == 12_000 + 18_000
    assert found["ability.pain.ticks"] == 4 + 6


@pytest.mark.parametrize("haste", HASTES)
def test_hasted_ticks_fill_whole_periods(haste: float) -> None:
    """Ticks = round-half-even(duration / period), duration = ticks * period."""
    tick = {"period_ms": 3000, "hasted": True, "effects": [strike()]}
    found = counters(
        config(
            40_000,
            stats={"haste_percent": haste},
            abilities={
                "spell": {"cooldown": {"ms": 99_000}, "effects": [{"apply": {"aura": "pain"}}]}
            },
            auras={"pain": {"on": "target", "duration_ms": 18_000, "tick": tick}},
            rotation=[{"cast": "spell"}],
        )
    )

    period = round(3000 / (1 + haste / 100))
    ticks = round(18_000 / period)
    assert found["ability.pain.ticks"] == ticks
    assert found["aura.pain.uptime_ms"] == ticks * period


def test_a_partial_last_tick_deals_its_part() -> None:
    """What is left of the last period is paid at the end."""
    tick = {"period_ms": 4000, "partial": True, "effects": [strike()]}
    found = counters(
        config(
            abilities={
                "spell": {"cooldown": {"ms": 999_000}, "effects": [{"apply": {"aura": "pain"}}]}
            },
            auras={"pain": {"on": "target", "duration_ms": 18_000, "tick": tick}},
            rotation=[{"cast": "spell"}],
        )
    )

    assert found["ability.pain.ticks"] == 5
    assert found["ability.pain.damage_milli"] == 4.5 * 1_000_000


@pytest.mark.compiled
def test_crit_variance() -> None:
    """The variance of N hits of d is N d^2 c (1 - c) (m - 1)^2, and with a roll of v as stated."""
    c, n, v = 0.25, 200, 0.24
    for variance, expected in (
        (0, n * c * (1 - c)),
        (v, n * c * (1 - c) + n * (1 - c + 4 * c) * v * v / 12),
    ):
        document = config(
            (n - 1) * 1500,
            stats={"crit_percent": 100 * c},
            abilities={"spell": {"effects": [strike(variance=variance)]}},
            rotation=[{"cast": "spell"}],
        )
        found = run(document, 20_000)
        fight = results.statistics(found)["metrics"]["dps"]
        seconds = (n - 1) * 1.5
        mean, deviation = fight["mean"] * seconds, fight["standard_deviation"] * seconds

        error = fight["standard_error"] * seconds
        assert mean == pytest.approx(n * 1000 * (1 + c), abs=4 * error)
        assert deviation == pytest.approx(1000 * math.sqrt(expected), rel=4 / math.sqrt(40_000))


@pytest.mark.compiled
@pytest.mark.parametrize(("icd", "chance"), [(0, 0.2), (10_000, 0.2), (45_000, 0.5)])
def test_fixed_chance_with_internal_cooldown(icd: int, chance: float) -> None:
    """On attempts every d the mean gap is d * ceil(ICD / d) + d (1 - p) / p."""
    d = 2000
    proc = {"on": {"swing": ["hit"]}, "chance": chance, "effects": []}
    if icd:
        proc["icd_ms"] = icd
    document = config(
        10_000_000,
        swing={"name": "swing", "period_ms": d, "effects": [strike()]},
        triggers={"luck": proc},
    )

    found = counters(document, 50)

    gap = max(1, math.ceil(icd / d)) * d + d * (1 - chance) / chance
    expected = 50 * 10_000_000 / gap
    assert found["proc.luck.procs"] == pytest.approx(expected, rel=4 / math.sqrt(expected))


def bernoulli_buff(chance: float, k: int, stacks: int = 1) -> dict[str, int]:
    """Refresh a buff of k attempts' length with some chance at each."""
    return counters(
        config(
            2_000_000,
            swing={"name": "swing", "period_ms": 2000, "effects": [strike()]},
            triggers={
                "luck": {
                    "on": {"swing": ["hit"]},
                    "chance": chance,
                    "effects": [{"apply": {"aura": "luck"}}],
                }
            },
            auras={"luck": {"on": "player", "duration_ms": 2000 * k, "stacks": stacks}},
        ),
        100,
    )


@pytest.mark.compiled
@pytest.mark.parametrize(("chance", "k"), [(0.2, 3), (0.5, 2), (0.05, 10)])
def test_refreshed_buff_uptime(chance: float, k: int) -> None:
    """A buff from Bernoulli(p) every d with duration k * d is up 1 - (1 - p)^k of the time."""
    found = bernoulli_buff(chance, k)

    uptime = found["aura.luck.uptime_ms"] / found["fight.length_ms"]
    assert uptime == pytest.approx(1 - (1 - chance) ** k, abs=0.01)
    assert found["aura.luck.uptime_ms"] == found["aura.luck.stack_ms"]


def test_armour_reduces_physical_damage_alone() -> None:
    """Armour equal to the constant halves a hit, ten times the constant meets the cap."""
    for armor, through in ((0, 1), (1000, 1 / 2), (10_000, 0.15)):
        document = config(
            armor=armor,
            abilities={
                "blow": {
                    "cooldown": {"ms": 900_000},
                    "effects": [
                        strike(school="physical", name="steel"),
                        strike(school="physical", ignores_armor=True, name="bleed"),
                        strike(name="flame"),
                    ],
                }
            },
            rotation=[{"cast": "blow"}],
        )
        found = counters(document)

        assert found["ability.steel.damage_milli"] == pytest.approx(1_000_000 * through, abs=0.5)
        assert found["ability.bleed.damage_milli"] == 1_000_000
        assert found["ability.flame.damage_milli"] == 1_000_000


@pytest.mark.parametrize(
    "refresh", ["rollover", {"pandemic": 0.5, "of": "base", "whole_ticks": True}]
)
def test_a_dot_that_is_refreshed_in_its_last_moment_begins_anew(refresh: Any) -> None:
    """Its last tick has come, so there is none to keep: every cast brings ten ticks."""
    rot = {
        "on": "target",
        "duration_ms": 10_000,
        "refresh": refresh,
        "tick": {"period_ms": 1000, "effects": [strike()]},
    }
    found = counters(
        config(
            29_999,
            auras={"rot": rot},
            abilities={"rot": {"effects": [{"apply": {"aura": "rot"}}]}},
            rotation=[{"cast": "rot", "if": {"<=": ["dot.rot.remaining", 0]}}],
        )
    )

    assert found["ability.rot.casts"] == 3
    assert found["ability.rot.ticks"] == 29
    assert found["aura.rot.applications"] == 3
    assert found["aura.rot.refreshes"] == 0
