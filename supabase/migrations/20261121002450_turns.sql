-- Turns: which jobs a node may serve, and in which order.
--
-- Whose turn it is, is drawn by lot: every user with open jobs has tickets, more of them the higher
-- the priority of the best job. That shares the fleet in proportion without a count of what anybody
-- holds, nobody waits behind another's jobs, and nodes that ask at the same moment mostly turn to
-- different jobs. (Lottery scheduling: Waldspurger and Weihl, OSDI 1994; drawing in order without
-- replacement: Efraimidis and Spirakis, 2006.) Among the jobs of one user priority decides, and
-- waiting raises it. A node serves its owner before anybody else.

create function private.public_users(quantity integer)
returns uuid[]
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_start constant uuid := gen_random_uuid();
  v_users uuid[] := array[]::uuid[];
  v_user uuid := v_start;
  v_is_past_the_end boolean := false;
begin
  -- from a random place once around, one look into the index per user, however many jobs each has
  while cardinality(v_users) < public_users.quantity loop
    select open.user_id into v_user
    from private.open_jobs as open
    where open.access_type = 'public' and open.user_id > v_user
    order by open.user_id
    limit 1;
    if not found then
      exit when v_is_past_the_end;
      v_is_past_the_end := true;
      v_user := '00000000-0000-0000-0000-000000000000';
      continue;
    end if;
    exit when v_is_past_the_end and v_user > v_start;
    v_users := v_users || v_user;
  end loop;
  return v_users;
end;
$$;

comment on function private.public_users(integer) is
'Users with open public jobs: all of them, or so many by chance.';

create function private.users_for_node(node_id uuid)
returns table (user_id uuid, widest text, is_owner boolean)
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_public_users_max constant integer := 32;
begin
  return query
  with access as (
    select rows.access_type, rows.target_id, nodes.user_id as owner_id
    from public.node_access as rows
    join public.nodes on nodes.id = rows.node_id
    where rows.node_id = users_for_node.node_id
  ),
  admitted as (
    -- the owner, and friends named by the owner: whatever they keep private
    select access.owner_id as user_id, 0 as width
    from access where access.access_type = 'owner'
    union all
    select access.target_id, 0
    from access
    where access.access_type = 'user' and private.are_friends(access.owner_id, access.target_id)
    union all
    -- guild mates: what they let guilds run
    select mates.user_id, 1
    from access
    join public.guild_members as mates on mates.guild_id = access.target_id
    where access.access_type = 'guild'
      and mates.joined_at is not null
      and private.is_guild_member(access.target_id, access.owner_id)
    union all
    select strangers.user_id, 2
    from access
    cross join lateral unnest(private.public_users(v_public_users_max)) as strangers (user_id)
    where access.access_type = 'public'
  )
  select
    admitted.user_id,
    (array['private', 'guild', 'public'])[1 + min(admitted.width)],
    bool_or(admitted.user_id = access.owner_id)
  from admitted
  cross join (select distinct access.owner_id from access) as access
  group by admitted.user_id;
end;
$$;

comment on function private.users_for_node(uuid) is
'Whose jobs the node may serve, and which of them: also private ones, those for guilds, or only '
'public ones.';

create function private.aged_rank(
  rank integer, created_at timestamptz, moment timestamptz, ageing interval
)
returns integer
language plpgsql
immutable
set search_path = ''
as $$
begin
  return least(2, aged_rank.rank + floor(
    extract(epoch from aged_rank.moment - aged_rank.created_at)
    / extract(epoch from aged_rank.ageing)
  ))::integer;
end;
$$;

comment on function private.aged_rank(integer, timestamptz, timestamptz, interval) is
'The rank of a job that has waited: one step up per period, to the highest.';

create function private.own_jobs(
  user_id uuid, node_id uuid, engines jsonb, moment timestamptz, ageing interval
)
returns uuid[]
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_jobs_per_rank constant integer := 8;
begin
  return array(
    select jobs.job_id
    from generate_series(0, 2) as ranks (rank)
    cross join lateral (
      select open.job_id, open.created_at, open.rank
      from private.open_jobs as open
      where open.user_id = own_jobs.user_id
        and open.rank = ranks.rank
        and private.runs_engine(
          own_jobs.engines, open.engine, open.engine_versions, open.names_versions
        )
        -- is_barred() inline: of all calls an exchange is made most
        and not exists (
          select from private.barred_nodes as barred
          where barred.job_id = open.job_id and barred.node_id = own_jobs.node_id
        )
      order by open.created_at, open.job_id
      limit v_jobs_per_rank
    ) as jobs
    order by
      private.aged_rank(jobs.rank, jobs.created_at, own_jobs.moment, own_jobs.ageing) desc,
      jobs.created_at, jobs.job_id
  );
end;
$$;

comment on function private.own_jobs(uuid, uuid, jsonb, timestamptz, interval) is
'Open jobs of a user that the node may serve, in the order in which it serves those of its owner: '
'that of jobs_for_node(), without asking whom else it could serve.';

create function private.jobs_for_node(node_id uuid)
returns setof uuid
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_jobs_per_user constant integer := 8;
  v_now constant timestamptz := private.current_time();
  v_ageing interval;
  v_engines jsonb;
begin
  select priority_ageing into strict v_ageing from private.settings;
  select engines into v_engines from public.nodes where nodes.id = jobs_for_node.node_id;
  return query
  with offered as (
    select
      users.user_id, users.is_owner, jobs.job_id, jobs.created_at,
      private.aged_rank(jobs.rank, jobs.created_at, v_now, v_ageing) as rank
    from private.users_for_node(jobs_for_node.node_id) as users
    cross join generate_series(0, 2) as ranks (rank)
    cross join lateral (
      select open.job_id, open.created_at, open.rank::integer as rank
      from private.open_jobs as open
      where open.user_id = users.user_id
        and open.rank = ranks.rank
        and (
          users.widest = 'private'
          or users.widest = 'guild' and open.access_type <> 'private'
          or open.access_type = 'public'
        )
        and private.runs_engine(
          v_engines, open.engine, open.engine_versions, open.names_versions
        )
        and not private.is_barred(open.job_id, jobs_for_node.node_id)
      order by open.created_at, open.job_id
      limit v_jobs_per_user
    ) as jobs
    where private.may_lease_more(users.user_id)
  ),
  queues as (
    select
      offered.*,
      row_number() over (
        partition by offered.user_id
        order by offered.rank desc, offered.created_at, offered.job_id
      ) as place
    from offered
  ),
  turns as (
    -- the least of these is drawn first, in proportion to the tickets: 1, 2 or 4
    select queues.user_id, -ln(1 - random()) / power(2, max(queues.rank)) as turn
    from queues
    group by queues.user_id
  )
  select queues.job_id
  from queues join turns on turns.user_id = queues.user_id
  order by queues.is_owner desc, queues.place, turns.turn;
end;
$$;

comment on function private.jobs_for_node(uuid) is
'Open jobs the node may serve, in the order in which it shall be offered them.';

create function private.lease_room(user_id uuid)
returns bigint
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_most bigint := (private.quota_of(lease_room.user_id)).running_chunks_max;
begin
  if v_most is null then
    return null;
  end if;
  return v_most - (
    select count(*) from (
      select
      from public.sim_jobs as jobs
      join public.sim_chunks as chunks on chunks.job_id = jobs.id
      where jobs.user_id = lease_room.user_id
        and jobs.status in ('pending', 'running')
        and chunks.status in ('pending', 'claimed', 'running')
      limit v_most
    ) as leases
  );
end;
$$;

comment on function private.lease_room(uuid) is
'How much is left of the user''s quota of running chunks; null for no limit. Calls at the same '
'moment do not see each other''s leases, so it may be passed by as many.';

create function private.may_lease_more(user_id uuid)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
begin
  return coalesce(private.lease_room(may_lease_more.user_id) > 0, true);
end;
$$;

comment on function private.may_lease_more(uuid) is
'Whether the user''s quota of running chunks is not used up.';

create function private.is_guild_member(guild_id uuid, user_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.guild_members as members
    where members.guild_id = is_guild_member.guild_id
      and members.user_id = is_guild_member.user_id
      and members.joined_at is not null
  );
end;
$$;

comment on function private.is_guild_member(uuid, uuid) is 'Whether the user has joined the guild.';

create function private.is_barred(job_id uuid, node_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from private.barred_nodes as nodes
    where nodes.job_id = is_barred.job_id and nodes.node_id = is_barred.node_id
  );
end;
$$;

comment on function private.is_barred(uuid, uuid) is
'Whether the node failed the job too often to serve it any more.';
