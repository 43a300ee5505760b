"""Runs the scripts in js/ with Node.js and the packages that they name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.npm import Packages, install, link

if TYPE_CHECKING:
    from tests.conformance.targets import Target

SCRIPTS = Path(__file__).with_name("js")
RUN_SECONDS = 300


class Node:
    """Node.js with the packages of js/package.json."""

    def __init__(self) -> None:
        self._node = _program("node")
        _program("npm")
        self._installed = install(_packages())

    def run(self, script: str, target: Target) -> None:
        """Run the tests of a script against a target; all of them have to pass."""
        with tempfile.TemporaryDirectory(prefix="simpool-js-") as directory:
            scripts = Path(directory)
            shutil.copytree(SCRIPTS, scripts, dirs_exist_ok=True)
            link(self._installed, scripts)
            finished = subprocess.run(
                [self._node, "--test", "--test-reporter=spec", script],
                cwd=scripts,
                env={**os.environ, **target.environment()},
                capture_output=True,
                text=True,
                timeout=RUN_SECONDS,
                check=False,
            )
        assert finished.returncode == 0, f"{finished.stdout}\n{finished.stderr}"


def _packages() -> Packages:
    wanted = json.loads((SCRIPTS / "package.json").read_text(encoding="utf-8"))["dependencies"]
    imports = " ".join(f"import {name!r};" for name in wanted)
    return Packages("conformance", wanted, probe=["--input-type=module", "--eval", imports])


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed: the JavaScript client is not tested")
    return path
