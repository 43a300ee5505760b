"""Runs the scripts in js/ with Node.js and the packages that they name."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conformance.targets import Target

SCRIPTS = Path(__file__).with_name("js")
INSTALL_SECONDS = 100
RUN_SECONDS = 100


class Node:
    """Node.js with the packages of js/package.json, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self._node = _program("node")
        self._folder = folder
        self._install(_program("npm"))

    def run(self, script: str, target: Target) -> None:
        """Run the tests of a script against a target; all of them have to pass."""
        for path in SCRIPTS.glob("*.mjs"):
            shutil.copy(path, self._folder)
        finished = subprocess.run(
            [self._node, "--test", "--test-reporter=spec", script],
            cwd=self._folder,
            env={**os.environ, **target.environment()},
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        assert finished.returncode == 0, f"{finished.stdout}\n{finished.stderr}"

    def _install(self, npm: str) -> None:
        wanted = (SCRIPTS / "package.json").read_text(encoding="utf-8")
        installed = self._folder / "node_modules" / "package.json"
        if installed.exists() and installed.read_text(encoding="utf-8") == wanted:
            return
        (self._folder / "package.json").write_text(wanted, encoding="utf-8")
        finished = subprocess.run(
            [npm, "install", "--no-package-lock", "--no-audit", "--no-fund"],
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
        assert finished.returncode == 0, f"npm cannot install the client: {finished.stderr[-500:]}"
        # Kept last, so that it says what is installed wholly.
        installed.write_text(wanted, encoding="utf-8")


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed: the JavaScript client is not tested")
    return path
