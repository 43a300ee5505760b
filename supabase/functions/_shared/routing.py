"""From folders to routes: each folder is a handler, each handler a router."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from _shared import documents
from _shared.errors import HandlerError, InvalidRequestError
from _shared.openapi import refusals

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

PREFIX: Final = "/functions/v1"
FOLDER: Final = Path(__file__).resolve().parents[1]


class StrictRequest(Request):
    """A request whose JSON is read by our rules, before anything else looks at it."""

    async def json(self) -> Any:
        """Return the JSON value of the body; raises InvalidRequestError."""
        if not hasattr(self, "_json"):
            self._json = documents.decode(await self.body())
        return self._json


class StrictRoute(APIRoute):
    """A route that takes JSON and says so, and refuses a query it would not read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler behind the checks that need no caller's identity."""
        handle = super().get_route_handler()

        async def checked(request: Request) -> Response:
            strict = StrictRequest(request.scope, request.receive)
            if await _has_body(self, strict):
                _check_content_type(strict)
                await strict.json()
            if not self.dependant.query_params:
                _check_no_query(strict)
            return await handle(strict)

        return checked


def router(*errors: type[HandlerError]) -> APIRouter:
    """Return a router for one handler, which documents the errors it can answer."""
    return APIRouter(route_class=StrictRoute, responses=refusals(errors), redirect_slashes=False)


@dataclass(frozen=True, slots=True)
class Mounted:
    """A handler's router at one of its paths."""

    prefix: str
    router: APIRouter

    def methods(self, path: str) -> set[str]:
        """Return the methods that this router answers at a path."""
        rest = path.removeprefix(self.prefix)
        if not path.startswith(self.prefix):
            return set()
        routes = [route for route in self.router.routes if isinstance(route, APIRoute)]
        here = [route for route in routes if route.path_regex.match(rest)]
        return set().union(*(route.methods or () for route in here))


def discover(folder: Path = FOLDER) -> list[Mounted]:
    """Return every handler of the folder, at its path and at its aliases."""
    mounted = []
    for index in sorted(folder.glob("*/index.py")):
        module = _load(index)
        paths = (f"{PREFIX}/{index.parent.name}", *getattr(module, "ALIASES", ()))
        mounted += [Mounted(path, module.router) for path in paths]
    return mounted


def allowed_methods(mounted: Iterable[Mounted], path: str) -> list[str]:
    """Return all methods that a path answers."""
    return sorted({method for mount in mounted for method in mount.methods(path)})


def _load(index: Path) -> Any:
    # The folder's name is a route, with dashes; the module's must be found again by pydantic.
    name = f"_shared.handler_{index.parent.name.replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(name, index)
    if spec is None or spec.loader is None:
        raise ImportError(f"{index} is not a Python module")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def _has_body(route: APIRoute, request: Request) -> bool:
    """Tell whether JSON is to be read: where a body may be left out, only if there is one."""
    if route.body_field is None:
        return False
    return route.body_field.field_info.is_required() or await request.body() != b""


def _check_content_type(request: Request) -> None:
    given = request.headers.get("content-type", "")
    if given.partition(";")[0].strip().lower() != "application/json":
        raise InvalidRequestError(
            "The body must be sent as application/json.",
            details={"content-type": "expected application/json"},
        )


def _check_no_query(request: Request) -> None:
    if request.query_params:
        raise InvalidRequestError(
            details={f"query.{name}": "is not known" for name in request.query_params}
        )
