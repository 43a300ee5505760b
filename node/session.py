"""Who the user is: signs in, keeps the session in a private file, renews it in time."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from node.client import PoolClient
from node.errors import PoolRefusalError, PoolUnavailableError, SignInError
from node.settings_file import write_private

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

    from node.config import Settings

# A token that ends within a minute may end before the request that carries it arrives.
RENEW_BEFORE = 60.0
LOGIN = "Sign in with: python -m node login (new here: add --sign-up)"


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in user of one pool; `expires_at` is in seconds since 1970."""

    url: str
    email: str
    user_id: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: float


class Sessions:
    """The session of one pool: where it is kept and how it is renewed."""

    def __init__(
        self,
        settings: Settings,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._clock = clock

    @property
    def path(self) -> Path:
        """The file of the session."""
        return self._settings.session_path

    async def sign_in(self, email: str, password: str) -> Session:
        """Sign in with a password, and keep the session."""
        return await self._ask(
            "/auth/v1/token", {"email": email, "password": password}, grant_type="password"
        )

    async def sign_up(self, email: str, password: str) -> Session:
        """Make an account, and keep its session."""
        return await self._ask("/auth/v1/signup", {"email": email, "password": password})

    async def token(self) -> str:
        """An access token to act with; raises SignInError where nobody is signed in."""
        if self._settings.access_token:
            return self._settings.access_token
        session = self.load()
        if session.expires_at - self._clock() < RENEW_BEFORE:
            session = await self._renew(session)
        return session.access_token

    def load(self) -> Session:
        """The session on disk; raises SignInError where there is none for this pool."""
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
            session = Session(**document)
        except (OSError, ValueError, TypeError) as error:
            raise _nobody("you are not signed in") from error
        if session.url != self._settings.url:
            raise _nobody(f"you are signed in to {session.url}, not to {self._settings.url}")
        return session

    async def _renew(self, session: Session) -> Session:
        try:
            return await self._ask(
                "/auth/v1/token",
                {"refresh_token": session.refresh_token},
                grant_type="refresh_token",
            )
        except PoolRefusalError as error:
            # A refresh token works once: another process may have been first, and kept its session.
            kept = self.load()
            if kept.refresh_token != session.refresh_token:
                return kept
            raise _nobody("your session has ended") from error

    async def _ask(self, path: str, body: dict[str, str], **query: str) -> Session:
        async with PoolClient(self._settings, transport=self._transport) as client:
            response = await client.send("POST", path, query=query, body=body)
        session = self._read(response.json())
        write_private(self.path, json.dumps(asdict(session)))
        return session

    def _read(self, document: Any) -> Session:
        if isinstance(document, dict) and "access_token" not in document and "id" in document:
            raise SignInError(
                "the account is made, but its address must be confirmed first",
                status=403,
                code="FORBIDDEN",
                advice="Open the link in the e-mail, then sign in with: python -m node login",
            )
        try:
            expires_at = document.get("expires_at") or self._clock() + document["expires_in"]
            return Session(
                url=self._settings.url,
                email=str(document["user"].get("email") or ""),
                user_id=str(document["user"]["id"]),
                access_token=str(document["access_token"]),
                refresh_token=str(document["refresh_token"]),
                expires_at=float(expires_at),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise PoolUnavailableError(
                "the pool answered a session that cannot be read",
                advice="Check that --pool is the address of a Supabase project.",
            ) from error


def _nobody(message: str) -> SignInError:
    return SignInError(message, status=401, code="UNAUTHORIZED", advice=LOGIN)
