"""A session without a socket, a database or a clock of its own."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.config import Settings
from local.keys import Keyring, create_signing_jwk
from local.realtime.chaos import Chaos
from local.realtime.errors import AccessUnknownError
from local.realtime.frames import Broadcast, ObjectSerializer
from local.realtime.hub import Hub
from local.realtime.services import Meters, Services
from local.realtime.session import Session
from local.realtime.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from local.realtime.authorization import Access
    from local.realtime.channel import Channel
    from local.realtime.frames import Encoded
    from local.realtime.joins import Replay
    from local.realtime.limits import Limits

START = 1_000_000.0


@dataclass
class PlannedCall:
    """A call that has been planned."""

    at: float
    callback: Callable[[], None]
    is_cancelled: bool = False

    def cancel(self) -> None:
        """Do not make the call."""
        self.is_cancelled = True


class Time:
    """A clock and timers that move together, when the test says so."""

    def __init__(self) -> None:
        self.now = START
        self._planned: list[PlannedCall] = []

    def __call__(self) -> float:
        """The time now."""
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None]) -> PlannedCall:
        """Plan a call."""
        call = PlannedCall(self.now + delay, callback)
        self._planned.append(call)
        return call

    def advance(self, seconds: float) -> None:
        """Let time pass, making the calls that fall due, in order."""
        end = self.now + seconds
        while due := [call for call in self._planned if call.at <= end and not call.is_cancelled]:
            call = min(due, key=lambda planned: planned.at)
            self._planned.remove(call)
            self.now = max(self.now, call.at)
            call.callback()
        self.now = end


@dataclass
class Policies:
    """Policies as the test sets them."""

    readable_extensions: frozenset[str] = frozenset({"broadcast", "presence"})
    writable_extensions: frozenset[str] = frozenset({"broadcast", "presence"})
    is_reachable: bool = True
    questions: list[tuple[str, str]] = field(default_factory=list)

    async def readable(self, access: Access, extensions: tuple[str, ...]) -> frozenset[str]:
        """What the test allows to read."""
        return self._answer("read", access, extensions, self.readable_extensions)

    async def writable(self, access: Access, extensions: tuple[str, ...]) -> frozenset[str]:
        """What the test allows to write."""
        return self._answer("write", access, extensions, self.writable_extensions)

    def _answer(
        self, verb: str, access: Access, extensions: tuple[str, ...], granted: frozenset[str]
    ) -> frozenset[str]:
        if not self.is_reachable:
            raise AccessUnknownError
        self.questions.append((verb, access.topic))
        return granted & frozenset(extensions)


class EmptyArchive:
    """Remembers nothing but what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Replay]] = []

    async def recent(self, topic: str, replay: Replay) -> Sequence[Broadcast]:
        """No messages."""
        self.asked.append((topic, replay))
        return ()


class NoChanges:
    """Serves no tables, but knows whom it should serve."""

    def __init__(self) -> None:
        self.channels: list[str] = []

    async def subscribe(self, channel: Channel) -> None:
        """Remember the channel."""
        self.channels.append(channel.name)

    def unsubscribe(self, channel: Channel) -> None:
        """Forget the channel."""
        if channel.name in self.channels:
            self.channels.remove(channel.name)


class Stream:
    """A feed that always flows."""

    async def wait_connected(self) -> None:
        """Return at once."""


class Outlet:
    """Collects what a session sends."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.closed: tuple[int, str] | None = None
        self.tasks: list[asyncio.Task[None]] = []

    def send(self, message: Encoded) -> None:
        """Keep a frame."""
        self.frames.append(json.loads(message))

    def close(self, code: int, reason: str) -> None:
        """Remember the end."""
        self.closed = (code, reason)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> object:
        """Run a task."""
        self.tasks.append(asyncio.get_running_loop().create_task(work, name=name))
        return self.tasks[-1]


class House:
    """The services of a stand-in without a database."""

    def __init__(self, limits: Limits) -> None:
        self.time = Time()
        self.policies = Policies()
        self.changes = NoChanges()
        self.keyring = Keyring("sb_secret_x", "s" * 32, (create_signing_jwk(),), int(START))
        settings = Settings(data_dir=Path("/nowhere"))
        chaos = Chaos(settings, random.Random(1), self.time)  # noqa: S311 - not secret
        self.services = Services(
            hub=Hub(chaos.drops_message),
            tokens=Tokens(self.keyring, self.time),
            authorizer=self.policies,
            archive=EmptyArchive(),
            changes=self.changes,
            feed=Stream(),
            chaos=chaos,
            limits=limits,
            meters=Meters(limits, self.time),
            timers=self.time,
            clock=self.time,
        )

    def token(self, *, lifetime: int = 3600, **claims: Any) -> str:
        """A token of a user."""
        body = {"role": "authenticated", **claims}
        return self.keyring.issue(body, expires_in=lifetime, now=self.time())

    def guest(self) -> Guest:
        """Another client."""
        return Guest(self)


class Guest:
    """A client's side of a session."""

    def __init__(self, house: House) -> None:
        self.outlet = Outlet()
        self._refs = 0
        self.session = Session(
            house.services,
            ObjectSerializer(),
            self.outlet,
            token=house.keyring.anon_key,
            headers={},
        )

    async def send(self, topic: str, event: str, payload: Any) -> str:
        """Send a frame and return its reference."""
        self._refs += 1
        ref = str(self._refs)
        frame = {"topic": topic, "event": event, "payload": payload, "ref": ref}
        await self.session.receive(json.dumps(frame))
        return ref

    async def join(self, topic: str, token: str | None = None, **config: Any) -> Any:
        """Join a channel and return the payload of the answer, if there is one yet."""
        payload = {"config": config, "access_token": token}
        ref = await self.send(f"realtime:{topic}", "phx_join", payload)
        answers = [frame for frame in self.outlet.frames if frame["ref"] == ref]
        return answers[0]["payload"] if answers else None

    def heard(self, event: str) -> list[dict[str, Any]]:
        """The payloads of an event, so far."""
        return [frame["payload"] for frame in self.outlet.frames if frame["event"] == event]
