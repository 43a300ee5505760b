"""Turns the rotations of all who act into the lines that kernels follow.

Lists are laid out in place where they are called: `call` goes on behind them when nothing in them
could be done, `run` does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node.engine.combat.checker import Checker
from node.engine.combat.emission import is_too_large
from node.engine.combat.image import Entity, Image, set_range
from node.engine.combat.kernels import layout as at
from node.engine.combat.script import MAIN, MOST_LINES, Line, Script
from node.engine.combat.shapes import Action, Expression, ListOf, MapOf, Object, Report, Text
from node.engine.combat.world import PLAYER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.engine.combat.world import World

    Document = Mapping[str, Any]


SHAPE = Object(
    {"name": Text(), "actions": ListOf(Action())},
    {
        "variables": MapOf(Expression(), 1000),
        "lists": MapOf(ListOf(Action()), 1000),
        "precombat": ListOf(Action(), 1000),
        "notes": Text(),
        "provenance": Text(),
    },
)


def check_pets(world: World) -> None:
    """Report everything that is wrong with what the pets of a spec do."""
    for pet, document in world.pets.items():
        if MAIN in document:
            Checker(world, document, world.report, f"/spec/pets/{pet}", pet).check()


def check(world: World, document: Any, report: Report, pointer: str) -> None:
    """Report everything that is wrong with the player's rotation."""
    shape = Report()
    SHAPE.check(document, pointer, shape)
    report.problems += shape.problems
    if shape.problems:
        return
    Checker(world, document, report, pointer, PLAYER).check()
    if not report.problems and Program(world, document).is_too_large():
        hint = "its lists are laid out wherever they are called"
        report.add(pointer, "the rotation is too large", hint)


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

    def places(self) -> list[int]:
        """Give where the lines lie that actors follow."""
        return [line.entity.offset for script in self._scripts for line in script.lines]

    def is_too_large(self) -> bool:
        """Tell whether compiling it would take too long."""
        return len(self.lines) > MOST_LINES or is_too_large(self._world.code.roots)

    def place(self, image: Image) -> None:
        """Give the lines their places in an image and let the fight know who follows them."""
        states = [state for script in self._scripts for state in script.states]
        image.place(states)
        set_range(self._world.fight, at.FIRST_STATE, at.END_STATE, states)
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
