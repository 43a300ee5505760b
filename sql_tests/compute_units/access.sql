begin;
select plan(10);
select tests.set_stage();

select tests.be_user('ann');
select results_eq(
  'select id from public.compute_units', array[tests.id('ann''s unit')], 'an owner sees their unit'
);
select throws_ok(
  'update public.compute_units set status = ''active'' where true', '42501', null,
  'an owner changes a unit by function only'
);
select throws_ok(
  'insert into public.compute_units (device_id) values (''gpu-0'')', '42501', null,
  'and adds none by hand'
);
select throws_ok(
  'delete from public.compute_units where true', '42501', null, 'nor removes one'
);
select tests.be_node('ann''s node');
select results_eq(
  'select id from public.compute_units', array[tests.id('ann''s unit')],
  'a node sees the units of its machine'
);
select throws_ok(
  'update public.compute_units set status = ''active'' where true', '42501', null,
  'a node changes them by function only'
);
select tests.be_node('bob''s node');
select is_empty('select id from public.compute_units', 'another node does not see them');
select tests.be_user('bob');
select is_empty('select id from public.compute_units', 'nor another user');
select throws_ok(
  'select public.pause_unit(tests.id(''ann''''s unit''))', 'PT404', null,
  'for whom the unit is not there'
);
select tests.be_anonymous();
select throws_ok(
  'select id from public.compute_units', '42501', null, 'the signed-out see no unit'
);

select * from finish();
rollback;
