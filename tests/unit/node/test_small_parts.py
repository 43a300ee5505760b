"""Backoff, agenda, pushes and logs."""

from __future__ import annotations

import io
import json
import logging
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from node import stimuli as on
from node.agenda import Agenda
from node.errors import NodeError, ProtocolError, UnauthorizedError
from node.model import NodeSettings
from node.pushes import stimulus_of
from node.utils.backoff import Backoff
from node.utils.logging import CHATTY, configure, context
from tests.unit.node.machine import chunk

if TYPE_CHECKING:
    from collections.abc import Iterator


class HighestDice(Random):
    """Always throws the highest."""

    def uniform(self, a: float, b: float) -> float:
        """The upper end."""
        del a
        return b


def test_the_bound_of_a_backoff_doubles_up_to_its_limit() -> None:
    """And starts again after a success."""
    backoff = Backoff(HighestDice(), initial=1.0, limit=10.0)
    assert [backoff.next() for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    backoff.reset()
    assert backoff.next() == 1.0


def test_a_backoff_draws_from_the_whole_interval() -> None:
    """Full jitter: some are nearly at once."""
    backoff = Backoff(Random(1), initial=10.0, limit=10.0)  # noqa: S311
    delays = [backoff.next() for _ in range(1000)]
    assert min(delays) < 0.1
    assert max(delays) > 9.9


def test_a_backoff_never_undercuts_the_servers_wish() -> None:
    """Jitter comes on top of it."""
    assert Backoff(HighestDice()).next(at_least=30.0) == 31.0


def test_a_very_long_trouble_does_not_overflow() -> None:
    """Weeks of attempts."""
    backoff = Backoff(HighestDice(), limit=60.0, initial=1.0)
    backoff.attempts = 100_000
    assert backoff.next() == 60.0


@pytest.fixture
def agenda() -> Agenda:
    """An empty agenda."""
    return Agenda(HighestDice())


def test_what_is_in_flight_is_not_due(agenda: Agenda) -> None:
    """One try at a time; a wish meanwhile is kept for after it."""
    agenda.expedite("exchange", 1.0)
    assert agenda.due(1.0, {"exchange"}) == ["exchange"]
    agenda.begin("exchange")
    agenda.expedite("exchange", 2.0)
    assert agenda.due(3.0, {"exchange"}) == []
    assert agenda.next_wake({"exchange"}) is None
    agenda.end("exchange")
    assert agenda.due(3.0, {"exchange"}) == ["exchange"]


def test_expediting_never_postpones(agenda: Agenda) -> None:
    """Scheduling does."""
    agenda.schedule("heartbeat", 5.0)
    agenda.expedite("heartbeat", 9.0)
    assert agenda.next_wake({"heartbeat"}) == 5.0
    agenda.schedule("heartbeat", 9.0)
    assert agenda.next_wake({"heartbeat"}) == 9.0


def test_only_what_is_allowed_counts(agenda: Agenda) -> None:
    """The rest keeps its time."""
    agenda.schedule("claim", 1.0)
    agenda.schedule("token", 2.0)
    assert agenda.next_wake({"token"}) == 2.0
    assert agenda.due(3.0, {"token", "claim"}) == ["claim", "token"]


@pytest.mark.parametrize(
    ("event", "payload", "expected"),
    [
        ("claimed", {}, on.Claimed(at=1.0)),
        ("cancel", {"chunk_ids": ["a"]}, on.ChunksCancelled(at=1.0, chunk_ids=("a",))),
        ("command", {"name": "update"}, on.CommandPushed(at=1.0, command={"name": "update"})),
        (
            "settings",
            {"max_parallel": 3, "paused": True, "id": "x"},
            on.SettingsPushed(at=1.0, settings=NodeSettings(3, paused=True)),
        ),
        ("settings", {}, on.SettingsPushed(at=1.0, settings=None)),
        ("from the future", {}, None),
    ],
)
def test_each_push_has_a_meaning(
    event: str, payload: dict[str, Any], expected: on.Stimulus | None
) -> None:
    """Events of later versions are left alone."""
    assert stimulus_of(event, payload, 1.0) == expected


def test_pushed_chunks_are_read_as_exchanged_ones() -> None:
    """The same rows, by another way."""
    known = chunk(1)
    row = {name: getattr(known, name) for name in known.__slots__}
    pushed = stimulus_of("chunks", {"chunks": [row], "id": "x"}, 1.0)
    assert pushed == on.ChunksPushed(at=1.0, chunks=(known,))


@pytest.mark.parametrize(
    ("event", "payload"), [("chunks", {}), ("chunks", {"chunks": [{}]}), ("cancel", {})]
)
def test_a_malformed_push_is_a_protocol_error(event: str, payload: dict[str, Any]) -> None:
    """The subscription logs it and goes on."""
    with pytest.raises(ProtocolError):
        stimulus_of(event, payload, 1.0)


@pytest.fixture
def logs() -> Iterator[io.StringIO]:
    """Where `configure` may write; everything is as before afterwards."""
    root = logging.getLogger()
    level, levels = root.level, {name: logging.getLogger(name).level for name in CHATTY}
    handlers = list(root.handlers)
    yield io.StringIO()
    root.setLevel(level)
    for handler in set(root.handlers) - set(handlers):
        root.removeHandler(handler)
    for name, value in levels.items():
        logging.getLogger(name).setLevel(value)


def test_a_json_log_has_one_object_per_line(logs: io.StringIO) -> None:
    """With the action as its key, and the traceback inside."""
    configure("info", "json", logs)
    logger = logging.getLogger("node.test")
    logger.info("Two\nlines", extra=context("greet", chunk_id="c", moment=object))
    logger.error("It broke", exc_info=NodeError("broken"), extra=context("break"))
    first, second = (json.loads(line) for line in logs.getvalue().splitlines())
    assert (first["action"], first["level"], first["message"]) == ("greet", "info", "Two\nlines")
    assert first["context"]["chunk_id"] == "c"
    assert "NodeError: broken" in second["traceback"]


def test_a_text_log_is_one_line_that_cannot_be_forged(logs: io.StringIO) -> None:
    """A server's words may hold line ends."""
    configure("info", "text", logs)
    logging.getLogger("node.test").warning(
        "bad\n12:00:00 all is well", extra=context("x", a="b\nc")
    )
    (line,) = logs.getvalue().splitlines()
    assert line.endswith("warning: bad | 12:00:00 all is well  a=b | c")


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_secrets_never_reach_a_log(logs: io.StringIO, log_format: Any) -> None:
    """By the name they are logged under, at any depth."""
    configure("debug", log_format, logs)
    fields = {
        "access_token": "s3cret",
        "claim_code": "s3cret",
        "lease_token": "s3cret",
        "headers": {"Authorization": "s3cret", "apikey": "s3cret"},
    }
    logging.getLogger("node.test").info("Hello", extra=context("x", **fields))
    assert "s3cret" not in logs.getvalue()
    assert "Hello" in logs.getvalue()


def test_libraries_do_not_log_requests_and_frames(logs: io.StringIO) -> None:
    """They hold tokens, and the node says it better."""
    configure("debug", "text", logs)
    logging.getLogger("httpx").info("HTTP Request: POST /?apikey=s3cret")
    logging.getLogger("realtime._async.client").error("Connection attempt failed")
    assert logs.getvalue() == ""


def test_an_error_without_a_message_speaks_by_its_docstring() -> None:
    """And gives its advice on a line of its own."""
    error = UnauthorizedError()
    assert str(error) == "The pool does not accept this node's signature or token."
    assert error.diagnostics().splitlines()[0] == str(error)
    assert "clock" in error.diagnostics().splitlines()[1]
