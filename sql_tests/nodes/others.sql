begin;
select plan(5);
select tests.set_stage();

select tests.be_user('bob');
select results_eq(
  'select id from public.nodes', array[tests.id('bob''s node')],
  'a user sees neither nodes of others nor pending ones'
);
select throws_ok($$
  select public.update_node_settings(tests.id('ann''s node'), name => 'Mine')
$$, 'PT404', null, 'a node of another does not exist for them');
select tests.be_node('bob''s node');
select results_eq(
  'select id from public.nodes', array[tests.id('bob''s node')], 'a node sees itself only'
);
select throws_ok(
  'update public.nodes set max_parallel = 1 where true', '42501', null,
  'a node does not change itself'
);
select tests.be_anonymous();
select throws_ok('select id from public.nodes', '42501', null, 'the signed-out see no node');

select * from finish();
rollback;
