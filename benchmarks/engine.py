"""How fast the combat engine is, in the terms of the field, for every document that ships with it.

Targets, on one core, 300 s, one target: 20,000 iterations per second for mists Fire, 10,000 for
every other document, and five times what the fastest peer does of the same work; a rotation that
was never seen is ready in 0.3 s; two workers do 1.9 times the work of one.

The fastest peer is wowsims (mop, commit 96bef868, written in Go and compiled ahead of time): the
same characters, rotations, lengths and targets, on one core.  Name its program to measure both side
by side, with WOWSIMS_ORACLE='COMMAND': it is called with a document's name and a number of
iterations, and does that work on one core; what its start costs is left out.  Without it, what it
did on another machine is shown.

A run begins with the event loop of all documents; one that lasts goes on with that of its document,
which is compiled beside it, once, for what happens in some thousand fights, and kept on disk.
Targets are for the second, once it is there; the speed of the first, and how long the second takes
to compile, are shown too.

Also shown: events, what a first result costs with kernels to compile (cold) and kept on disk
(warm), the peak of memory, and what bounds the speed.  Speeds are per second of CPU time, so that
whatever else the machine does counts less; the best of several runs counts.  Name documents to
measure them alone.
"""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.engine import configure_cache, get_engine
from node.engine.configs import default_config, spec_names

ITERATIONS_PER_SECOND = {"mists/fire": 20_000}
DEFAULT_ITERATIONS_PER_SECOND = 10_000
NEVER_SEEN_SECONDS = 0.3
SCALING = 1.9
TIMES_THE_PEER = 5
#: iterations/s of wowsims on one core of another machine
PUBLISHED = {"mists/fire": 3097, "mists/affliction": 1285, "mists/beast_mastery": 990}
PEER_ITERATIONS, PEER_RUNS = 4000, 3
RUNS = 5
SECONDS_PER_RUN = 0.6
FIRST_RESULT = """
import resource, sys, time
begun = time.perf_counter()
from pathlib import Path
from node.engine import configure_cache, get_engine
from node.engine.configs import default_config
configure_cache(Path(sys.argv[1]))
engine = get_engine("combat")
engine.run(engine.prepare(default_config(sys.argv[2])), 1, 0, 100, lambda: False)
print(time.perf_counter() - begun)
engine.run(engine.prepare(default_config(sys.argv[2])), 1, 100, 2000, lambda: False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@dataclass
class Measured:
    """What was found of one document."""

    name: str
    speed: float = 0.0  #: with the event loop of the document
    at_once: float = 0.0  #: with that of all documents
    build: float = 0.0  #: seconds until the document has its own
    events: float = 0.0
    in_kernel: float = 0.0  #: part of the time
    never_seen: float = 0.0
    warm: float = 0.0
    memory: float = 0.0  #: MiB
    scaling: float = 0.0
    peer: float = 0.0  #: its iterations/s, 0 when it does not have the document
    is_published: bool = True  #: whether the peer was measured elsewhere
    missed: list[str] = field(default_factory=list)

    def judge(self) -> None:
        """Note each target that is missed, and by how much."""
        wanted = ITERATIONS_PER_SECOND.get(self.name, DEFAULT_ITERATIONS_PER_SECOND)
        is_soon = self.never_seen <= NEVER_SEEN_SECONDS
        for what, found, target, is_met in (
            ("iterations/s", self.speed, wanted, self.speed >= wanted),
            ("s for a rotation", self.never_seen, NEVER_SEEN_SECONDS, is_soon),
            ("times with two workers", self.scaling, SCALING, self.scaling >= SCALING),
            ("times the peer", *self._beside_the_peer()),
        ):
            if not is_met:
                off = 100 * abs(found / target - 1)
                self.missed.append(
                    f"{self.name}: {found:,.5g} {what}, target {target:,} ({off:.0f} % off)"
                )

    def _beside_the_peer(self) -> tuple[float, float, bool]:
        times = self.speed / self.peer if self.peer else 0.0
        return times, TIMES_THE_PEER, not self.peer or times >= TIMES_THE_PEER


def main(names: list[str]) -> int:
    """Measure, print a table for each document and give 1 when a target is missed."""
    with tempfile.TemporaryDirectory() as directory:
        cold, _ = first_result(directory, names[0])
        show("first result, kernels to compile", f"{cold:.1f} s")
        configure_cache(Path(directory))
        found = [measure(name, directory) for name in names]
    missed = [line for one in found for line in one.missed]
    for line in missed:
        print(line)
    speeds = ", ".join(f"{one.name} {one.speed:,.0f}/s" for one in found)
    print(f"{'MISSED' if missed else 'met'}, each with its own event loop: {speeds}")
    return 1 if missed else 0


def measure(name: str, cache: str) -> Measured:
    """Measure a document and print its table."""
    found = Measured(name)
    found.at_once, found.build = beginning(name)
    found.speed, found.events, found.in_kernel = one_core(name)
    found.peer, found.is_published = peer(name)
    found.never_seen = min(never_seen_rotation(name, number) for number in range(1, RUNS + 1))
    found.warm, found.memory = first_result(cache, name)
    found.scaling = max(scaling(name, found.speed) for _ in range(RUNS))
    found.judge()
    print(f"\n{name}, 300 s, one target")
    show("iterations/s on one core", f"{found.speed:,.0f}")
    show("iterations/s at first", f"{found.at_once:,.0f}")
    show("its own event loop, ready after", f"{found.build:.1f} s")
    if found.peer:
        where = "elsewhere" if found.is_published else "here"
        show(f"iterations/s of wowsims, {where}", f"{found.peer:,.0f}")
        show("times that peer", f"{found.speed / found.peer:.1f}")
    show("events per iteration", f"{found.events:,.0f}")
    show("events/s on one core", f"{found.speed * found.events:,.0f}")
    show("simulated seconds per CPU second", f"{found.speed * 300:,.0f}")
    show("a never-seen rotation, ready after", f"{found.never_seen:.2f} s")
    show("first result, kernels on disk", f"{found.warm:.1f} s")
    show("two workers do, times the work of one", f"{found.scaling:.2f}")
    show("peak memory of a process", f"{found.memory:,.0f} MiB")
    print(f"bound by: {bound(found)}")
    return found


def show(what: str, figure: str) -> None:
    """Print a line of the table."""
    print(f"{what:40}{figure:>16}")


def bound(found: Measured) -> str:
    """Say what an iteration's time is made of."""
    per_event = 1e9 / found.speed / found.events
    at_once = 1e9 / found.at_once / found.events
    return (
        f"the event loop on one core, {found.in_kernel:.0%} of the time: "
        f"{found.events:,.0f} events of {per_event:.0f} ns ({at_once:.0f} ns at first) one "
        "after the other, each several hundred instructions and a handful of jumps that depend on "
        "what was rolled and on what is ready, with no part that stands out; the rest is adding up "
        "results"
    )


def peer(name: str) -> tuple[float, bool]:
    """Give the peer's iterations per CPU second, and whether they were measured elsewhere."""
    command = os.environ.get("WOWSIMS_ORACLE")
    if command is None or name not in PUBLISHED:
        return PUBLISHED.get(name, 0.0), True
    start = min(peer_seconds(command, name, 1) for _ in range(PEER_RUNS))
    whole = min(peer_seconds(command, name, 1 + PEER_ITERATIONS) for _ in range(PEER_RUNS))
    return PEER_ITERATIONS / (whole - start), False


def peer_seconds(command: str, name: str, count: int) -> float:
    """Give the CPU seconds that the peer's program takes for so many iterations."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    arguments = [*shlex.split(command), name, str(count)]
    subprocess.run(
        arguments, check=True, capture_output=True, env={**os.environ, "GOMAXPROCS": "1"}
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def first_result(cache: str, name: str) -> tuple[float, float]:
    """Give the seconds from a fresh process's start of work to 100 iterations, and its memory."""
    finished = subprocess.run(
        [sys.executable, "-c", FIRST_RESULT, cache, name],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, memory = map(float, finished.stdout.split())
    return seconds, memory


def beginning(name: str) -> tuple[float, float]:
    """Give the best iterations per CPU second before the document has an event loop, and wait."""
    plan: Any = get_engine("combat").prepare(default_config(name))
    best, _ = speed(dataclasses.replace(plan, special=None), iterations(name))
    begun = time.perf_counter()
    if plan.special.wait() is None:
        raise SystemExit(f"the event loop of {name} could not be compiled")
    return best, time.perf_counter() - begun


def one_core(name: str) -> tuple[float, float, float]:
    """Give the best iterations per CPU second, events per iteration, and the kernel's part."""
    plan: Any = get_engine("combat").prepare(default_config(name))
    count = iterations(name)
    best, events = speed(plan, count)
    return best, events, kernel_part(plan, count)


def speed(plan: Any, count: int) -> tuple[float, float]:
    """Give the best iterations per CPU second of several runs, and events per iteration."""
    best, events = 0.0, 0.0
    for _ in range(RUNS):
        begun = time.process_time()
        result = get_engine("combat").run(plan, 1, 0, count, lambda: False)
        best = max(best, count / (time.process_time() - begun))
        events = int((result or {})["counters"]["fight.events"]) / count
    return best, events


def kernel_part(plan: Any, count: int) -> float:
    """Give the part of a run's CPU time that is spent in the compiled event loop."""
    watch = Watch(plan.special)
    begun = time.thread_time()
    get_engine("combat").run(dataclasses.replace(plan, special=watch), 1, 0, count, lambda: False)
    return watch.inside / (time.thread_time() - begun)


class Watch:
    """Gives the event loop of a document, and measures the time that is spent in it."""

    def __init__(self, special: Any) -> None:
        self._simulate = special.wait()
        self.expect, self.judge = special.expect, special.judge
        self.inside = 0.0

    def loop(self) -> Any:
        """Give the loop."""
        return self._timed

    def _timed(self, *arguments: Any) -> int:
        begun = time.thread_time()
        done: int = self._simulate(*arguments)
        self.inside += time.thread_time() - begun
        return done


def iterations(name: str) -> int:
    """Give how many iterations take about as long as a run should."""
    engine = get_engine("combat")
    plan = engine.prepare(default_config(name))
    count, begun = 0, time.process_time()
    while time.process_time() - begun < SECONDS_PER_RUN:
        engine.run(plan, 1, count, 512, lambda: False)
        count += 512
    return count


def never_seen_rotation(name: str, number: int) -> float:
    """Give the CPU seconds to prepare a rotation whose every number is another one."""
    config = default_config(name)
    change = number / 1024
    config["rotation"] = json.loads(
        json.dumps(config["rotation"]), parse_float=lambda text: float(text) + change
    )
    config["rotation"].setdefault("variables", {})["never_seen"] = {">": ["combat.time", change]}
    config["rotation"]["actions"][0]["if"] = {
        "or": [config["rotation"]["actions"][0].get("if", True), "never_seen"]
    }
    begun = time.process_time()
    get_engine("combat").prepare(config)
    return time.process_time() - begun


def scaling(name: str, speed: float) -> float:
    """Give how much more two threads do than one, by the clock on the wall."""
    engine = get_engine("combat")
    plan = engine.prepare(default_config(name))
    count = int(speed * SECONDS_PER_RUN)
    alone = min(seconds(engine, plan, 1, count) for _ in range(2))
    return 2 * alone / seconds(engine, plan, 2, count)


def seconds(engine: Any, plan: Any, workers: int, count: int) -> float:
    """Give how long workers take that each run as many iterations."""
    threads = [
        threading.Thread(target=engine.run, args=(plan, 1, 0, count, lambda: False))
        for _ in range(workers)
    ]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(spec_names())))
