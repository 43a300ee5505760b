begin;
select plan(6);
select tests.set_stage();

select throws_ok($$
  update public.nodes set status = 'online' where id = tests.id('pending node')
$$, '23514', null, 'a node without an owner is pending');
select throws_ok($$
  update public.nodes set user_id = null where id = tests.id('ann''s node')
$$, '23514', null, 'a claimed node has an owner');
select throws_ok($$
  update public.nodes set max_parallel = total_cores + 1 where id = tests.id('ann''s node')
$$, '23514', null, 'workers fit the machine');
select throws_ok($$
  update public.nodes set claim_code = 'ABCDE0' where id = tests.id('pending node')
$$, '23514', null, 'a code has no characters that can be misread');
select throws_ok($$
  update public.nodes set claim_code = 'GHJKLM', claim_code_expires_at = now()
  where id = tests.id('ann''s node')
$$, '23514', null, 'a claimed node has no code');
select throws_ok($$
  update public.nodes set public_key = 'key b' where id = tests.id('ann''s node')
$$, '23505', null, 'a key is one node');

select * from finish();
rollback;
