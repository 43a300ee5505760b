begin;
select plan(8);
select tests.set_stage();

select tests.be_user('ann');
select set_eq(
  'select slug from public.rotations', array['secret', 'shared'], 'a user sees their rotations'
);
select throws_ok($$
  insert into public.rotations (user_id, slug, name) values (tests.id('ann'), 'x', 'X')
$$, '42501', null, 'rotations are saved by function only');
select lives_ok(
  'select public.save_rotation(''new'', ''New'', ''cast'')', 'a user saves a rotation'
);
select tests.be_user('bob');
select set_eq('select slug from public.rotations', array['shared'], 'others see public ones');
select set_eq(
  'select script from public.rotation_versions', array['cast'], 'with their versions, and no more'
);
select is_empty('delete from public.rotations where true returning id', 'and delete none');
select tests.be_anonymous();
select throws_ok('select id from public.rotations', '42501', null, 'the signed-out see none');
select throws_ok(
  'select script from public.rotation_versions', '42501', null, 'nor any version'
);

select * from finish();
rollback;
