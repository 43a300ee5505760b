"""The event loop, and what expressions ask, as machine code that runs every document."""

from __future__ import annotations

import ctypes
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from llvmlite import binding as llvm
from numba import types

from node.engine.cache import keep, kept
from node.engine.combat.kernels.fight import simulate
from node.engine.combat.kernels.jit import ASK, SIMULATE, entry, is_checked
from node.engine.combat.kernels.questions import ask
from node.engine.combat.lowering import lower_all, opened
from node.engine.combat.machine import RUN, WELL, Code, hide, machine_digest, object_of, optimise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Simulate = Callable[..., int]

#: What machine code calls `ask`.
ASKED = "ask"
LEFT = -1  #: what a loop gives that came where it cannot go on
OPEN_KERNELS = "kernels.open"  #: under which those are kept that want a document
_compiling = threading.Lock()


class Loop:
    """A compiled event loop; called as `kernels.fight.simulate` is, while other threads run.

    That of one document may give LEFT instead, in the midst of a fight.
    """

    def __init__(self, code: Code) -> None:
        self._code = code
        parameters = [kind for _, kind, _ in _passed()]
        self._run = ctypes.CFUNCTYPE(ctypes.c_int64, *parameters)(code.address(RUN))

    def __call__(self, evaluate: Any, *arguments: Any) -> int:
        """Simulate fights."""
        passed: list[int] = [evaluate.__wrapper_address__() if evaluate else 0]
        for one in arguments:
            passed += [one] if isinstance(one, int) else [one.ctypes.data, len(one)]
        return int(self._run(*passed))


def event_loop() -> Simulate:
    """Give the event loop, compiled, once for all threads."""
    if is_checked():
        with _compiling:
            return _checked_loop()
    return _loop(_code())


def address_of_ask() -> int:
    """Give where the code that answers expressions begins."""
    if not is_checked():
        return _code().address(ASKED)
    with _compiling:
        function: Any = _checked_ask()
    compilation = function.get_compile_result(ASK)
    name = compilation.fndesc.llvm_cfunc_wrapper_name
    return int(compilation.library.get_pointer_to_function(name))


@cache
def _checked_loop() -> Simulate:
    return entry(SIMULATE, simulate)


@cache
def _checked_ask() -> Any:
    return entry(ASK, ask)


@cache
def _loop(code: Code) -> Loop:
    return Loop(code)


def _code() -> Code:
    with _compiling:
        return _generic()


@cache
def _generic() -> Code:
    """Compile the kernels, or load them."""
    name = f"kernels-{machine_digest()}.o"
    content = kept(name)
    if content is None:
        kernels = lower_all()
        keep(OPEN_KERNELS, opened(kernels).content())
        module, questions = map(llvm.parse_assembly, kernels.codes)
        module.link_in(questions)
        module.link_in(llvm.parse_assembly(called_from_outside(kernels.simulate, kernels.ask)))
        hide(module, RUN, ASKED)
        optimise(module, WELL)
        content = object_of(module, WELL)
        keep(name, content)
    return Code(content)


def called_from_outside(simulating: str, asking: str, evaluate: str = "%evaluate") -> str:
    """Write functions that call those of numba, and give what these give."""
    taken = ", ".join(f"{kind} %{name}" for name, _, kind in _passed())
    given = ", ".join(map(" ".join, _arguments(evaluate)))
    return f"""
declare i32 @"{simulating}"(ptr, ptr, {", ".join(kind for kind, _ in _arguments(evaluate))})
declare i32 @"{asking}"(ptr, ptr, i64, i64, double, ptr, ptr)

define i64 @{RUN}({taken.replace("ptr %evaluate", "ptr nonnull %evaluate")}) {{
  %answer = alloca i64
  %failure = alloca ptr
  %status = call i32 @"{simulating}"(ptr %answer, ptr %failure, {given})
  %is_done = icmp eq i32 %status, 0
  %given = load i64, ptr %answer
  %finished = select i1 %is_done, i64 %given, i64 {LEFT}
  ret i64 %finished
}}

define double @{ASKED}(
    i64 %question, i64 %about, double %more, ptr %ints, ptr %reals) alwaysinline {{
  %answer = alloca double
  %failure = alloca ptr
  call i32 @"{asking}"(
    ptr %answer, ptr %failure, i64 %question, i64 %about, double %more, ptr %ints, ptr %reals)
  %given = load double, ptr %answer
  ret double %given
}}
"""


def _passed() -> Iterator[tuple[str, Any, str]]:
    """Give name and types of what is passed: of arrays, where they begin and their length."""
    for number, kind in enumerate(SIMULATE.args):
        if isinstance(kind, types.FunctionType):
            yield "evaluate", ctypes.c_void_p, "ptr"
        elif isinstance(kind, types.Array):
            yield f"array{number}", ctypes.c_void_p, "ptr noalias"
            yield f"length{number}", ctypes.c_int64, "i64"
        else:
            yield f"number{number}", ctypes.c_int64, "i64"


def _arguments(evaluate: str) -> Iterator[tuple[str, str]]:
    """Give types and values of the same as numba passes it."""
    for number, kind in enumerate(SIMULATE.args):
        if isinstance(kind, types.FunctionType):
            # as C calls it; neither compiled by numba nor a Python object
            yield from (("ptr", evaluate), ("ptr", "null"), ("ptr", "null"))
        elif isinstance(kind, types.Array):
            where, length = f"%array{number}", f"%length{number}"
            yield from (("ptr", "null"), ("ptr", "null"))  # who owns it
            yield from (("i64", length), ("i64", "8"), ("ptr", where), ("i64", length))
            yield "i64", "8"  # from one to the next
        else:
            yield "i64", f"%number{number}"
