"""What a running stand-in leaves in its data directory, so that `status` finds it."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE: Final = "running.json"


@contextmanager
def kept(data_dir: Path, url: str, db_url: str) -> Iterator[None]:
    """Says that this process is the stand-in of `data_dir`, while the context lasts."""
    path = data_dir / FILE
    path.write_text(json.dumps({"pid": os.getpid(), "url": url, "db_url": db_url}), "utf-8")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def read(data_dir: Path) -> dict[str, Any] | None:
    """What the stand-in that runs on `data_dir` has said; None when none does."""
    try:
        said: dict[str, Any] = json.loads((data_dir / FILE).read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return said if _runs(said["pid"]) else None


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
