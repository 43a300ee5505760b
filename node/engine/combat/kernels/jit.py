"""How kernels are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

from numba import config, float64, int64, njit, types


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
_INNER: dict[str, Any] = {
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "forceinline": True,  # a third faster, and no slower to compile
}

#: An expression of a rotation or spec: (number of the expression, ints, reals) -> value.
EVALUATE = float64(int64, int64[::1], float64[::1])
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


def kernel(function: Function) -> Function:
    """Compile a function when it is first called from compiled code."""
    return cast("Function", _njit(**_OPTIONS, **_INNER)(function))


def rare(function: Function) -> Function:
    """Compile a function that compiled code seldom calls, apart from its callers."""
    return cast(
        "Function", _njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **_OPTIONS)(function)
    )


def query(function: Function) -> Function:
    """Compile a function when a generated one first calls it, and keep it on disk like `entry`.

    Generated functions are compiled in every process, so what they call should not be.
    """
    return cast("Function", _njit(cache=_on_disk(), **_OPTIONS, **_INNER)(function))


def entry(signature: Any, function: Function, *, cached: bool) -> Function:
    """Compile a function now, or load it from the disk cache of this process."""
    on_disk = cached and _on_disk()
    return cast("Function", _njit(signature, cache=on_disk, **_OPTIONS)(function))


def _on_disk() -> bool:
    return bool(getattr(config, "CACHE_DIR", ""))
