begin;
select plan(7);
select tests.set_stage();

select tests.be_user('ann');
select results_eq(
  'select access_type from public.node_access', array['owner'],
  'an owner sees whom their nodes admit'
);
select throws_ok($$
  insert into public.node_access (node_id, access_type) values (tests.id('ann''s node'), 'public')
$$, '42501', null, 'an owner shares by function only');
select lives_ok($$
  select public.share_node(tests.id('ann''s node'), 'public')
$$, 'an owner shares their node with everybody');
select tests.be_user('bob');
select results_eq(
  'select node_id from public.node_access', array[tests.id('bob''s node')],
  'a user does not see whom nodes of others admit'
);
select results_eq(
  'select id from public.available_nodes()',
  array[tests.id('bob''s node'), tests.id('ann''s node')],
  'but which nodes they may use'
);
select tests.be_node('ann''s node');
select is_empty('select id from public.node_access', 'a node does not see whom it admits');
select tests.be_anonymous();
select throws_ok(
  'select id from public.node_access', '42501', null, 'the signed-out see no access'
);

select * from finish();
rollback;
