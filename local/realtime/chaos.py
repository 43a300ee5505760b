"""Trouble on purpose: lost messages, cut connections, a server that refuses to talk.

Everything random comes from the stand-in's seeded generator, so a failing run can be repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.responses import JSONResponse, Response

from local.errors import TokenError
from local.identity import resolve_identity

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from starlette.requests import Request

    from local.config import Settings
    from local.context import Context
    from local.realtime.realtime import Realtime

ORDERS: Final = frozenset({"refuse_seconds", "drop_messages", "drop_connections", "cut"})


class Chaos:
    """Decides what goes wrong."""

    def __init__(
        self, settings: Settings, source: random.Random, clock: Callable[[], float]
    ) -> None:
        #: whether trouble may be ordered over HTTP
        self.enabled = bool(
            settings.drop_messages or settings.drop_connections or settings.seed is not None
        )
        self.drop_messages = settings.drop_messages
        self.drop_connections = settings.drop_connections
        self._random = source
        self._clock = clock
        self._refuses_until = float("-inf")

    def drops_message(self) -> bool:
        """Whether the next broadcast to a client gets lost."""
        return self._strikes(self.drop_messages)

    def cuts_connection(self) -> bool:
        """Whether the connection that just spoke is cut."""
        return self._strikes(self.drop_connections)

    @property
    def refuses_connections(self) -> bool:
        """Whether new connections are turned away now."""
        return self._clock() < self._refuses_until

    def refuse(self, seconds: float) -> None:
        """Turn new connections away for a while; 0 ends it."""
        self._refuses_until = self._clock() + seconds if seconds > 0 else float("-inf")

    def _strikes(self, probability: float) -> bool:
        return probability > 0 and self._random.random() < probability


class ChaosApi:
    """`POST /chaos` for tests that run the stand-in as a process of its own.

    The body names what shall go wrong: `{"refuse_seconds": 60, "drop_messages": 1.0,
    "drop_connections": 0.1, "cut": true}`. Whatever is absent stays as it is. `refuse_seconds`
    cuts all connections and turns new ones away (503) for that long; `cut` only cuts. The answer
    says how many connections were cut. It asks for the secret key, and exists only where trouble
    is switched on by `seed`, `drop_messages` or `drop_connections` in the settings.
    """

    def __init__(self, context: Context, realtime: Realtime) -> None:
        self._context = context
        self._realtime = realtime

    async def order(self, request: Request) -> Response:
        """Cause the trouble that the body asks for."""
        if not self._realtime.chaos.enabled:
            return JSONResponse({"message": "The chaos switch is off in the settings"}, 404)
        if not self._is_service(request):
            return JSONResponse({"message": "The secret key is required"}, 401)
        try:
            orders = _orders(await request.json())
        except (ValueError, TypeError) as error:
            return JSONResponse({"message": str(error)}, 400)
        return JSONResponse({"cut": self._obey(orders)})

    def _obey(self, orders: dict[str, float]) -> int:
        chaos = self._realtime.chaos
        chaos.drop_messages = orders.get("drop_messages", chaos.drop_messages)
        chaos.drop_connections = orders.get("drop_connections", chaos.drop_connections)
        seconds = orders.get("refuse_seconds")
        if seconds is not None and seconds <= 0:
            self._realtime.resume()
        elif seconds is not None:
            return self._realtime.pause(seconds)
        return self._realtime.cut_connections() if orders.get("cut") else 0

    def _is_service(self, request: Request) -> bool:
        query = dict(request.query_params)
        try:
            identity = resolve_identity(self._context, request.headers, query)
        except TokenError:
            return False
        return identity.role == "service_role"


def _orders(body: Any) -> dict[str, float]:
    """Check the body of an order; every value is a number, probabilities lie in 0..1."""
    if not isinstance(body, dict) or not body.keys() <= ORDERS:
        raise ValueError(f"expected an object with some of {', '.join(sorted(ORDERS))}")
    orders = {name: float(value) for name, value in body.items()}
    for name in ORDERS & orders.keys() - {"refuse_seconds"}:
        if not 0 <= orders[name] <= 1:
            raise ValueError(f"{name} must lie between 0 and 1")
    return orders
