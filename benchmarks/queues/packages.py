"""The peers that run on Node: their packages, and the scripts that drive them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from psycopg.conninfo import conninfo_to_dict

from tests.npm import Packages, install, link

if TYPE_CHECKING:
    from tests.databases import TestDatabase

PEERS = ("graphile_worker", "pg_boss")
PACKAGES = Packages(
    "queues",
    {"graphile-worker": "0.17.3", "pg-boss": "10.4.2"},
    probe=["--input-type=module", "--eval", "import 'graphile-worker'; import 'pg-boss'"],
)


class Drained(NamedTuple):
    """What a peer did, by its own clock, which starts when it is connected."""

    done: int
    seconds: float


def prepare_scripts(directory: Path) -> None:
    """Put the scripts into a directory where they find their packages. Raises NpmError."""
    for name in PEERS:
        shutil.copy(Path(__file__).parent / f"{name}.mjs", directory)
    link(install(PACKAGES), directory)


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
