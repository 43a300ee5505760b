begin;
select plan(3);
select tests.set_stage();

select set_config('request.jwt.claims', json_build_object(
  'role', 'authenticated', 'sub', tests.id('ann'), 'node_id', tests.id('ann''s node')
)::text, true);
select set_config('role', 'authenticated', true);
select throws_ok(
  'select public.exchange_chunks(''[]'', 1)', 'PT403', null,
  'a token whose subject is not its node is no node'
);
select throws_ok(
  'select public.submit_job(tests.config(), 1)', 'PT403', null, 'and no user either'
);
select is(private.node_id(), null, 'it is nobody');

select * from finish();
rollback;
