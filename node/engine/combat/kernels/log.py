"""The combat log: what happened, in the order in which it happened.

It is kept behind everything else in `ints`, where `LOG` says, and not at all in most fights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.engine.combat.kernels.jit import kernel, rare
from node.engine.combat.kernels.layout import (
    KEEPS_LOG,
    LOG,
    LOG_END,
    NOW,
    RECORD_AMOUNT,
    RECORD_KIND,
    RECORD_LEFT,
    RECORD_SIZE,
    RECORD_SUBJECT,
    RECORD_TARGET,
    RECORD_TIME,
)

if TYPE_CHECKING:
    from node.engine.combat.kernels.jit import Integers


@kernel
def record(  # noqa: PLR0913, PLR0917 - the columns of a record
    ints: Integers, kind: int, subject: int, target: int, amount: int, left: int
) -> None:
    """Write down what happened, if a log is kept."""
    if ints[KEEPS_LOG]:
        _write(ints, kind, subject, target, amount, left)


@rare
def _write(  # noqa: PLR0913, PLR0917 - the columns of a record
    ints: Integers, kind: int, subject: int, target: int, amount: int, left: int
) -> None:
    """Write a record; behind the end of the log it is only counted."""
    place = ints[LOG]
    ints[LOG] = place + RECORD_SIZE
    if place + RECORD_SIZE > ints[LOG_END]:
        return
    ints[place + RECORD_TIME] = ints[NOW]
    ints[place + RECORD_KIND] = kind
    ints[place + RECORD_SUBJECT] = subject
    ints[place + RECORD_TARGET] = target
    ints[place + RECORD_AMOUNT] = amount
    ints[place + RECORD_LEFT] = left
