"""Branches of code, as LLVM writes it: which ways were gone how often, and what that is good for.

Ways that are gone often lie together.  A way that was never gone is closed: a kernel that comes
there fails, and with it all that called it, up to the event loop.  The others need not be prepared
for whatever would have come of that way, and so are much shorter.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.engine.combat.completion import IS_KNOWN
from node.engine.combat.machine import RUN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    #: By function and block, how many of the ways from other blocks are closed.
    Closed = dict[int, dict[str, Counter[str]]]

COUNTS = "counts"  #: the array in which code counts, one element per way
_FAILURE = 1  #: what a kernel gives that failed; whoever called it gives it on
_CLOSED = "closed"  #: the block where it fails
_LARGEST_WEIGHT = (1 << 31) - 1
_FIRST_NUMBER = 1_000_000  #: of what is told LLVM; what it knows has lower ones
_NAME = r'"[^"]+"|[-\w.$]+'
_TWO_WAYS = re.compile(rf"^  (?:br|%\S+ = select) (i1) (?!%{IS_KNOWN})([^ ,]+), ")
_SWITCH = re.compile(r"^  switch (i\d+) ([^ ,]+), ")
_CASE = re.compile(r"^    i\d+ (-?\d+), ")
_BLOCK = re.compile(rf"^({_NAME}):")
_TO = re.compile(rf"\blabel %({_NAME})")
_PHI = re.compile(r"^(  %\S+ = )phi (.+?) (\[ .*)$")
_FROM = re.compile(rf"\[ (?:[^\[\]]|\[[^\[\]]*\])+?, %({_NAME}) \]")
_WEIGHTS = re.compile(r", !prof !\d+")
_DEFINITION = re.compile(rf"^define ([^@]*)@({_NAME})\(")
_CALL = re.compile(rf"\bcall [^@]*@({_NAME})\(")
_KERNEL = re.compile(r"\bi32 $")  #: ends what comes before the name of a kernel: what it gives


@dataclass(frozen=True)
class Branch:
    """Where code goes one of several ways, or takes one of two values."""

    first: int  #: of its lines
    last: int
    kind: str  #: the type of what decides
    decides: str
    cases: tuple[str, ...]  #: what it is for each way; "" when it is nothing else


def branches(lines: Sequence[str]) -> Iterator[Branch]:
    """Find them."""
    for number, line in enumerate(lines):
        if found := _TWO_WAYS.match(line):
            yield Branch(number, number, found[1], found[2], ("true", ""))
        elif found := _SWITCH.match(line):
            cases, last = [""], number + 1
            while case := _CASE.match(lines[last]):
                cases.append(case[1])
                last += 1
            yield Branch(number, last, found[1], found[2], tuple(cases))


def counting(code: str) -> tuple[str, int]:
    """Let code count how often it goes each way, and give how many there are."""
    lines = code.split("\n")
    written: list[str] = []
    copied = ways = 0
    for branch in branches(lines):
        written += [*lines[copied : branch.first], *_count(branch, ways)]
        copied = branch.first
        ways += len(branch.cases)
    array = f"@{COUNTS} = global [{ways} x i64] zeroinitializer"
    return "\n".join([*written, *lines[copied:], array, ""]), ways


def _count(branch: Branch, first: int) -> Iterator[str]:
    """Write what counts the way that a branch goes next."""
    name, way = f"%counted{first}", str(first + branch.cases.index(""))
    for number, value in enumerate(branch.cases, first):
        if value:
            yield f"  {name}.is{number} = icmp eq {branch.kind} {branch.decides}, {value}"
            yield f"  {name}.way{number} = select i1 {name}.is{number}, i64 {number}, i64 {way}"
            way = f"{name}.way{number}"
    yield f"  {name}.place = getelementptr i64, ptr @{COUNTS}, i64 {way}"
    yield f"  {name}.before = load i64, ptr {name}.place"
    yield f"  {name}.after = add i64 {name}.before, 1"
    yield f"  store i64 {name}.after, ptr {name}.place"


def weighed(code: str, counts: Sequence[int]) -> str:
    """Tell LLVM how often each way was gone."""
    lines = code.split("\n")
    numbers: dict[str, int] = {}
    for branch, gone in _with_counts(lines, counts):
        if any(gone):
            number = numbers.setdefault(_weights(gone), _FIRST_NUMBER + len(numbers))
            lines[branch.last] = f"{_WEIGHTS.sub('', lines[branch.last])}, !prof !{number}"
    told = (f'!{number} = !{{!"branch_weights", {text}}}' for text, number in numbers.items())
    return "\n".join([*lines, *told, ""])


def _weights(gone: Sequence[int]) -> str:
    scale = max(gone) // _LARGEST_WEIGHT + 1
    return ", ".join(f"i32 {-(-count // scale)}" for count in gone)


def _with_counts(
    lines: Sequence[str], counts: Sequence[int]
) -> Iterator[tuple[Branch, Sequence[int]]]:
    first = 0
    for branch in branches(lines):
        yield branch, counts[first : first + len(branch.cases)]
        first += len(branch.cases)


def closed(code: str, counts: Sequence[int]) -> str:
    """Close the ways that were never gone, where others were."""
    lines = code.split("\n")
    gone = {branch.first: (branch, counts) for branch, counts in _with_counts(lines, counts)}
    shut: Closed = {}
    ways: dict[str, Counter[str]] | None = None
    block, can_fail = "", _can_fail(lines)
    for number, line in enumerate(lines):
        if found := _DEFINITION.match(line):
            is_kernel = found[2] in can_fail
            ways = shut.setdefault(number, defaultdict(Counter)) if is_kernel else None
        elif found := _BLOCK.match(line):
            block = found[1]
        elif ways is not None and number in gone and any(gone[number][1]):
            for to in _close(lines, *gone[number]):
                ways[to][block] += 1
    return "\n".join(_mended(lines, shut))


def _can_fail(lines: Iterable[str]) -> set[str]:
    """Name the kernels that may fail: `run` hears of it, for all that are called between know it.

    An expression has no way to tell it, so what it asks may not fail.
    """
    calls: dict[str, set[str]] = {}
    kernels, name = set(), ""
    for line in lines:
        if found := _DEFINITION.match(line):
            name = found[2]
            calls[name] = set()
            if _KERNEL.search(found[1]):
                kernels.add(name)
        elif found := _CALL.search(line):
            calls[name].add(found[1])
    others = [name for name in calls if name not in kernels and name != RUN]
    while others:
        asked = kernels & calls[others.pop()]
        kernels -= asked
        others += asked
    return kernels


def _close(lines: list[str], branch: Branch, counts: Sequence[int]) -> list[str]:
    """Close ways of a branch, and name the blocks where they led."""
    is_open, shut = map(bool, counts), list[str]()

    def close(way: re.Match[str]) -> str:
        if next(is_open):
            return way[0]
        shut.append(way[1])
        return f"label %{_CLOSED}"

    for number in range(branch.first, branch.last + 1):
        lines[number] = _TO.sub(close, lines[number])
    return shut


def _mended(lines: Iterable[str], shut: Closed) -> Iterator[str]:
    """Take from every block what came by ways that are closed, and write the block they lead to."""
    ways: dict[str, Counter[str]] = {}
    block = ""
    for number, line in enumerate(lines):
        if line.startswith("define "):
            ways = shut.get(number, {})
        elif found := _BLOCK.match(line):
            block = found[1]
        elif block in ways and (phi := _PHI.match(line)):
            yield _without(phi, Counter(ways[block]))
            continue
        elif line == "}" and ways:
            yield f"{_CLOSED}:\n  ret i32 {_FAILURE}"
        yield line


def _without(phi: re.Match[str], shut: Counter[str]) -> str:
    kept = []
    for value in _FROM.finditer(phi[3]):
        if shut[value[1]] > 0:
            shut[value[1]] -= 1
        else:
            kept.append(value[0])
    name, kind = phi[1], phi[2]
    return f"{name}phi {kind} {', '.join(kept)}" if kept else f"{name}freeze {kind} poison"
