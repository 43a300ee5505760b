"""Sessions: a sign-in that lasts, its access tokens, and its chain of refresh tokens."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from psycopg.rows import dict_row

from local.auth import users
from local.auth.errors import AuthError

if TYPE_CHECKING:
    from local.auth.users import Connection, Row
    from local.context import Context

REUSE_WINDOW: Final = timedelta(seconds=10)

_INSERT: Final = """
with session as (
  insert into auth.sessions (id, user_id, created_at, updated_at, aal, user_agent)
  values (%(session)s, %(user)s, %(now)s, %(now)s, 'aal1', %(agent)s)
  returning id
)
insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method)
select gen_random_uuid(), session.id, %(now)s, %(now)s, %(method)s
from session
"""
# Locks both rows: two uses of one chain take turns, and the second sees what the first did.
_FIND: Final = """
select tokens.id, tokens.token, tokens.revoked, tokens.updated_at, sessions.id as session_id,
  sessions.user_id
from auth.refresh_tokens as tokens
inner join auth.sessions as sessions on sessions.id = tokens.session_id
where tokens.token = %s
for update of tokens, sessions
"""
_SUCCESSOR: Final = """
select token
from auth.refresh_tokens
where session_id = %s and parent = %s and not revoked
order by id desc
limit 1
"""
_REVOKE: Final = """
update auth.refresh_tokens set revoked = true, updated_at = %s where id = %s
"""
_REVOKE_CHAIN: Final = """
update auth.refresh_tokens
set revoked = true, updated_at = %s
where session_id = %s and not revoked
"""
_EXTEND: Final = """
insert into auth.refresh_tokens (
  instance_id, token, user_id, revoked, created_at, updated_at, parent, session_id
)
values (%(instance)s, %(token)s, %(user)s, false, %(now)s, %(now)s, %(parent)s, %(session)s)
"""
_LOG_OUT: Final = {
    "global": "delete from auth.sessions where user_id = %(user)s",
    "local": "delete from auth.sessions where id = %(session)s",
    "others": "delete from auth.sessions where user_id = %(user)s and id <> %(session)s",
}
_SIGNED_IN: Final = "update auth.users set last_sign_in_at = %s where id = %s"
_REFRESHED: Final = "update auth.sessions set refreshed_at = %s, updated_at = %s where id = %s"
_METHODS: Final = """
select authentication_method, extract(epoch from created_at)::bigint
from auth.mfa_amr_claims
where session_id = %s
order by created_at desc
"""
SCOPES: Final = frozenset(_LOG_OUT)


@dataclass(frozen=True)
class Refreshed:
    """What came of a refresh: a session to answer with, or why there is none."""

    session: Row | None
    refusal: AuthError | None = None


@dataclass(frozen=True)
class Sessions:
    """The sessions of all users, within one transaction and at one moment."""

    context: Context
    connection: Connection
    now: datetime

    async def start(self, user: UUID, *, method: str, agent: str) -> Row:
        """Sign the user in; returns the session as clients read it."""
        session = uuid4()
        values = {"session": session, "user": user, "agent": agent, "method": method}
        await self.connection.execute(_INSERT, {**values, "now": self.now})
        await self.connection.execute(_SIGNED_IN, (self.now, user))
        return await self._present(session, user, await self._extend(session, user, None))

    async def refresh(self, token: str) -> Refreshed:
        """Replace a refresh token by the next one of its chain.

        A token used twice gives the same successor, or within ten seconds another one: a client
        may have lost the first answer. Used later it is taken for stolen, and the whole chain
        ends; the caller must commit that before it answers with the refusal.
        """
        found = await self._find(token)
        if found is None:
            return _refused("refresh_token_not_found", "Refresh Token Not Found")
        user = await users.find(self.connection, found["user_id"])
        if user is None or users.is_banned(user, self.now):
            return _refused("user_banned", "User Banned")
        successor = await self._successor(found)
        if successor is None:
            return _refused("refresh_token_already_used", "Already Used")
        session = found["session_id"]
        refreshed_at = self.now.replace(tzinfo=None)
        await self.connection.execute(_REFRESHED, (refreshed_at, self.now, session))
        return Refreshed(await self._present(session, user["id"], successor))

    async def _find(self, token: str) -> Row | None:
        async with self.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(_FIND, (token,))
            return await cursor.fetchone()

    async def _successor(self, found: Row) -> str | None:
        session, user, used = found["session_id"], found["user_id"], found["token"]
        if not found["revoked"]:
            await self.connection.execute(_REVOKE, (self.now, found["id"]))
            return await self._extend(session, user, used)
        cursor = await self.connection.execute(_SUCCESSOR, (session, used))
        successor = await cursor.fetchone()
        if successor is not None:
            return str(successor[0])
        if self.now > found["updated_at"] + REUSE_WINDOW:
            await self.connection.execute(_REVOKE_CHAIN, (self.now, session))
            return None
        return await self._extend(session, user, used)

    async def _extend(self, session: UUID, user: UUID, parent: str | None) -> str:
        token = secrets.token_urlsafe(16)
        values = {"token": token, "user": str(user), "parent": parent, "session": session}
        instance = users.INSTANCE
        await self.connection.execute(_EXTEND, {**values, "instance": instance, "now": self.now})
        return token

    async def _present(self, session: UUID, user_id: UUID, refresh_token: str) -> Row:
        user = await users.get(self.connection, user_id)
        lifetime, now = self.context.settings.jwt_expiry, self.now.timestamp()
        claims = await self._claims(session, user)
        return {
            "access_token": self.context.keyring.issue(claims, expires_in=lifetime, now=now),
            "token_type": "bearer",
            "expires_in": lifetime,
            "expires_at": int(now) + lifetime,
            "refresh_token": refresh_token,
            "user": users.present(user),
        }

    async def _claims(self, session: UUID, user: Row) -> Row:
        cursor = await self.connection.execute(_METHODS, (session,))
        methods = [{"method": row[0], "timestamp": row[1]} for row in await cursor.fetchall()]
        return {
            "iss": f"{self.context.url}/auth/v1",
            "sub": str(user["id"]),
            "aud": user["aud"],
            "email": user["email"] or "",
            "phone": user["phone"] or "",
            "app_metadata": user["raw_app_meta_data"] or {},
            "user_metadata": user["raw_user_meta_data"] or {},
            "role": user["role"],
            "aal": "aal1",
            "amr": methods,
            "session_id": str(session),
            "is_anonymous": user["is_anonymous"],
        }


async def end(connection: Connection, scope: str, user: UUID, session: UUID | None) -> None:
    """End sessions of a user; a token without a session ends them all."""
    query = _LOG_OUT[scope if session is not None else "global"]
    await connection.execute(query, {"user": user, "session": session})


async def exists(connection: Connection, session: UUID) -> bool:
    """Tell whether the session has not ended."""
    cursor = await connection.execute("select 1 from auth.sessions where id = %s", (session,))
    return await cursor.fetchone() is not None


def _refused(code: str, reason: str) -> Refreshed:
    return Refreshed(None, AuthError(400, code, f"Invalid Refresh Token: {reason}"))
