begin;
select plan(11);
select tests.set_stage();

select tests.be_user('ann');
select results_eq(
  'select compute_score from public.compute_devices where id = tests.id(''ann''''s device'')',
  array[53.0], 'the score is ram_gb * 2 + cpu_cores * 5 + storage_gb * 0.05'
);
select results_eq($$
  insert into public.compute_devices (
    user_id, device_name, device_type, ram_gb, cpu_cores, storage_gb, compute_score, last_seen
  )
  values (tests.id('ann'), 'Box', 'desktop', 16, 8, 1000, 999999, now() + interval '1 year')
  returning compute_score, last_seen <= now() + interval '1 minute'
$$, 'values (122.00, true)', 'a client sets neither the score nor a time to come');
select results_eq($$
  update public.compute_devices set compute_score = 1, ram_gb = 8
  where id = tests.id('ann''s device')
  returning compute_score
$$, array[61.0], 'nor on an update');
select throws_ok($$
  insert into public.compute_devices (
    user_id, device_name, device_type, ram_gb, cpu_cores, storage_gb
  )
  values (tests.id('bob'), 'Box', 'desktop', 16, 8, 1000)
$$, '42501', null, 'nobody adds a device for another');
select
  throws_ok(
    format(
      'update public.compute_devices set %I = %L where id = tests.id(''ann''''s device'')',
      lies.field, lies.value
    ),
    '23514',
    format('value for domain private.%s violates check constraint "%s"', lies.domain, lies.fact),
    format('%s of a device is believable', lies.field)
  )
from (
  values
  ('device_name', '', 'device_name', 'device_name_is_short'),
  ('device_type', 'toaster', 'device_type', 'device_type_is_known'),
  ('ram_gb', '1000000', 'memory_gb', 'memory_is_believable'),
  ('cpu_cores', '-1', 'core_count', 'cores_are_believable'),
  ('storage_gb', '20000000', 'storage_gb', 'storage_is_believable')
) as lies (field, value, domain, fact);
select is_empty($$
  delete from public.compute_devices where node_id is not null returning id
$$, 'a device that a node keeps is the node''s');
select isnt_empty($$
  delete from public.compute_devices where id = tests.id('ann''s device') returning id
$$, 'a user removes their own device');

select * from finish();
rollback;
