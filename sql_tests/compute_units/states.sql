begin;
select plan(9);
select tests.set_stage();

create function pg_temp.become(status text)
returns void
language sql
as $$
  update public.compute_units
  set
    status = become.status,
    pause_reason = case become.status when 'paused' then 'maintenance' end,
    paused_at = case become.status when 'paused' then now() end
  where id = tests.id('ann''s unit');
$$;

select throws_ok($$
  insert into public.compute_units (
    node_id, user_id, device_type, device_id, capacity, allocation, status
  )
  values (
    tests.id('ann''s node'), tests.id('ann'), 'gpu', 'gpu-0', 8192,
    '{"vram_allocated_mb": 1, "vram_reserved_mb": 1}', 'active'
  )
$$, 'PT400', null, 'a new unit is not shared');
select throws_ok(
  'select pg_temp.become(''active'')', 'PT409',
  'A compute unit that is not_shared cannot become active.', 'nor active without being shared'
);
select lives_ok($$
  select pg_temp.become('inactive'), pg_temp.become('registering'), pg_temp.become('active')
$$, 'it is shared, told and heard of');
select lives_ok($$
  select
    pg_temp.become('paused'), pg_temp.become('active'), pg_temp.become('offline'),
    pg_temp.become('active'), pg_temp.become('error'), pg_temp.become('registering')
$$, 'it rests and works, goes and comes, fails and tries again');
select throws_ok(
  'select pg_temp.become(''paused'')', 'PT409', null, 'only an active unit is paused'
);
select lives_ok($$
  select pg_temp.become('inactive'), pg_temp.become('not_shared')
$$, 'it is withheld whatever its state');
select throws_ok(
  'select pg_temp.become(''sleeping'')', 'PT409', null, 'there is no other state'
);
select throws_ok($$
  update public.compute_units set allocation = allocation || '{"cores_allocated": 7}'
  where id = tests.id('ann''s unit')
$$, '23514', null, 'what is shared and kept fits the hardware');
select results_eq($$
  select from_status, array_agg(to_status order by to_status)
  from private.unit_transitions
  group by from_status
  order by from_status
$$, $$
  values
  ('active', array['error', 'inactive', 'offline', 'paused']),
  ('error', array['inactive', 'registering']),
  ('inactive', array['not_shared', 'registering']),
  ('not_shared', array['inactive']),
  ('offline', array['active', 'error', 'inactive']),
  ('paused', array['active', 'error', 'inactive']),
  ('registering', array['active', 'error', 'inactive'])
$$, 'these are all the ways between states');

select * from finish();
rollback;
