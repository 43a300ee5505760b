"""A model of what the database does with leases, in the manner of TLA+.

A job of a few ranges, nodes that each run one at a time. Anything may happen in any order: a lease
runs out while its node still works, a range is leased to a second node while the first still runs
it, a result arrives late, twice, or never, the user cancels and starts again. The clock is not
modelled: whatever could expire, or be late, may do so at any moment.

`Rules` are the decisions of the server. The tests explore every interleaving of the true rules, and
show that each rule is needed: without it some interleaving breaks an invariant.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

LeaseStatus = Literal["active", "expired", "released", "superseded", "cancelled", "completed"]
Outcome = Literal["accepted", "duplicate", "stale"]


@dataclass(frozen=True, slots=True)
class Lease:
    """A range that was given to a node once. Its place among the leases is its token."""

    range: int
    node: int
    status: LeaseStatus = "active"


@dataclass(frozen=True, slots=True)
class State:
    """A job. `counted` says how often each range is in the merged result."""

    counted: tuple[int, ...]
    waiting: frozenset[int]
    leases: tuple[Lease, ...] = ()
    job: Literal["live", "completed", "cancelled"] = "live"
    faults: int = 0
    outcome: Outcome | None = field(default=None, compare=False)  # what a node was answered

    def active(self) -> tuple[int, ...]:
        """The tokens of the leases that are out."""
        return tuple(i for i, lease in enumerate(self.leases) if lease.status == "active")

    def holders(self, place: int) -> tuple[int, ...]:
        """The tokens of the leases that are out for a range."""
        return tuple(i for i in self.active() if self.leases[i].range == place)

    def is_busy(self, node: int) -> bool:
        """Whether the node has a lease that is out."""
        return any(self.leases[i].node == node for i in self.active())


@dataclass(frozen=True, slots=True)
class Rules:
    """What the server does; each can be switched off to see what it is for."""

    counts_a_range_once: bool = True
    reopens_what_expired: bool = True
    withdraws_what_came_late: bool = True
    refuses_results_of_an_ended_job: bool = True
    revokes_leases_of_an_ended_job: bool = True
    reopens_what_was_cancelled: bool = True
    leases_a_range_once: bool = True
    speculates_on_other_nodes: bool = True
    speculates_once: bool = True
    leaves_a_range_to_its_rival: bool = True
    supersedes_the_loser: bool = True


Action = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Model:
    """So many nodes and ranges, and how often a lease may be lost."""

    nodes: int = 3
    ranges: int = 2
    faults: int = 3
    rules: Rules = field(default_factory=Rules)

    def start(self) -> State:
        """A job that was just submitted."""
        return State(counted=(0,) * self.ranges, waiting=frozenset(range(self.ranges)))

    # -- what the server does ---------------------------------------------------------------

    def lease(self, state: State, node: int, place: int) -> State:
        """Give a waiting range to a node."""
        waiting = state.waiting - {place} if self.rules.leases_a_range_once else state.waiting
        leases = (*state.leases, Lease(place, node))
        return replace(state, waiting=waiting, leases=leases, outcome=None)

    def may_speculate(self, state: State, node: int, place: int) -> bool:
        """Whether a free node may run a range that is out once more: nothing else is left."""
        holders = state.holders(place)
        return (
            state.job == "live"
            and not state.waiting
            and not (self.rules.speculates_on_other_nodes and state.is_busy(node))
            and len(holders) in ({1} if self.rules.speculates_once else {1, 2})
        )

    def speculate(self, state: State, node: int, place: int) -> State:
        """Give a range that is out to a second node."""
        return replace(state, leases=(*state.leases, Lease(place, node)), outcome=None)

    def expire(self, state: State, token: int) -> State:
        """Take a lease away from a node that went silent."""
        return self._lose(state, token, "expired", reopens=self.rules.reopens_what_expired)

    def release(self, state: State, token: int) -> State:
        """Settle a lease that its node gives back."""
        lease = state.leases[token]
        if lease.status == "completed" or state.job != "live":
            return replace(state, outcome="stale")
        if lease.status != "active":
            return replace(state, outcome="duplicate")
        return replace(self._lose(state, token, "released", reopens=True), outcome="accepted")

    def complete(self, state: State, token: int) -> State:
        """Settle the result of a lease, whatever became of the lease meanwhile."""
        lease, rules = state.leases[token], self.rules
        if lease.status == "completed":
            return replace(state, outcome="duplicate")
        if state.job != "live" and rules.refuses_results_of_an_ended_job:
            return replace(state, outcome="stale")
        if state.counted[lease.range] and rules.counts_a_range_once:
            return replace(state, outcome="stale")
        if (lease.status != "active" and rules.withdraws_what_came_late) or (
            lease.status == "active" and rules.supersedes_the_loser
        ):
            state = self._withdraw(state, lease.range, token)
        counted = tuple(n + (i == lease.range) for i, n in enumerate(state.counted))
        state = replace(_with_status(state, token, "completed"), counted=counted)
        if state.job == "live" and all(state.counted):
            state = self._end(state, "completed", "superseded")
        return replace(state, outcome="accepted")

    def cancel(self, state: State) -> State:
        """End the job at its user's wish; what is done is kept for another try."""
        return self._end(state, "cancelled", "cancelled")

    def retry(self, state: State) -> State:
        """Go on with a cancelled job."""
        return replace(state, job="live", outcome=None)

    def _lose(self, state: State, token: int, status: LeaseStatus, *, reopens: bool) -> State:
        place = state.leases[token].range
        has_rival = len(state.holders(place)) > 1 and self.rules.leaves_a_range_to_its_rival
        waiting = state.waiting | {place} if reopens and not has_rival else state.waiting
        state = replace(state, waiting=waiting, faults=state.faults + 1, outcome=None)
        return _with_status(state, token, status)

    def _withdraw(self, state: State, place: int, winner: int) -> State:
        losers = [token for token in state.holders(place) if token != winner]
        state = replace(state, waiting=state.waiting - {place})
        for loser in losers:
            state = _with_status(state, loser, "superseded")
        return state

    def _end(
        self, state: State, job: Literal["completed", "cancelled"], status: LeaseStatus
    ) -> State:
        if self.rules.revokes_leases_of_an_ended_job:
            for token in state.active():
                place = state.leases[token].range
                if job == "cancelled" and self.rules.reopens_what_was_cancelled:
                    state = replace(state, waiting=state.waiting | {place})
                state = _with_status(state, token, status)
        waiting = state.waiting if job == "cancelled" else frozenset[int]()
        return replace(state, job=job, waiting=waiting, outcome=None)

    # -- what may happen next ---------------------------------------------------------------

    def steps(self, state: State) -> Iterator[tuple[Action, State]]:
        """Every action that is possible, with what it leads to."""
        yield from self._messages(state)
        if state.job == "live":
            for node in range(self.nodes):
                for place in sorted(state.waiting):
                    if not state.is_busy(node):
                        yield ("lease", node, place), self.lease(state, node, place)
                for place in range(self.ranges):
                    if self.may_speculate(state, node, place):
                        yield ("speculate", node, place), self.speculate(state, node, place)
            if state.faults < self.faults:
                for token in state.active():
                    yield ("expire", token, 0), self.expire(state, token)
                yield ("cancel", 0, 0), replace(self.cancel(state), faults=state.faults + 1)
        elif state.job == "cancelled":
            yield ("retry", 0, 0), self.retry(state)

    def _messages(self, state: State) -> Iterator[tuple[Action, State]]:
        # a message may arrive at any time, any number of times, also after the lease ended
        for token, lease in enumerate(state.leases):
            yield ("complete", token, 0), self.complete(state, token)
            if lease.status != "active" or state.faults < self.faults:
                yield ("release", token, 0), self.release(state, token)


def _with_status(state: State, token: int, status: LeaseStatus) -> State:
    leases = list(state.leases)
    leases[token] = replace(leases[token], status=status)
    return replace(state, leases=tuple(leases))


# -- what must be true ----------------------------------------------------------------------


def _nothing_is_counted_twice(state: State) -> bool:
    return max(state.counted) <= 1


def _a_result_is_complete(state: State) -> bool:
    return state.job != "completed" or all(n == 1 for n in state.counted)


def _each_range_is_held_once(state: State) -> bool:
    if state.job == "completed":
        return True
    return all(
        counted + (place in state.waiting) + bool(state.holders(place)) == 1
        for place, counted in enumerate(state.counted)
    )


def _a_range_has_two_holders_at_most(state: State) -> bool:
    for place in range(len(state.counted)):
        nodes = [state.leases[token].node for token in state.holders(place)]
        if len(nodes) > 2 or len(nodes) != len(set(nodes)):
            return False
    return True


def _an_ended_job_has_no_leases(state: State) -> bool:
    return state.job == "live" or not state.active()


def _accepted_results_are_counted(state: State) -> bool:
    completed = sum(lease.status == "completed" for lease in state.leases)
    return completed == sum(state.counted)


INVARIANTS: Mapping[str, Callable[[State], bool]] = {
    "nothing is counted twice": _nothing_is_counted_twice,
    "a result is complete": _a_result_is_complete,
    "each range is held once": _each_range_is_held_once,
    "a range has two holders at most, on two nodes": _a_range_has_two_holders_at_most,
    "an ended job has no leases": _an_ended_job_has_no_leases,
    "accepted results are counted": _accepted_results_are_counted,
}
UNFINISHABLE = "a job can always be finished"


# -- exploring ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold, and a shortest way to get there."""

    invariant: str
    trace: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Exploration:
    """All states that can be reached, and the first violation."""

    states: int
    steps: int
    violation: Violation | None


def explore(model: Model) -> Exploration:
    """Visit every state, breadth first, so that the way to a violation is a shortest one."""
    start = model.start()
    came_from: dict[State, tuple[State, Action] | None] = {start: None}
    leads_to: dict[State, list[State]] = {}
    queue, steps = deque([start]), 0
    while queue:
        state = queue.popleft()
        for name, holds in INVARIANTS.items():
            if not holds(state):
                return Exploration(len(came_from), steps, Violation(name, _trace(came_from, state)))
        leads_to[state] = []
        for action, reached in model.steps(state):
            steps += 1
            following = _canonical(reached)
            leads_to[state].append(following)
            if following not in came_from:
                came_from[following] = (state, action)
                queue.append(following)
    stuck = _never_finished(leads_to)
    violation = None if stuck is None else Violation(UNFINISHABLE, _trace(came_from, stuck))
    return Exploration(len(came_from), steps, violation)


def _canonical(state: State) -> State:
    """One of the states that differ in the names of nodes and tokens only.

    Who held a lease that ended does not matter any more.
    """
    leases = sorted(
        (lease.range, lease.status, lease.node if lease.status == "active" else -1)
        for lease in state.leases
    )
    names: dict[int, int] = {-1: -1}
    for _, _, node in leases:
        names.setdefault(node, len(names) - 1)
    renamed = tuple(Lease(place, names[node], status) for place, status, node in leases)
    return replace(state, leases=renamed)


def _never_finished(leads_to: Mapping[State, list[State]]) -> State | None:
    """The first state found from which no way leads to the end of the job."""
    comes_from: dict[State, list[State]] = {state: [] for state in leads_to}
    for state, following in leads_to.items():
        for one in following:
            comes_from[one].append(state)
    reached = {state for state in leads_to if state.job == "completed"}
    queue = deque(reached)
    while queue:
        for state in comes_from[queue.popleft()]:
            if state not in reached:
                reached.add(state)
                queue.append(state)
    return next((state for state in leads_to if state not in reached), None)


def _trace(
    came_from: Mapping[State, tuple[State, Action] | None], state: State
) -> tuple[Action, ...]:
    actions = []
    while (step := came_from[state]) is not None:
        state, action = step
        actions.append(action)
    return tuple(reversed(actions))
