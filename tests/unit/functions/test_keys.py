"""The public keys of the sign-in service: fetched, kept, and asked for again."""

from __future__ import annotations

from dataclasses import dataclass, field
from http.client import IncompleteRead
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError

import pytest

from _shared.errors import UnavailableError
from _shared.tokens import FetchedKeys, GivenKeys, fetch_json
from tests.unit.functions.support import PUBLIC_KEY, Clock, make_signing_key

if TYPE_CHECKING:
    from collections.abc import Iterator

URL = "https://project.example/auth/v1/.well-known/jwks.json"


@dataclass
class Service:
    """A sign-in service that publishes some keys, and counts who asks."""

    answer: Any = field(default_factory=lambda: {"keys": [PUBLIC_KEY]})
    asked: int = 0

    def __call__(self, url: str) -> Any:
        """Answer a request."""
        assert url == URL
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def make_keys(service: Service, clock: Clock) -> FetchedKeys:
    """Return keys that are fetched from this service."""
    return FetchedKeys(URL, clock, service)


async def test_keys_are_fetched_once() -> None:
    """A known key is asked for once in ten minutes."""
    service, clock = Service(), Clock(0.0)
    keys = make_keys(service, clock)
    for _ in range(3):
        assert await keys.find("key-1") is not None
        clock.now += 299
    assert service.asked == 1
    await keys.find("key-1")
    assert service.asked == 2


async def test_unknown_key_is_looked_for_at_most_every_half_minute() -> None:
    """An unknown key asks again, for keys rotate; but nobody can make it ask all the time."""
    service, clock = Service(), Clock(0.0)
    keys = make_keys(service, clock)
    await keys.find("key-1")
    assert await keys.find("key-2") is None
    assert service.asked == 1
    service.answer = {"keys": [make_signing_key("key-2")]}
    clock.now += 30
    assert await keys.find("key-2") is not None
    assert await keys.find("key-1") is None


@pytest.mark.parametrize(
    "answer",
    [URLError("down"), IncompleteRead(b""), ValueError("no JSON"), [], {}, {"keys": 7}],
    ids=repr,
)
async def test_known_keys_stay_good_without_the_service(answer: Any) -> None:
    """When the service fails or talks nonsense, the keys it gave before are used."""
    service, clock = Service(), Clock(0.0)
    keys = make_keys(service, clock)
    await keys.find("key-1")
    service.answer = answer
    clock.now += 600
    assert await keys.find("key-1") is not None


async def test_service_that_never_answered_is_tried_again_soon() -> None:
    """Without any keys a call is 503 at once, until two seconds have passed since the last try."""
    service, clock = Service(URLError("down")), Clock(0.0)
    keys = make_keys(service, clock)
    for _ in range(3):
        with pytest.raises(UnavailableError):
            await keys.find("key-1")
    assert service.asked == 1
    service.answer = {"keys": [PUBLIC_KEY]}
    clock.now += 2
    assert await keys.find("key-1") is not None


async def test_unreadable_key_does_not_hide_the_others() -> None:
    """A key of a kind we do not know is passed over."""
    strange = [{"kty": "moon", "kid": "a"}, {"kty": "EC"}, "text"]
    keys = GivenKeys({"keys": [*strange, PUBLIC_KEY]})
    assert await keys.find("key-1") is not None
    assert await keys.find("a") is None


class Publisher(BaseHTTPRequestHandler):
    """Publishes one document, and nothing else."""

    def do_GET(self) -> None:
        """Answer a request."""
        found = self.path == "/keys"
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(b'{"keys": []}' if found else b"")

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def publisher() -> Iterator[str]:
    """Return the origin of a server that publishes a document at /keys."""
    with HTTPServer(("127.0.0.1", 0), Publisher) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_document_is_read_over_http(publisher: str) -> None:
    """A published document is read; one that is not there is an error."""
    assert fetch_json(f"{publisher}/keys") == {"keys": []}
    with pytest.raises(HTTPError) as caught:
        fetch_json(f"{publisher}/nothing")
    caught.value.close()
