"""Turns a rotation into the lines that kernels follow.

Lists are laid out in place where they are called: `call` goes on behind them when nothing in them
could be done, `run` does not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from node.engine.combat.emission import is_too_large
from node.engine.combat.expressions import NOT_AN_EXPRESSION, Expressions
from node.engine.combat.image import End, Entity, Image, set_range
from node.engine.combat.kernels import layout as at
from node.engine.combat.shapes import Anything, ListOf, MapOf, Number, Object, Report, Text, join
from node.engine.combat.world import PLAYER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.engine.combat.world import Unit, World

    Document = Mapping[str, Any]

MAIN = "actions"  #: the list that every decision begins with
PRECOMBAT = "precombat"
EARLIEST = 3600  #: seconds before the fight
MOST_LINES = 5000
ACTIONS = ("cast", "call", "run")
_LATER = re.compile(
    "set|modify|wait|wait_until|pool|sequence|strict_sequence|reset_sequence|multidot|schedule"
    "|cancel_buff|cancel_cast|use_trinket|use_item|move"
)
_LATER_OPTION = re.compile("target|target_if|cycle|max_targets|line_cd|off_gcd|while_casting")
_OPTIONS = ("if", "at", "name", "notes")
_OF_CHANNELS = ("interrupt_if", "chain")
_AT = Number(-EARLIEST, 0)
_NOT_YET = "this version of the engine does not support it"
_OTHER = re.compile(r"[^a-z0-9_]+")

SHAPE = Object(
    {"name": Text(), "actions": ListOf(Anything())},
    {
        "variables": MapOf(Anything(), 1000),
        "lists": MapOf(ListOf(Anything()), 1000),
        "precombat": ListOf(Anything(), 1000),
        "notes": Text(),
        "provenance": Text(),
    },
)


@dataclass(frozen=True)
class Line:
    """A line as kernels know it, and what it is counted under."""

    label: str
    pointer: str
    entity: Entity


def check_pets(world: World) -> None:
    """Report everything that is wrong with what the pets of a spec do."""
    for pet, document in world.pets.items():
        if MAIN in document:
            _Checker(world, document, world.report, f"/spec/pets/{pet}", pet).check()


def check(world: World, document: Any, report: Report, pointer: str) -> None:
    """Report everything that is wrong with the player's rotation."""
    shape = Report()
    SHAPE.check(document, pointer, shape)
    report.problems += shape.problems
    if shape.problems:
        return
    _Checker(world, document, report, pointer, PLAYER).check()
    if not report.problems and Program(world, document).is_too_large():
        hint = "its lists are laid out wherever they are called"
        report.add(pointer, "the rotation is too large", hint)


class _Checker:
    """Looks at every variable and every action once, called or not."""

    def __init__(
        self, world: World, document: Document, report: Report, pointer: str, actor: str
    ) -> None:
        self._world = world
        self._actor = actor
        self._report = report
        self._pointer = pointer
        self._variables: Document = document.get("variables", {})
        self._lists = _all_lists(document)
        self._precombat: list[Any] = document.get(PRECOMBAT, [])
        self._expressions = Expressions(world, self._variables, report, actor)

    def check(self) -> None:
        for name in self._variables:
            self._expressions.check_variable(name, f"{self._pointer}/variables/{name}")
        for name, actions in self._lists.items():
            pointer = self._list_pointer(name)
            if not actions:
                self._report.add(pointer, "the list is empty", "give it an action or remove it")
            for index, action in enumerate(actions):
                self._check_action(action, join(pointer, index))
        self._check_circles()
        self._check_precombat()
        self._expressions.warn_of_unused(f"{self._pointer}/variables")
        for name in self._lists.keys() - {MAIN} - self._reached(MAIN):
            self._report.warn(self._list_pointer(name), f"the list {name!r} is never called")

    def _check_precombat(self) -> None:
        pointer = join(self._pointer, PRECOMBAT)
        if self._precombat and self._actor != PLAYER:
            self._report.add(pointer, "only the player acts before the fight")
        for index, action in enumerate(self._precombat):
            self._check_action(action, join(pointer, index))
            if isinstance(action, dict) and ("at" not in action or _called(action) is not None):
                hint = '{"cast": "pyroblast", "at": -2.9}'
                message = "an action of the precombat has 'cast' and 'at'"
                self._report.add(join(pointer, index), message, hint)

    def _list_pointer(self, name: str) -> str:
        return join(self._pointer, name) if name == MAIN else f"{self._pointer}/lists/{name}"

    def _check_action(self, action: Any, pointer: str) -> None:
        if not isinstance(action, dict):
            self._report.wrong_type(pointer, "an action, an object", action)
            return
        kinds = [key for key in action if key in ACTIONS]
        for key in action:
            self._check_key(key, join(pointer, key))
        if len(kinds) != 1 and not any(_LATER.fullmatch(key) for key in action):
            self._report.add(pointer, f"an action has one of: {', '.join(ACTIONS)}")
        for kind in kinds:
            self._check_object(kind, action[kind], join(pointer, kind))
        for key in ("if", "interrupt_if"):
            if key in action:
                self._expressions.check("boolean", action[key], join(pointer, key))
        if "at" in action:
            _AT.check(action["at"], join(pointer, "at"), self._report)
            if not pointer.startswith(join(self._pointer, PRECOMBAT)):
                self._report.add(join(pointer, "at"), "only actions of the precombat have 'at'")
        self._check_channel(action, pointer)
        if not isinstance(action.get("name", ""), str):
            self._report.wrong_type(join(pointer, "name"), "a string", action["name"])

    def _check_channel(self, action: Document, pointer: str) -> None:
        name = action.get("cast")
        abilities = self._world.units[self._actor].document.get("abilities", {})
        for key in _OF_CHANNELS:
            if key in action and not (name in abilities and "channel" in abilities[name]):
                hint = "only what is channelled can be cut"
                self._report.add(join(pointer, key), f"{key!r} means nothing here", hint)
        if not isinstance(action.get("chain", False), bool):
            self._report.wrong_type(join(pointer, "chain"), "true or false", action["chain"])

    def _check_key(self, key: str, pointer: str) -> None:
        if _LATER.fullmatch(key) or _LATER_OPTION.fullmatch(key):
            self._report.add(pointer, f"{key!r} cannot be run", _NOT_YET)
        elif key not in (known := (*ACTIONS, *_OPTIONS, *_OF_CHANNELS)):
            self._report.unknown(pointer, "option", key, known)

    def _check_object(self, kind: str, name: Any, pointer: str) -> None:
        if not isinstance(name, str):
            self._report.wrong_type(pointer, "a name", name)
        elif kind == "cast":
            self._world.find("spell", name, pointer, self._actor)
        elif name not in self._lists or name == MAIN:
            self._report.unknown(pointer, "list", name, self._lists.keys() - {MAIN})

    def _check_circles(self) -> None:
        for name in self._lists:
            above: dict[str, str] = {}  # from a list that is reached to one that calls it
            found = [name]
            while found:
                caller = found.pop()
                for called in self._calls(caller) - above.keys():
                    above[called] = caller
                    found.append(called)
            if name in above and name == min(n for n in above if name in self._reached(n)):
                self._report_circle(name, above)

    def _report_circle(self, name: str, above: dict[str, str]) -> None:
        circle = [name]
        while (caller := above[circle[-1]]) != name:
            circle.append(caller)
        text = " -> ".join((name, *reversed(circle)))
        self._report.add(self._list_pointer(name), f"the list calls itself: {text}")

    def _reached(self, name: str) -> set[str]:
        reached: set[str] = set()
        found = {name}
        while found:
            found = {called for caller in found for called in self._calls(caller)} - reached
            reached |= found
        return reached

    def _calls(self, name: str) -> set[str]:
        actions = (action for action in self._lists[name] if isinstance(action, dict))
        called = {name for action in actions if isinstance(name := _called(action), str)}
        return called & self._lists.keys()


def _all_lists(document: Document) -> dict[str, list[Any]]:
    return {MAIN: document["actions"], **document.get("lists", {})}


def _called(action: Document) -> Any:
    return action.get("call", action.get("run"))


class Program:
    """The rotations of all who act, without problems, laid out as lines and expressions."""

    def __init__(self, world: World, document: Document) -> None:
        self._world = world
        self._scripts = [
            Script(world, unit, unit.document if unit.pet else document)
            for unit in world.units.values()
            if not unit.pet or MAIN in unit.document
        ]

    @property
    def lines(self) -> list[Line]:
        """The lines of every script."""
        return [line for script in self._scripts for line in (*script.lines, *script.openers)]

    def is_too_large(self) -> bool:
        """Tell whether compiling it would take too long."""
        return len(self.lines) > MOST_LINES or is_too_large(self._world.code.roots)

    def place(self, image: Image) -> None:
        """Give the lines their places in an image and let the fight know who follows them."""
        for script in self._scripts:
            script.place(image)
        watchers = [
            Entity(at.LINK_SIZE, {at.LISTENER: script.unit.entity})
            for script in self._scripts
            if not script.unit.entity.ints[at.REACTION]
        ]
        image.place(watchers)
        set_range(self._world.fight, at.FIRST_WATCHER, at.END_WATCHER, watchers)
        openers = [line.entity for script in self._scripts for line in script.openers]
        set_range(self._world.fight, at.NEXT_OPENER, at.END_OPENER, openers)
        if openers:
            self._world.fight.ints[at.OPENING] = openers[0].ints[at.LINE_AT]


class Script:
    """The rotation of one actor."""

    def __init__(self, world: World, unit: Unit, document: Document) -> None:
        self.unit = unit
        self._prefix = f"{unit.pet}." if unit.pet else ""
        self._lists = _all_lists(document)
        self._abilities = world.known("spell", unit.name)
        variables = document.get("variables", {})
        self._expressions = Expressions(world, variables, Report(), unit.name)
        self.lines: list[Line] = []
        self._lay_out(MAIN)
        self.openers = self._openers(document.get(PRECOMBAT, []))

    def place(self, image: Image) -> None:
        """Give the lines their places in an image."""
        actor, entities = self.unit.entity, [line.entity for line in self.lines]
        image.place([*entities, *(line.entity for line in self.openers)])
        set_range(actor, at.FIRST_LINE, at.END_LINE, entities)
        cast = {id(line.ints.get(at.LINE_ABILITY)) for line in entities}
        links = [
            Entity(at.LINK_SIZE, {at.LISTENER: ability})
            for ability in self._abilities.values()
            if id(ability) in cast and not ability.ints[at.WAITS_FOR_GCD]
        ]
        image.place(links)
        set_range(actor, at.FIRST_OFF_GCD, at.END_OFF_GCD, links)

    def _openers(self, actions: list[Document]) -> list[Line]:
        """Give the lines of the precombat by their times."""
        openers = []
        ordered = sorted(enumerate(actions), key=_time_of)
        for index, action in ordered:
            place, pointer = f"{PRECOMBAT}.{index}", f"/{PRECOMBAT}/{index}"
            line = self._line(action, place, pointer)
            line.entity.ints[at.LINE_ABILITY] = self._abilities[action["cast"]]
            line.entity.ints[at.LINE_AT] = round(action["at"] * 1000)
            openers.append(line)
        return openers

    def _lay_out(self, name: str) -> None:
        for index, action in enumerate(self._lists[name]):
            if len(self.lines) > MOST_LINES:
                return
            line = self._line(action, f"{name}.{index}", _action_pointer(name, index))
            self.lines.append(line)
            if "cast" in action:
                line.entity.ints[at.LINE_ABILITY] = self._abilities[action["cast"]]
                continue
            self._lay_out(_called(action))
            if "run" in action:
                self.lines.append(Line("", "", Entity(at.LINE_SIZE, {at.OPERATION: at.END})))
            line.entity.ints[at.JUMP] = End(self.lines[-1].entity)

    def _line(self, action: Document, place: str, pointer: str) -> Line:
        test, wake = NOT_AN_EXPRESSION, NOT_AN_EXPRESSION
        if "if" in action:
            test, wake = self._expressions.condition(action["if"], pointer)
        interrupt = NOT_AN_EXPRESSION
        if "interrupt_if" in action:
            interrupt, _ = self._expressions.condition(action["interrupt_if"], pointer)
        operation = at.CAST if "cast" in action else at.CALL
        entity = Entity(
            at.LINE_SIZE,
            {
                at.OPERATION: operation,
                at.CONDITION: test,
                at.WAKE: wake,
                at.INTERRUPT: interrupt,
                at.CHAINS: int(action.get("chain", False)),
            },
        )
        shown = action.get("name") or action.get("cast") or _called(action)
        label = f"{self._prefix}{place}.{_OTHER.sub('_', shown.lower())}"
        return Line(label, pointer, entity)


def _time_of(numbered: tuple[int, Document]) -> float:
    time: float = numbered[1]["at"]
    return time


def _action_pointer(name: str, index: int) -> str:
    return f"/{MAIN}/{index}" if name == MAIN else f"/lists/{name}/{index}"
