"""Machine code: what LLVM makes of modules, and where it lies in memory."""

from __future__ import annotations

import hashlib
import os
import sys
from functools import cache
from typing import Any

from llvmlite import binding as llvm

RUN = "run"  #: what machine code calls the event loop
_NICENESS = 5  #: of what compiles beside runs
_SIZE = 8  #: bytes of a length
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
    manager.add_instruction_combine_pass()
    manager.add_simplify_cfg_pass()
    for function in module.functions:
        if not function.is_declaration:
            manager.run(function, passes)


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


def completed(code: bytes, completion: str) -> bytes:
    """Complete open kernels by code, and turn all into machine code."""
    module = llvm.parse_bitcode(code)
    module.link_in(llvm.parse_assembly(completion))
    hide(module, RUN)
    optimise(module, WELL)
    return object_of(module, WELL)


def _main() -> None:
    """Complete what is read, as `job` writes it, and let others go first."""
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    job = sys.stdin.buffer.read()
    size = int.from_bytes(job[:_SIZE], "big")
    code, completion = job[_SIZE : _SIZE + size], job[_SIZE + size :]
    sys.stdout.buffer.write(completed(code, completion.decode()))


def job(code: bytes, completion: str) -> bytes:
    """Write what a process of its own is to complete."""
    return len(code).to_bytes(_SIZE, "big") + code + completion.encode()


if __name__ == "__main__":
    _main()
