"""Machine code: what LLVM makes of modules, and where it lies in memory."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

from llvmlite import binding as llvm

RUN = "run"  #: what machine code calls the event loop
BARELY, AT_ONCE, WELL = 0, 1, 2  #: how much time to optimise is worth


def optimise(module: Any, effort: int) -> None:
    """Optimise a module; nothing that changes a result is allowed."""
    tuning = llvm.create_pipeline_tuning_options(speed_level=effort)
    tuning.loop_vectorization = tuning.slp_vectorization = False
    passes = llvm.create_pass_builder(machine(effort), tuning)
    passes.getModulePassManager().run(module, passes)


def simplify(module: Any) -> None:
    """Let functions keep values in registers, so that they see constants as soon as they come."""
    passes = llvm.create_pass_builder(
        machine(AT_ONCE), llvm.create_pipeline_tuning_options(speed_level=AT_ONCE)
    )
    manager = llvm.create_new_function_pass_manager()
    manager.add_sroa_pass()
    manager.add_sccp_pass()
    manager.add_instruction_combine_pass()
    manager.add_simplify_cfg_pass()
    for function in module.functions:
        if not function.is_declaration:
            manager.run(function, passes)


def inline(module: Any) -> None:
    """Put functions in place of their calls, all that always are; none changes how it is called."""
    passes = llvm.create_pass_builder(
        machine(AT_ONCE), llvm.create_pipeline_tuning_options(speed_level=AT_ONCE)
    )
    manager = llvm.create_new_module_pass_manager()
    manager.add_always_inliner_pass()
    manager.add_global_dead_code_eliminate_pass()
    manager.run(module, passes)
    simplify(module)


def hide(module: Any, *shown: str) -> None:
    """Let nothing of a module be seen from outside but some functions, so that LLVM knows all."""
    for thing in (*module.functions, *module.global_variables):
        if thing.name not in shown and not thing.is_declaration:
            thing.linkage = "internal"


def machine(effort: int) -> Any:
    """Describe the processor that this runs on."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=effort,
        jit=True,
        codemodel="jitdefault",
    )


@cache
def machine_digest() -> str:
    """Name the processor."""
    features = llvm.get_host_cpu_features().flatten()
    about = f"{llvm.get_process_triple()} {llvm.get_host_cpu_name()} {features}"
    return hashlib.sha256(about.encode()).hexdigest()[:16]


def object_of(module: Any, effort: int) -> bytes:
    """Turn a module into machine code that `Code` can put into memory, now or later."""
    content: bytes = machine(effort).emit_object(module)
    return content


class Code:
    """Machine code in memory, which lives as long as this."""

    def __init__(self, content: bytes) -> None:
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine(WELL))
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(content))
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Give where a function begins."""
        return int(self._engine.get_function_address(name))

    def address_of(self, variable: str) -> int:
        """Give where a global variable lies."""
        return int(self._engine.get_global_value_address(variable))
