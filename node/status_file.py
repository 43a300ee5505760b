"""What a running node tells other processes of its machine: a small file it keeps up to date."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import psutil

from node.model import Snapshot
from node.settings_file import write_private

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.config import Settings

NAME = "status.json"


@dataclass(frozen=True, slots=True)
class LocalStatus:
    """A running node of this machine; times are in seconds since 1970."""

    pid: int
    url: str
    started_at: float
    updated_at: float
    snapshot: Snapshot


class StatusFile:
    """The status file of one data directory."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self.path = settings.data_dir / NAME
        self._url = settings.url
        self._clock = clock
        self._started_at = clock()

    def write(self, snapshot: Snapshot) -> None:
        """Tell how the node is."""
        document = {
            "pid": os.getpid(),
            "process_started_at": psutil.Process().create_time(),
            "url": self._url,
            "started_at": self._started_at,
            "updated_at": self._clock(),
            "snapshot": asdict(snapshot),
        }
        write_private(self.path, json.dumps(document, default=_moment), lasting=False)

    def remove(self) -> None:
        """Say that no node runs any more."""
        self.path.unlink(missing_ok=True)

    def read(self) -> LocalStatus | None:
        """The node that runs with this data directory, None where none does."""
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
            if not _runs(document["pid"], document["process_started_at"]):
                return None
            return LocalStatus(
                pid=document["pid"],
                url=document["url"],
                started_at=document["started_at"],
                updated_at=document["updated_at"],
                snapshot=_snapshot(document["snapshot"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _moment(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError


def _snapshot(document: dict[str, Any]) -> Snapshot:
    expires = document["claim_code_expires_at"]
    moment = datetime.fromisoformat(expires) if expires else None
    rests = tuple(document.get("rests", ()))
    return Snapshot(**{**document, "claim_code_expires_at": moment, "rests": rests})


def _runs(pid: int, started_at: float) -> bool:
    """Whether that very process runs, not a later one that was given its number."""
    try:
        return abs(psutil.Process(pid).create_time() - started_at) < 1
    except psutil.Error:
        return False
