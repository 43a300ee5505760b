"""One client's socket after the handshake: frames in, frames out, no I/O of its own."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Protocol

from local.realtime.channel import Channel, Join
from local.realtime.errors import JoinRefusedError, MalformedFrameError, TokenRefusedError
from local.realtime.frames import Broadcast, Frame, Push, Reply
from local.realtime.joins import parse_join, sub_topic
from local.realtime.tokens import is_api_key, refused_join

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from local.realtime.frames import Encoded, Serializer
    from local.realtime.joins import JoinRequest
    from local.realtime.services import Services
    from local.realtime.tokens import Credentials

logger = logging.getLogger(__name__)

SOCKET_TOPIC: Final = "phoenix"
UNKNOWN_ERROR: Final = "Unknown Error on Channel"


class Outlet(Protocol):
    """Where a session's frames go."""

    def send(self, message: Encoded) -> None:
        """Queue a frame for the client."""

    def close(self, code: int, reason: str) -> None:
        """End the connection after what is queued."""

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> object:
        """Run a task that ends with the connection."""


class Session:
    """The channels of one socket."""

    def __init__(
        self,
        services: Services,
        serializer: Serializer,
        outlet: Outlet,
        *,
        token: str,
        headers: Mapping[str, str],
    ) -> None:
        self._services = services
        self._serializer = serializer
        self._outlet = outlet
        self._token = token
        self._headers = headers
        self._channels: dict[str, Channel] = {}

    async def receive(self, message: Encoded) -> None:
        """Handle one message of the client; a malformed one is logged and dropped."""
        try:
            await self._handle(self._serializer.decode(message))
        except MalformedFrameError as error:
            logger.info("dropped a malformed frame: %s", error)

    def close(self) -> None:
        """Forget all channels."""
        for channel in self._channels.values():
            channel.close()
        self._channels.clear()

    def push(self, channel: Channel, event: str, payload: dict[str, Any]) -> None:
        """Send a message of the server."""
        message = Push(channel.name, event, payload, channel.join_ref)
        self._outlet.send(self._serializer.push(message))

    def reply(self, frame: Frame, status: str, response: dict[str, Any]) -> None:
        """Answer a frame."""
        answer = Reply(frame.topic, status, response, frame.ref, frame.join_ref)
        self._outlet.send(self._serializer.reply(answer))

    def broadcast(self, channel: Channel, broadcast: Broadcast) -> None:
        """Send a broadcast, if this client's dialect can carry it."""
        key = (self._serializer.vsn, channel.name)
        if key not in broadcast.encoded:
            broadcast.encoded[key] = self._serializer.broadcast(channel.name, broadcast)
        encoded = broadcast.encoded[key]
        if encoded is not None:
            self._outlet.send(encoded)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run a task that ends with the connection."""
        self._outlet.spawn(work, name)

    def close_channel(self, channel: Channel) -> None:
        """Tell the client that the channel is closed, and forget it."""
        if self._channels.get(channel.name) is channel:
            del self._channels[channel.name]
        channel.close()
        message = Push(channel.name, "phx_close", {}, channel.join_ref, channel.join_ref)
        self._outlet.send(self._serializer.push(message))

    async def _handle(self, frame: Frame) -> None:
        if frame.topic == SOCKET_TOPIC:
            self._handle_socket(frame)
        elif frame.event == "phx_join":
            await self._join(frame)
        elif frame.topic in self._channels:
            await self._handle_channel(self._channels[frame.topic], frame)
        elif frame.event == "phx_leave":
            self.reply(frame, "ok", {})
        else:
            self.reply(frame, "error", {"reason": "unmatched topic"})

    def _handle_socket(self, frame: Frame) -> None:
        if frame.event == "heartbeat":
            self.reply(frame, "ok", {})

    async def _handle_channel(self, channel: Channel, frame: Frame) -> None:
        if frame.join_ref not in {None, channel.join_ref}:
            return
        match frame.event:
            case "broadcast":
                await channel.receive_broadcast(frame)
            case "presence":
                await channel.tracking.receive(frame)
            case "access_token":
                await channel.receive_token(frame)
            case "phx_leave":
                self.reply(frame, "ok", {})
                self.close_channel(channel)
            case event:
                logger.info("ignored the unknown event %r on %s", event, channel.name)

    async def _join(self, frame: Frame) -> None:
        if frame.topic in self._channels:
            self.close_channel(self._channels[frame.topic])
        try:
            channel = await self._open(frame)
        except JoinRefusedError as refusal:
            self._refuse(frame, str(refusal))
            if refusal.code == "ClientJoinRateLimitReached":
                self._outlet.close(1000, refusal.message)
        except Exception:
            logger.exception("the join of %s failed", frame.topic)
            self._refuse(frame, UNKNOWN_ERROR)
        else:
            self._channels[frame.topic] = channel
            bindings = [binding.echo() for binding in channel.request.bindings]
            self.reply(frame, "ok", {"postgres_changes": bindings})
            channel.begin()

    async def _open(self, frame: Frame) -> Channel:
        sub_topic(frame.topic)
        request = parse_join(frame.payload)
        self._check_limits(request)
        ref = frame.ref if frame.join_ref is None else frame.join_ref
        credentials = self._credentials(request)
        join = Join(frame.topic, ref, request, credentials, self._headers)
        channel = Channel(self._services, self, join)
        await channel.open()
        return channel

    def _check_limits(self, request: JoinRequest) -> None:
        limits = self._services.limits
        if not limits.public_channels and not request.private:
            raise JoinRefusedError("PrivateOnly", "This project only allows private channels")
        if self._services.meters.joins.exceeded:
            raise JoinRefusedError("ClientJoinRateLimitReached", "Too many joins per second")
        self._services.meters.joins.add()
        if len(self._channels) >= limits.channels_per_connection:
            raise JoinRefusedError("ChannelRateLimitReached", "Too many channels")

    def _credentials(self, request: JoinRequest) -> Credentials:
        token = request.token
        try:
            return self._services.tokens.verify(
                self._token if token is None or is_api_key(token) else token
            )
        except TokenRefusedError as refusal:
            raise refused_join(refusal) from None

    def _refuse(self, frame: Frame, reason: str) -> None:
        logger.info("refused the join of %s: %s", frame.topic, reason)
        delay = self._services.limits.join_backoff
        self._services.timers.call_later(
            delay, lambda: self.reply(frame, "error", {"reason": reason})
        )
