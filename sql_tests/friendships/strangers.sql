begin;
select plan(3);
select tests.set_stage();

delete from public.friendships
where true;
select tests.be_user('ann');
select throws_ok($$
  insert into public.friendships (requester_id, addressee_id)
  values (tests.id('ann'), tests.id('ann'))
$$, '23514', null, 'nobody befriends themselves');
select tests.be_node('ann''s node');
select throws_ok($$
  insert into public.friendships (requester_id, addressee_id)
  values (tests.id('ann''s node'), tests.id('bob'))
$$, '23503', null, 'a node has no friends');
select tests.be_anonymous();
select throws_ok(
  'select id from public.friendships', '42501', null, 'the signed-out see no friendship'
);

select * from finish();
rollback;
