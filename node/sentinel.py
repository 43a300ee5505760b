"""The signed HTTP client: what a node says before it has a token, and to get one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx

from node.auth import NodeKey, Parameters, sign_request
from node.errors import UnauthorizedError
from node.http import http_date, read_json, send
from node.model import RegistrationAnswer, Token
from node.wire import decode_camel

SMALL_SKEW: Final = 60.0  # seconds; the server tolerates 300, so less is not why it refuses


class Sentinel:
    """Calls of the pool's handlers, signed with the node's key.

    `clock` gives unix seconds. The first refusal that shows a wrong clock corrects it, once, by the
    answer's Date.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        key: NodeKey,
        url: str,
        publishable_key: str,
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._key = key
        self._url = f"{url}/functions/v1"
        self._publishable_key = publishable_key
        self._clock = clock
        self._correction = 0.0
        self._is_corrected = False

    def now(self) -> float:
        """Unix seconds as the server counts them, as far as this node knows."""
        return self._clock() + self._correction

    @property
    def clock_correction(self) -> float:
        """Seconds added to this machine's clock."""
        return self._correction

    async def register(self, registration: Mapping[str, Any]) -> RegistrationAnswer:
        """Make this node known, or get it a new claim code."""
        return decode_camel(RegistrationAnswer, await self._post("node-register", registration))

    async def token(self) -> Token:
        """Get a token for the database and Realtime."""
        return decode_camel(Token, await self._post("node-token", {}))

    async def unregister(self) -> str:
        """Remove this node from the pool; returns the id it had."""
        answer = await self._post("node-unregister", {})
        return str(answer["id"]) if isinstance(answer, Mapping) and "id" in answer else ""

    async def health(self) -> Mapping[str, Any]:
        """What the pool says of itself."""
        request = self._client.build_request("GET", f"{self._url}/health", headers=self._headers())
        answer = read_json(await send(self._client, request))
        return answer if isinstance(answer, Mapping) else {}

    async def _post(self, handler: str, body: Mapping[str, Any]) -> Any:
        response = await self._send(handler, body)
        if response.status_code == httpx.codes.UNAUTHORIZED and self._correct_clock(response):
            response = await self._send(handler, body)
        try:
            return read_json(response)
        except UnauthorizedError as error:
            raise self._with_clock_advice(error) from None

    async def _send(self, handler: str, body: Mapping[str, Any]) -> httpx.Response:
        url = f"{self._url}/{handler}"
        content = json.dumps(body, separators=(",", ":")).encode()
        parameters = Parameters.fresh(self._key, int(self.now()))
        signature = sign_request(self._key, "POST", url, content, parameters)
        headers = {**self._headers(), "content-type": "application/json", **signature}
        request = self._client.build_request("POST", url, content=content, headers=headers)
        return await send(self._client, request)

    def _headers(self) -> dict[str, str]:
        return {"apikey": self._publishable_key}

    def _correct_clock(self, response: httpx.Response) -> bool:
        """Whether the clock was wrong and is now set; only the first time, against a liar."""
        date = http_date(response.headers.get("date", ""))
        if date is None or self._is_corrected:
            return False
        skew = date.timestamp() - self.now()
        if abs(skew) < SMALL_SKEW:
            return False
        self._correction += skew
        self._is_corrected = True
        return True

    def _with_clock_advice(self, error: UnauthorizedError) -> UnauthorizedError:
        if not self._is_corrected:
            return error
        return UnauthorizedError(
            str(error),
            details=error.details,
            advice=f"This machine's clock is off by {self._correction:.0f} s: set it by NTP.",
        )
