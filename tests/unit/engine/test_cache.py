"""Compiled kernels are kept apart for each process, and still compiled once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from node.engine import cache

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KERNEL = "kernels_0a1b/fight.simulate-1.py311.1.nbc"


@pytest.fixture(autouse=True)
def another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory that another process holds; numba itself is left alone."""
    monkeypatch.setattr(cache, "_taken", {})
    monkeypatch.setattr(cache, "_set_numba_directory", lambda _: None)
    held = cache._held.copy()
    directory = cache._take(tmp_path)
    with cache._held.pop(tmp_path):
        yield directory
    for path in cache._held.keys() - held:
        cache._held.pop(path).close()


def test_a_process_keeps_its_directory(tmp_path: Path) -> None:
    """The second call gives what the first one took."""
    assert cache.configure_cache(tmp_path) == cache.configure_cache(tmp_path)


def test_no_two_processes_write_one_directory(tmp_path: Path, another_process: Path) -> None:
    """A directory that is held is left alone."""
    assert cache.configure_cache(tmp_path) != another_process


def test_a_process_starts_with_what_others_have_compiled(
    tmp_path: Path, another_process: Path
) -> None:
    """Files of a directory beside it are copied, although another process holds that one."""
    (another_process / KERNEL).parent.mkdir()
    (another_process / KERNEL).write_bytes(b"machine code")
    own = cache.configure_cache(tmp_path)
    assert (own / KERNEL).read_bytes() == b"machine code"
    assert not list(own.rglob("*.partial"))
