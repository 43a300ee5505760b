"""A pool's handlers in memory: a fake database, signed requests, users' tokens."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from _shared.app import create_app
from _shared.errors import UnavailableError
from _shared.settings import Settings
from tests.vectors.make_signatures import Request, vector

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from _shared.database import Actor

ORIGIN = "http://pool.example"
SECRET = "a secret of at least thirty-two characters"
NODE_SEED = "07" * 32
NODE_KEY = vector(Request("", "POST", ORIGIN, "", 0, "", NODE_SEED))["keyid"]
USER_ID = "11111111-1111-4111-8111-111111111111"
NODE_ID = "22222222-2222-4222-8222-222222222222"


def make_signing_key(kid: str = "key-1") -> dict[str, Any]:
    """Return a new private ES256 key as a JWK."""
    key = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)
    return {**key, "kid": kid, "alg": "ES256"}


SIGNING_KEY = make_signing_key()
PUBLIC_KEY = {name: value for name, value in SIGNING_KEY.items() if name != "d"}


def make_settings(**changes: Any) -> Settings:
    """Return settings for a pool at ORIGIN."""
    values: dict[str, Any] = {
        "database_url": "postgresql://nowhere",
        "supabase_url": ORIGIN,
        "public_origin": ORIGIN,
        "jwks": {"keys": [PUBLIC_KEY]},
        "jwt_secret": SECRET,
        "signing_key": SIGNING_KEY,
        **changes,
    }
    return Settings(**values)


@dataclass
class Clock:
    """Time that stands still until it is moved."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@dataclass
class FakeDatabase:
    """Answers functions from a table, and remembers which calls were committed."""

    answers: dict[str, Any] = field(default_factory=dict)
    committed: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    actors: list[Actor] = field(default_factory=list)
    rolled_back: int = 0
    is_down: bool = False
    is_open: bool = False

    @asynccontextmanager
    async def transaction(self, actor: Actor) -> AsyncIterator[FakeTransaction]:
        """Run calls; they count only when nothing is raised."""
        if self.is_down:
            raise UnavailableError("The database does not answer.")
        transaction = FakeTransaction(self, actor)
        self.actors.append(actor)
        try:
            yield transaction
        except BaseException:
            self.rolled_back += 1
            raise
        self.committed += transaction.calls

    async def ping(self) -> float:
        """Return a latency."""
        if self.is_down:
            raise UnavailableError
        return 1.5

    async def open(self) -> None:
        """Remember that it was opened."""
        self.is_open = True

    async def close(self) -> None:
        """Remember that it was closed."""
        self.is_open = False

    def names(self) -> list[str]:
        """Return the names of the committed functions."""
        return [name for _, name, _ in self.committed]


@dataclass
class FakeTransaction:
    """The calls of one transaction."""

    database: FakeDatabase
    actor: Actor
    calls: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    async def call(self, function: str, /, **arguments: Any) -> Any:
        """Return the answer that the test prepared; an exception is raised."""
        self.calls.append((self.actor.role, function, arguments))
        answer = self.database.answers[function]
        if isinstance(answer, Exception):
            raise answer
        return answer(**arguments) if callable(answer) else answer

    async def become(self, actor: Actor) -> None:
        """Act for somebody else from now on."""
        self.actor = actor


@dataclass
class Handlers:
    """A client of running handlers that can sign as a node and sign in as a user."""

    client: httpx.AsyncClient
    clock: Callable[[], float]
    nonces: int = field(default=0, init=False)

    async def signed(self, path: str, body: Any = None, **changes: Any) -> httpx.Response:
        """Send a signed POST; `changes` alter what is sent after the signature was made."""
        text = body if isinstance(body, str) else json.dumps(body or {})
        self.nonces += 1
        request = Request(
            "",
            "POST",
            changes.pop("sign_url", f"{ORIGIN}{path}"),
            text,
            changes.pop("created", int(self.clock())),
            changes.pop("nonce", f"nonce-{self.nonces:020d}"),
            changes.pop("seed", NODE_SEED),
        )
        headers = {"content-type": "application/json", **vector(request)["headers"]}
        headers.update(changes.pop("headers", {}))
        url = changes.pop("url", path)
        content = changes.pop("content", text)
        return await self.client.post(url, content=content, headers=headers, **changes)

    async def as_user(
        self, method: str, path: str, *, user: str = USER_ID, **arguments: Any
    ) -> httpx.Response:
        """Send a request with the token of a signed-in user."""
        headers = {"authorization": f"Bearer {user_token(self.clock(), sub=user)}"}
        return await self.client.request(method, path, headers=headers, **arguments)


@dataclass
class Pool(Handlers):
    """Handlers in memory, with their database, and time that stands still."""

    app: Any
    clock: Clock
    database: FakeDatabase
    timer: Clock


def user_token(now: float, *, key: dict[str, Any] | str = SIGNING_KEY, **claims: Any) -> str:
    """Return an access token as the sign-in service would make it (None leaves a claim out)."""
    values = {
        "sub": USER_ID,
        "role": "authenticated",
        "aud": "authenticated",
        "exp": int(now) + 600,
        **claims,
    }
    kept = {name: value for name, value in values.items() if value is not None}
    if isinstance(key, str):
        return jwt.encode(kept, key, algorithm="HS256")
    private = jwt.PyJWK.from_dict(key)
    headers = {"kid": key["kid"]} if key["kid"] else {}
    return jwt.encode(kept, private, algorithm="ES256", headers=headers)


@asynccontextmanager
async def running_pool(
    settings: Settings | None = None, database: FakeDatabase | None = None
) -> AsyncIterator[Pool]:
    """Run the handlers in memory, with time standing still."""
    clock, timer = Clock(), Clock(0.0)
    fake = database or FakeDatabase()
    fake.answers.setdefault("private.use_nonce", spend_once())
    fake.answers.setdefault("private.take_token", 0)
    app = create_app(settings or make_settings(), database=fake, clock=clock, timer=timer)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("192.0.2.7", 4711))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client,
    ):
        yield Pool(client, clock, app, fake, timer)


def spend_once() -> Callable[..., bool]:
    """Return a nonce store that knows each nonce once."""
    seen: set[tuple[str, str]] = set()

    def use_nonce(public_key: str, nonce: str, created_at: Any) -> bool:
        del created_at
        fresh = (public_key, nonce) not in seen
        seen.add((public_key, nonce))
        return fresh

    return use_nonce
