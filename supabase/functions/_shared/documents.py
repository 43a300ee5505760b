"""JSON as the handlers read and write it: strict going in, camelCase on the wire."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from _shared.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Iterable


class Request(BaseModel):
    """What a caller sends: camelCase, exact types, nothing unknown."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, strict=True, allow_inf_nan=False
    )


class Answer(BaseModel):
    """What a handler answers: built from the database's snake_case, sent as camelCase."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True
    )


class Document(BaseModel):
    """What a caller sends of machines and devices: snake_case, exact types, nothing unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Record(BaseModel):
    """What a handler answers of machines and devices, in the database's own names."""

    model_config = ConfigDict(extra="ignore", frozen=True)


# JSON has no such types, so exact types would refuse every text that is one.
Id = Annotated[UUID, Field(strict=False)]
Moment = Annotated[datetime, Field(strict=False)]


class Refusal(BaseModel):
    """The body of every refused request."""

    success: bool = Field(examples=[False])
    error: str = Field(description="A sentence for a person.")
    code: str = Field(description="A key for a program.")
    details: dict[str, Any] = Field(description="What exactly is wrong; may be empty.")


class Empty(Request):
    """An empty object: the request says all in its signature."""


def printable(text: str) -> str:
    """Return the text; refuses control characters, which Postgres or a terminal would choke on."""
    if not text.isprintable():
        raise ValueError("must not contain control characters")
    return text


def _length(most: int) -> StringConstraints:
    return StringConstraints(min_length=1, max_length=most, strip_whitespace=True)


# JSON has no such types, so that what is strict about them is how their text must look.
Id = Annotated[UUID, Field(strict=False)]
Moment = Annotated[datetime, Field(strict=False)]
Text = Annotated[str, _length(255), AfterValidator(printable)]
ShortText = Annotated[str, _length(100), AfterValidator(printable)]
Name = Annotated[str, _length(80), AfterValidator(printable)]


def decode(body: bytes) -> Any:
    """Return the JSON value of a body; raises InvalidRequestError whatever the bytes are."""
    try:
        value = json.loads(
            body.decode("utf-8"),
            parse_constant=_finite,
            parse_float=_finite,
            object_pairs_hook=_no_duplicates,
        )
        _check_texts(value)
    except json.JSONDecodeError as error:
        expected = f"JSON; {error.msg} at line {error.lineno} column {error.colno}"
        raise malformed(expected) from error
    except UnicodeError as error:
        raise malformed("UTF-8 text") from error
    except RecursionError as error:
        raise malformed("JSON of reasonable depth") from error
    except ValueError as error:
        raise malformed(f"JSON; {error}") from error
    return value


def malformed(expected: str) -> InvalidRequestError:
    """Return the refusal of a body that is not a JSON document."""
    return InvalidRequestError(
        "The body is not a JSON document.", details={"body": f"expected {expected}"}
    )


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a number that can be stored")
    return number


def _no_duplicates(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"the key {key!r} appears twice")
        result[key] = value
    return result


def _check_texts(value: Any) -> None:
    if isinstance(value, dict):
        _check_texts([*value.keys(), *value.values()])
    elif isinstance(value, list):
        for item in value:
            _check_texts(item)
    elif isinstance(value, str) and ("\0" in value or not value.isascii()):
        _check_text(value)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise ValueError("a text contains the NUL character")
    # A lone half of a surrogate pair passes JSON, but is no Unicode text.
    text.encode("utf-8")
