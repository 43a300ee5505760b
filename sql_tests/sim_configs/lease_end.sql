begin;
select plan(1);
select tests.set_stage();

update public.sim_chunks
set status = 'failed', failure = 'released', failed_at = now()
where true;
select tests.be_node('ann''s node');
select is_empty(
  'select hash from public.sim_configs', 'with its lease a node loses sight of the config'
);

select * from finish();
rollback;
