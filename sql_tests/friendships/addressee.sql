begin;
select plan(4);
select tests.set_stage();

select tests.be_user('bob');
select isnt_empty('select id from public.friendships', 'who is asked sees the request');
select throws_ok($$
  insert into public.friendships (requester_id, addressee_id)
  values (tests.id('bob'), tests.id('ann'))
$$, '23505', null, 'two users are one pair, whoever asks');
select isnt_empty(
  'update public.friendships set accepted_at = now() where true returning id',
  'who is asked can accept'
);
select tests.be_owner();
select ok(
  private.are_friends(tests.id('ann'), tests.id('bob'))
  and private.are_friends(tests.id('bob'), tests.id('ann')),
  'then they are friends, both ways'
);

select * from finish();
rollback;
