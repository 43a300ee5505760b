begin;
select plan(6);
select tests.set_stage();

select tests.be_user('ann');
select results_eq(
  'select config_json from public.sim_configs', array[tests.config()],
  'a user sees the configs of their jobs'
);
select throws_ok(
  'update public.sim_configs set last_used_at = now() where true', '42501', null,
  'nobody writes configs'
);
select tests.be_user('bob');
select is_empty('select hash from public.sim_configs', 'a user does not see those of others');
select tests.be_node('ann''s node');
select results_eq(
  'select config_json from public.sim_configs', array[tests.config()],
  'a node sees the configs of what is leased to it'
);
select tests.be_node('bob''s node');
select is_empty('select hash from public.sim_configs', 'and no others');
select tests.be_anonymous();
select throws_ok('select hash from public.sim_configs', '42501', null, 'the signed-out see none');

select * from finish();
rollback;
