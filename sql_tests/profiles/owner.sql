begin;
select plan(4);
select tests.set_stage();

select tests.be_user('ann');
select results_eq(
  'select display_name from public.profiles where id = tests.id(''ann'')',
  array['Ann'], 'a user sees their own profile, made when they signed up'
);
select isnt_empty(
  'update public.profiles set display_name = ''Anna'' where id = tests.id(''ann'') returning id',
  'a user changes their own name'
);
select throws_ok(
  'update public.profiles set display_name = '''' where id = tests.id(''ann'')',
  '23514', null, 'a name is not empty'
);
select throws_ok(
  'update public.profiles set created_at = now() where id = tests.id(''ann'')',
  '42501', null, 'a user changes nothing else of a profile'
);

select * from finish();
rollback;
