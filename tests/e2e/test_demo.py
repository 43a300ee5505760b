"""`make demo` shows the whole pool and leaves nothing behind, also when it is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

import psutil
import pytest

from local import demo
from local.config import REPOSITORY
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.xdist_group("e2e"), pytest.mark.timeout(600)]


def test_the_demo_ends_with_an_exact_result(
    engine_cache: Path,
    public_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The commands a person would type, with fewer fights than `make demo` has."""
    monkeypatch.setattr(tempfile, "tempdir", str(public_path))
    monkeypatch.setattr(demo, "CACHE", engine_cache)
    monkeypatch.setattr(demo, "ITERATIONS", 2_000)
    monkeypatch.setenv("COLUMNS", "160")
    before = _children()
    assert demo.main() == 0
    result, told = capfd.readouterr()
    assert "Kill Command" in result
    assert "first result" in result
    assert "Equal: one process alone gives the same digest" in told
    assert "Traceback" not in told
    assert _children() == before
    assert list(public_path.iterdir()) == []


@pytest.mark.parametrize(
    ("send", "number"),
    [(os.killpg, signal.SIGINT), (os.kill, signal.SIGTERM), (os.kill, signal.SIGHUP)],
    ids=["Ctrl-C reaches the whole group", "SIGTERM", "a terminal that is closed"],
)
def test_an_interrupted_demo_stops_everything(
    public_path: Path, send: Callable[[int, int], None], number: signal.Signals
) -> None:
    """Neither processes nor files stay, and a sentence says so."""
    with subprocess.Popen(
        [sys.executable, "-m", "local", "demo"],
        cwd=REPOSITORY,
        env={**os.environ, "TMPDIR": str(public_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "python -m node bench" in line:
                break
        children = psutil.Process(process.pid).children(recursive=True)
        send(process.pid, number)
        said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert said.endswith("\ninterrupted: everything is stopped\n")
    assert len(children) > 1
    assert [child for child in children if child.is_running()] == []
    assert list(public_path.iterdir()) == []


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}
