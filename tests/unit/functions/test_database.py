"""What the database raises, as the handlers answer it."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from psycopg_pool import PoolTimeout

from _shared.database import translate, unwrap
from _shared.errors import HandlerError


class FakeError(psycopg.Error):
    """An error of Postgres with the parts that are read."""

    def __init__(self, state: str, detail: str | None = None, hint: str | None = None) -> None:
        super().__init__("internal words")
        self.sqlstate = state
        self._parts = Diagnostic("For a person.", detail, hint)

    @property
    def diag(self) -> Any:
        """Return the parts of the message."""
        return self._parts


class Diagnostic:
    """The parts of an error's message."""

    def __init__(self, message: str, detail: str | None, hint: str | None) -> None:
        self.message_primary = message
        self.message_detail = detail
        self.message_hint = hint


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [
        ("PT400", 400, "INVALID_REQUEST"),
        ("PT401", 401, "UNAUTHORIZED"),
        ("PT403", 403, "FORBIDDEN"),
        ("PT404", 404, "NOT_FOUND"),
        ("PT409", 409, "CONFLICT"),
        ("PT410", 410, "GONE"),
        ("PT422", 422, "INVALID_ALLOCATION"),
        ("PT429", 429, "RATE_LIMITED"),
        ("PT503", 503, "UNAVAILABLE"),
    ],
)
def test_refusals_of_functions(state: str, status: int, code: str) -> None:
    """PTnnn becomes status nnn with its code, and the sentence that was raised."""
    error = translate(FakeError(state))
    assert (error.status, error.code, error.message) == (status, code, "For a person.")


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        (None, {}),
        ('{"code": "GONE", "id": 7}', {"id": 7}),
        ('{"fields": {"max_parallel": "is too much"}}', {"maxParallel": "is too much"}),
        ("not json", {"reason": "not json"}),
        ("[1]", {"reason": [1]}),
    ],
)
def test_details_of_refusals(detail: str | None, expected: dict[str, Any]) -> None:
    """The detail's members become details, wrong fields by their names in the request."""
    assert translate(FakeError("PT410", detail)).details == expected


def test_hint_is_a_detail() -> None:
    """A hint is handed on."""
    assert translate(FakeError("PT404", None, "Look again.")).details == {"hint": "Look again."}


def test_wait_is_a_header() -> None:
    """The seconds to wait become Retry-After."""
    error = translate(FakeError("PT429", json.dumps({"retry_after": 12})))
    assert error.headers["Retry-After"] == "12"


@pytest.mark.parametrize(
    "error",
    [
        PoolTimeout("no connection"),
        psycopg.OperationalError("connection failed"),
        FakeError("08006"),
        FakeError("57P01"),
        FakeError("57014"),
        FakeError("53300"),
        FakeError("40001"),
        FakeError("40P01"),
    ],
)
def test_passing_failures_are_unavailable(error: psycopg.Error) -> None:
    """What may work when tried again is 503."""
    assert translate(error).status == 503


@pytest.mark.parametrize("state", ["42501", "42883", "23514", "22P02", "P0001", "PTabc"])
def test_defects_are_server_errors(state: str) -> None:
    """What is a defect of ours is 500, and its words stay inside."""
    error = translate(FakeError(state))
    assert error.status == 500
    assert "internal" not in json.dumps(error.envelope())
    assert "For a person" not in json.dumps(error.envelope())


@pytest.mark.parametrize("answer", [None, 7, [], {}, {"success": True}, {"id": 1}])
def test_answers_pass(answer: Any) -> None:
    """An answer that is no refusal passes as it is."""
    assert unwrap(answer) == answer


def test_refusal_without_details() -> None:
    """A refusal needs no more than its code."""
    with pytest.raises(HandlerError) as caught:
        unwrap({"success": False, "code": "GONE"})
    assert caught.value.status == 410
