"""The public keys of the sign-in service: fetched, kept, and asked for again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from _shared.errors import UnavailableError
from _shared.tokens import FetchedKeys, GivenKeys
from tests.unit.functions.support import PUBLIC_KEY, Clock, make_signing_key

URL = "https://project.example/auth/v1/.well-known/jwks.json"


@dataclass
class Service:
    """A sign-in service that publishes some keys, and counts who asks."""

    answer: httpx.Response | Exception = field(
        default_factory=lambda: httpx.Response(200, json={"keys": [PUBLIC_KEY]})
    )
    asked: int = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        assert str(request.url) == URL
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def make_keys(service: Service, clock: Clock) -> FetchedKeys:
    """Return keys that are fetched from this service."""
    return FetchedKeys(URL, httpx.AsyncClient(transport=httpx.MockTransport(service)), clock)


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
    service.answer = httpx.Response(200, json={"keys": [make_signing_key("key-2")]})
    clock.now += 30
    assert await keys.find("key-2") is not None
    assert await keys.find("key-1") is None


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectError("down"),
        httpx.Response(500),
        httpx.Response(200, text="no json"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"keys": 7}),
    ],
)
async def test_known_keys_stay_good_without_the_service(answer: Any) -> None:
    """When the service fails, the keys it gave before are used; without any, it is a 503."""
    service, clock = Service(), Clock(0.0)
    keys = make_keys(service, clock)
    await keys.find("key-1")
    service.answer = answer
    clock.now += 600
    assert await keys.find("key-1") is not None
    with pytest.raises(UnavailableError):
        await make_keys(Service(answer), clock).find("key-1")


async def test_unreadable_key_does_not_hide_the_others() -> None:
    """A key of a kind we do not know is passed over."""
    strange = [{"kty": "moon", "kid": "a"}, {"kty": "EC"}, "text"]
    keys = GivenKeys({"keys": [*strange, PUBLIC_KEY]})
    assert await keys.find("key-1") is not None
    assert await keys.find("a") is None
