"""Ways that code goes are counted, weighed and closed."""

from __future__ import annotations

import ctypes
import re

import pytest
from llvmlite import binding as llvm

from node.engine.combat.branches import COUNTS, closed, counting, weighed
from node.engine.combat.machine import BARELY, Code, object_of

pytestmark = pytest.mark.compiled
#: Doubles what is below 10, else gives 7 for 20, 8 for 30 and 9 for anything else; adds 100 to all
#: that is odd.  A kernel: it gives whether it failed, and its answer by a pointer.
KERNEL = """
define i32 @kernel(ptr %answer, i64 %x) {
entry:
  %is_small = icmp slt i64 %x, 10
  br i1 %is_small, label %small, label %large
small:
  %twice = add i64 %x, %x
  br label %end
large:
  switch i64 %x, label %end [
    i64 20, label %twenty
    i64 30, label %thirty
  ]
twenty:
  br label %end
thirty:
  br label %end
end:
  %found = phi i64 [ %twice, %small ], [ 9, %large ], [ 7, %twenty ], [ 8, %thirty ]
  %odd = trunc i64 %x to i1
  %more = select i1 %odd, i64 100, i64 0
  %sum = add i64 %found, %more
  store i64 %sum, ptr %answer
  ret i32 0
}
"""
#: The same, but no kernel: it has no way to tell that it failed.
FUNCTION = (
    KERNEL.replace("define i32 @kernel(ptr %answer, ", "define i64 @kernel(")
    .replace("  store i64 %sum, ptr %answer\n", "")
    .replace("ret i32 0", "ret i64 %sum")
)
#: below 10 or not; none of the two, 20, 30; odd or not
GONE = [2, 3, 0, 3, 0, 1, 4]


def run(text: str, *given: int) -> tuple[list[tuple[int, int]], Code]:
    """Compile a kernel and call it; give its failures and answers, and the code."""
    # as LLVM writes it
    module = llvm.parse_assembly(text)
    module.verify()
    code = Code(object_of(module, BARELY))
    answer = ctypes.c_int64()
    kind = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_int64)
    kernel = kind(code.address("kernel"))
    return [(kernel(ctypes.addressof(answer), x), answer.value) for x in given], code


def as_llvm_writes_it(text: str) -> str:
    """Bring code into the form in which it is read."""
    return str(llvm.parse_assembly(text))


def test_every_way_is_counted() -> None:
    """Of branches, switches and selections; what code does is as before."""
    text, ways = counting(as_llvm_writes_it(KERNEL))

    answers, code = run(text, 1, 2, 20, 20, 20)

    assert answers == [(0, 102), (0, 4), (0, 7), (0, 7), (0, 7)]
    assert ways == len(GONE)
    assert list((ctypes.c_int64 * ways).from_address(code.address_of(COUNTS))) == GONE


def test_llvm_is_told_what_was_counted() -> None:
    """With the weight of each way, in the order in which LLVM has them."""
    text = str(llvm.parse_assembly(weighed(as_llvm_writes_it(KERNEL), GONE)))

    weights = re.findall(r'!"branch_weights", (.*)}', text)
    assert weights == ["i32 2, i32 3", "i32 0, i32 3, i32 0", "i32 1, i32 4"]


def test_weights_fit_into_32_bits() -> None:
    """However long a trial, what was gone once is not taken for what was never gone."""
    text = str(llvm.parse_assembly(weighed(as_llvm_writes_it(KERNEL), [1, 1 << 33, *GONE[2:]])))

    assert f"i32 1, i32 {(1 << 33) // 5 + 1}" in text


def test_what_was_never_gone_fails() -> None:
    """All else is as before, and so is a selection: it goes nowhere."""
    text = closed(as_llvm_writes_it(KERNEL), [2, 3, 0, 3, 0, 0, 5])

    answers, _ = run(text, 1, 2, 20, 30, 40)

    assert [failed for failed, _ in answers] == [0, 0, 0, 1, 1]
    assert [answer for _, answer in answers[:3]] == [102, 4, 7]


def test_code_that_was_never_run_stays() -> None:
    """Nothing is known of it: who calls it has the way there closed, if anybody does."""
    text = closed(as_llvm_writes_it(KERNEL), [0] * len(GONE))

    answers, _ = run(text, 1, 30)

    assert answers == [(0, 102), (0, 8)]


def test_a_block_that_nobody_comes_to_is_no_error() -> None:
    """Where all ways to it are closed, it has nothing to choose from."""
    text = closed(as_llvm_writes_it(KERNEL), [3, 0, *GONE[2:]])

    answers, _ = run(text, 1, 20)

    assert answers[0] == (0, 102)
    assert answers[1][0] == 1


def test_what_cannot_fail_is_left_alone() -> None:
    """Only kernels tell their callers, who go on from there."""
    text = as_llvm_writes_it(FUNCTION)

    assert closed(text, GONE) == text


def test_what_is_asked_by_one_that_cannot_fail_is_left_alone() -> None:
    """It would go on with an answer that is none; so would whoever is called on the way."""
    asking = """
define double @expression(i64 %x) {
  %answer = alloca i64, align 8
  %failed = call i32 @between(ptr %answer, i64 %x)
  %given = load i64, ptr %answer, align 8
  %value = sitofp i64 %given to double
  ret double %value
}

define i32 @between(ptr %answer, i64 %x) {
entry:
  %failed = call i32 @kernel(ptr %answer, i64 %x)
  ret i32 %failed
}
"""
    text = as_llvm_writes_it(KERNEL + asking)

    assert closed(text, GONE) == text


def test_what_is_asked_by_one_that_hears_of_failures_may_fail() -> None:
    """The event loop is told by `run` that a fight was left."""
    loop = """
define i64 @run(i64 %x) {
  %answer = alloca i64, align 8
  %failed = call i32 @kernel(ptr %answer, i64 %x)
  %given = sext i32 %failed to i64
  ret i64 %given
}
"""
    text = as_llvm_writes_it(KERNEL + loop)

    assert run(closed(text, GONE), 40)[0][0][0] == 1
