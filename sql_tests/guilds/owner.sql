begin;
select plan(5);
select tests.set_stage();

select tests.be_user('ann');
select results_eq(
  'select joined_at is not null from public.guild_members where user_id = tests.id(''ann'')',
  array[true], 'the founder of a guild is its first member'
);
select isnt_empty(
  'update public.guilds set name = ''Day shift'' where true returning id',
  'the owner renames the guild'
);
select throws_ok($$
  insert into public.guilds (owner_id, name) values (tests.id('bob'), 'Mine')
$$, '42501', null, 'nobody founds a guild in the name of another');
select isnt_empty($$
  delete from public.guild_members where user_id = tests.id('bob') returning user_id
$$, 'the owner removes members');
select isnt_empty('delete from public.guilds where true returning id', 'the owner dissolves it');

select * from finish();
rollback;
