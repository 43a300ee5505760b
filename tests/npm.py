"""Packages of npm that tests and benchmarks run, installed once: wholly, or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

CACHE: Final = Path(__file__).parents[1] / ".cache" / "npm"
#: npm loses installs now and then, to a registry that hiccups or to its own clearing up
ATTEMPTS: Final = 3
ATTEMPT_SECONDS: Final = 90
#: quiet but for errors; what packages ask of each other must hold. What they ask of Node.js need
#: not: the clients' tests run with Debian's, which is older than supabase-js would like
INSTALL: Final = (
    "install",
    "--no-package-lock",
    "--no-audit",
    "--no-fund",
    "--no-progress",
    "--no-update-notifier",
    "--loglevel=error",
    "--strict-peer-deps",
)


class NpmError(Exception):
    """npm has not installed what was asked for, however often it tried; it says why."""


@dataclass(frozen=True)
class Packages:
    """What to install, and a program that fails unless all of it is there.

    `probe` are arguments of Node.js, which runs in the folder: npm ends well where it could not get
    a package that another one calls optional, so its own word is not enough.
    """

    name: str
    versions: Mapping[str, str]
    probe: Sequence[str]

    @property
    def folder_name(self) -> str:
        """A name of its own for each set of versions."""
        digest = hashlib.sha256(self.manifest.encode()).hexdigest()
        return f"{self.name}-{digest[:12]}"

    @property
    def manifest(self) -> str:
        """The package.json."""
        return json.dumps({"private": True, "dependencies": dict(self.versions)}, sort_keys=True)


def install(packages: Packages, cache: Path = CACHE) -> Path:
    """The folder whose `node_modules` hold the packages; raises NpmError.

    It appears by being renamed, so whoever sees it sees all of it; one process at a time installs.
    """
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / packages.folder_name
    with _locked(cache / f"{packages.folder_name}.lock"):
        if not folder.exists():
            _install(packages, folder)
    return folder


def link(installed: Path, directory: Path) -> None:
    """Let the scripts of a directory import what is installed."""
    (directory / "node_modules").symlink_to(installed / "node_modules", target_is_directory=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _install(packages: Packages, folder: Path) -> None:
    failures = []
    for attempt in range(1, ATTEMPTS + 1):
        with tempfile.TemporaryDirectory(
            prefix=f"{folder.name}.", dir=folder.parent, ignore_cleanup_errors=True
        ) as home:
            staging = Path(home) / "packages"
            staging.mkdir()
            failure = _fill(packages, staging, Path(home))
            if failure is None:
                staging.rename(folder)
                return
            failures.append(f"attempt {attempt}: {failure}")
    raise NpmError("\n".join([f"npm cannot install {dict(packages.versions)}", *failures]))


def _fill(packages: Packages, staging: Path, home: Path) -> str | None:
    """Install into an empty folder; what went wrong, if anything did."""
    (staging / "package.json").write_text(packages.manifest, encoding="utf-8")
    failure = _run(["npm", *INSTALL], staging, dict(os.environ))
    if failure is not None:
        return failure
    # Programs leave settings in the home of whoever runs them.
    environment = {**os.environ, "HOME": str(home), "DO_NOT_TRACK": "1"}
    return _run(["node", *packages.probe], staging, environment)


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> str | None:
    """Run a program; where it fails, its name, its end and what it said."""
    program = shutil.which(command[0], path=environment.get("PATH"))
    if program is None:
        return f"{command[0]} is not installed"
    try:
        ended = subprocess.run(
            [program, *command[1:]],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=ATTEMPT_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        said = error.stderr or b""
        return f"{command[0]} took more than {ATTEMPT_SECONDS} s\n{_text(said)}"
    if ended.returncode == 0:
        return None
    return f"{command[0]} ended with {ended.returncode}\n{ended.stdout}{ended.stderr}"


def _text(said: str | bytes) -> str:
    return said if isinstance(said, str) else said.decode(errors="replace")
