"""Foreign JSON into the node's words. Whatever the bytes, only ProtocolError comes out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from node.errors import ProtocolError

Decoded = TypeVar("Decoded")


def decode(kind: type[Decoded], value: Any) -> Decoded:
    """Read `value` as a record of this kind; unknown fields are left out."""
    try:
        return cast("Decoded", _adapter(cast("Any", kind)).validate_python(value))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise ProtocolError(
            f"the pool's answer is not a {kind.__name__}: {place}: {first['msg']}"
        ) from None


def decode_camel(kind: type[Decoded], value: Any) -> Decoded:
    """Read the answer of a handler, whose names are in camelCase."""
    if isinstance(value, Mapping):
        value = {snake_case(str(name)): field for name, field in value.items()}
    return decode(kind, value)


def snake_case(name: str) -> str:
    """`claimCodeExpiresAt` as `claim_code_expires_at`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: f"_{match[1].lower()}", name)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
