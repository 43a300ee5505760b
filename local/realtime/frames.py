"""The two dialects of the Phoenix socket: vsn 1.0.0 (objects) and vsn 2.0.0 (arrays and binary).

Pure: bytes and text in, dataclasses out, and back.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from local.realtime.errors import MalformedFrameError

Ref = str | int | None
Encoded = str | bytes

BROADCAST: Final = "broadcast"
_USER_BROADCAST_PUSH: Final = 3
_USER_BROADCAST: Final = 4
_BINARY: Final = 0
_JSON: Final = 1
_LONGEST_FIELD: Final = 255


@dataclass(frozen=True, slots=True)
class Broadcast:
    """A message for every subscriber of a topic.

    `payload` is JSON text, or bytes that only vsn 2.0.0 can carry.
    """

    event: str
    payload: str | bytes
    meta: dict[str, Any] | None = None
    #: the frames made so far: a message is encoded once per dialect, not once per subscriber
    encoded: dict[tuple[str, str], Encoded | None] = field(
        default_factory=dict, compare=False, repr=False
    )

    @property
    def size(self) -> int:
        """The payload in bytes, as it is counted against the limit."""
        return len(self.payload if isinstance(self.payload, bytes) else self.payload.encode())

    def body(self) -> str | None:
        """The payload of a text frame as JSON, None when JSON cannot carry it."""
        if isinstance(self.payload, bytes):
            return None
        meta = "" if self.meta is None else f',"meta":{_dump(self.meta)}'
        event = _dump(self.event)
        return f'{{"event":{event},"payload":{self.payload},"type":"{BROADCAST}"{meta}}}'


@dataclass(frozen=True, slots=True)
class Frame:
    """What a client sends."""

    topic: str
    event: str
    payload: Any
    ref: Ref = None
    join_ref: Ref = None


@dataclass(frozen=True, slots=True)
class Push:
    """What the server sends on its own; `join_ref` names the join it belongs to."""

    topic: str
    event: str
    payload: dict[str, Any]
    join_ref: Ref = None
    ref: Ref = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The server's answer to a frame."""

    topic: str
    status: str
    response: dict[str, Any]
    ref: Ref
    join_ref: Ref = None


class Serializer(Protocol):
    """One dialect."""

    vsn: str

    def decode(self, message: Encoded) -> Frame:
        """Read a client's frame; raises MalformedFrameError."""

    def push(self, push: Push) -> Encoded:
        """Write a message of the server."""

    def reply(self, reply: Reply) -> Encoded:
        """Write an answer."""

    def broadcast(self, topic: str, broadcast: Broadcast) -> Encoded | None:
        """Write a broadcast, None when this dialect cannot carry it."""


class ObjectSerializer:
    """vsn 1.0.0: every frame is a JSON object, `ref` always present."""

    vsn = "1.0.0"

    def decode(self, message: Encoded) -> Frame:
        """Read a client's frame."""
        body = _load(message)
        if not isinstance(body, dict):
            raise MalformedFrameError("expected an object of vsn 1.0.0")
        return _frame(
            body.get("topic"),
            body.get("event"),
            body.get("payload"),
            body.get("ref"),
            body.get("join_ref"),
        )

    def push(self, push: Push) -> str:
        """Write a message of the server."""
        return self._write(push.topic, push.event, push.payload, push.ref)

    def reply(self, reply: Reply) -> str:
        """Write an answer."""
        payload = {"status": reply.status, "response": reply.response}
        return self._write(reply.topic, "phx_reply", payload, reply.ref)

    def broadcast(self, topic: str, broadcast: Broadcast) -> str | None:
        """Write a broadcast; bytes cannot travel in this dialect."""
        body = broadcast.body()
        if body is None:
            return None
        return f'{{"topic":{_dump(topic)},"event":"{BROADCAST}","payload":{body},"ref":null}}'

    @staticmethod
    def _write(topic: str, event: str, payload: dict[str, Any], ref: Ref) -> str:
        return _dump({"topic": topic, "event": event, "payload": payload, "ref": ref})


class ArraySerializer:
    """vsn 2.0.0: JSON arrays, and binary frames for the broadcasts of users."""

    vsn = "2.0.0"

    def decode(self, message: Encoded) -> Frame:
        """Read a client's frame."""
        if isinstance(message, bytes):
            return _decode_user_broadcast(message)
        match _load(message):
            case [join_ref, ref, topic, event, payload, *_]:
                return _frame(topic, event, payload, ref, join_ref)
            case _:
                raise MalformedFrameError("expected an array of vsn 2.0.0")

    def push(self, push: Push) -> str:
        """Write a message of the server."""
        return _dump([push.join_ref, push.ref, push.topic, push.event, push.payload])

    def reply(self, reply: Reply) -> str:
        """Write an answer."""
        payload = {"status": reply.status, "response": reply.response}
        return _dump([reply.join_ref, reply.ref, reply.topic, "phx_reply", payload])

    def broadcast(self, topic: str, broadcast: Broadcast) -> Encoded | None:
        """Write a broadcast, in binary unless one of its names is too long for that."""
        names = [topic.encode(), broadcast.event.encode(), _meta(broadcast)]
        if max(map(len, names)) <= _LONGEST_FIELD:
            return _encode_user_broadcast(names, broadcast.payload)
        body = broadcast.body()
        return None if body is None else f'[null,null,{_dump(topic)},"{BROADCAST}",{body}]'


def serializer_for(vsn: str | None) -> Serializer:
    """Choose the dialect of a `vsn`; the older one when the client names none."""
    if vsn is None or vsn.startswith("1."):
        return ObjectSerializer()
    if vsn.startswith("2."):
        return ArraySerializer()
    raise MalformedFrameError(f"the protocol version {vsn!r} is not supported")


def user_broadcast(payload: Any) -> Broadcast:
    """Read the broadcast in a frame's payload, whichever dialect brought it."""
    if isinstance(payload, Broadcast):
        return payload
    if not isinstance(payload, dict) or not isinstance(payload.get("event"), str):
        raise MalformedFrameError("a broadcast needs an event")
    return Broadcast(payload["event"], _dump(payload.get("payload", {})))


def _frame(topic: object, event: object, payload: Any, ref: Any, join_ref: Any) -> Frame:
    if not isinstance(topic, str) or not isinstance(event, str):
        raise MalformedFrameError("a frame needs a topic and an event")
    for value in (ref, join_ref):
        if not isinstance(value, str | int | None):
            raise MalformedFrameError("a reference is a string, a number or null")
    return Frame(topic, event, payload, ref, join_ref)


def _decode_user_broadcast(message: bytes) -> Frame:
    if message[:1] != bytes([_USER_BROADCAST_PUSH]) or len(message) < struct.calcsize("7B"):
        raise MalformedFrameError("only user broadcasts may be binary")
    *sizes, encoding = message[1:7]
    fields, payload = _split(message[7:], sizes)
    join_ref, ref, topic, event, _ = fields
    content = payload if encoding == _BINARY else _dump(_load(payload))
    return Frame(topic, BROADCAST, Broadcast(event, content), ref or None, join_ref or None)


def _split(body: bytes, sizes: list[int]) -> tuple[list[str], bytes]:
    if len(body) < sum(sizes):
        raise MalformedFrameError("the binary frame ends too early")
    fields, position = [], 0
    for size in sizes:
        fields.append(_text(body[position : position + size]))
        position += size
    return fields, body[position:]


def _encode_user_broadcast(names: list[bytes], payload: str | bytes) -> bytes:
    encoding = _BINARY if isinstance(payload, bytes) else _JSON
    head = bytes([_USER_BROADCAST, *map(len, names), encoding])
    body = payload if isinstance(payload, bytes) else payload.encode()
    return b"".join([head, *names, body])


def _meta(broadcast: Broadcast) -> bytes:
    return b"" if broadcast.meta is None else _dump(broadcast.meta).encode()


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise MalformedFrameError("the frame is not UTF-8") from error


def _load(message: Encoded) -> Any:
    try:
        return json.loads(message)
    except ValueError as error:
        raise MalformedFrameError("the frame is not JSON") from error


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
