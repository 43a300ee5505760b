"""A user's requests to the pool: functions, rows and handlers, with failures in plain words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

import httpx

from node.errors import PoolRefusalError, PoolUnavailableError, SignInError
from node.http import UNAVAILABLE, retry_after
from node.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from types import TracebackType

    from node.config import Settings

UNAUTHORIZED, FORBIDDEN = 401, 403
USER_AGENT = f"simpool-node/{VERSION}"


class PoolClient:
    """Speaks to one pool as a visitor, or as the user whose token `token` gives at each request."""

    def __init__(
        self,
        settings: Settings,
        token: Callable[[], Awaitable[str]] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.settings = settings
        self._token = token
        self._http = httpx.AsyncClient(
            headers={"apikey": settings.publishable_key, "User-Agent": USER_AGENT},
            timeout=settings.request_timeout,
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        """Use the client in an `async with` block."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def token(self) -> str | None:
        """The access token of the user, None for a visitor."""
        return await self._token() if self._token else None

    async def rpc(self, name: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """The answer of a function of the database."""
        return _body(await self.send("POST", f"/rest/v1/rpc/{name}", body=dict(arguments or {})))

    async def rows(self, table: str, **query: str) -> list[dict[str, Any]]:
        """Rows of a table that the user may read; `query` is in the words of PostgREST."""
        answer = _body(await self.send("GET", f"/rest/v1/{table}", query=query))
        return [row for row in answer if isinstance(row, dict)] if isinstance(answer, list) else []

    async def handler(
        self, method: str, name: str, *, query: Mapping[str, str] | None = None, body: Any = None
    ) -> Any:
        """The answer of a handler."""
        return _body(await self.send(method, f"/functions/v1/{name}", query=query, body=body))

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> httpx.Response:
        """A request that must succeed; raises SignInError or PoolRefusalError where it does not."""
        response = await self.ask(method, path, query=query, body=body)
        if response.is_success:
            return response
        raise refusal(response)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> httpx.Response:
        """One request, whatever the answer; raises PoolUnavailableError where there is none."""
        token = await self.token()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        origin = self._origin(path)
        try:
            return await self._http.request(
                method, f"{origin}{path}", params=query, json=body, headers=headers
            )
        except httpx.HTTPError as error:
            raise unreachable(origin, error) from error

    def _origin(self, path: str) -> str:
        """Handlers may be hosted apart: the hosted platform runs no Python."""
        apart = path.startswith("/functions/")
        return self.settings.handlers_url if apart else self.settings.url


def unreachable(url: str, error: Exception) -> PoolUnavailableError:
    """The failure of a request that got no answer."""
    reason = str(error) or type(error).__name__
    return PoolUnavailableError(
        f"the pool at {url} does not answer ({reason})",
        advice="Check the address (--pool) and your network, or start a pool on this machine "
        "with: python -m local up",
    )


def refusal(response: httpx.Response) -> PoolUnavailableError | PoolRefusalError:
    """The failure that an answer of the pool stands for, in its own words where it has some."""
    document = _document(response)
    message, advice = _message(document, response), _hint(document, response)
    if response.status_code in UNAVAILABLE:
        return PoolUnavailableError(
            f"the pool cannot answer now: {message}",
            retry_after=retry_after(response),
            advice=advice or "Try again in a moment.",
        )
    details = _details(document)
    if (trace := response.headers.get("x-correlation-id")) and response.is_server_error:
        message = f"{message} (correlation id {trace})"
    code = str(details.pop("code", None) or document.get("code") or "INVALID_REQUEST")
    kind = PoolRefusalError
    if response.status_code in {UNAUTHORIZED, FORBIDDEN}:
        kind, advice = SignInError, advice or "Sign in with: python -m node login"
    return kind(message, status=response.status_code, code=code, details=details, advice=advice)


def _body(response: httpx.Response) -> Any:
    if not response.content:
        return None
    try:
        return response.json()
    except ValueError as error:
        raise PoolUnavailableError(
            f"{response.url.host} answered something that is not JSON",
            advice="Check that --pool is the address of a pool.",
        ) from error


def _document(response: httpx.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _message(document: Mapping[str, Any], response: httpx.Response) -> str:
    for key in ("error", "message", "msg", "error_description"):
        if isinstance(document.get(key), str) and document[key]:
            return str(document[key])
    return f"HTTP {response.status_code} {response.reason_phrase}".strip()


def _details(document: Mapping[str, Any]) -> dict[str, Any]:
    """Details of an error: an object from the handlers, its JSON text from the database."""
    details = document.get("details")
    if isinstance(details, str):
        try:
            details = json.loads(details)
        except ValueError:
            return {"details": details}
    return dict(details) if isinstance(details, dict) else {}


def _hint(document: Mapping[str, Any], response: httpx.Response) -> str | None:
    if isinstance(document.get("hint"), str) and document["hint"]:
        return str(document["hint"])
    wait = retry_after(response)
    return f"Try again in {wait:.0f} s." if wait else None
