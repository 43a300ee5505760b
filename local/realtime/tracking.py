"""The presence of one channel: what its client announces, within its limits."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from local.realtime.authorization import PRESENCE
from local.realtime.errors import AccessUnknownError
from local.realtime.limits import Quota

if TYPE_CHECKING:
    from local.realtime.channel import Channel, Link
    from local.realtime.frames import Frame
    from local.realtime.services import Services

logger = logging.getLogger(__name__)


class Tracking:
    """Handles `presence` frames."""

    def __init__(self, services: Services, link: Link, channel: Channel) -> None:
        self._services = services
        self._link = link
        self._channel = channel
        self._announced: dict[str, Any] | None = None
        limits = services.limits
        self._quota = Quota(limits.presence_calls, limits.presence_window, services.clock)

    async def receive(self, frame: Frame) -> None:
        """Track or untrack the client."""
        payload = frame.payload if isinstance(frame.payload, dict) else {}
        if not self._quota.take():
            self._channel.shut("Client presence rate limit exceeded")
            return
        match str(payload.get("event")).lower():
            case "track":
                await self._track(frame, payload.get("payload", {}))
            case "untrack":
                self._link.reply(frame, "ok", {})
                self.stop()
            case event:
                logger.info("unknown presence event %r on %s", event, self._channel.name)
                self._link.reply(frame, "error", {})

    def push_state(self) -> None:
        """Tell the client who is present."""
        if self._channel.permissions.may_read(PRESENCE):
            self._services.meters.presence.add()
            state = self._services.hub.presence_state(self._channel.topic)
            self._link.push(self._channel, "presence_state", dict(state))

    def stop(self) -> None:
        """Take the announcement back."""
        if self._announced is not None:
            self._announced = None
            self._services.hub.untrack(self._channel.topic, self._channel, self._key)

    @property
    def _key(self) -> str:
        return self._channel.request.presence_key

    async def _track(self, frame: Frame, payload: Any) -> None:
        if not await self._is_permitted():
            self._link.reply(frame, "error", {})
        elif not isinstance(payload, dict):
            reason = {"reason": "Presence track payload must be a map"}
            self._link.reply(frame, "error", reason)
        elif len(json.dumps(payload)) > self._services.limits.broadcast_size:
            self._channel.shut("Track message size exceeded")
        elif self._services.meters.presence.exceeded:
            self._channel.shut("Too many presence messages per second")
        elif self._channel.is_open:
            self._link.reply(frame, "ok", {})
            self._announce(payload)

    async def _is_permitted(self) -> bool:
        """Ask the policies; whoever may announce itself learns of the others if it may read."""
        permissions = self._channel.permissions
        try:
            await permissions.ask_to_read(PRESENCE)
            return await permissions.may_write(PRESENCE)
        except AccessUnknownError:
            logger.warning("the policies of %s cannot be asked now", self._channel.name)
            return False

    def _announce(self, payload: dict[str, Any]) -> None:
        if payload != self._announced:
            self._announced = payload
            self._services.meters.presence.add()
            self._services.hub.track(self._channel.topic, self._channel, self._key, payload)
