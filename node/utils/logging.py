"""Structured logs: a sentence for people, an `action` key and context for machines."""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, TextIO

Format = Literal["text", "json"]

#: Whatever a caller does, values under these names never reach a log.
SECRET: Final = re.compile(
    r"token|secret|password|api_?key|signature|claim_?code|authorization", re.IGNORECASE
)
HIDDEN: Final = "[hidden]"
#: Libraries that log requests, frames or reconnects which the node reports in its own words.
CHATTY: Final = ("httpx", "httpcore", "websockets", "realtime", "asyncio", "numba")


def context(action: str, **fields: object) -> dict[str, Any]:
    """The `extra` of a log call: what happened as a key, and what it is about."""
    return {"action": action, "context": fields}


def configure(
    level: str = "info", log_format: Format = "text", stream: TextIO | None = None
) -> logging.Handler:
    """Send the node's records to a stream; returns the handler, for who wants it off again."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return handler


class TextFormatter(logging.Formatter):
    """One line: time, level when it matters, sentence, context."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line, followed by its traceback if it has one."""
        moment = datetime.fromtimestamp(record.created).astimezone()
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        line = f"{moment:%H:%M:%S} {level}{_one_line(record.getMessage())}"
        line = f"{line}  {_one_line(fields)}" if fields else line
        return "\n".join((line, *_traceback(record)))


class JsonFormatter(logging.Formatter):
    """One JSON object in one line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON; what JSON cannot hold is written as text."""
        document = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "action": getattr(record, "action", None),
            "message": record.getMessage(),
            **({"traceback": "".join(trace)} if (trace := _traceback(record)) else {}),
            "context": _fields(record),
        }
        return json.dumps(document, default=str, ensure_ascii=False)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields = getattr(record, "context", {})
    return _redact(fields) if isinstance(fields, Mapping) else {}


def _redact(fields: Mapping[Any, object]) -> dict[str, object]:
    return {str(name): _redacted(str(name), value) for name, value in fields.items()}


def _redacted(name: str, value: object) -> object:
    if SECRET.search(name):
        return HIDDEN
    return _redact(value) if isinstance(value, Mapping) else value


def _traceback(record: logging.LogRecord) -> list[str]:
    if record.exc_info is None or record.exc_info[0] is None:
        return []
    return ["".join(traceback.format_exception(*record.exc_info)).rstrip()]


def _one_line(text: str) -> str:
    # a server's words must not be able to forge a second record
    return text.replace("\r", " ").replace("\n", " | ")
