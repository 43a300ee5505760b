"""Presence without a socket."""

from __future__ import annotations

import itertools

import pytest

from local.realtime.presence import Diff, Presence


@pytest.fixture
def presence() -> Presence:
    """Nobody is there."""
    numbers = itertools.count(1)
    return Presence(lambda: str(next(numbers)))


def test_who_comes_is_announced(presence: Presence) -> None:
    """The difference and the state agree."""
    diff = presence.track("a", "k", {"x": 1})
    entry = {"k": {"metas": [{"x": 1, "phx_ref": "1"}]}}
    assert diff == Diff(joins=entry)
    assert presence.state() == entry
    assert diff.payload() == {"joins": entry, "leaves": {}}


def test_a_change_replaces_and_points_back(presence: Presence) -> None:
    """The new meta names the reference of the old one."""
    presence.track("a", "k", {"x": 1})
    diff = presence.track("a", "k", {"x": 2})
    assert diff.joins == {"k": {"metas": [{"x": 2, "phx_ref": "2", "phx_ref_prev": "1"}]}}
    assert diff.leaves == {"k": {"metas": [{"x": 1, "phx_ref": "1"}]}}
    assert len(presence.state()["k"]["metas"]) == 1


def test_one_key_may_have_several_members(presence: Presence) -> None:
    """Two tabs of one user are two metas, and leave one by one."""
    presence.track("a", "k", {})
    presence.track("b", "k", {})
    assert presence.untrack("a", "k") == Diff(leaves={"k": {"metas": [{"phx_ref": "1"}]}})
    assert presence.state() == {"k": {"metas": [{"phx_ref": "2"}]}}


def test_who_was_not_there_cannot_leave(presence: Presence) -> None:
    """There is nothing to announce, and nothing is left behind."""
    assert presence.untrack("a", "k") is None
    presence.track("a", "k", {})
    presence.untrack("a", "k")
    assert not presence
