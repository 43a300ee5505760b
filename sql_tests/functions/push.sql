begin;
select plan(4);
select tests.set_stage();

select tests.be_node('bob''s node');
select is(
  public.exchange_chunks('[]', 2) ->> 'chunks', '[]', 'a node that finds no work waits for it'
);
select tests.be_user('bob');
select lives_ok(
  'select public.submit_job(''{"engine":"combat"}'', 100000)', 'a job is submitted'
);
select tests.be_owner();
select results_eq($$
  select messages.topic, jsonb_array_length(messages.payload -> 'chunks'), messages.private
  from realtime.messages where messages.event = 'chunks'
$$, $$
  select 'node:' || tests.id('bob''s node'), 2, true
$$, 'one private message tells the waiting node of all its chunks');
select set_eq($$
  select (chunks.chunk ->> 'chunk_id')::uuid
  from realtime.messages
  cross join jsonb_array_elements(messages.payload -> 'chunks') as chunks (chunk)
  where messages.event = 'chunks'
$$, $$
  select id from public.sim_chunks where node_id = tests.id('bob''s node') and status = 'pending'
$$, 'exactly those that are leased to it');

select * from finish();
rollback;
