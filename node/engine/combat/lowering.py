"""All kernels as LLVM code: for every document, and open to be completed for one.

What is open are the facts of a document and, where a kernel acts on one entity of many, which ones
there are.  `special` completes it.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from llvmlite import binding as llvm

from node.engine.combat.kernels.facts import MARK
from node.engine.combat.kernels.fight import simulate
from node.engine.combat.kernels.jit import (
    ASK,
    SIMULATE,
    lowered,
    names_of_each,
    rare_names,
)
from node.engine.combat.kernels.questions import ask
from node.engine.combat.machine import simplify

if TYPE_CHECKING:
    from collections.abc import Iterator

FACTS = {"i64": "facts.ints", "double": "facts.reals"}  #: by the type of their columns
OPEN = ".of"  #: ends the name of a kernel that is completed for each entity
_DEFINITION = re.compile(r'^define [^@\n]*@"?([^"(]+)"?\((.*)\)', re.MULTILINE)
_PARAMETER = re.compile(r"(ptr|i64|double)[^%,]*%(?:arg\.)?([\w.]+)")
_MARKED = re.compile(rf"^ +(%\S+) = call ptr @{re.escape(MARK)}\.p0\(.*$")
_PLACE = re.compile(r"^( +%\S+ = getelementptr inbounds (i64|double), ptr )(%[^,]+)(,.*)$")


@dataclass(frozen=True)
class Each:
    """A kernel that is completed for each entity: its name, which parameter that is, and all."""

    name: str
    function: str
    by: str
    parameters: list[list[str]]  #: type and name


@dataclass(frozen=True)
class Open:
    """Kernels that want facts and entities, and the names by which they are called."""

    simulate: str
    ask: str
    each: list[Each]
    code: bytes

    def content(self) -> bytes:
        """Write them as one file."""
        head = {"simulate": self.simulate, "ask": self.ask, "each": [*map(asdict, self.each)]}
        return json.dumps(head).encode() + b"\n" + self.code

    @classmethod
    def read(cls, content: bytes) -> Open:
        """Read what `content` gave."""
        head, code = content.split(b"\n", 1)
        about = json.loads(head)
        each = [Each(**one) for one in about["each"]]
        return cls(about["simulate"], about["ask"], each, code)


@dataclass(frozen=True)
class Kernels:
    """All kernels, as numba lowers them."""

    simulate: str
    ask: str
    codes: tuple[str, str]


def lower_all() -> Kernels:
    """Lower the event loop and what expressions ask."""
    simulating, first = lowered(SIMULATE, simulate)
    asking, second = lowered(ASK, ask)
    return Kernels(simulating, asking, (first, second))


def opened(kernels: Kernels) -> Open:
    """Leave facts and entities of kernels open."""
    by = names_of_each()
    each = {
        name: Each(name, *by[name], [list(one) for one in _PARAMETER.findall(parameters)])
        for code in kernels.codes
        for name, parameters in _DEFINITION.findall(code)
        if name in by
    }
    first, second = (
        llvm.parse_assembly(_with_open_facts(_with_open_names(code, each)))
        for code in kernels.codes
    )
    first.link_in(second)
    apart = rare_names()
    for function in first.functions:
        if not function.is_declaration and function.name not in apart:
            function.add_function_attribute("alwaysinline")
    simplify(first)
    return Open(kernels.simulate, kernels.ask, list(each.values()), first.as_bitcode())


def _with_open_names(code: str, each: dict[str, Each]) -> str:
    """Rename the kernels that are completed; who calls them calls what completes them."""
    declared = []

    def rename(definition: re.Match[str]) -> str:
        name = definition[1]
        if name not in each:
            return definition[0]
        kinds = ", ".join(kind for kind, _ in each[name].parameters)
        declared.append(f'declare i32 @"{name}"({kinds})\n')
        return f'define linkonce_odr i32 @"{name}{OPEN}"({definition[2]})'

    return _DEFINITION.sub(rename, code) + "".join(declared)


def _with_open_facts(code: str) -> str:
    """Let marked reads be of arrays that are not there yet."""
    arrays = (f"@{name} = external constant [0 x {kind}]\n" for kind, name in FACTS.items())
    return "\n".join(_lines(code)) + "\n" + "".join(arrays)


def _lines(code: str) -> Iterator[str]:
    marked: set[str] = set()
    for line in code.split("\n"):
        if line.startswith("define"):
            marked.clear()
        elif mark := _MARKED.match(line):
            marked.add(mark[1])
            continue
        elif (place := _PLACE.match(line)) and place[3] in marked:
            yield f"{place[1]}@{FACTS[place[2]]}{place[4]}"
            continue
        yield line
