"""The code that completes kernels for one document: what never changes in its fights is known.

LLVM reads the facts of a document where kernels read them, leaves out what cannot happen, and puts
expressions in the places where they are asked for.  So it does the same, bit for bit, sooner.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from node.engine.combat.loop import called_from_outside
from node.engine.combat.lowering import FACTS, OPEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from node.engine.combat.image import IntArray, RealArray
    from node.engine.combat.lowering import Each, Open

    #: The offsets of the entities that kernels are completed for, by the names of parameters.
    Entities = Mapping[str, Sequence[int]]

IS_KNOWN = "is_known"  #: begins the name of what only the best code can tell
#: Puts an expression in the place that asks for it, if it is known there which one that is.
_EVALUATE_KNOWN = f"""
declare i1 @llvm.is.constant.i64(i64)

define double @evaluate_known(i64 %number, ptr %i, ptr %r) alwaysinline {{
  %{IS_KNOWN} = call i1 @llvm.is.constant.i64(i64 %number)
  br i1 %{IS_KNOWN}, label %known, label %unknown
known:
  %here = call double @evaluate(i64 %number, ptr %i, ptr %r) alwaysinline
  ret double %here
unknown:
  %there = call double @evaluate(i64 %number, ptr %i, ptr %r) noinline
  ret double %there
}}
"""
CHAINED = {"consider"}  #: kernels that are called again for what they give


def completion(
    kernels: Open, ints: IntArray, reals: RealArray, expressions: str, entities: Entities
) -> str:
    """Write what completes kernels for a document: its facts, expressions and entities."""
    return "".join(
        (
            _array(FACTS["i64"], "i64", map(str, ints.tolist())),
            _array(FACTS["double"], "double", map(_real, reals.tolist())),
            expressions,
            _EVALUATE_KNOWN,
            *(_dispatch(one, sorted(entities[one.by])) for one in kernels.each),
            called_from_outside(kernels.simulate, kernels.ask, "@evaluate_known"),
        )
    )


def _array(name: str, kind: str, values: Iterable[str]) -> str:
    texts = [f"{kind} {value}" for value in values]
    return f"@{name} = constant [{len(texts)} x {kind}] [{', '.join(texts)}]\n"


def _real(value: float) -> str:
    return f"0x{struct.unpack('>Q', struct.pack('>d', value))[0]:016X}"


def _dispatch(kernel: Each, entities: Sequence[int]) -> str:
    """Write a kernel that calls itself for the entity that is meant, known to be that one."""
    taken = ", ".join(f"{kind} %{name}" for kind, name in kernel.parameters)
    kinds = ", ".join(kind for kind, _ in kernel.parameters)
    cases = " ".join(f"i64 {entity}, label %at{entity}" for entity in entities)
    return "".join(
        (
            f'declare i32 @"{kernel.name}{OPEN}"({kinds})\n',
            f'define i32 @"{kernel.name}"({taken}) {{\nentry:\n',
            f"  switch i64 %{kernel.by}, label %other [ {cases} ]\n",
            *(_case(kernel, entity, entities) for entity in entities),
            f'other:\n  %r = call i32 @"{kernel.name}{OPEN}"({taken}) noinline\n',
            "  ret i32 %r\n}\n",
        )
    )


def _case(kernel: Each, entity: int, entities: Sequence[int]) -> str:
    """Write what a kernel does for one entity, and go on to a later one that it gives, if any."""
    passed = ", ".join(
        f"{kind} {entity if name == kernel.by else f'%{name}'}" for kind, name in kernel.parameters
    )
    call = f'at{entity}:\n  %r{entity} = call i32 @"{kernel.name}{OPEN}"({passed})\n'
    if kernel.function not in CHAINED:
        return f"{call}  ret i32 %r{entity}\n"
    later = " ".join(f"i64 {one}, label %at{one}" for one in entities if one > entity)
    return "".join(
        (
            call,
            f"  %is_done{entity} = icmp eq i32 %r{entity}, 0\n",
            f"  br i1 %is_done{entity}, label %on{entity}, label %end{entity}\n",
            f"on{entity}:\n  %next{entity} = load i64, ptr %{kernel.parameters[0][1]}\n",
            f"  switch i64 %next{entity}, label %end{entity} [ {later} ]\n",
            f"end{entity}:\n  ret i32 %r{entity}\n",
        )
    )
