"""Where compiled kernels are kept.

numba's disk cache can crash processes that write it at the same time, and its index does not notice
a change in a module that a cached function calls.  So every process takes a directory that no other
process holds, below one named by the digest of the engine's sources, and fills it with what the
directories beside it hold already.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import sys
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

_KERNELS = Path(__file__).parent
_held: dict[Path, int] = {}
_taken: dict[Path, Path] = {}


def configure_cache(path: Path) -> Path:
    """Keep compiled kernels below `path`; call it before the first `get_engine`.

    Gives the directory taken: the first that no other running process holds.  Without this call
    nothing is kept on disk and every process compiles the kernels anew.
    """
    path = Path(path).resolve()
    if path not in _taken:
        _taken[path] = _take(path)
        _set_numba_directory(_taken[path])
    return _taken[path]


def _set_numba_directory(directory: Path) -> None:
    # imported here because it takes a second that commands without an engine need not wait for;
    # not set by its environment variable because child processes would inherit that
    from numba import config  # noqa: PLC0415

    settings: Any = config
    settings.CACHE_DIR = str(directory)


def _take(path: Path) -> Path:
    version = path / sources_digest()
    _drop_other_versions(version)
    directories = (version / str(number) for number in count())
    directory, lock = next((d, lock) for d in directories if (lock := _locked(d)) is not None)
    _held[path] = lock
    _adopt_siblings(directory)
    return directory


def _adopt_siblings(directory: Path) -> None:
    """Start with what other processes have compiled: numba replaces each file as a whole."""
    for sibling in sorted(directory.parent.iterdir()):
        for source in sibling.glob("*/*.nb*"):
            target = directory / source.relative_to(sibling)
            if not target.exists():
                _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    partial = target.with_suffix(".partial")
    # the other process may drop the file meanwhile: then it is compiled here
    with suppress(FileNotFoundError):
        shutil.copyfile(source, partial)
        partial.replace(target)


def sources_digest() -> str:
    """Name everything that the compiled code depends on."""
    digest = hashlib.sha256(sys.version.encode())
    for package in ("numba", "llvmlite", "numpy"):
        digest.update(importlib.metadata.version(package).encode())
    for source in sorted(_KERNELS.rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _drop_other_versions(version: Path) -> None:
    """Remove what no process holds; one that is still held goes with a later start."""
    for other in version.parent.glob("*/*"):
        if other.parent != version and (lock := _locked(other)) is not None:
            shutil.rmtree(other, ignore_errors=True)
            os.close(lock)


def _locked(directory: Path) -> int | None:
    """Hold a directory until this process ends, or give None where another one does."""
    directory.mkdir(parents=True, exist_ok=True)
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(lock)
    except OSError:
        os.close(lock)
        return None
    return lock


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
