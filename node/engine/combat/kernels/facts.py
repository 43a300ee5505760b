"""Columns that no kernel writes.

Kernels read them as they read any other, `ints[ability + CASTER]`, but for the compiler the place
is of a type of its own: there is no way to write there, and compiled code marks such a read.  So
the event loop can be compiled again for one document, with its facts in place of the reads.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.datamodel import models
from numba.core.imputils import lower_builtin, lower_constant
from numba.core.typing import templates
from numba.extending import intrinsic, overload, register_model, typeof_impl

#: It does nothing but tell where an address comes from, and is gone in machine code.
MARK = "llvm.strip.invariant.group"


class Fact(int):
    """The number of a column that no kernel writes."""

    __slots__ = ()


def fact(number: int) -> int:
    """Give a column that kernels cannot write."""
    return Fact(number)


class _Column(types.Type):
    """The type of a fact: its number is part of it."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(name=f"Fact({number})")


class _Place(types.Type):
    """The type of an offset plus a fact."""

    def __init__(self) -> None:
        super().__init__(name="PlaceOfAFact")


_PLACE = _Place()
_WORD = ir.IntType(64)
_lower: Any = lower_builtin  # these have no types
_lower_constant: Any = lower_constant
_infer: Any = templates.infer_global
_signature: Any = templates.signature
register_model(_Column)(models.OpaqueModel)


@register_model(_Place)
class _PlaceModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _WORD)  # type: ignore[no-untyped-call]


@typeof_impl.register(Fact)
def _type_of(fact: Fact, _context: Any) -> _Column:
    return _Column(int(fact))


def _nothing(context: Any, _builder: Any, _type: Any, _value: Any) -> Any:
    return context.get_dummy_value()


class _Add(templates.AbstractTemplate):
    def generic(self, arguments: Any, _keywords: Any) -> Any:
        offset, column = arguments
        if isinstance(column, _Column) and isinstance(offset, types.Integer):
            return _signature(_PLACE, types.int64, column)
        return None


def _add(_context: Any, builder: Any, how: Any, arguments: Any) -> Any:
    return builder.add(arguments[0], _WORD(how.args[1].number), flags=["nsw"])


class _Read(templates.AbstractTemplate):
    def generic(self, arguments: Any, _keywords: Any) -> Any:
        columns, place = arguments
        if isinstance(columns, types.CPointer) and isinstance(place, _Column | _Place):
            return _signature(columns.dtype, columns, place)
        return None


def _read_place(_context: Any, builder: Any, how: Any, arguments: Any) -> Any:
    return _marked(builder, how, arguments[0], arguments[1])


def _read_column(_context: Any, builder: Any, how: Any, arguments: Any) -> Any:
    return _marked(builder, how, arguments[0], _WORD(how.args[1].number))


def _marked(builder: Any, how: Any, columns: Any, place: Any) -> Any:
    """Read a fact.  Nothing in a fight writes there, so the read need not wait for any write."""
    mark = builder.module.declare_intrinsic(MARK, [ir.PointerType()])
    kind = _WORD if isinstance(how.return_type, types.Integer) else ir.DoubleType()
    where = builder.gep(builder.call(mark, [columns]), [place], inbounds=True, source_etype=kind)
    value = builder.load(where, typ=kind)
    value.set_metadata("invariant.load", builder.module.add_metadata([]))
    return value


@intrinsic
def _number(_context: Any, place: Any) -> Any:
    def generate(_context: Any, _builder: Any, _signature: Any, arguments: Any) -> Any:
        return _WORD(place.number) if isinstance(place, _Column) else arguments[0]

    return types.int64(place), generate


@overload(operator.getitem, strict=False)
def _checked(array: Any, place: Any) -> Any:
    """Read a fact of a whole array, as kernels do whose accesses are checked."""
    if isinstance(array, types.Array) and isinstance(place, _Column | _Place):
        number: Any = _number
        return lambda array, place: array[number(place)]
    return None


_lower_constant(_Column)(_nothing)
_infer(operator.add)(_Add)
_infer(operator.getitem)(_Read)
_lower(operator.add, types.Integer, _Column)(_add)
_lower(operator.getitem, types.CPointer, _Place)(_read_place)
_lower(operator.getitem, types.CPointer, _Column)(_read_column)
