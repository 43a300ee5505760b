"""Compiled code: functions of numbers and flat arrays, which import only numpy and numba.

Three arrays hold a fight.  An entity (an ability, an aura, an actor, ...) is an offset that is
valid in all three: `ints` has its whole numbers, `reals` its fractions, `sums` its counters, which
are never reset.  `layout` names the columns behind an offset.  Nothing is allocated while a fight
runs.

Only operations that IEEE 754 defines exactly are used, so that every machine finds the same bits.
"""
