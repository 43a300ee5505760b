"""The least that an exchange can be, as a bound: results are read and kept, leases are written.

It asks nobody who they are, judges no result, merges none, and serves one job.  What it does is
what is left when each range has a lease and a result of its own, and one call hands over both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from benchmarks.queues.simpool import WORKERS, completed

if TYPE_CHECKING:
    from tests.databases import TestDatabase

SCHEMA = """
create schema bare;
create table bare.uncut (stripe integer primary key, next_offset bigint, end_offset bigint);
create table bare.leases (id uuid primary key, seed_offset bigint, lease_token uuid);
create table bare.results (id uuid primary key, result jsonb, digest text);

create function bare.exchange(home integer, finished jsonb, slots integer)
returns jsonb
language plpgsql
as $$
declare
  v_ids constant text := left(gen_random_uuid()::text, 32);
  v_tokens constant text := left(gen_random_uuid()::text, 32);
  v_first bigint;
  v_end bigint;
  v_chunks text;
begin
  if finished <> '[]' then
    insert into bare.results (id, result, digest)
    select
      leases.id,
      items.item -> 'result',
      encode(sha256(convert_to((items.item -> 'result')::text, 'UTF8')), 'hex')
    from jsonb_array_elements(finished) as items (item)
    join bare.leases
      on leases.id = (items.item ->> 'chunk_id')::uuid
      and leases.lease_token = (items.item ->> 'lease_token')::uuid;
  end if;
  update bare.uncut
  set next_offset = uncut.next_offset + slots
  where uncut.stripe = any(array(
    select open.stripe
    from bare.uncut as open
    where open.next_offset < open.end_offset
    order by open.stripe - home & 15
    limit 1
    for update skip locked
  ))
  returning uncut.next_offset - slots, least(uncut.next_offset, uncut.end_offset)
  into v_first, v_end;
  with leased as (
    insert into bare.leases (id, seed_offset, lease_token)
    select
      (v_ids || lpad(to_hex(numbers.number), 4, '0'))::uuid,
      v_first + numbers.number,
      (v_tokens || lpad(to_hex(numbers.number), 4, '0'))::uuid
    from generate_series(0, v_end - v_first - 1) as numbers (number)
    returning *
  )
  select string_agg(concat(
    '{"chunk_id": "', leased.id, '", "lease_token": "', leased.lease_token,
    '", "seed_offset": ', leased.seed_offset, '}'
  ), ', ')
  into v_chunks
  from leased;
  return format('[%s]', v_chunks)::jsonb;
end;
$$;
"""


def install(database: TestDatabase) -> None:
    """Three tables and a function."""
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute(SCHEMA)


def fill(database: TestDatabase, quantity: int) -> None:
    """One range, in stripes."""
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute(
            """
            insert into bare.uncut
            select number, %(all)s * number / %(of)s, %(all)s * (number + 1) / %(of)s
            from generate_series(0, %(of)s - 1) as stripes (number)
            """,
            {"all": quantity, "of": WORKERS},
        )


def drain(database: TestDatabase, worker: int, batch: int) -> int:
    """Hand in one batch and take the next."""
    done = 0
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        while chunks := _exchange(connection, worker, [], batch):
            while chunks:
                done += len(chunks)
                chunks = _exchange(connection, worker, chunks, batch)
    return done


def _exchange(
    connection: psycopg.Connection, worker: int, ended: list[dict[str, Any]], slots: int
) -> list[dict[str, Any]]:
    row = connection.execute(
        "select bare.exchange(%s, %s::jsonb, %s)",
        (worker, f"[{','.join(map(completed, ended))}]", slots),
    ).fetchone()
    assert row is not None
    chunks: list[dict[str, Any]] = row[0]
    return chunks
