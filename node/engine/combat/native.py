"""Turns the code of expressions into a function that compiled kernels call.

LLVM is used directly, as numba uses it, because its own compiler needs seconds for the
expressions of a long rotation, and this takes a few hundredths of one.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from llvmlite import binding as llvm
from numba.core.types import WrapperAddressProtocol

from node.engine.combat.emission import emit
from node.engine.combat.interpretation import interpreter
from node.engine.combat.kernels.jit import ASK, EVALUATE, columns_type, entry, is_compiling
from node.engine.combat.kernels.questions import ask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from node.engine.combat.kernels.jit import Evaluate
    from node.engine.combat.nodes import Node


def compiled(roots: Sequence[Node]) -> Evaluate:
    """Compile expressions; the same code is compiled once."""
    if not is_compiling():
        return interpreter(roots, ask)
    evaluate: Evaluate = _compiled(emit(roots, columns_type(), _address_of_ask()))
    return evaluate


@lru_cache(maxsize=256)
def _compiled(code: str) -> Any:
    return _Function(code)


#: characters of code; beyond, better machine code takes longer to make than it saves
_LARGE = 200_000


class _Function(WrapperAddressProtocol):
    """Compiled code, which lives as long as this."""

    def __init__(self, code: str) -> None:
        module = llvm.parse_assembly(code)
        machine = _machine(1 if len(code) < _LARGE else 0)
        tuning = llvm.create_pipeline_tuning_options(speed_level=1)
        builder = llvm.create_pass_builder(machine, tuning)
        builder.getModulePassManager().run(module, builder)
        self._engine = llvm.create_mcjit_compiler(module, machine)
        self._engine.finalize_object()
        self._address = self._engine.get_function_address("evaluate")

    def __wrapper_address__(self) -> int:
        return int(self._address)

    def signature(self) -> Any:
        """Give the type that kernels call it by."""
        return EVALUATE


def _machine(optimisation: int) -> Any:
    target = llvm.Target.from_triple(llvm.get_process_triple())
    features = llvm.get_host_cpu_features().flatten()
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=features,
        opt=optimisation,
        jit=True,
        codemodel="jitdefault",
    )


@cache
def _address_of_ask() -> int:
    function: Any = entry(ASK, ask)
    compilation = function.get_compile_result(ASK)
    name = compilation.fndesc.llvm_cfunc_wrapper_name
    return int(compilation.library.get_pointer_to_function(name))
