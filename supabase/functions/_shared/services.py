"""What the handlers work with, made once per application and found through the request."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

from fastapi import Depends, Request

if TYPE_CHECKING:
    from _shared.database import Database
    from _shared.settings import Settings
    from _shared.tokens import NodeTokens, UserTokens

Clock = Callable[[], float]
Cache = TypeVar("Cache")


@dataclass(frozen=True, slots=True)
class Services:
    """The collaborators of the handlers."""

    settings: Settings
    database: Database
    user_tokens: UserTokens
    node_tokens: NodeTokens
    clock: Clock = time.time
    timer: Clock = time.monotonic
    _caches: dict[type[Any], Any] = field(default_factory=dict)

    def cache(self, kind: type[Cache]) -> Cache:
        """Return the one cache of this kind; the only state that handlers may hold."""
        return cast("Cache", self._caches.setdefault(kind, kind()))


def services_of(request: Request) -> Services:
    """Return the services of the application that answers this request."""
    return cast("Services", request.app.state.services)


WithServices = Annotated[Services, Depends(services_of)]
