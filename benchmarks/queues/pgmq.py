"""pgmq, from its SQL file (`PGMQ_SQL`), by its own functions: read a batch, delete it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from tests.databases import TestDatabase


def install(database: TestDatabase) -> None:
    """Its functions and one queue; as its extension would, but from the text."""
    text = Path(os.environ["PGMQ_SQL"]).read_text(encoding="utf-8")
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute("create schema if not exists pgmq")
        connection.execute(text)
        connection.execute("select pgmq.create('nothing')")


def fill(database: TestDatabase, quantity: int) -> None:
    """Messages sent a thousand at a time."""
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        for first in range(0, quantity, 1000):
            connection.execute(
                "select pgmq.send_batch('nothing', array_fill('{}'::jsonb, array[%s]))",
                (min(1000, quantity - first),),
            )


def drain(database: TestDatabase, worker: int, batch: int) -> int:
    """Read and delete."""
    del worker  # its readers are all alike
    done = 0
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        while True:
            rows = connection.execute(
                "select msg_id from pgmq.read('nothing', 30, %s)", (batch,)
            ).fetchall()
            if not rows:
                return done
            ids = [row[0] for row in rows]
            connection.execute("select pgmq.delete('nothing', %s::bigint[])", (ids,))
            done += len(ids)
