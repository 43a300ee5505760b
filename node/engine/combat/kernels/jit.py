"""How kernels are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

from numba import config, float64, int64, njit, types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.extending import intrinsic


class Integers(Protocol):
    """A flat array of int64, as kernels use it."""

    def __getitem__(self, place: int, /) -> int:
        """Read a column."""

    def __setitem__(self, place: int, value: int, /) -> None:
        """Write a column."""

    def __len__(self) -> int:
        """Count the columns."""


class Reals(Protocol):
    """A flat array of float64, as kernels use it."""

    def __getitem__(self, place: int, /) -> float:
        """Read a column."""

    def __setitem__(self, place: int, value: float, /) -> None:
        """Write a column."""


Evaluate = Callable[[int, Integers, Reals], float]
Function = TypeVar("Function", bound="Callable[..., Any]")

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": False, "_nrt": False}
_njit: Any = njit  # its stubs do not know every option
#: Bytes of bytecode of the largest kernel that is always put in place of its calls: the few larger
#: ones, inlined as well, make much more code and no faster one.
_LARGEST_INLINED = 700
_INNER: dict[str, Any] = {
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
_rare: list[Any] = []
_each: list[tuple[Any, str]] = []

#: With NUMBA_BOUNDSCHECK=1 kernels are given whole arrays, and every access is checked.
_CHECKED = bool(getattr(config, "DISABLE_JIT", 0) or getattr(config, "BOUNDSCHECK", 0))
_pointer: Any = types.CPointer
_INTEGERS = int64[::1] if _CHECKED else _pointer(int64)
_REALS = float64[::1] if _CHECKED else _pointer(float64)
#: An expression of a rotation or spec: (number of the expression, ints, reals) -> value.
EVALUATE = float64(int64, _INTEGERS, _REALS)
#: What expressions ask: (question, offset of an entity, a number, ints, reals) -> answer.
ASK = float64(int64, int64, float64, _INTEGERS, _REALS)
SIMULATE = int64(
    types.FunctionType(EVALUATE),
    int64[::1],  # ints of a fresh fight
    float64[::1],  # reals of a fresh fight
    int64[::1],  # ints
    float64[::1],  # reals
    int64[::1],  # sums
    int64,  # seed
    int64,  # first iteration
    int64[::1],  # damage of each iteration
    int64[::1],  # length of each iteration
)


@intrinsic
def _first_column(_context: Any, array: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.make_array(signature.args[0])(context, builder, arguments[0]).data

    return _pointer(array.dtype)(array), generate


def _whole(array: Any) -> Any:
    return array


def kernel(function: Function) -> Function:
    """Compile a function when it is first called from compiled code."""
    is_small = len(function.__code__.co_code) <= _LARGEST_INLINED
    return cast("Function", _njit(**_OPTIONS, **_INNER, forceinline=is_small)(function))


def apart(function: Function) -> Function:
    """Compile a function apart from its callers, because it is large or they are many."""
    return cast("Function", _njit(**_OPTIONS, **_INNER)(function))


def rare(function: Function) -> Function:
    """Compile a function that compiled code seldom calls, apart from its callers, always."""
    compiled = apart(function)
    _rare.append(compiled)
    return compiled


def each(parameter: str) -> Callable[[Function], Function]:
    """Compile a kernel once more for each entity that a document has for a parameter.

    That is for the event loop of one document; the one of all documents has it once.
    """

    def compile_each(function: Function) -> Function:
        compiled = kernel(function)
        _each.append((compiled, parameter))
        return compiled

    return compile_each


def entry(signature: Any, function: Function) -> Function:
    """Compile a function now, in the way of numba."""
    return cast("Function", _njit(signature, **_OPTIONS)(function))


def lowered(signature: Any, function: Callable[..., Any]) -> tuple[str, str]:
    """Give the LLVM name and code of a function and all that it calls, neither optimised.

    numba would optimise every function with all that it calls, and turn it into machine code, only
    to do it again for those who call it: ten times the work, and code is then the worse for it.
    """
    codegen = cpu_target.target_context.codegen()
    with global_compiler_lock:
        codegen._library_class, codegen.set_env = _Lowered, _leave_alone  # noqa: SLF001
        try:
            compiled: Any = _njit(signature, **_INNER, **_OPTIONS)(function)
        finally:
            del codegen._library_class, codegen.set_env  # noqa: SLF001
        compilation = compiled.get_compile_result(signature)
        return compilation.fndesc.llvm_func_name, compilation.library.get_llvm_str()


def rare_names() -> set[str]:
    """Give the LLVM names of the functions that stay apart."""
    return {name for compiled in _rare for name in _names(compiled)}


def names_of_each() -> dict[str, tuple[str, str]]:
    """Give, by LLVM name, the kernels for each entity, and the parameter that is the entity."""
    return {
        name: (compiled.py_func.__name__, parameter)
        for compiled, parameter in _each
        for name in _names(compiled)
    }


def _names(compiled: Any) -> list[str]:
    """Give the LLVM names of a function for all the types that it was called with."""
    return [one.fndesc.llvm_func_name for one in compiled.overloads.values()]


class _Lowered(JITCodeLibrary):
    """Functions as numba lowers them."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout  # noqa: SLF001

    def _optimize_final_module(self) -> None:
        """Leave it to whoever has everything."""

    def _finalize_final_module(self) -> None:
        self._finalized = True

    def get_pointer_to_function(self, _name: str) -> int:
        """Give no address, as there is no machine code."""
        if not self._finalized:
            self.finalize()  # type: ignore[no-untyped-call]
        return 0


def _leave_alone(_name: str, _environment: Any) -> None:
    """Set no address in machine code that is not there."""


def is_compiling() -> bool:
    """Tell whether the JIT is on."""
    return not getattr(config, "DISABLE_JIT", 0)


def is_checked() -> bool:
    """Tell whether accesses are checked: by Python, or in compiled code."""
    return _CHECKED


def columns_type() -> str:
    """Give what LLVM calls the type of the columns that kernels are given."""
    return str(cpu_target.target_context.get_value_type(_INTEGERS)) if _CHECKED else "ptr"


#: Gives the columns of an array as kernels use them: its address alone.  An index then costs no
#: look at its sign and at the length of the array, and a call passes one word for an array and
#: not seven: kernels are a quarter faster, and sooner compiled.
columns: Any = kernel(_whole) if _CHECKED else _first_column
