"""Broadcast over HTTP: a batch of messages, or one message named by its path."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import JSONResponse, Response

from local.errors import TokenError
from local.identity import resolve_identity
from local.realtime.authorization import BROADCAST, Access
from local.realtime.errors import AccessUnknownError, TokenRefusedError
from local.realtime.frames import Broadcast
from local.realtime.hub import Topic

if TYPE_CHECKING:
    from starlette.requests import Request

    from local.context import Context
    from local.realtime.services import Services
    from local.realtime.tokens import Credentials

logger = logging.getLogger(__name__)

BLANK: Final = "can't be blank"
INVALID: Final = "is invalid"
TOO_LARGE: Final = "Payload size exceeds tenant limit"
BINARY: Final = "application/octet-stream"

Errors = dict[str, list[str]]


class BroadcastApi:
    """The two routes."""

    def __init__(self, context: Context, services: Services) -> None:
        self._context = context
        self._services = services

    async def send_batch(self, request: Request) -> Response:
        """`POST /api/broadcast`: private messages without permission are skipped in silence."""
        credentials = self._credentials(request)
        if credentials is None:
            return _unauthorized()
        body = await _json(request)
        messages = body.get("messages") if isinstance(body, dict) else None
        if not isinstance(messages, list) or not messages:
            return _unprocessable({"messages": [BLANK]})
        errors = [self._errors(message) for message in messages]
        if any(errors):
            return _unprocessable({"messages": errors})
        if self._services.meters.messages.exceeded:
            return _too_many()
        for message in messages:
            await self._send(request, credentials, message)
        return Response(status_code=202)

    async def send_one(self, request: Request) -> Response:
        """`POST /api/broadcast/:topic/events/:event`: JSON, or bytes as octet-stream."""
        credentials = self._credentials(request)
        if credentials is None:
            return _unauthorized()
        payload = await _payload(request)
        if payload is None:
            return _unprocessable({"payload": [INVALID]})
        broadcast = Broadcast(request.path_params["event"], payload)
        if broadcast.size > self._services.limits.broadcast_size:
            return _unprocessable({"payload": [TOO_LARGE]})
        if self._services.meters.messages.exceeded:
            return _too_many()
        private = request.query_params.get("private") == "true"
        topic = Topic(request.path_params["topic"], private)
        if private and not await self._may_send(request, credentials, topic.name):
            return JSONResponse({"message": "Unauthorized"}, 403)
        self._publish(topic, broadcast)
        return Response(status_code=202)

    def _credentials(self, request: Request) -> Credentials | None:
        query = dict(request.query_params)
        try:
            identity = resolve_identity(self._context, request.headers, query)
            return self._services.tokens.verify(identity.token or "")
        except (TokenError, TokenRefusedError):
            return None

    async def _send(
        self, request: Request, credentials: Credentials, message: dict[str, Any]
    ) -> None:
        topic = Topic(message["topic"], message.get("private") is True)
        if topic.private and not await self._may_send(request, credentials, topic.name):
            logger.info("skipped a private message for %s: not permitted", topic.name)
            return
        identifier = message.get("id")
        meta = None if identifier is None else {"id": str(identifier)}
        self._publish(topic, Broadcast(message["event"], json.dumps(message["payload"]), meta))

    async def _may_send(self, request: Request, credentials: Credentials, topic: str) -> bool:
        headers = {name: value for name, value in request.headers.items() if name[:2] == "x-"}
        access = Access(topic, credentials.role, credentials.claims, headers)
        try:
            return BROADCAST in await self._services.authorizer.writable(access, (BROADCAST,))
        except AccessUnknownError:
            logger.warning("the policies of %s cannot be asked now", topic)
            return False

    def _publish(self, topic: Topic, broadcast: Broadcast) -> None:
        self._services.meters.messages.add()
        self._services.hub.publish(topic, broadcast)

    def _errors(self, message: Any) -> Errors:
        if not isinstance(message, dict):
            return {"message": [INVALID]}
        errors = {
            name: [problem]
            for name, kind in (("topic", str), ("event", str), ("payload", dict))
            if (problem := _problem(message.get(name), kind))
        }
        if "payload" not in errors and self._is_too_large(message["payload"]):
            errors["payload"] = [TOO_LARGE]
        return errors

    def _is_too_large(self, payload: dict[str, Any]) -> bool:
        return len(json.dumps(payload).encode()) > self._services.limits.broadcast_size


def _problem(value: Any, kind: type) -> str | None:
    if value is None or value == "":
        return BLANK
    return None if isinstance(value, kind) else INVALID


async def _json(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except ValueError:
        return None


async def _payload(request: Request) -> str | bytes | None:
    body = await request.body()
    if request.headers.get("content-type", "").startswith(BINARY):
        return body
    try:
        return json.dumps(json.loads(body))
    except ValueError:
        return None


def _unauthorized() -> Response:
    return JSONResponse({"message": "Unauthorized"}, 401)


def _unprocessable(errors: dict[str, Any]) -> Response:
    return JSONResponse({"errors": errors}, 422)


def _too_many() -> Response:
    return JSONResponse({"message": "You have exceeded your rate limit"}, 429)
