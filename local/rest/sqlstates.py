"""Errors of Postgres as answers: the status of each SQLSTATE, and raises that choose their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from local.rest.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

INSUFFICIENT_PRIVILEGE = "42501"

_EXACT = {
    "23503": 409,  # foreign_key_violation
    "23505": 409,  # unique_violation
    "25006": 405,  # read_only_sql_transaction
    "42883": 404,  # undefined_function
    "42P01": 404,  # undefined_table
    "42P17": 500,  # infinite recursion in a policy
    "53400": 500,  # configuration_limit_exceeded
    "57P01": 503,  # admin_shutdown
    "P0001": 400,  # raise_exception
}
_CLASSES = {
    "08": 503,  # connection exception
    "09": 500,  # triggered action exception
    "0L": 403,  # invalid grantor
    "0P": 403,  # invalid role specification
    "25": 500,  # invalid transaction state
    "28": 403,  # invalid authorization specification
    "2D": 500,  # invalid transaction termination
    "38": 500,  # external routine exception
    "39": 500,  # external routine invocation exception
    "3B": 500,  # savepoint exception
    "40": 500,  # transaction rollback
    "53": 503,  # insufficient resources
    "54": 500,  # program limit exceeded
    "55": 500,  # object not in prerequisite state
    "57": 500,  # operator intervention
    "58": 500,  # system error
    "F0": 500,  # configuration file error
    "HV": 500,  # foreign data wrapper error
    "P0": 500,  # PL/pgSQL error
    "XX": 500,  # internal error
}
_VALID_STATUS = range(100, 1000)


def from_postgres(error: psycopg.Error, *, anonymous: bool) -> ApiError:
    """The answer to a failed statement, for a caller who has signed in or not."""
    state = error.sqlstate
    if state is None:
        return _from_driver(error)
    message = error.diag.message_primary or ""
    if state == "PGRST":
        return _raised(message, error.diag.message_detail)
    status = _status(state, message, anonymous=anonymous)
    return ApiError(
        status,
        state,
        message,
        details=error.diag.message_detail,
        hint=error.diag.message_hint,
        headers={"WWW-Authenticate": "Bearer"} if status == 401 else None,  # noqa: PLR2004
    )


def _from_driver(error: psycopg.Error) -> ApiError:
    """Errors of the connection, or of the values, before Postgres could say anything."""
    details = str(error)
    if isinstance(error, PoolTimeout | TooManyRequests):
        message = "Timed out acquiring connection from connection pool."
        return ApiError(504, "PGRST003", message)
    if isinstance(error, PoolClosed):
        return ApiError(503, "PGRST000", "Database connection error.", details=details)
    if isinstance(error, psycopg.DataError):
        # A null character: Postgres says this itself where it sees one.
        return ApiError(400, "22021", "invalid byte sequence", details=details)
    message = "Database client error. Retrying the connection."
    return ApiError(503, "PGRST001", message, details=details)


def _status(state: str, message: str, *, anonymous: bool) -> int:
    if state == INSUFFICIENT_PRIVILEGE:
        return 401 if anonymous else 403
    if state.startswith("PT"):
        return int(state[2:]) if state[2:].isdigit() and int(state[2:]) in _VALID_STATUS else 500
    if state == "21000":
        return 400 if message.endswith("requires a WHERE clause") else 500
    if state == "22023":
        unknown_role = message.startswith("role") and message.endswith("does not exist")
        return 401 if unknown_role else 400
    return _EXACT.get(state) or _CLASSES.get(state[:2], 400)


def _raised(message: str, detail: str | None) -> ApiError:
    """The answer that `raise sqlstate 'PGRST'` spells out."""
    said = _object(message)
    if said is None or not {"code", "message"} <= said.keys():
        return _unreadable(
            f"Invalid JSON value for MESSAGE: '{message}'",
            "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional "
            "keys: 'details', 'hint'.",
        )
    how = _object(detail or "")
    headers = None if how is None else how.get("headers")
    if how is None or not isinstance(headers, dict) or how.get("status") not in _VALID_STATUS:
        missing = "DETAIL is missing in the RAISE statement"
        return _unreadable(
            missing if detail is None else f"Invalid JSON value for DETAIL: '{detail}'",
            "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional "
            "key: 'status_text'.",
        )
    return ApiError(
        how["status"],
        str(said["code"]),
        str(said["message"]),
        details=said.get("details"),
        hint=said.get("hint"),
        headers=_texts(headers),
    )


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _texts(headers: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in headers.items()}


def _unreadable(details: str, hint: str) -> ApiError:
    message = "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error"
    return ApiError(500, "PGRST121", message, details=details, hint=hint)
