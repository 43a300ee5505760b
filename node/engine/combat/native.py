"""Turns the code of expressions into a function that compiled kernels call.

LLVM is used directly, as numba uses it, because its own compiler needs seconds for the
expressions of a long rotation, and this takes a few hundredths of one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from llvmlite import binding as llvm
from numba.core.types import WrapperAddressProtocol
from numba.experimental import function_type  # noqa: F401 - lets numba know the protocol

from node.engine.combat.emission import ASK_CALLED, emit
from node.engine.combat.interpretation import interpreter
from node.engine.combat.kernels.jit import EVALUATE, columns_type, is_compiling
from node.engine.combat.kernels.questions import ask
from node.engine.combat.loop import address_of_ask
from node.engine.combat.machine import AT_ONCE, BARELY, Code, object_of, optimise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from node.engine.combat.kernels.jit import Evaluate
    from node.engine.combat.nodes import Node


def compiled(roots: Sequence[Node]) -> Evaluate:
    """Compile expressions; the same code is compiled once."""
    if not is_compiling():
        return interpreter(roots, ask)
    evaluate: Evaluate = _compiled(emit(roots, columns_type()))
    return evaluate


@lru_cache(maxsize=256)
def _compiled(code: str) -> Any:
    return _Function(code)


#: characters of code; beyond, better machine code takes longer to make than it saves
_LARGE = 200_000


class _Function(WrapperAddressProtocol):
    """Compiled code, which lives as long as this."""

    def __init__(self, code: str) -> None:
        self.code = code
        answers = f"inttoptr (i64 {address_of_ask()} to ptr)"
        module = llvm.parse_assembly(code.replace(ASK_CALLED, answers))
        optimise(module, AT_ONCE)
        self._machine_code = Code(object_of(module, AT_ONCE if len(code) < _LARGE else BARELY))
        self._address = self._machine_code.address("evaluate")

    def __wrapper_address__(self) -> int:
        return self._address

    def signature(self) -> Any:
        """Give the type that kernels call it by."""
        return EVALUATE
