"""Lays the rotation of one actor out as the lines that kernels follow."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from node.engine.combat.actions import CASTS, LISTS, assigned_by, kind_of, parts_of, plain
from node.engine.combat.expressions import NOT_AN_EXPRESSION, Expressions
from node.engine.combat.formulas import is_expression
from node.engine.combat.image import End, Entity, Image, set_range
from node.engine.combat.kernels import layout as at
from node.engine.combat.shapes import Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from node.engine.combat.world import Unit, World

    Document = Mapping[str, Any]

MAIN = "actions"  #: the list that every decision begins with
PRECOMBAT = "precombat"
MOST_LINES = 5000
_ALL_TARGETS = 1 << 20
_MILLISECONDS = 1000
_OTHER = re.compile(r"[^a-z0-9_]+")
_OPERATIONS = {
    **dict.fromkeys(CASTS, at.CAST),
    **dict.fromkeys(LISTS, at.CALL),
    "cancel_buff": at.CANCEL_BUFF,
    "cancel_cast": at.CANCEL_CAST,
    "modify": at.ASSIGN,
    "move": at.MOVE,
    "pool": at.POOL,
    "reset_sequence": at.RESET_SEQUENCE,
    "schedule": at.SCHEDULE,
    "sequence": at.SEQUENCE,
    "set": at.ASSIGN,
    "strict_sequence": at.STRICT_SEQUENCE,
    "wait": at.WAIT,
    "wait_until": at.WAIT_UNTIL,
}
_AIMS = {"min": at.AT_LEAST, "max": at.AT_GREATEST, "first": at.AT_FIRST}
_MODIFIED = {"add": "+", "sub": "-", "mul": "*", "div": "/", "min": "min", "max": "max"}


@dataclass(frozen=True)
class Line:
    """A line as kernels know it, and what it is counted under."""

    label: str
    pointer: str
    entity: Entity


class Script:
    """The rotation of one actor."""

    def __init__(self, world: World, unit: Unit, document: Document) -> None:
        self.unit = unit
        self._world = world
        self._prefix = f"{unit.pet}." if unit.pet else ""
        self._lists = all_lists(document)
        self._abilities = world.known("spell", unit.name)
        self._variables: Document = document.get("variables", {})
        self._numbers = _numbers(document)
        self._states: dict[str, Entity] = {}
        self._schedules: list[Entity] = []
        self._expressions = Expressions(world, self._variables, Report(), unit.name)
        self._expressions.numbers = self._numbers
        self.lines: list[Line] = []
        self._lay_out(MAIN)
        self.openers = self._openers(document.get(PRECOMBAT, []))

    @property
    def states(self) -> list[Entity]:
        """What the rotation remembers during a fight."""
        return [*self._numbers.values(), *self._states.values()]

    def place(self, image: Image) -> None:
        """Give the lines their places in an image."""
        actor, entities = self.unit.entity, [line.entity for line in self.lines]
        image.place([*entities, *(line.entity for line in self.openers), *self._schedules])
        for line in (*self.lines, *self.openers):
            line.entity.ints[at.LINE_ACTOR] = actor
        set_range(actor, at.FIRST_LINE, at.END_LINE, entities)
        cast = {id(line.ints.get(at.LINE_OBJECT)) for line in entities}
        links = [
            Entity(at.LINK_SIZE, {at.LISTENER: ability})
            for ability in self._abilities.values()
            if id(ability) in cast and not ability.ints[at.WAITS_FOR_GCD]
        ]
        image.place(links)
        set_range(actor, at.FIRST_OFF_GCD, at.END_OFF_GCD, links)
        operations = {line.ints[at.OPERATION] for line in entities}
        actor.ints |= {
            at.MULTITASKS: int(any(line.ints.get(at.MULTITASKED) for line in entities)),
            at.ACTS_IN_GCD: int(not operations.isdisjoint(range(at.CAST + 1, at.CALL))),
        }

    def _openers(self, actions: list[Document]) -> list[Line]:
        """Give the lines of the precombat by their times."""
        openers = []
        for index, action in sorted(enumerate(actions), key=lambda entry: entry[1]["at"]):
            place, pointer = f"{PRECOMBAT}.{index}", f"/{PRECOMBAT}/{index}"
            for line in self._line(action, place, pointer):
                line.entity.ints[at.LINE_AT] = round(action["at"] * _MILLISECONDS)
                openers.append(line)
        return openers

    def _lay_out(self, name: str) -> None:
        for index, action in enumerate(self._lists[name]):
            if len(self.lines) > MOST_LINES:
                return
            place, pointer = f"{name}.{index}", action_pointer(name, index)
            for line in self._line(action, place, pointer):
                if "pool" in action:
                    following = self._lists[name][index + 1 : index + 2]
                    line.entity.ints[at.VALUE_WAKE] = self._pool_wake(action, following, pointer)
                self.lines.append(line)
                self._lay_out_inside(action, line, place)
                line.entity.ints[at.JUMP] = End(self.lines[-1].entity)

    def _lay_out_inside(self, action: Document, line: Line, place: str) -> None:
        kind = kind_of(action)
        if kind in LISTS:
            self._lay_out(action[kind])
            if kind == "run":
                self.lines.append(Line("", "", Entity(at.LINE_SIZE, {at.OPERATION: at.END})))
            return
        before = len(self.lines)
        for index, part in enumerate(parts_of(action)):
            for inner in self._line(part, f"{place}.{index}", f"{line.pointer}/{kind}/{index}"):
                if _is_never_cast(inner.entity):
                    continue
                inner.entity.ints[at.LINE_HEADER] = line.entity
                self.lines.append(inner)
        if kind != "schedule":
            line.entity.ints[at.PARTS] = len(self.lines) - before

    def _line(self, action: Document, place: str, pointer: str) -> Iterator[Line]:
        """Give the line of an action, none if the actor does not have what it names."""
        action = plain(action)
        kind = kind_of(action)
        thing = self._object(kind, action)
        if kind in CASTS and thing is None:
            return
        columns = {
            at.OPERATION: _OPERATIONS[kind],
            at.LINE_OBJECT: thing or at.NOTHING,
            at.LINE_CD: round(action.get("line_cd", 0) * _MILLISECONDS),
            at.MULTITASKED: int(action.get("while_casting", kind == "cancel_cast")),
            at.LINE_NEEDS_GCD: int(not action.get("off_gcd", True)),
            at.CHAINS: int(action.get("chain", False)),
            **self._conditions(action, pointer),
            **self._aim(action, pointer),
            **self._value(kind, action, pointer),
        }
        if columns[at.LINE_CD] or kind in ("sequence", "strict_sequence", "schedule"):
            columns[at.LINE_STATE] = self._state(pointer)
        shown = action.get("name") or (action[kind] if isinstance(action[kind], str) else kind)
        label = f"{self._prefix}{place}.{_OTHER.sub('_', shown.lower())}"
        yield Line(label, pointer, Entity(at.LINE_SIZE, columns))

    def _object(self, kind: str, action: Document) -> Entity | None:
        """Give the ability, aura, resource, number or state that an action is about."""
        about = action[kind]
        find: dict[str, Callable[[], Entity | None]] = {
            "cast": lambda: self._abilities[about],
            "use_item": lambda: self._abilities[about],
            "use_trinket": lambda: self._abilities.get(self._world.trinkets.get(about, "")),
            "cancel_buff": lambda: self._world.auras[about],
            "pool": lambda: self._world.known("resource", self.unit.name)[about["resource"]],
            "set": lambda: self._numbers[about["variable"]],
            "modify": lambda: self._numbers[about["variable"]],
            "reset_sequence": lambda: self._state(self._sequence(about)),
            "schedule": lambda: self._schedule(about["at"]),
        }
        return find[kind]() if kind in find else None

    def _schedule(self, seconds: list[float]) -> Entity:
        times = [round(time * _MILLISECONDS) for time in sorted(seconds)]
        self._schedules.append(Entity(len(times), {**dict(enumerate(times))}))
        return self._schedules[-1]

    def _sequence(self, name: str) -> str:
        """Give the place of the sequence of a name."""
        for list_name, actions in self._lists.items():
            for index, action in enumerate(actions):
                if "sequence" in action and action.get("name") == name:
                    return action_pointer(list_name, index)
        raise KeyError(name)

    def _state(self, pointer: str) -> Entity:
        """Give what is remembered of an action, however often its list is called."""
        columns = {at.DONE_AT: at.LONG_AGO}
        return self._states.setdefault(pointer, Entity(at.STATE_SIZE, {**columns}))

    def _conditions(self, action: Document, pointer: str) -> dict[int, int]:
        columns = {
            at.CONDITION: NOT_AN_EXPRESSION,
            at.WAKE: NOT_AN_EXPRESSION,
            at.INTERRUPT: NOT_AN_EXPRESSION,
            at.VALUE_WAKE: NOT_AN_EXPRESSION,
        }
        if (condition := self._condition(action)) is not True:
            test, wake = self._expressions.condition(condition, pointer)
            columns |= {at.CONDITION: test, at.WAKE: wake}
        if "interrupt_if" in action:
            columns[at.INTERRUPT], _ = self._expressions.condition(action["interrupt_if"], pointer)
        return columns

    def _condition(self, action: Document) -> Any:
        """Give the condition of a line, with what its ability asks of the health of each enemy."""
        condition = action.get("if", True)
        ability = self._object(kind_of(action), action) if kind_of(action) in CASTS else None
        if ability is None or not self._world.encounter.keeps_health:
            return condition
        below = self._world.about(ability).get("target_health_below_percent")
        if below is None:
            return condition
        asked = {"<": ["target.health_percent", below]}
        return asked if condition is True else {"and": [asked, condition]}

    def _aim(self, action: Document, pointer: str) -> dict[int, int]:
        most = action.get("max_targets", _ALL_TARGETS)
        if "target" in action:
            return {at.AIM: at.AT_NUMBER, at.AIM_AT: action["target"] - 1}
        if "target_if" in action:
            ((choice, value),) = action["target_if"].items()
            columns = {at.AIM: _AIMS[choice], at.AIM_AT: most}
            if choice != "first":
                return {**columns, at.AIM_VALUE: self._expressions.number(value, pointer)}
            test, wake = self._expressions.condition(value, pointer)
            return {**columns, at.AIM_VALUE: test, at.VALUE_WAKE: wake}
        return {at.AIM: at.AT_ANY, at.AIM_AT: most} if action.get("cycle") else {}

    def _value(self, kind: str, action: Document, pointer: str) -> dict[int, int]:
        """Give the columns of the expression that a line which is no cast holds."""
        about, number = action[kind], self._expressions.number
        match kind:
            case "wait" | "move":
                return {at.LINE_VALUE: number(about, pointer)}
            case "wait_until":
                test, wake = self._expressions.condition(about, pointer)
                return {at.LINE_VALUE: test, at.VALUE_WAKE: wake}
            case "pool":
                total = {"+": [about.get("amount", 0), about.get("extra", 0)]}
                return {
                    at.LINE_VALUE: number(total, pointer),
                    at.FOR_NEXT: int(about.get("for_next", False)),
                }
            case "schedule":
                return {at.PARTS: len(about["at"])}
            case "set" | "modify":
                return {at.LINE_VALUE: self._assigned(about, pointer)}
        return {}

    def _pool_wake(self, action: Document, following: list[Document], pointer: str) -> int:
        """Give what tells when time alone may change whether there is enough of a resource."""
        about = action["pool"]
        parts = [about.get("amount", 0), about.get("extra", 0)]
        if not any(map(is_expression, parts)):
            return NOT_AN_EXPRESSION  # it is known when that will be
        if about.get("for_next", False):
            parts.append(f"spell.{following[0]['cast']}.cost")
        missing = {"<": [f"resource.{about['resource']}", {"+": parts}]}
        return self._expressions.condition(missing, pointer)[1]

    def _assigned(self, about: Document, pointer: str) -> int:
        name, operator = about["variable"], about.get("operator", "set")
        value = about.get("to", about.get("by", self._variables[name]))
        if operator == "reset":
            value = self._variables[name]
        if isinstance(self._variables[name], bool):
            return self._expressions.condition(value, pointer)[0]
        if operator in _MODIFIED:
            value = {_MODIFIED[operator]: [name, value]}
        return self._expressions.number(value, pointer)


def _is_never_cast(line: Entity) -> bool:
    """Tell whether a line casts what the player has not chosen or does not wear."""
    ability = line.ints[at.LINE_OBJECT]
    is_cast = line.ints[at.OPERATION] == at.CAST
    return is_cast and isinstance(ability, Entity) and not ability.ints[at.MAX_CHARGES]


def all_lists(document: Document) -> dict[str, list[Any]]:
    """Give every list of a rotation by its name."""
    return {MAIN: document[MAIN], **document.get("lists", {})}


def action_pointer(name: str, index: int) -> str:
    """Give the place of an action in its rotation."""
    return f"/{MAIN}/{index}" if name == MAIN else f"/lists/{name}/{index}"


def _numbers(document: Document) -> dict[str, Entity]:
    """Give the variables that lines assign, with what they begin as."""
    assigned: set[str] = set().union(*map(assigned_by, _every_list(document)))
    variables = document.get("variables", {})
    return {
        name: Entity(at.STATE_SIZE, reals={at.NUMBER: float(variables[name])})
        for name in sorted(assigned)
    }


def _every_list(document: Document) -> Iterable[list[Any]]:
    return all_lists(document).values()
