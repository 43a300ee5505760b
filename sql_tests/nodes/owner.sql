begin;
select plan(4);
select tests.set_stage();

select tests.be_user('ann');
select results_eq(
  'select id from public.nodes', array[tests.id('ann''s node')], 'an owner sees their nodes only'
);
select throws_ok(
  'update public.nodes set name = ''X'' where true', '42501', null,
  'an owner changes a node by function only'
);
select throws_ok(
  'delete from public.nodes where true', '42501', null, 'an owner does not delete rows'
);
select lives_ok($$
  select public.update_node_settings(tests.id('ann''s node'), name => 'Attic')
$$, 'an owner changes the settings of their node');

select * from finish();
rollback;
