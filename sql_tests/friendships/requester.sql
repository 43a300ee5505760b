begin;
select plan(5);
select tests.set_stage();

select tests.be_user('ann');
select isnt_empty('select id from public.friendships', 'who asked sees the request');
select throws_ok($$
  insert into public.friendships (requester_id, addressee_id)
  values (tests.id('bob'), tests.id('ann'))
$$, '42501', null, 'nobody asks in the name of another');
select is_empty(
  'update public.friendships set accepted_at = now() where true returning id',
  'who asked cannot accept'
);
select throws_ok($$
  insert into public.friendships (requester_id, addressee_id, accepted_at)
  values (tests.id('ann'), tests.id('bob'), now())
$$, '42501', null, 'nobody starts as a friend');
select isnt_empty(
  'delete from public.friendships where true returning id', 'who asked can take it back'
);

select * from finish();
rollback;
