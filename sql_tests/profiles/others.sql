begin;
select plan(6);
select tests.set_stage();

select tests.be_user('bob');
select isnt_empty(
  'select id from public.profiles where id = tests.id(''ann'')',
  'a user sees the profile of somebody who asks to be friends'
);
select is_empty(
  'update public.profiles set display_name = ''X'' where id = tests.id(''ann'') returning id',
  'a user cannot change the profile of another'
);
select throws_ok(
  'delete from public.profiles where id = tests.id(''ann'')', '42501', null,
  'nobody deletes profiles'
);
select tests.be_owner();
delete from public.friendships
where true;
delete from public.guild_members
where true;
select tests.be_user('bob');
select is_empty(
  'select id from public.profiles where id = tests.id(''ann'')',
  'a user does not see the profile of a stranger'
);
select tests.be_node('ann''s node');
select is_empty('select id from public.profiles', 'a node sees no profile');
select tests.be_anonymous();
select throws_ok(
  'select id from public.profiles', '42501', null, 'the signed-out see no profile'
);

select * from finish();
rollback;
