"""Trials: fights in code that counts its ways, before it is compiled for those that were gone."""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from llvmlite import binding as llvm

from node.engine.combat.arena import Arena
from node.engine.combat.branches import COUNTS, closed, counting, weighed
from node.engine.combat.loop import Loop
from node.engine.combat.machine import BARELY, Code, object_of

if TYPE_CHECKING:
    from node.engine.combat.image import IntArray, RealArray

SECONDS = 4.0  #: of CPU time
_AT_ONCE = 32
_SEED = 0


@dataclass(frozen=True)
class Trial:
    """How often code went each way in some fights."""

    code: str
    fights: int
    counts: list[int]

    @classmethod
    def of(cls, code: str, ints: IntArray, reals: RealArray, most: int) -> Trial:
        """Simulate at most so many fights, as long as there is time."""
        counted, ways = counting(code)
        machine_code = Code(object_of(llvm.parse_assembly(counted), BARELY))
        arena, loop = Arena(ints, reals), Loop(machine_code)
        damage, length = np.zeros((2, _AT_ONCE), np.int64)
        fights, end = 0, time.process_time() + SECONDS
        while fights < most and time.process_time() < end:
            arena.simulate(loop, None, _SEED, fights, damage, length)
            fights += _AT_ONCE
        counts = (ctypes.c_int64 * ways).from_address(machine_code.address_of(COUNTS))
        return cls(code, fights, list(counts))

    def learnt(self, enough: int) -> str:
        """Give the code with what is known of it; what never happened in enough fights is left."""
        code = weighed(self.code, self.counts)
        return closed(code, self.counts) if self.fights >= enough else code
