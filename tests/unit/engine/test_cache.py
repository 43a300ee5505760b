"""Compiled kernels are kept in a directory that one process at a time holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
        "path = Path(sys.argv[1]); assert take(path) == take(path); "
        "import numba; assert numba.config.CACHE_DIR == str(take(path))"
    )

    subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, check=True)


def test_importing_the_seam_does_not_load_the_compiler() -> None:
    """Commands that need no engine do not wait for numba."""
    program = "import sys, node.engine, node.engine.results; assert 'numba' not in sys.modules"

    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
