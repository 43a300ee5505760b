begin;
select plan(7);
select tests.set_stage();

select tests.be_user('ann');
select results_eq(
  'select id from public.sim_chunks', array[tests.id('ann''s chunk')],
  'a user sees the chunks of their jobs'
);
select throws_ok(
  'select lease_token from public.sim_chunks', '42501', null, 'but not their lease tokens'
);
select tests.be_user('bob');
select is_empty('select id from public.sim_chunks', 'a user does not see chunks of others');
select tests.be_node('ann''s node');
select isnt_empty('select id from public.sim_chunks', 'a node sees what is leased to it');
select throws_ok(
  'update public.sim_chunks set status = ''completed'' where true', '42501', null,
  'and hands it in by function only'
);
select tests.be_node('bob''s node');
select is_empty('select id from public.sim_chunks', 'another node does not see it');
select tests.be_anonymous();
select throws_ok('select id from public.sim_chunks', '42501', null, 'the signed-out see none');

select * from finish();
rollback;
