"""One HTTP exchange with the pool: what comes back is JSON or one of the node's errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx

from node.errors import (
    NodeError,
    PoolRefusalError,
    PoolUnavailableError,
    ProtocolError,
    RateLimitedError,
    UnauthorizedError,
)

UNAVAILABLE: Final = frozenset({502, 503, 504})
CONNECT_TIMEOUT: Final = 10.0
LONGEST_WAIT: Final = 3600.0  # a Retry-After beyond it is taken for a mistake


def new_client(
    request_timeout: float, transport: httpx.AsyncBaseTransport | None = None
) -> httpx.AsyncClient:
    """A client that waits this long for an answer, and less for a connection."""
    timeout = httpx.Timeout(request_timeout, connect=min(CONNECT_TIMEOUT, request_timeout))
    return httpx.AsyncClient(timeout=timeout, transport=transport)


async def send(client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
    """Send a request and read the whole answer; raises PoolUnavailableError."""
    try:
        return await client.send(request)
    except httpx.TimeoutException as error:
        raise PoolUnavailableError(f"{request.url.host} did not answer in time") from error
    except httpx.HTTPError as error:
        reason = str(error) or type(error).__name__
        raise PoolUnavailableError(f"{request.url.host} cannot be reached: {reason}") from error


def read_json(response: httpx.Response) -> Any:
    """The answer's JSON; raises the error that the answer stands for."""
    if response.is_success:
        return _decode(response)
    raise error_of(response)


def error_of(response: httpx.Response) -> NodeError:
    """The error of an answer, from the handlers' envelope or PostgREST's."""
    body = _envelope(response)
    message = body.get("error") or body.get("message")
    message = str(message or f"the pool answered {response.status_code} {response.reason_phrase}")
    details = body.get("details")
    details = details if isinstance(details, Mapping) else {}
    if response.status_code == httpx.codes.UNAUTHORIZED:
        return UnauthorizedError(message, details=details)
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return RateLimitedError(message, retry_after=retry_after(response))
    if response.status_code in UNAVAILABLE:
        return PoolUnavailableError(message, retry_after=retry_after(response))
    code = str(body.get("code") or "SERVER_ERROR")
    return PoolRefusalError(message, status=response.status_code, code=code, details=details)


def retry_after(response: httpx.Response) -> float:
    """Seconds the pool asks to wait: a number or a date (RFC 9110); 0 when it does not ask."""
    value = response.headers.get("retry-after", "")
    if value.isdecimal():
        return min(float(value), LONGEST_WAIT)
    moment, now = http_date(value), http_date(response.headers.get("date", ""))
    if moment is None:
        return 0.0
    wait = (moment - (now or datetime.now(UTC))).total_seconds()
    return min(max(wait, 0.0), LONGEST_WAIT)


def http_date(value: str) -> datetime | None:
    """A date of an HTTP header; None when it is none."""
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _decode(response: httpx.Response) -> Any:
    if not response.content:
        return None
    try:
        return response.json()
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(f"{response.url.host} answers, but not with JSON") from error


def _envelope(response: httpx.Response) -> Mapping[str, Any]:
    try:
        body = _decode(response)
    except ProtocolError:
        return {}
    return body if isinstance(body, Mapping) else {}
