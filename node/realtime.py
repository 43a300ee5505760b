"""The node's private Realtime topic: one subscription at a time, watched until it is lost.

realtime-py's own reconnecting is off: it gives up after some tries without a word, never comes back
from a channel that the server closed, and has no jitter. Here a lost subscription simply ends, with
the reason, and whoever runs the node decides when to open the next.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from realtime import AsyncRealtimeChannel, AsyncRealtimeClient, RealtimeSubscribeStates
from websockets.exceptions import InvalidStatus, WebSocketException

from node.utils.logging import context

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from realtime.types import BroadcastPayload, RealtimeChannelOptions

logger = logging.getLogger(__name__)

JOIN_TIMEOUT: Final = 10  # seconds; a refused join is answered after 5

TOKEN_REFUSALS: Final = ("jwt", "unauthorized", "token", "permission", "http 401", "http 403")
RATE_LIMITS: Final = ("ratelimitreached", "too many", "http 429")


@dataclass(frozen=True, slots=True)
class Lost:
    """Why a subscription ended."""

    reason: str

    @property
    def token_refused(self) -> bool:
        """A newer token may help."""
        return any(word in self.reason.lower() for word in TOKEN_REFUSALS)

    @property
    def rate_limited(self) -> bool:
        """The server wants to be left alone for a while."""
        return any(word in self.reason.lower() for word in RATE_LIMITS)


class Subscription:
    """The messages of one private topic, from one join until the end of it."""

    def __init__(
        self,
        url: str,
        publishable_key: str,
        topic: str,
        on_message: Callable[[str, Mapping[str, Any]], None],
    ) -> None:
        self._topic = topic
        self._on_message = on_message
        self._lost: asyncio.Future[Lost] = asyncio.get_running_loop().create_future()
        self._client = AsyncRealtimeClient(
            f"{url}/realtime/v1",
            token=publishable_key,
            auto_reconnect=False,
            max_retries=1,
            timeout=JOIN_TIMEOUT,
        )

    async def use_token(self, token: str) -> None:
        """Send a newer token before the old one runs out; without one the server hangs up."""
        try:
            await self._client.set_auth(token)
        except Exception as error:
            logger.exception("A token could not be sent", extra=context("token_not_sent"))
            self._lose(Lost(f"a newer token could not be sent: {error}"))

    async def run(self, token: str, on_joined: Callable[[], None]) -> Lost:
        """Join, deliver messages, and return why it ended."""
        await self._client.set_auth(token)
        channel = self._client.channel(self._topic, _options())
        channel.on_broadcast("*", self._deliver)
        try:
            await channel.subscribe(self._state_callback(on_joined))
            return await self._watch()
        except InvalidStatus as error:
            return Lost(f"HTTP {error.response.status_code} at the handshake")
        except (OSError, WebSocketException) as error:
            return Lost(str(error) or type(error).__name__)
        except Exception as error:
            # a defect of the library costs the node its pushes, not its life
            logger.exception("The subscription broke", extra=context("subscription_broken"))
            return Lost(f"{type(error).__name__}: {error}")
        finally:
            await self._dispose(channel)

    def _state_callback(
        self, on_joined: Callable[[], None]
    ) -> Callable[[RealtimeSubscribeStates, Exception | None], None]:
        def on_state(state: RealtimeSubscribeStates, error: Exception | None) -> None:
            if state == RealtimeSubscribeStates.SUBSCRIBED:
                on_joined()
            else:
                self._lose(Lost(str(error) if error else f"the server says {state}"))

        return on_state

    def _lose(self, lost: Lost) -> None:
        if not self._lost.done():
            self._lost.set_result(lost)

    async def _watch(self) -> Lost:
        # a listener that dies of an error of its own tells nobody and leaves `is_connected` true,
        # so it is watched itself
        listener = self._client._listen_task  # noqa: SLF001
        if listener is not None:
            await asyncio.wait({self._lost, listener}, return_when=asyncio.FIRST_COMPLETED)
        if self._lost.done():
            return self._lost.result()
        error = listener.exception() if listener and not listener.cancelled() else None
        return Lost(f"the listener has ended: {error}")

    def _deliver(self, message: BroadcastPayload) -> None:
        # an exception here would end the library's listener, so it goes no further
        try:
            self._on_message(message["event"], message["payload"])
        except Exception:
            logger.exception(
                "A message could not be used",
                extra=context("message_dropped", event=message["event"]),
            )

    async def _dispose(self, channel: AsyncRealtimeChannel) -> None:
        """Close the socket and cancel the library's timers, which would outlive it."""
        channel.rejoin_timer.reset()
        channel.join_push.destroy()
        for push in channel.messages_waiting_for_ack.values():
            push.destroy()
        await self._client.close()


def _options() -> RealtimeChannelOptions:
    return {
        "config": {
            "broadcast": {"ack": False, "self": False},
            "presence": {"key": "", "enabled": False},
            "private": True,
        }
    }
