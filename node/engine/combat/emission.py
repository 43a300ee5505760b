"""Writes expressions as LLVM code: one function that answers each of them by its number.

A part that stands in several places is computed once on every path, and only on paths that need
it.  What is known on a path is forgotten where it ends, so code may grow with each branch; it is
refused when it grows too large.  Every operation is one that IEEE 754 defines exactly.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from node.engine.combat.kernels.waking import NO_FLIP
from node.engine.combat.nodes import EPSILON, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from node.engine.combat.nodes import Node, Type

MOST_LINES = 20_000  #: more would take longer to compile than anybody waits
ASK_CALLED = "@ask"  #: what answers questions; it is for others to define
_TYPES: dict[Type, str] = {"truth": "i1", "whole": "i64", "real": "double"}
_ARITHMETIC = {"+": "add", "-": "sub", "*": "mul"}
_SIGNED = {"<": "slt", "<=": "sle", ">": "sgt", ">=": "sge", "==": "eq", "!=": "ne"}
_ORDERED = {"<": "olt", "<=": "ole", ">": "ogt", ">=": "oge", "==": "oeq", "!=": "une"}
_ROUNDING = {"floor": "floor", "ceil": "ceil", "rint": "rint", "abs": "fabs"}
_DATA = 4  #: where the data of an array lies in the structure that stands for it


class TooLargeError(ValueError):
    """The code of the expressions has grown too large."""


def emit(roots: Sequence[Node], columns: str) -> str:
    """Write a module; `columns` is the type of both arrays."""
    bodies: list[str] = []
    room = MOST_LINES
    for index, root in enumerate(roots):
        body = _Body(f"n{index}", columns, room)
        bodies.append(body.text(root))
        room -= body.size
    cases = " ".join(f"i64 {index}, label %n{index}" for index in range(len(roots)))
    calls = [
        f"n{index}:\n  %r{index} = tail call double @n{index}({columns} %i, {columns} %r)\n"
        f"  ret double %r{index}\n"
        for index in range(len(roots))
    ]
    rounding = [f"declare double @llvm.{name}.f64(double)\n" for name in _ROUNDING.values()]
    return (
        f"{''.join(rounding)}{''.join(bodies)}"
        f"define double @evaluate(i64 %number, {columns} %i, {columns} %r) {{\n"
        f"  switch i64 %number, label %none [ {cases} ]\n{''.join(calls)}"
        "none:\n  ret double 0.0\n}\n"
    )


def is_too_large(roots: Sequence[Node]) -> bool:
    """Tell whether the code of expressions would grow too large."""
    try:
        emit(roots, "ptr")
    except TooLargeError:
        return True
    return False


def _real(value: float) -> str:
    return f"0x{struct.unpack('>Q', struct.pack('>d', value))[0]:016X}"


class _Body:
    """The function of one expression."""

    def __init__(self, name: str, columns: str, most_lines: int) -> None:
        self._name, self._columns = name, columns
        self._most_lines = most_lines
        self._lines: list[str] = []
        self._slots: list[str] = []
        self._known: list[dict[Node, str]] = [{}]
        self._values = 0

    def text(self, root: Node) -> str:
        """Write the function."""
        value = self._value(root)
        if root.type == "truth":
            value = self._line(f"uitofp i1 {value} to double")
        head = (
            f"define private double @{self._name}({self._columns} %i, {self._columns} %r) {{\n"
            f"{self._addresses()}"
        )
        return f"{head}{''.join(self._slots)}{''.join(self._lines)}  ret double {value}\n}}\n"

    def _addresses(self) -> str:
        """Write where the columns lie; where accesses are checked, they come as whole arrays."""
        if self._columns == "ptr":
            return (
                "  %ints = getelementptr i64, ptr %i, i64 0\n"
                "  %reals = getelementptr double, ptr %r, i64 0\n"
            )
        return (
            f"  %ints = extractvalue {self._columns} %i, {_DATA}\n"
            f"  %reals = extractvalue {self._columns} %r, {_DATA}\n"
        )

    @property
    def size(self) -> int:
        """Count the lines."""
        return len(self._lines)

    def _line(self, instruction: str) -> str:
        if len(self._lines) > self._most_lines:
            raise TooLargeError
        self._values += 1
        name = f"%v{self._values}"
        self._lines.append(f"  {name} = {instruction}\n")
        return name

    def _value(self, node: Node) -> str:
        if node.is_constant:
            return _constant(node)
        for names in self._known:
            if node in names:
                return names[node]
        match node.operation:
            case "choose":
                value = self._choice(node)
            case "and" | "or":
                value = self._chain(node)
            case "place":
                return str(node.parts[0].entity.offset + node.parts[1])
            case _:
                value = self._step(node)
        self._known[-1][node] = value
        return value

    def _step(self, node: Node) -> str:
        operation = node.operation
        if operation == "ask":
            return self._asked(node)
        parts = [self._value(part) for part in node.parts]
        if operation in _ARITHMETIC:
            return self._folded(node, parts)
        if operation in _SIGNED:
            is_real = node.parts[0].type == "real"
            code = f"fcmp {_ORDERED[operation]}" if is_real else f"icmp {_SIGNED[operation]}"
            return self._line(f"{code} {_TYPES[node.parts[0].type]} {parts[0]}, {parts[1]}")
        if operation in {"min", "max"}:
            return self._extreme(operation, node, parts)
        if operation in _ROUNDING:
            return self._line(f"call double @llvm.{_ROUNDING[operation]}.f64(double {parts[0]})")
        write: dict[str, Callable[..., str]] = {
            "whole_at": self._read_whole,
            "real_at": self._read_real,
            "number": lambda part: self._line(f"sitofp i64 {part} to double"),
            "not": lambda part: self._line(f"xor i1 {part}, true"),
            "xor": lambda a, b: self._line(f"xor i1 {a}, {b}"),
            "divide": self._divided,
            "modulo": self._remainder,
            "crossing": self._crossing,
        }
        return write[operation](*parts)

    def _asked(self, node: Node) -> str:
        question, about, more = node.parts
        where, number = self._value(about), self._value(more)
        columns = f"{self._columns} %i, {self._columns} %r"
        return self._line(
            f"call double {ASK_CALLED}(i64 {question}, i64 {where}, double {number}, {columns})"
        )

    def _folded(self, node: Node, parts: Sequence[str]) -> str:
        kind = "f" if node.type == "real" else ""
        value = parts[0]
        for part in parts[1:]:
            code = f"{kind}{_ARITHMETIC[node.operation]} {_TYPES[node.type]}"
            value = self._line(f"{code} {value}, {part}")
        return value

    def _extreme(self, name: str, node: Node, parts: Sequence[str]) -> str:
        kind, value = _TYPES[node.type], parts[0]
        code = "fcmp o" if node.type == "real" else "icmp s"
        for part in parts[1:]:
            is_better = self._line(
                f"{code}{'lt' if name == 'min' else 'gt'} {kind} {part}, {value}"
            )
            value = self._line(f"select i1 {is_better}, {kind} {part}, {kind} {value}")
        return value

    def _read_whole(self, place: str) -> str:
        where = self._line(f"getelementptr inbounds i64, ptr %ints, i64 {place}")
        return self._line(f"load i64, ptr {where}")

    def _read_real(self, place: str) -> str:
        where = self._line(f"getelementptr inbounds double, ptr %reals, i64 {place}")
        return self._line(f"load double, ptr {where}")

    def _divided(self, a: str, b: str) -> str:
        is_zero = self._line(f"fcmp oeq double {b}, 0.0")
        quotient = self._line(f"fdiv double {a}, {b}")
        return self._pick(is_zero, "0.0", quotient)

    def _remainder(self, a: str, b: str) -> str:
        whole = self._line(f"call double @llvm.floor.f64(double {self._divided(a, b)})")
        product = self._line(f"fmul double {b}, {whole}")
        left = self._line(f"fsub double {a}, {product}")
        is_zero = self._line(f"fcmp oeq double {b}, 0.0")
        return self._pick(is_zero, "0.0", left)

    def _pick(self, test: str, yes: str, no: str) -> str:
        return self._line(f"select i1 {test}, double {yes}, double {no}")

    def _crossing(self, difference: str, slope: str) -> str:
        """Write `interpretation.crossing`."""
        size = self._line(f"call double @llvm.fabs.f64(double {difference})")
        is_near = self._line(f"fcmp ole double {size}, {_real(2.0 * EPSILON)}")
        product = self._line(f"fmul double {difference}, {slope}")
        is_leaving = self._line(f"fcmp ogt double {product}, 0.0")
        turned = self._line(f"fsub double 0.0, {difference}")
        seconds = self._line(f"fdiv double {turned}, {slope}")
        crosses = self._line(f"fmul double {seconds}, {_real(SECOND)}")
        ahead = self._pick(is_leaving, _real(NO_FLIP), crosses)
        moving = self._pick(is_near, "1.0", ahead)
        is_still = self._line(f"fcmp oeq double {slope}, 0.0")
        return self._pick(is_still, _real(NO_FLIP), moving)

    def _choice(self, node: Node) -> str:
        test, yes, no = node.parts
        if yes.is_constant and no.is_constant:
            kind = _TYPES[node.type]
            picked = f"{kind} {_constant(yes)}, {kind} {_constant(no)}"
            return self._line(f"select i1 {self._value(test)}, {picked}")
        labels, slot = self._labels(), self._slot(node.type)
        self._branch(self._value(test), labels[0], labels[1])
        for label, part in zip(labels, (yes, no), strict=False):
            self._label(label)
            self._path(node.type, slot, part)
            self._jump(labels[2])
        self._label(labels[2])
        return self._line(f"load {_TYPES[node.type]}, ptr {slot}")

    def _chain(self, node: Node) -> str:
        """Look at one part after the other until one decides."""
        *others, last = node.parts
        end, slot = self._labels()[0], self._slot("truth")
        for part in others:
            value, go_on = self._value(part), self._labels()[0]
            self._lines.append(f"  store i1 {value}, ptr {slot}\n")
            self._branch(value, *((go_on, end) if node.operation == "and" else (end, go_on)))
            self._label(go_on)
            self._known.append({})
        self._path("truth", slot, last)
        del self._known[len(self._known) - len(others) :]
        self._jump(end)
        self._label(end)
        return self._line(f"load i1, ptr {slot}")

    def _path(self, kind: Type, slot: str, node: Node) -> None:
        self._known.append({})
        self._lines.append(f"  store {_TYPES[kind]} {self._value(node)}, ptr {slot}\n")
        self._known.pop()

    def _slot(self, kind: Type) -> str:
        name = f"%s{len(self._slots)}"
        self._slots.append(f"  {name} = alloca {_TYPES[kind]}\n")
        return name

    def _labels(self) -> tuple[str, str, str]:
        self._values += 1
        return f"yes{self._values}", f"no{self._values}", f"end{self._values}"

    def _label(self, name: str) -> None:
        self._lines.append(f"{name}:\n")

    def _jump(self, label: str) -> None:
        self._lines.append(f"  br label %{label}\n")

    def _branch(self, test: str, yes: str, no: str) -> None:
        self._lines.append(f"  br i1 {test}, label %{yes}, label %{no}\n")


def _constant(node: Node) -> str:
    if node.type == "real":
        return _real(node.value)
    return str(int(node.value))
