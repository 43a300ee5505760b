begin;
select plan(8);
select tests.set_stage();

select throws_ok(
  'update public.sim_chunks set status = ''completed'' where true', '23514', null,
  'a completed chunk has a digest and a time'
);
select throws_ok(
  'update public.sim_chunks set status = ''failed'' where true', '23514', null,
  'a failed chunk says how'
);
select throws_ok(
  'update public.sim_chunks set status = ''pending'' where true', '23514', null,
  'a pending chunk is not confirmed'
);
select throws_ok(
  'update public.sim_chunks set status = ''running'' where true', '23514', null,
  'a running chunk has started'
);
select throws_ok(
  'update public.sim_chunks set iterations = 0 where true', '23514', null,
  'a chunk has iterations'
);
select throws_ok($$
  insert into public.sim_chunks (
    job_id, node_id, config_hash, seed_offset, iterations, status, lease_expires_at
  )
  select job_id, node_id, config_hash, seed_offset, iterations, 'pending', lease_expires_at
  from public.sim_chunks
$$, '23505', null, 'a range is leased once per attempt');
update public.sim_chunks
set status = 'completed', result_digest = 'x', completed_at = now()
where true;
select throws_ok($$
  insert into public.sim_chunks (
    job_id, node_id, config_hash, seed_offset, iterations, status, lease_expires_at, attempt,
    result_digest, completed_at
  )
  select
    job_id, node_id, config_hash, seed_offset, iterations, status, lease_expires_at, 2, 'y', now()
  from public.sim_chunks
$$, '23505', null, 'a range is completed once, whatever goes wrong');
select lives_ok($$
  insert into public.sim_chunks (
    job_id, node_id, config_hash, seed_offset, iterations, status, lease_expires_at, attempt
  )
  select
    job_id, node_id, config_hash, seed_offset, iterations, 'pending', lease_expires_at, 2
  from public.sim_chunks
$$, 'but may be leased again');

select * from finish();
rollback;
