begin;
select plan(6);
select tests.set_stage();

select tests.be_user('bob');
select is_empty(
  'select id from public.compute_devices where user_id = tests.id(''ann'')',
  'a user does not see devices of others'
);
select is_empty($$
  update public.compute_devices set ram_gb = 1 where id = tests.id('ann''s device') returning id
$$, 'nor change them');
select is_empty($$
  delete from public.compute_devices where id = tests.id('ann''s device') returning id
$$, 'nor remove them');
select results_eq(
  'select active_nodes, total_cpu_cores from public.get_network_stats()',
  'values (2::bigint, 16::bigint)', 'but they are counted'
);
select tests.be_anonymous();
select results_eq(
  'select active_nodes, total_cpu_cores from public.get_network_stats()',
  'values (2::bigint, 16::bigint)', 'the same for the signed-out'
);
select throws_ok(
  'select id from public.compute_devices', '42501', null, 'who see no device'
);

select * from finish();
rollback;
