"""Compiled kernels are kept in a directory that one process at a time holds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from node.engine import cache

ROOT = Path(__file__).parents[3]
HOLD = (
    "import sys; from pathlib import Path; from node.engine import configure_cache; "
    "print(configure_cache(Path(sys.argv[1])), flush=True); sys.stdin.read()"
)


def hold(path: Path) -> subprocess.Popen[str]:
    """Start a process that holds a cache directory until its input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def taken(process: subprocess.Popen[str]) -> Path:
    """Give the directory that a process has taken."""
    assert process.stdout is not None
    return Path(process.stdout.readline().strip())


def test_two_processes_never_share_a_directory(tmp_path: Path) -> None:
    """The second process takes the next directory; when the first is gone, its own is free."""
    with hold(tmp_path) as first, hold(tmp_path) as second:
        directories = {taken(first), taken(second)}
        assert {directory.name for directory in directories} == {"0", "1"}
        first.communicate()
        second.communicate()

    with hold(tmp_path) as third:
        assert taken(third).name == "0"
        third.communicate()


def test_kernels_of_other_sources_are_removed(tmp_path: Path) -> None:
    """A directory of another version goes, unless a process still holds it."""
    old = tmp_path / "0123456789abcdef" / "0"
    old.mkdir(parents=True)
    (old / "kernel.nbi").touch()

    with hold(tmp_path) as process:
        directory = taken(process)
        process.communicate()

    assert directory.parent.name == cache.sources_digest()
    assert not old.exists()


def test_a_process_keeps_what_it_has_taken(tmp_path: Path) -> None:
    """Configuring the same path again gives the same directory."""
    program = (
        "import sys; from pathlib import Path; from node.engine import configure_cache as take; "
        "path = Path(sys.argv[1]); assert take(path) == take(path)"
    )

    subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, check=True)


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use a directory of this test's own, and another one beside it."""
    own = tmp_path / "0"
    own.mkdir()
    (tmp_path / "1").mkdir()
    monkeypatch.setattr(cache, "_used", [own])
    return own


def test_what_is_kept_is_found_again(directory: Path) -> None:
    """Code is found by its name, and only its owner may read it."""
    cache.keep("code.o", b"machine code")

    assert cache.kept("code.o") == b"machine code"
    assert cache.kept("other.o") is None
    assert (directory / "code.o").stat().st_mode & 0o777 == 0o600


def test_what_others_have_kept_is_found(directory: Path) -> None:
    """A process reads what the directories beside its own hold."""
    cache.keep("code.o", b"machine code")
    (directory / "code.o").rename(directory.parent / "1" / "code.o")

    assert cache.kept("code.o") == b"machine code"


def test_what_is_damaged_is_not_used(directory: Path) -> None:
    """A file that is not as it was written counts for nothing."""
    cache.keep("code.o", b"machine code")
    whole = (directory / "code.o").read_bytes()

    for damaged in (whole[:-1], whole[:-1] + b"?", b""):
        (directory / "code.o").write_bytes(damaged)
        assert cache.kept("code.o") is None


def test_the_oldest_files_go(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory does not grow without end; what is of another kind stays."""
    monkeypatch.setattr(cache, "MOST_FILES", 2)
    for age, name in ((4, "other-1"), (3, "code-1"), (2, "code-2")):
        cache.keep(name, b"code")
        os.utime(directory / name, (time.time() - age, time.time() - age))

    cache.keep("code-3", b"code")

    assert {file.name for file in directory.iterdir()} == {"other-1", "code-2", "code-3"}


def test_a_full_disk_is_no_failure(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be kept is told, and compiled again another time."""
    shutil.rmtree(directory)

    cache.keep("code.o", b"machine code")

    assert "could not be kept" in caplog.text


def test_without_a_directory_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was given no path compiles for itself."""
    monkeypatch.setattr(cache, "_used", [])

    cache.keep("code.o", b"machine code")

    assert cache.kept("code.o") is None


def test_importing_the_seam_does_not_load_the_compiler() -> None:
    """Commands that need no engine do not wait for numba."""
    program = "import sys, node.engine, node.engine.results; assert 'numba' not in sys.modules"

    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
