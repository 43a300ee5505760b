"""One joined channel: what it may do, what it hears, and when it ends."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from local.realtime.authorization import BROADCAST, PRESENCE, Access
from local.realtime.errors import AccessUnknownError, JoinRefusedError, TokenRefusedError
from local.realtime.frames import user_broadcast
from local.realtime.hub import Topic
from local.realtime.permissions import PrivatePermissions, PublicPermissions
from local.realtime.tokens import is_api_key
from local.realtime.tracking import Tracking

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from local.realtime.frames import Broadcast, Frame, Ref
    from local.realtime.joins import JoinRequest
    from local.realtime.permissions import Permissions
    from local.realtime.presence import Diff
    from local.realtime.services import Cancellable, Services
    from local.realtime.tokens import Credentials

logger = logging.getLogger(__name__)

DATABASE_UNAVAILABLE: Final = "Realtime was unable to connect to the project database"
READ_REFUSED: Final = "You do not have permissions to read from this Channel topic: "
READ_REVOKED: Final = "You no longer have permission to read from this Channel topic: "


class Link(Protocol):
    """The connection, as its channels see it."""

    def push(self, channel: Channel, event: str, payload: dict[str, Any]) -> None:
        """Send a message of the server."""

    def reply(self, frame: Frame, status: str, response: dict[str, Any]) -> None:
        """Answer a frame."""

    def broadcast(self, channel: Channel, broadcast: Broadcast) -> None:
        """Send a broadcast."""

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> object:
        """Run a task that ends with the connection."""

    def close_channel(self, channel: Channel) -> None:
        """Tell the client that the channel is closed, and forget it."""


@dataclass(frozen=True, slots=True)
class Join:
    """A join that is well-formed and has a valid token; the policies have not spoken yet."""

    #: as the client names it, `realtime:` included
    topic: str
    ref: Ref
    request: JoinRequest
    credentials: Credentials
    headers: Mapping[str, str]


class Channel:
    """A channel of one connection."""

    def __init__(self, services: Services, link: Link, join: Join) -> None:
        self.name = join.topic
        self.join_ref = join.ref
        self.request = join.request
        self.topic = Topic(join.topic.partition(":")[2], join.request.private)
        self.credentials = join.credentials
        self.is_open = False
        self._services = services
        self._link = link
        self._headers = join.headers
        self.permissions = self._permissions_of(join.credentials)
        self.tracking = Tracking(services, link, self)
        self._replayed: tuple[Broadcast, ...] = ()
        self._replayed_ids: frozenset[object] = frozenset()
        self._token_timer: Cancellable | None = None

    async def open(self) -> None:
        """Let the policies decide; on return the channel hears its topic."""
        await self._ask_to_read(self.permissions)
        self._replayed = await self._recent_messages()
        self._replayed_ids = frozenset(map(_message_id, self._replayed))
        self._services.hub.subscribe(self.topic, self)
        self.is_open = True
        self._watch_token()

    def begin(self) -> None:
        """Send what follows the answer to the join."""
        if self.request.presence_enabled:
            self.tracking.push_state()
        for message in self._replayed:
            self._link.broadcast(self, message)
        self._replayed = ()
        self._subscribe_to_changes()
        if self.request.replication_ready:
            self._link.spawn(self._announce_replication(), "realtime-replication-ready")

    def close(self) -> None:
        """Stop hearing anything; the client is not told."""
        if not self.is_open:
            return
        self.is_open = False
        if self._token_timer is not None:
            self._token_timer.cancel()
        self._services.hub.unsubscribe(self.topic, self)
        self.tracking.stop()
        self._services.changes.unsubscribe(self)

    def shut(self, message: str) -> None:
        """Close the channel for a reason the client is told; it will not rejoin by itself."""
        if self.is_open:
            logger.info("channel %s closes: %s", self.name, message)
            self.system("system", "error", message)
            self._link.close_channel(self)

    def system(self, extension: str, status: str, message: str) -> None:
        """Push a `system` message."""
        text = {"message": message, "status": status}
        origin = {"extension": extension, "channel": self.topic.name}
        self._link.push(self, "system", text | origin)

    def deliver(self, broadcast: Broadcast) -> None:
        """Pass a broadcast to the client, unless policies or a replay say otherwise."""
        if self.permissions.may_read(BROADCAST) and not self._was_replayed(broadcast):
            self._link.broadcast(self, broadcast)
            self._count_message()

    def deliver_presence(self, diff: Diff) -> None:
        """Pass a presence difference to the client."""
        if self.permissions.may_read(PRESENCE):
            self._services.meters.presence.add()
            self._link.push(self, "presence_diff", diff.payload())

    def deliver_change(self, ids: list[int], data: dict[str, Any]) -> None:
        """Pass a change of the database to the client."""
        if self.is_open:
            self._link.push(self, "postgres_changes", {"ids": ids, "data": data})
            self._count_message()

    async def receive_broadcast(self, frame: Frame) -> None:
        """Send the client's broadcast to the topic; a refusal by the policies is silent."""
        broadcast = user_broadcast(frame.payload)
        if not await self._may_broadcast() or not self.is_open:
            return
        if broadcast.size > self._services.limits.broadcast_size:
            self._acknowledge(frame, "error", {"reason": "payload_size_exceeded"})
            return
        sender = None if self.request.echo else self
        self._services.hub.publish(self.topic, broadcast, sender=sender)
        self._acknowledge(frame, "ok", {})
        self._count_message()

    async def receive_token(self, frame: Frame) -> None:
        """Take a new token: the policies are asked again, and losing a right closes the channel."""
        token = frame.payload.get("access_token") if isinstance(frame.payload, dict) else None
        if not isinstance(token, str) or is_api_key(token) or token == self.credentials.token:
            return
        try:
            credentials = self._services.tokens.verify(token)
            permissions = self._permissions_of(credentials)
            await self._ask_to_read(permissions)
        except (TokenRefusedError, JoinRefusedError) as refusal:
            self.shut(refusal.message)
        else:
            self._replace_token(credentials, permissions)

    def _replace_token(self, credentials: Credentials, permissions: Permissions) -> None:
        before, self.permissions = self.permissions, permissions
        self.credentials = credentials
        if _lost_a_right(before, permissions):
            self.shut(READ_REVOKED + self.topic.name)
        elif self.is_open:
            self._watch_token()
            self._subscribe_to_changes()

    def _permissions_of(self, credentials: Credentials) -> Permissions:
        if not self.topic.private:
            return PublicPermissions()
        access = Access(self.topic.name, credentials.role, credentials.claims, self._headers)
        return PrivatePermissions(self._services.authorizer, access)

    async def _ask_to_read(self, permissions: Permissions) -> None:
        extensions = (BROADCAST, PRESENCE) if self.request.presence_enabled else (BROADCAST,)
        try:
            await permissions.ask_to_read(*extensions)
        except AccessUnknownError:
            raise JoinRefusedError("UnableToConnectToProject", DATABASE_UNAVAILABLE) from None
        if not any(permissions.may_read(extension) for extension in extensions):
            raise JoinRefusedError("Unauthorized", READ_REFUSED + self.topic.name)

    async def _may_broadcast(self) -> bool:
        try:
            return await self.permissions.may_write(BROADCAST)
        except AccessUnknownError:
            logger.warning("the policies of %s cannot be asked now", self.name)
            return False

    async def _recent_messages(self) -> tuple[Broadcast, ...]:
        replay = self.request.replay
        if replay is None:
            return ()
        if not self.topic.private:
            raise JoinRefusedError(
                "UnableToReplayMessages", "Replay is not allowed for public channels"
            )
        if not self.permissions.may_read(BROADCAST):
            raise JoinRefusedError("Unauthorized", READ_REFUSED + self.topic.name)
        return tuple(await self._services.archive.recent(self.topic.name, replay))

    def _was_replayed(self, broadcast: Broadcast) -> bool:
        return broadcast.meta is not None and _message_id(broadcast) in self._replayed_ids

    def _subscribe_to_changes(self) -> None:
        if self.request.bindings:
            self._link.spawn(self._follow_changes(), "realtime-changes-subscribe")

    async def _follow_changes(self) -> None:
        await self._services.feed.wait_connected()
        await self._services.changes.subscribe(self)

    async def _announce_replication(self) -> None:
        await self._services.feed.wait_connected()
        self.system("system", "ok", "Replication connection established")

    def _acknowledge(self, frame: Frame, status: str, response: dict[str, Any]) -> None:
        if self.request.ack:
            self._link.reply(frame, status, response)

    def _count_message(self) -> None:
        self._services.meters.messages.add()
        if self._services.meters.messages.exceeded:
            self.shut("Too many messages per second")

    def _watch_token(self) -> None:
        if self._token_timer is not None:
            self._token_timer.cancel()
        remaining = max(0.0, self.credentials.expires_at - self._services.clock())
        delay = min(self._services.limits.token_check, remaining)
        self._token_timer = self._services.timers.call_later(delay, self._check_token)

    def _check_token(self) -> None:
        try:
            self._services.tokens.verify(self.credentials.token)
        except TokenRefusedError as refusal:
            self.shut(refusal.message)
        else:
            self._watch_token()


def _message_id(broadcast: Broadcast) -> object:
    return None if broadcast.meta is None else broadcast.meta.get("id")


def _lost_a_right(before: Permissions, after: Permissions) -> bool:
    return any(
        before.may_read(extension) and not after.may_read(extension)
        for extension in (BROADCAST, PRESENCE)
    )
