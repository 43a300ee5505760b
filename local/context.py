"""What the parts of the running stand-in share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from psycopg_pool import AsyncConnectionPool

    from local.config import Settings
    from local.keys import Keyring


@dataclass(frozen=True)
class Context:
    """One running stand-in, as its parts see it."""

    settings: Settings
    keyring: Keyring
    #: logs in as `authenticator`
    pool: AsyncConnectionPool
    #: role `supabase_admin`, the superuser
    admin_dsn: str
    #: role `postgres`, as migrations and handlers use it
    dsn: str
    #: the origin that clients know, without a slash at the end
    url: str
    random: random.Random
    clock: Callable[[], float]


@dataclass(frozen=True)
class Identity:
    """Whom a request speaks for: a Postgres role and the claims its policies see."""

    role: str
    claims: dict[str, Any]
    #: the JWT behind it, after API keys were translated
    token: str | None
