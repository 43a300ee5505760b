"""Looks at every variable and every action of a rotation once, called or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node.engine.combat.actions import (
    CASTS,
    DONE,
    KINDS,
    LISTS,
    OPTIONS,
    PARTS,
    SEQUENCES,
    STRICT_PARTS,
    assigned_by,
    kind_of,
    options_of,
    parts_of,
    plain,
)
from node.engine.combat.expressions import Expressions
from node.engine.combat.image import Entity
from node.engine.combat.kernels import layout as at
from node.engine.combat.script import MAIN, PRECOMBAT, all_lists
from node.engine.combat.shapes import Report, join, json_type
from node.engine.combat.world import PLAYER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.engine.combat.terms import Kind
    from node.engine.combat.world import World

    Document = Mapping[str, Any]

_NUMBERS = (bool, int, float)


class Checker:
    """Reports everything that is wrong with the rotation of one actor."""

    def __init__(
        self, world: World, document: Document, report: Report, pointer: str, actor: str
    ) -> None:
        self._world = world
        self._actor = actor
        self._report = report
        self._pointer = pointer
        self._variables: Document = document.get("variables", {})
        self._lists = all_lists(document)
        self._precombat: list[Any] = document.get(PRECOMBAT, [])
        self._good: list[Any] = []  #: actions whose shape is right
        self._assigned = self._assigned_numbers()
        self._expressions = Expressions(world, self._variables, report, actor)
        self._expressions.numbers = self._assigned

    def check(self) -> None:
        """Look at everything."""
        for name in self._variables:
            self._check_variable(name, f"{self._pointer}/variables/{name}")
        for name, actions in self._lists.items():
            pointer = self._list_pointer(name)
            if not actions:
                self._report.add(pointer, "the list is empty", "give it an action or remove it")
            for index, action in enumerate(actions):
                self._check_action(action, join(pointer, index))
                self._check_pooling(actions, index, join(pointer, index))
        self._check_circles()
        self._check_precombat()
        self._expressions.warn_of_unused(f"{self._pointer}/variables")
        for name in self._lists.keys() - {MAIN} - self._reached(MAIN):
            self._report.warn(self._list_pointer(name), f"the list {name!r} is never called")

    def _assigned_numbers(self) -> dict[str, Entity]:
        """Give the variables that lines assign; what is wrong with the lines is reported later."""
        lists = [action for actions in self._lists.values() for action in actions]
        good = [action for action in lists if _has_shape(action)]
        return {
            name: Entity(at.STATE_SIZE)
            for name in assigned_by(good)
            if isinstance(self._variables.get(name), _NUMBERS)
        }

    def _check_variable(self, name: str, pointer: str) -> None:
        if name in self._assigned:
            return
        self._expressions.check_variable(name, pointer)

    def _list_pointer(self, name: str) -> str:
        return join(self._pointer, name) if name == MAIN else f"{self._pointer}/lists/{name}"

    def _check_precombat(self) -> None:
        pointer = join(self._pointer, PRECOMBAT)
        if self._precombat and self._actor != PLAYER:
            self._report.add(pointer, "only the player acts before the fight")
        for index, action in enumerate(self._precombat):
            place = join(pointer, index)
            self._check_action(action, place, CASTS)
            if isinstance(action, dict) and "at" not in action:
                hint = '{"cast": "pyroblast", "at": -2.9}'
                self._report.add(place, "an action of the precombat has 'at'", hint)

    def _check_action(
        self, action: Any, pointer: str, allowed: frozenset[str] = frozenset(KINDS)
    ) -> None:
        """Report what is wrong with an action; where it stands only some kinds are allowed."""
        if not isinstance(action, dict):
            self._report.wrong_type(pointer, "an action, an object", action)
            return
        kinds = [key for key in action if key in KINDS]
        self._check_keys(action, kinds, pointer)
        if len(kinds) != 1:
            self._report.add(pointer, f"an action has one of: {', '.join(KINDS)}")
            return
        kind = kinds[0]
        if kind not in allowed:
            hint = f"these can: {', '.join(sorted(allowed))}"
            self._report.add(join(pointer, kind), f"{kind!r} cannot stand here", hint)
            return
        before = len(self._report.problems)
        KINDS[kind].check(action[kind], join(pointer, kind), self._report)
        if len(self._report.problems) == before:
            self._check_object(kind, action, join(pointer, kind))
        self._check_expressions(action, pointer)

    def _check_keys(self, action: Document, kinds: list[str], pointer: str) -> None:
        known = {key: shape for kind in kinds for key, shape in options_of(kind).items()}
        for key, value in action.items():
            place = join(pointer, key)
            if key in KINDS:
                continue
            if key not in OPTIONS:
                self._report.unknown(place, "option", key, (*KINDS, *OPTIONS))
            elif kinds and key not in known:
                message = f"{key!r} means nothing beside {kinds[0]!r}"
                self._report.add(place, message, f"there can be: {', '.join(known)}")
            else:
                OPTIONS[key].check(value, place, self._report)
        if "at" in action and not pointer.startswith(join(self._pointer, PRECOMBAT)):
            self._report.add(join(pointer, "at"), "only actions of the precombat have 'at'")

    def _check_expressions(self, action: Document, pointer: str) -> None:
        for key in ("if", "interrupt_if"):
            if key in action:
                self._expressions.check("boolean", action[key], join(pointer, key))
        choice = action.get("target_if")
        if isinstance(choice, dict):
            for key, value in choice.items():
                kind: Kind = "boolean" if key == "first" else "number"
                self._expressions.check(kind, value, join(join(pointer, "target_if"), key))
        if "target" in action and {"target_if", "cycle", "max_targets"} & action.keys():
            hint = "leave out 'target', or the others"
            self._report.add(join(pointer, "target"), "the target is chosen twice", hint)

    def _check_object(self, kind: str, action: Document, pointer: str) -> None:
        """Report names that mean nothing, and expressions of the wrong type."""
        about = action[kind]
        if kind == "cast":
            self._world.find("spell", about, pointer, self._actor)
            self._check_channel(action, pointer.removesuffix("/cast"))
        elif kind in LISTS:
            if about not in self._lists or about == MAIN:
                self._report.unknown(pointer, "list", about, self._lists.keys() - {MAIN})
        elif kind in SEQUENCES or kind == "schedule":
            self._check_parts(kind, action, pointer)
        elif kind in ("set", "modify"):
            self._check_assignment(kind, about, pointer)
        elif kind == "pool":
            self._world.find("resource", about["resource"], join(pointer, "resource"), self._actor)
            for key in ("amount", "extra"):
                self._expressions.check("number", about.get(key, 0), join(pointer, key))
        elif kind in ("wait", "move", "wait_until"):
            expected: Kind = "boolean" if kind == "wait_until" else "number"
            self._expressions.check(expected, about, pointer)
        else:
            self._check_name(kind, action, pointer)

    def _check_name(self, kind: str, action: Document, pointer: str) -> None:
        about = action[kind]
        if kind == "multidot":
            name = about["ability"]
            self._world.find("spell", name, join(pointer, "ability"), self._actor)
            self._expressions.check("boolean", plain({kind: about})["if"], pointer)
        elif kind == "use_item":
            items = [name for name, ability in self._own_abilities() if ability.get("item")]
            if about not in items:
                self._report.unknown(pointer, "item", about, items)
        elif kind == "cancel_buff":
            auras = self._world.spec.get("auras", {})
            buffs = [name for name, aura in auras.items() if aura["on"] != "target"]
            if about not in buffs:
                self._report.unknown(pointer, "buff", about, buffs)
        elif kind == "reset_sequence":
            names = self._sequences()
            if about not in names:
                self._report.unknown(pointer, "sequence", about, names)

    def _own_abilities(self) -> list[tuple[str, Document]]:
        return list(self._world.units[self._actor].document.get("abilities", {}).items())

    def _sequences(self) -> set[str]:
        every = [action for actions in self._lists.values() for action in actions]
        found = (
            a["name"] for a in every if isinstance(a, dict) and "sequence" in a and "name" in a
        )
        return {name for name in found if isinstance(name, str)}

    def _check_channel(self, action: Document, pointer: str) -> None:
        name = action["cast"]
        is_channel = any("channel" in a for known, a in self._own_abilities() if known == name)
        for key in ("interrupt_if", "chain"):
            if key in action and not is_channel:
                hint = "only what is channelled can be cut"
                self._report.add(join(pointer, key), f"{key!r} means nothing here", hint)

    def _check_parts(self, kind: str, action: Document, pointer: str) -> None:
        allowed = {"sequence": PARTS, "strict_sequence": STRICT_PARTS, "schedule": DONE}[kind]
        parts = parts_of(action)
        if not parts or (kind == "schedule" and not action[kind]["at"]):
            self._report.add(pointer, f"the {kind} is empty", "give it an action or remove it")
        for index, part in enumerate(parts):
            place = join(pointer, "action") if kind == "schedule" else join(pointer, index)
            self._check_action(part, place, allowed)

    def _check_assignment(self, kind: str, about: Document, pointer: str) -> None:
        name = about["variable"]
        place = join(pointer, "variable")
        if name not in self._variables:
            self._report.unknown(place, "variable", name, self._variables)
            return
        start = self._variables[name]
        if not isinstance(start, _NUMBERS):
            got = json_type(start)
            message = f"what is assigned begins as a number, true or false, and {name!r} as {got}"
            self._report.add(place, message)
            return
        operator = about.get("operator", "set")
        key = "to" if kind == "set" else "by"
        if operator == "reset" and key in about:
            self._report.add(join(pointer, key), f"'reset' takes no {key!r}")
        elif operator != "reset" and key not in about:
            self._report.add(pointer, f"{key!r} is missing")
        elif isinstance(start, bool) and operator not in ("set", "reset"):
            self._report.add(join(pointer, "operator"), f"{name!r} is true or false", "set it")
        elif key in about:
            expected: Kind = "boolean" if isinstance(start, bool) else "number"
            self._expressions.check(expected, about[key], join(pointer, key))

    def _check_pooling(self, actions: list[Any], index: int, pointer: str) -> None:
        """Report pooling for the next line where that is no cast."""
        action = actions[index]
        pool = action.get("pool") if isinstance(action, dict) else None
        if isinstance(pool, dict) and pool.get("for_next"):
            following = actions[index + 1] if index + 1 < len(actions) else None
            if not isinstance(following, dict) or "cast" not in following:
                place = join(join(pointer, "pool"), "for_next")
                self._report.add(place, "no cast follows to pool for")
        elif isinstance(pool, dict) and "amount" not in pool:
            self._report.add(join(pointer, "pool"), "pooling needs 'amount' or 'for_next'")

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
        called = {called for action in actions if isinstance(called := _called(action), str)}
        return called & self._lists.keys()


def _called(action: Document) -> Any:
    return action.get("call", action.get("run"))


def _has_shape(action: Any) -> bool:
    """Tell whether an action can be asked what it is about."""
    if not isinstance(action, dict) or not any(key in KINDS for key in action):
        return False
    report = Report()
    kind = kind_of(action)
    KINDS[kind].check(action[kind], "", report)
    return not report.problems
