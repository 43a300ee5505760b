begin;
select plan(8);
select tests.set_stage();

select tests.be_node('ann''s node');
select throws_ok(
  'select public.submit_job(tests.config(), 1)', 'PT403', null, 'a node submits nothing'
);
select throws_ok(
  'select public.verify_claim_code(''ABCDEF'')', 'PT403', null, 'a node claims nothing'
);
select tests.be_user('ann');
select throws_ok(
  'select public.exchange_chunks(''[]'', 1)', 'PT403', null, 'a user takes no chunks'
);
select throws_ok(
  'select public.node_heartbeat(''{}'')', 'PT403', null, 'a user sends no heartbeats'
);
select throws_ok(
  'select private.register_node(''k'', ''{}'')', '42501', null, 'a user registers no nodes'
);
select throws_ok(
  'select private.take_token(''claim'', ''x'')', '42501', null, 'a user touches no rate limits'
);
select tests.be_anonymous();
select throws_ok(
  'select public.submit_job(tests.config(), 1)', '42501', null, 'the signed-out submit nothing'
);
select throws_ok(
  'select public.exchange_chunks(''[]'', 1)', '42501', null, 'and take nothing'
);

select * from finish();
rollback;
