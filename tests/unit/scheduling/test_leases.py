"""Every interleaving of leases, expiries, results, repetitions and cancellations."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from tests.unit.scheduling.leases import UNFINISHABLE, Model, Rules, explore

#: what breaks without a rule, and in how few steps
BROKEN = {
    "counts_a_range_once": ("nothing is counted twice", 5),
    "reopens_what_expired": ("each range is held once", 2),
    "withdraws_what_came_late": ("each range is held once", 3),
    "refuses_results_of_an_ended_job": (UNFINISHABLE, 5),
    "revokes_leases_of_an_ended_job": ("an ended job has no leases", 2),
    "reopens_what_was_cancelled": ("each range is held once", 2),
    "leases_a_range_once": ("each range is held once", 1),
    "speculates_on_other_nodes": ("a range has two holders at most, on two nodes", 3),
    "speculates_once": ("a range has two holders at most, on two nodes", 5),
    "leaves_a_range_to_its_rival": ("each range is held once", 4),
    "supersedes_the_loser": ("each range is held once", 4),
}


def test_no_interleaving_of_three_nodes_and_two_ranges_breaks_an_invariant() -> None:
    """And from every state there is a way to the end of the job."""
    found = explore(Model(nodes=3, ranges=2, faults=3))
    assert found.violation is None
    assert found.states > 5000


@pytest.mark.parametrize("rule", [rule.name for rule in fields(Rules)])
def test_every_rule_is_needed(rule: str) -> None:
    """Without it the exploration finds a shortest way to a broken invariant."""
    found = explore(Model(faults=2, rules=replace(Rules(), **{rule: False})))
    assert found.violation is not None
    invariant, length = BROKEN[rule]
    assert (found.violation.invariant, len(found.violation.trace)) == (invariant, length)
