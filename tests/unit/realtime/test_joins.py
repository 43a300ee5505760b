"""The payload of `phx_join`."""

from __future__ import annotations

from typing import Any

import pytest

from local.realtime.errors import JoinRefusedError
from local.realtime.joins import Replay, parse_join, sub_topic


def test_the_join_of_the_python_client_is_read() -> None:
    """Every option has its place."""
    binding = {"event": "*", "schema": "public", "table": "t", "filter": "id=eq.1"}
    request = parse_join(
        {
            "config": {
                "broadcast": {"ack": True, "self": False, "replay": {"since": 5, "limit": 99}},
                "presence": {"key": "k", "enabled": True},
                "private": True,
                "postgres_changes": [binding, None],
            },
            "access_token": "a.b.c",
        }
    )
    assert (request.ack, request.echo, request.private) == (True, False, True)
    assert (request.presence_enabled, request.presence_key) == (True, "k")
    assert request.replay == Replay(5, 25)
    assert request.token == "a.b.c"
    (only,) = request.bindings
    assert only.echo() == {**binding, "id": only.id}
    assert only.id > 0


@pytest.mark.parametrize("payload", [None, [], {}, {"config": 7}, {"config": {"presence": []}}])
def test_what_is_missing_or_wrong_counts_as_absent(payload: Any) -> None:
    """A sloppy client gets a public channel without extras."""
    request = parse_join(payload)
    assert not request.private
    assert not request.presence_enabled
    assert request.token is None
    assert request.bindings == ()
    assert len(request.presence_key) > 10


@pytest.mark.parametrize(
    ("value", "truth"), [("True", True), ("false", False), ("x", False), (1, False)]
)
def test_booleans_may_be_words(value: object, truth: bool) -> None:  # noqa: FBT001
    """As the platform accepts them."""
    assert parse_join({"config": {"private": value}}).private is truth


def test_equal_bindings_have_equal_ids() -> None:
    """The order of the parameters does not matter, their values do."""
    first, second, third = parse_join(
        {"config": {"postgres_changes": [{"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1, "b": 3}]}}
    ).bindings
    assert first.id == second.id != third.id


@pytest.mark.parametrize(
    "replay", [{}, {"since": None}, {"since": 1, "limit": "x"}, {"since": True}]
)
def test_a_replay_needs_a_moment(replay: dict[str, Any]) -> None:
    """Its parameters are checked before the channel opens."""
    with pytest.raises(JoinRefusedError, match="Replay params are not valid"):
        parse_join({"config": {"broadcast": {"replay": replay}}})


def test_a_topic_has_a_name() -> None:
    """What follows `realtime:`."""
    assert sub_topic("realtime:node:1") == "node:1"
    with pytest.raises(JoinRefusedError, match="TopicNameRequired"):
        sub_topic("realtime:")
