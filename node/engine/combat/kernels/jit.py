"""How kernels are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

from numba import config, float64, int64, njit, types
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
#: ones, inlined as well, take compiling from half a minute to a minute and a half.
_LARGEST_INLINED = 700
_INNER: dict[str, Any] = {
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}

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
    return rare(function)


def rare(function: Function) -> Function:
    """Compile a function that compiled code seldom calls, apart from its callers."""
    return cast(
        "Function", _njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **_OPTIONS)(function)
    )


def entry(signature: Any, function: Function) -> Function:
    """Compile a function now, or load it from the disk cache of this process."""
    return cast("Function", _njit(signature, cache=_on_disk(), **_OPTIONS)(function))


def is_compiling() -> bool:
    """Tell whether the JIT is on."""
    return not getattr(config, "DISABLE_JIT", 0)


def columns_type() -> str:
    """Give what LLVM calls the type of the columns that kernels are given."""
    return str(cpu_target.target_context.get_value_type(_INTEGERS)) if _CHECKED else "ptr"


#: Gives the columns of an array as kernels use them: its address alone.  An index then costs no
#: look at its sign and at the length of the array, and a call passes one word for an array and
#: not seven: kernels are a quarter faster, and sooner compiled.
columns: Any = kernel(_whole) if _CHECKED else _first_column


def _on_disk() -> bool:
    # what is on disk does not tell whether its accesses are checked
    return not _CHECKED and bool(getattr(config, "CACHE_DIR", ""))
