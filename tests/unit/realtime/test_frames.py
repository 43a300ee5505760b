"""The two dialects of the socket."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.realtime.errors import MalformedFrameError
from local.realtime.frames import (
    ArraySerializer,
    Broadcast,
    Frame,
    ObjectSerializer,
    Push,
    Reply,
    serializer_for,
    user_broadcast,
)

OBJECTS = ObjectSerializer()
ARRAYS = ArraySerializer()
#: as supabase-js 2.119 sends `channel.send({type: 'broadcast', event: 'hi', payload: {x: 1}})`
JAVASCRIPT_BROADCAST = b'\x03\x01\x01\x0f\x02\x00\x0167realtime:node:1hi{"x":1}'


def test_a_join_of_the_python_client_is_read() -> None:
    """Vsn 1.0.0 carries everything in one object."""
    text = '{"event":"phx_join","topic":"realtime:a","ref":"1","join_ref":"1","payload":{"x":1}}'
    assert OBJECTS.decode(text) == Frame("realtime:a", "phx_join", {"x": 1}, "1", "1")


def test_a_heartbeat_of_the_python_client_is_read() -> None:
    """Its reference is null."""
    text = '{"event":"heartbeat","topic":"phoenix","payload":{},"ref":null}'
    assert OBJECTS.decode(text) == Frame("phoenix", "heartbeat", {}, None, None)


def test_a_join_of_the_javascript_client_is_read() -> None:
    """Vsn 2.0.0 is an array."""
    assert ARRAYS.decode('["1","2","realtime:a","phx_join",{"x":1}]') == Frame(
        "realtime:a", "phx_join", {"x": 1}, "2", "1"
    )


def test_a_binary_broadcast_of_the_javascript_client_is_read() -> None:
    """Kind 3 with JSON inside."""
    frame = ARRAYS.decode(JAVASCRIPT_BROADCAST)
    assert (frame.join_ref, frame.ref, frame.topic) == ("6", "7", "realtime:node:1")
    assert frame.event == "broadcast"
    assert user_broadcast(frame.payload) == Broadcast("hi", '{"x":1}')


def test_raw_bytes_stay_bytes() -> None:
    """Kind 3 with encoding 0 is not looked into."""
    frame = ARRAYS.decode(bytes([3, 0, 0, 1, 1, 0, 0]) + b"te\xff\x00")
    assert frame.payload == Broadcast("e", b"\xff\x00")
    assert (frame.ref, frame.join_ref) == (None, None)


def test_pushes_of_the_older_dialect_name_their_null_reference() -> None:
    """The Python client drops a frame without the key `ref`."""
    assert OBJECTS.push(Push("realtime:a", "system", {"x": 1}, join_ref="1")) == (
        '{"topic":"realtime:a","event":"system","payload":{"x":1},"ref":null}'
    )


def test_pushes_of_the_newer_dialect_name_their_join() -> None:
    """JavaScript drops a frame of another join."""
    assert ARRAYS.push(Push("realtime:a", "system", {"x": 1}, join_ref="1")) == (
        '["1",null,"realtime:a","system",{"x":1}]'
    )


def test_replies_carry_the_reference_they_answer() -> None:
    """Status and response are the payload."""
    reply = Reply("realtime:a", "ok", {"x": 1}, ref="2", join_ref="1")
    payload = {"status": "ok", "response": {"x": 1}}
    assert json.loads(OBJECTS.reply(reply)) == {
        "topic": "realtime:a",
        "event": "phx_reply",
        "payload": payload,
        "ref": "2",
    }
    assert json.loads(ARRAYS.reply(reply)) == ["1", "2", "realtime:a", "phx_reply", payload]


def test_broadcasts_of_the_older_dialect_are_objects() -> None:
    """The payload's JSON is passed on as it came."""
    text = OBJECTS.broadcast("realtime:a", Broadcast("é", '{"x":1.10}', {"id": "i"}))
    assert text == (
        '{"topic":"realtime:a","event":"broadcast","payload":'
        '{"event":"é","payload":{"x":1.10},"type":"broadcast","meta":{"id":"i"}},"ref":null}'
    )


def test_broadcasts_of_the_newer_dialect_are_binary() -> None:
    """Kind 4: sizes, encoding, names, payload."""
    assert ARRAYS.broadcast("realtime:a", Broadcast("hi", '{"x":1}', {"id": "i"})) == (
        b'\x04\x0a\x02\x0a\x01realtime:ahi{"id":"i"}{"x":1}'
    )
    assert ARRAYS.broadcast("t", Broadcast("e", b"\xff")) == b"\x04\x01\x01\x00\x00te\xff"


def test_long_names_make_the_newer_dialect_use_text() -> None:
    """A size is one byte, so a longer event cannot be binary."""
    event = "e" * 256
    text = ARRAYS.broadcast("t", Broadcast(event, "{}"))
    assert isinstance(text, str)
    payload = {"event": event, "payload": {}, "type": "broadcast"}
    assert json.loads(text) == [None, None, "t", "broadcast", payload]


def test_bytes_that_no_frame_can_carry_are_not_sent() -> None:
    """JSON has no bytes."""
    assert OBJECTS.broadcast("t", Broadcast("e", b"\xff")) is None
    assert ARRAYS.broadcast("t", Broadcast("e" * 256, b"\xff")) is None


@pytest.mark.parametrize(
    "message",
    [
        "",
        "7",
        "[]",
        '{"topic":"t"}',
        '{"topic":1,"event":"e"}',
        '{"topic":"t","event":"e","ref":[]}',
    ],
)
def test_nonsense_is_malformed_in_the_older_dialect(message: str) -> None:
    """Only the domain's error leaves the parser."""
    with pytest.raises(MalformedFrameError):
        OBJECTS.decode(message)


@pytest.mark.parametrize(
    "message",
    [
        "{}",
        "[1,2]",
        "[null,null,1,2,3]",
        b"",
        b"\x03",
        b"\x05\x00\x00\x00\x00\x00\x00",
        b"\x03\xff\x00\x00\x00\x00\x00",
        b"\x03\x00\x00\x01\x00\x00\x00\xff",
        b"\x03\x00\x00\x00\x00\x00\x01{",
    ],
)
def test_nonsense_is_malformed_in_the_newer_dialect(message: str | bytes) -> None:
    """Only the domain's error leaves the parser."""
    with pytest.raises(MalformedFrameError):
        ARRAYS.decode(message)


@given(st.binary() | st.text())
def test_no_input_breaks_the_parsers(message: str | bytes) -> None:
    """Whatever arrives, there is a frame or the domain's error."""
    for serializer in (OBJECTS, ARRAYS):
        try:
            frame = serializer.decode(message)
        except MalformedFrameError:
            continue
        assert isinstance(frame, Frame)


def test_a_broadcast_needs_an_event() -> None:
    """Without a payload it is empty."""
    assert user_broadcast({"event": "e"}) == Broadcast("e", "{}")
    payloads: list[object] = [None, [], {}, {"event": 7}]
    for payload in payloads:
        with pytest.raises(MalformedFrameError):
            user_broadcast(payload)


def test_the_version_chooses_the_dialect() -> None:
    """No version means the older one."""
    assert [serializer_for(vsn).vsn for vsn in (None, "1.0.0", "2.0.0")] == [
        "1.0.0",
        "1.0.0",
        "2.0.0",
    ]
    with pytest.raises(MalformedFrameError):
        serializer_for("3.0.0")
