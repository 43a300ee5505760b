begin;
select plan(6);
select tests.set_stage();

select tests.be_user('bob');
select isnt_empty('select id from public.guilds', 'an invited user sees the guild');
select is_empty(
  'update public.guilds set name = ''Mine'' where true returning id',
  'an invited user cannot rename it'
);
select throws_ok($$
  insert into public.guild_members (guild_id, user_id)
  values (tests.id('ann''s guild'), tests.id('bob'))
$$, '42501', null, 'only the owner invites');
select is_empty($$
  delete from public.guild_members where user_id = tests.id('ann') returning user_id
$$, 'an invited user removes nobody else');
select isnt_empty($$
  update public.guild_members set joined_at = now()
  where user_id = tests.id('bob')
  returning user_id
$$, 'an invited user joins');
select isnt_empty($$
  delete from public.guild_members where user_id = tests.id('bob') returning user_id
$$, 'a member leaves');

select * from finish();
rollback;
