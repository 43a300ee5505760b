"""The peers that run on Node: their packages, installed into a directory of their own."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from psycopg.conninfo import conninfo_to_dict

if TYPE_CHECKING:
    from tests.databases import TestDatabase

PACKAGES = {"graphile_worker": "graphile-worker@0.17.3", "pg_boss": "pg-boss@10.4.2"}


class Drained(NamedTuple):
    """What a peer did, by its own clock, which starts when it is connected."""

    done: int
    seconds: float


def install_packages(directory: Path) -> None:
    """Install the peers and put their scripts beside them. Raises CalledProcessError."""
    for name in PACKAGES:
        shutil.copy(Path(__file__).parent / f"{name}.mjs", directory)
    (directory / "package.json").write_text('{"private": true}', encoding="utf-8")
    npm = ["npm", "install", "--silent", "--no-fund", "--no-audit", *PACKAGES.values()]
    subprocess.run(npm, cwd=directory, check=True, stdin=subprocess.DEVNULL)


def call(  # noqa: PLR0913, PLR0917 - the arguments of the script
    directory: Path,
    name: str,
    database: TestDatabase,
    action: str,
    quantity: int,
    workers: int = 2,
    batch: int = 1,
) -> Drained | None:
    """Run the script of a peer; only `drain` answers something."""
    place = conninfo_to_dict(database.dsn)
    url = (
        f"postgresql:///{place['dbname']}?host={place['host']}&port={place['port']}"
        f"&user={place['user']}"
    )
    arguments = [action, url, *map(str, (quantity, workers, batch))]
    ended = subprocess.run(
        ["node", f"{name}.mjs", *arguments],
        cwd=directory,
        check=True,
        capture_output=True,
        text=True,
        timeout=600,
    )
    return Drained(**json.loads(ended.stdout)) if action == "drain" else None
