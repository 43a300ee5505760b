"""One structured line of JSON per request, and never a secret in it."""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from starlette.types import Scope

LOGGER: Final = logging.getLogger("simpool.functions")
SCOPE_KEY: Final = "simpool.record"
CORRELATION_HEADER: Final = "x-correlation-id"
_GIVEN_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")


@dataclass(slots=True)
class Record:
    """What is known of one request; its parts fill in what they learn."""

    correlation_id: str
    node_key: str | None = None
    node_id: str | None = None
    user_id: str | None = None

    def fields(self) -> dict[str, str]:
        """Return who asked, as far as that is known."""
        known = {"node_key": self.node_key, "node_id": self.node_id, "user_id": self.user_id}
        return {name: value for name, value in known.items() if value is not None}


def record_of(scope: Scope) -> Record:
    """Return the record of the request in this scope."""
    record: Record = scope[SCOPE_KEY]
    return record


def correlation_id(given: str | None) -> str:
    """Return the caller's correlation id where it is a harmless one, else a new one."""
    if given and _GIVEN_ID.fullmatch(given):
        return given
    return secrets.token_hex(16)


class JsonFormatter(logging.Formatter):
    """Writes a log record as one line of JSON: time, level, message, and its `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(level: str) -> None:
    """Send all logs to standard output as JSON; for the process that runs the handlers alone."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    # Our own line per request says more; uvicorn's would print the query, and with it claim codes.
    logging.getLogger("uvicorn.access").disabled = True
