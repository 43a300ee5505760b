-- What the pool has learnt of each node: how far it is believed, and whether it is given work. One
-- small row per node, written when a lease fails or a check is decided, not with every result.

create table private.node_trust (
  node_id uuid primary key,
  agreements integer not null default 0,
  quarantined_at timestamptz,
  purged_at timestamptz,
  failures integer not null default 0,
  failed_in xid8,
  backoffs integer not null default 0,
  backed_off_until timestamptz,
  last_error text,
  constraint counts_are_not_negative
  check (agreements >= 0 and failures >= 0 and backoffs >= 0),
  constraint a_quarantined_node_is_not_believed
  check (quarantined_at is null or agreements = 0),
  constraint only_a_quarantined_node_is_purged
  check (purged_at is null or quarantined_at is not null)
) with (fillfactor = 70);

alter table private.node_trust enable row level security;

comment on table private.node_trust is
'Nodes of which something is known. No foreign key: what is known outlives the node.';
comment on column private.node_trust.agreements is
'How many checks in a row agreed with it.';
comment on column private.node_trust.quarantined_at is
'When a check proved a result of it wrong: it gets no work, and none of its results counts.';
comment on column private.node_trust.purged_at is
'When everything that it alone had contributed was taken out of jobs or recorded.';
comment on column private.node_trust.failures is
'How often in a row the node failed or lost leases, without a result in between.';
comment on column private.node_trust.failed_in is
'The transaction that counted last: leases that end together are one failure.';
comment on column private.node_trust.backoffs is
'How often in a row it was backed off; each time lasts twice as long as the one before.';

create index idx_node_trust_to_purge on private.node_trust (node_id)
where quarantined_at is not null and purged_at is null;

create function private.trust_of(node_id uuid)
returns private.node_trust
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_trust private.node_trust;
begin
  select * into v_trust from private.node_trust as trust where trust.node_id = trust_of.node_id;
  return v_trust;
end;
$$;

comment on function private.trust_of(uuid) is
'What is known of the node; a row of nulls if nothing.';

create function private.is_sidelined(node_id uuid)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
begin
  return exists (
    select from private.node_trust as trust
    where trust.node_id = is_sidelined.node_id
      and (
        trust.quarantined_at is not null
        or trust.backed_off_until > private.current_time()
      )
  );
end;
$$;

comment on function private.is_sidelined(uuid) is 'Whether the node gets no work, for now.';

create function private.lock_trust(node_ids uuid[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  insert into private.node_trust (node_id)
  select distinct nodes.id
  from unnest(lock_trust.node_ids) as nodes (id)
  order by nodes.id
  on conflict on constraint node_trust_pkey do nothing;
  perform from private.node_trust as trust
  where trust.node_id = any(lock_trust.node_ids)
  order by trust.node_id
  for update;
end;
$$;

comment on function private.lock_trust(uuid[]) is
'Locks what is known of several nodes, in the order of their ids, and makes rows for the unknown.';
