"""A request to the API, taken apart as far as HTTP goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from local.rest.errors import invalid_path, root_disabled, schema_not_exposed
from local.rest.schema import Name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_READS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked: names are lower case in `headers`, and `path` begins at the API's root."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    prefer: Sequence[str]
    body: bytes
    name: Name
    calls_function: bool


def target_of(
    path: str, method: str, headers: Mapping[str, str], exposed: Sequence[str]
) -> tuple[Name, bool]:
    """The table or function that a path names, and whether it is a function."""
    schema = _schema(method, headers, exposed)
    match path.removeprefix("/").split("/"):
        case [""]:
            raise root_disabled()
        case [table]:
            return Name(schema, table), False
        case ["rpc", function]:
            return Name(schema, function), True
        case _:
            raise invalid_path()


def without_api_key(query: str) -> str:
    """The query string without the key of the API, which is the gateway's."""
    if "apikey=" not in query or "apikey" not in parse_qs(query):
        return query
    return "&".join(part for part in query.split("&") if not part.startswith("apikey="))


def _schema(method: str, headers: Mapping[str, str], exposed: Sequence[str]) -> str:
    profile = headers.get("accept-profile" if method in _READS else "content-profile")
    if profile is None:
        return exposed[0]
    if profile not in exposed:
        raise schema_not_exposed(profile, exposed)
    return profile
