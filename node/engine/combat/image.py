"""The image of a fight: entities get their offsets, and their columns fill flat arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    IntArray = np.ndarray[tuple[int], np.dtype[np.int64]]
    RealArray = np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass(eq=False, slots=True)
class Entity:
    """Something that kernels know by its offset."""

    size: int
    ints: dict[int, int | Entity | End | Cell] = field(default_factory=dict)
    reals: dict[int, float] = field(default_factory=dict)
    offset: int = -1


@dataclass(frozen=True, slots=True)
class End:
    """The place behind an entity."""

    entity: Entity


@dataclass(frozen=True, slots=True)
class Cell:
    """The place of one column of an entity."""

    entity: Entity
    column: int


class Image:
    """Places entities one behind the other."""

    def __init__(self) -> None:
        self._entities: list[Entity] = []
        self.size = 0

    def place(self, entities: Sequence[Entity]) -> None:
        """Give each entity the next free place."""
        for entity in entities:
            entity.offset = self.size
            self.size += entity.size
            self._entities.append(entity)

    def arrays(self) -> tuple[IntArray, RealArray]:
        """Write every column of every entity."""
        ints = np.zeros(self.size, np.int64)
        reals = np.zeros(self.size, np.float64)
        for entity in self._entities:
            for column, value in entity.ints.items():
                ints[entity.offset + column] = _number(value)
            for column, real in entity.reals.items():
                reals[entity.offset + column] = real
        return ints, reals


def _number(value: int | Entity | End | Cell) -> int:
    match value:
        case Entity():
            return value.offset
        case End(entity):
            return entity.offset + entity.size
        case Cell(entity, column):
            return entity.offset + column
    return value


def set_range(owner: Entity, first: int, end: int, members: Sequence[Entity]) -> None:
    """Let two columns hold where a run of entities begins and ends."""
    if members:
        owner.ints[first] = members[0]
        owner.ints[end] = End(members[-1])
