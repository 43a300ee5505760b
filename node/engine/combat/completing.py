"""The process that compiles the event loop of one document.

It puts all kernels into one, tries the result, and compiles it for what happened in the trial.
"""

from __future__ import annotations

import os
import sys

from llvmlite import binding as llvm

from node.engine.combat.build import Job
from node.engine.combat.machine import RUN, WELL, hide, inline, object_of, optimise
from node.engine.combat.trial import Trial

_NICENESS = 5  #: of what compiles beside runs


def completed(job: Job) -> bytes:
    """Complete open kernels by code, and turn all into machine code."""
    module = llvm.parse_bitcode(job.kernels)
    module.link_in(llvm.parse_assembly(job.completion))
    hide(module, RUN)
    inline(module)
    trial = Trial.of(str(module), job.ints, job.reals, job.most)
    module = llvm.parse_assembly(trial.learnt(job.enough))
    optimise(module, WELL)
    return object_of(module, WELL)


def _main() -> None:
    """Complete what is read, and let others go first."""
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    sys.stdout.buffer.write(completed(Job.read(sys.stdin.buffer.read())))


if __name__ == "__main__":
    _main()
