"""The operands of the rotation language, each with its source and how time changes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from node.engine.combat.kernels import layout as at
from node.engine.combat.shapes import suggestion
from node.engine.combat.world import PLAYER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from node.engine.combat.world import World

Kind = Literal["boolean", "number", "unknown"]
CONSTANT = "0.0"
NOT_YET = "this version of the engine does not support it"
MOST_REMEMBERED = at.GCD_HISTORY


@dataclass(frozen=True, slots=True)
class Term:
    """A typed piece of source.

    `slope` is the source of its change per second while nothing happens, CONSTANT if it has none,
    None if it is not linear.  `flips` are sources of the milliseconds until it may change by leaps.
    """

    kind: Kind
    source: str
    slope: str | None = CONSTANT
    flips: tuple[str, ...] = ()


class UnknownOperandError(ValueError):
    """No operand has that name."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def number(source: str, slope: str | None = CONSTANT, flips: tuple[str, ...] = ()) -> Term:
    """Make a number."""
    return Term("number", source, slope, flips)


def boolean(source: str, *flips: str) -> Term:
    """Make a truth value."""
    return Term("boolean", source, CONSTANT, flips)


def _falling(source: str) -> Term:
    """Make a number of seconds that runs down to zero and stays there."""
    return number(source, f"(-1.0 if {source} > 0.0 else 0.0)")


@dataclass(frozen=True, slots=True)
class Scope:
    """What names mean to the actor who asks."""

    world: World
    actor: str

    @property
    def offset(self) -> int:
        """The place of the actor."""
        return self.world.actors[self.actor].offset

    def named(self, kind: str, parts: list[str], path: str) -> tuple[int, list[str]]:
        """Give the place of the ability or resource at the head of a path, and the rest of it."""
        known = self.world.known(kind, self.actor)
        pet = ".".join(parts[:2])
        if pet in known:
            return known[pet].offset, parts[1:]
        return _named(known, kind, parts, path), parts


def operand(world: World, path: str, actor: str = PLAYER) -> Term:
    """Give the term for a path like `cd.kill_command.remaining`, as an actor sees it."""
    family, *parts = path.split(".")
    if family in _LATER_FAMILIES:
        raise UnknownOperandError(f"{path!r} cannot be asked", NOT_YET)
    if family not in _FAMILIES:
        raise UnknownOperandError(f"there is no operand {path!r}", suggestion(family, _FAMILIES))
    return _FAMILIES[family](Scope(world, actor), path, parts)


def _pick(terms: Mapping[str, Term], name: str, path: str) -> Term:
    if name not in terms:
        raise UnknownOperandError(f"there is no operand {path!r}", suggestion(name, terms))
    return terms[name]


def _named(entities: Mapping[str, Any], kind: str, parts: list[str], path: str) -> int:
    if not parts:
        raise UnknownOperandError(f"{path!r} needs the name of the {kind}")
    if parts[0] not in entities:
        hint = suggestion(parts[0], entities)
        raise UnknownOperandError(f"there is no {kind} {parts[0]!r}", hint)
    return int(entities[parts[0]].offset)


def _rest(parts: list[str], default: str = "") -> str:
    return ".".join(parts[1:]) or default


def _whole(text: str, path: str) -> int:
    if not text.isdecimal():
        raise UnknownOperandError(f"{path!r} needs a whole number, not {text!r}")
    return int(text)


def _resource(scope: Scope, path: str, parts: list[str]) -> Term:
    r, parts = scope.named("resource", parts, path)
    rest = _rest(parts, "current")
    now, most = f"resource_now(ints, reals, {r})", f"(ints[{r + at.MAXIMUM}] / 1000.0)"
    slope = f"resource_slope(ints, reals, {r})"
    if rest.startswith("time_to.") and rest != "time_to.max":
        wanted = float(_whole(rest.removeprefix("time_to."), path))
        return _falling(f"resource_time(ints, reals, {r}, {wanted!r})")
    terms = {
        "current": number(now, slope),
        "max": number(most),
        "deficit": number(f"({most} - {now})", f"(-{slope})"),
        "percent": number(f"divide(100.0 * {now}, {most})", f"divide(100.0 * {slope}, {most})"),
        "deficit_percent": number(
            f"(100.0 - divide(100.0 * {now}, {most}))", f"divide(-100.0 * {slope}, {most})"
        ),
        "regen": number(f"reals[{r + at.RATE}]"),
        "time_to_max": _falling(f"resource_time(ints, reals, {r}, {most})"),
    }
    return _pick(terms, rest, path)


def _cooldown(scope: Scope, path: str, parts: list[str]) -> Term:
    a, parts = scope.named("ability", parts, path)
    left, next_charge = f"cooldown_left(ints, reals, {a})", f"recharge_left(ints, reals, {a})"
    returns = f"flip_in({next_charge})"
    terms = {
        "ready": boolean(f"({left} == 0.0)", f"flip_in({left})"),
        "remaining": _falling(left),
        "duration": number(f"recharge_seconds(ints, reals, {a})"),
        "base_duration": number(f"(ints[{a + at.COOLDOWN}] / 1000.0)"),
        "charges": number(f"charges(ints, reals, {a})", CONSTANT, (returns,)),
        "charges_max": number(f"float(ints[{a + at.MAX_CHARGES}])"),
        "charges_fractional": number(
            f"charges_fractional(ints, reals, {a})", f"charges_slope(ints, reals, {a})"
        ),
        "recharge_time": number(next_charge, f"(-1.0 if {next_charge} > 0.0 else 0.0)", (returns,)),
        "full_recharge": _falling(f"full_recharge_left(ints, reals, {a})"),
    }
    return _pick(terms, _rest(parts), path)


def _aura_terms(a: int) -> dict[str, Term]:
    up, left = f"(ints[{a + at.STACKS}] > 0)", f"aura_left(ints, {a})"
    slope = f"aura_slope(ints, {a})"
    margin = f"refresh_margin(ints, reals, {a})"
    return {
        "active": boolean(up),
        "inactive": boolean(f"(ints[{a + at.STACKS}] == 0)"),
        "remaining": number(left, slope),
        "stacks": number(f"float(ints[{a + at.STACKS}])"),
        "stacks_max": number(f"float(ints[{a + at.MAX_STACKS}])"),
        "duration": number(f"(ints[{a + at.SPAN}] / 1000.0 if {up} else 0.0)"),
        "elapsed": number(
            f"((ints[{at.NOW}] - ints[{a + at.APPLIED}]) / 1000.0 if {up} else 0.0)", f"(-{slope})"
        ),
        "at_max_stacks": boolean(f"(ints[{a + at.STACKS}] == ints[{a + at.MAX_STACKS}])"),
        "refreshable": boolean(
            f"(not {up} or {margin} <= EPSILON)", f"crossing({margin}, {slope})"
        ),
        "ticking": boolean(up),
        "ticks_remaining": number(f"ticks_left(ints, {a})"),
        "tick_time": number(f"(ints[{a + at.PERIOD_NOW}] / 1000.0)"),
        "next_tick": number(f"next_tick(ints, {a})", slope),
    }


_BUFF = [
    "active",
    "inactive",
    "remaining",
    "stacks",
    "stacks_max",
    "duration",
    "elapsed",
    "at_max_stacks",
]
_DOT = ["ticking", "remaining", "refreshable", "ticks_remaining", "tick_time", "next_tick"]


def _auras(world: World, *, on_target: bool) -> dict[str, Any]:
    auras = world.spec.get("auras", {})
    return {
        name: entity
        for name, entity in world.auras.items()
        if (auras[name]["on"] == "target") is on_target
    }


def _buff(scope: Scope, path: str, parts: list[str]) -> Term:
    a = _named(_auras(scope.world, on_target=False), "buff", parts, path)
    terms = _aura_terms(a)
    return _pick({name: terms[name] for name in _BUFF}, _rest(parts), path)


def _debuff(scope: Scope, path: str, parts: list[str]) -> Term:
    a = _named(_auras(scope.world, on_target=True), "debuff", parts, path)
    terms = _aura_terms(a)
    return _pick({name: terms[name] for name in (*_BUFF, "refreshable")}, _rest(parts), path)


def _dot(scope: Scope, path: str, parts: list[str]) -> Term:
    auras = _auras(scope.world, on_target=True)
    ticking = {name: auras[name] for name in auras if "tick" in scope.world.spec["auras"][name]}
    a = _named(ticking, "dot", parts, path)
    terms = _aura_terms(a)
    return _pick({name: terms[name] for name in _DOT}, _rest(parts), path)


def _player(scope: Scope, path: str, parts: list[str]) -> Term:
    p = scope.world.actors[PLAYER].offset
    character = scope.world.character
    terms = {
        "haste": number(f"(100.0 * (reals[{p + at.HASTE}] - 1.0))"),
        "crit": number(f"(100.0 * reals[{p + at.CRIT}])"),
        "mastery": number(repr(100.0 * character.mastery)),
        "versatility": number(repr(100.0 * character.versatility)),
        "attack_power": number(f"reals[{p + at.ATTACK_POWER}]"),
        "spell_power": number(f"reals[{p + at.SPELL_POWER}]"),
    }
    return _pick(terms, ".".join(parts), path)


def _target(_scope: Scope, path: str, parts: list[str]) -> Term:
    slope = f"(-100000.0 / ints[{at.LENGTH}])"
    if parts[:1] == ["time_to_percent"] and len(parts) > 1:
        percent = float(_whole(parts[1], path))
        return _falling(f"time_to_percent(ints, {percent!r})")
    terms = {
        "health_percent": number("health_percent(ints)", slope),
        "time_to_die": _falling(f"until(ints, ints[{at.LENGTH}])"),
    }
    return _pick(terms, ".".join(parts), path)


def _enemy(_scope: Scope, path: str, parts: list[str]) -> Term:
    terms = {
        "count": number(f"float(ints[{at.TARGETS}])"),
        "min_ttd": _falling(f"until(ints, ints[{at.LENGTH}])"),
    }
    return _pick(terms, ".".join(parts), path)


def _combat(_scope: Scope, path: str, parts: list[str]) -> Term:
    terms = {
        "time": number(f"(ints[{at.NOW}] / 1000.0)", "1.0"),
        "remaining": _falling(f"until(ints, ints[{at.LENGTH}])"),
    }
    return _pick(terms, ".".join(parts), path)


def _gcd(scope: Scope, path: str, parts: list[str]) -> Term:
    left = f"until(ints, ints[{scope.offset + at.GCD_ENDS}])"
    haste = f"reals[{scope.offset + at.HASTE}]"
    profile = scope.world.profile
    base, floor = profile["gcd_ms"] / 1000, profile["gcd_floor_ms"] / 1000
    terms = {
        "active": boolean(f"({left} > 0.0)", f"flip_in({left})"),
        "remaining": _falling(left),
        "duration": number(f"max({floor!r}, {base!r} / {haste})"),
    }
    return _pick(terms, ".".join(parts), path)


def _channel(scope: Scope, path: str, parts: list[str]) -> Term:
    c = scope.offset
    terms = {
        "active": boolean(f"(ints[{c + at.CHANNELING}] != 0)"),
        "ticks": number(f"float(ints[{c + at.CHANNEL_DONE}])"),
        "ticks_left": number(f"channel_ticks_left(ints, {c})"),
        "remaining": _falling(f"channel_left(ints, {c})"),
    }
    return _pick(terms, ".".join(parts), path)


def _pet(scope: Scope, path: str, parts: list[str]) -> Term:
    if parts[:1] == ["buff"]:
        return _buff(scope, path, parts[1:])
    if parts[:1] and parts[0] in scope.world.pets:
        pet = scope.world.actors[parts[0]].offset
        terms = {
            "active": boolean(f"(copies_there(ints, {pet}) > 0.0)"),
            "count": number(f"copies_there(ints, {pet})"),
            "remaining": _falling(f"pet_left(ints, {pet})"),
        }
        return _pick(terms, _rest(parts), path)
    terms = {
        "active": boolean("(pet_count(ints) > 0.0)"),
        "count": number("pet_count(ints)"),
    }
    return _pick(terms, ".".join(parts), path)


def _spell(scope: Scope, path: str, parts: list[str]) -> Term:
    a, parts = scope.named("ability", parts, path)
    usable_in = f"spell_usable_in(ints, reals, {a})"
    terms = {
        "cost": number(f"spell_cost(ints, reals, {a})"),
        "cast_time": number(f"spell_cast_time(ints, reals, {a})"),
        "execute_time": number(f"spell_execute_time(ints, reals, {a})"),
        "usable": boolean(f"({usable_in} == 0.0)", f"flip_in({usable_in})"),
        "casts": number(f"float(ints[{a + at.CASTS_NOW}])"),
    }
    return _pick(terms, _rest(parts), path)


def _prev(scope: Scope, path: str, parts: list[str]) -> Term:
    a, parts = scope.named("ability", parts, path)
    return boolean(f"(ints[{scope.offset + at.LAST_CAST}] == {a})")


def _prev_gcd(scope: Scope, path: str, parts: list[str]) -> Term:
    back = _whole(parts[0] if parts else "", path)
    a, _ = scope.named("ability", parts[1:], path)
    if not 1 <= back <= MOST_REMEMBERED:
        raise UnknownOperandError(f"{path!r} looks back further than {MOST_REMEMBERED} casts")
    return boolean(f"(ints[{scope.offset + at.LAST_GCD_CASTS + back - 1}] == {a})")


def _since(scope: Scope, path: str, parts: list[str]) -> Term:
    a, parts = scope.named("ability", parts, path)
    return number(f"((ints[{at.NOW}] - ints[{a + at.CAST_AT}]) / 1000.0)", "1.0")


def _swing(scope: Scope, path: str, parts: list[str]) -> Term:
    if "swing" not in scope.world.units[scope.actor].document:
        raise UnknownOperandError(f"{path!r} means nothing: the {scope.actor} does not swing")
    left = f"until(ints, ints[{scope.offset + at.SWING_AT}])"
    falling = _falling(left)
    terms = {"remaining": number(left, falling.slope, (f"flip_in({left})",))}
    return _pick(terms, ".".join(parts), path)


def _proc(scope: Scope, path: str, parts: list[str]) -> Term:
    proc = _named(scope.world.procs, "proc", parts, path)
    terms = {"icd_remaining": _falling(f"until(ints, ints[{proc + at.READY_AT}])")}
    return _pick(terms, _rest(parts), path)


def _stat(scope: Scope, path: str, parts: list[str]) -> Term:
    stats = scope.world.config["player"]["stats"]
    return _pick(
        {name: number(repr(float(worth))) for name, worth in stats.items()}, ".".join(parts), path
    )


_FAMILIES: dict[str, Callable[[Scope, str, list[str]], Term]] = {
    "buff": _buff,
    "cd": _cooldown,
    "channel": _channel,
    "combat": _combat,
    "debuff": _debuff,
    "dot": _dot,
    "enemy": _enemy,
    "gcd": _gcd,
    "pet": _pet,
    "player": _player,
    "prev": _prev,
    "prev_gcd": _prev_gcd,
    "proc": _proc,
    "resource": _resource,
    "spell": _spell,
    "stat": _stat,
    "swing": _swing,
    "target": _target,
    "time_since_cast": _since,
}
_LATER_FAMILIES = ("equipped", "set_bonus", "talent", "trinket")
