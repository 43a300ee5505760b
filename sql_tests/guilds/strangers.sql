begin;
select plan(5);
select tests.set_stage();

select tests.be_owner();
delete from public.guild_members
where user_id = tests.id('bob');
select tests.be_user('bob');
select is_empty('select id from public.guilds', 'a stranger does not see the guild');
select is_empty(
  'select user_id from public.guild_members', 'nor who is in it'
);
select throws_ok($$
  insert into public.guild_members (guild_id, user_id)
  values (tests.id('ann''s guild'), tests.id('bob'))
$$, '42501', null, 'nobody joins without an invitation');
select tests.be_node('ann''s node');
select is_empty('select id from public.guilds', 'a node sees no guild');
select tests.be_anonymous();
select throws_ok('select id from public.guilds', '42501', null, 'the signed-out see no guild');

select * from finish();
rollback;
