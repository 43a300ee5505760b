begin;
select plan(7);
select tests.set_stage();

select throws_ok(
  'update public.sim_jobs set total_iterations = 1000000001 where true', '23514', null,
  'a job has at most a billion iterations'
);
select throws_ok(
  'update public.sim_jobs set completed_iterations = 1001 where true', '23514', null,
  'no more is completed than there is'
);
select throws_ok(
  'update public.sim_jobs set status = ''completed'' where true', '23514', null,
  'a completed job has a result and a time'
);
select throws_ok(
  'update public.sim_jobs set status = ''running'' where true', '23514', null,
  'a running job has started'
);
select throws_ok(
  'update public.sim_jobs set error = ''x'' where true', '23514', null,
  'only a failed job has an error'
);
select throws_ok(
  'update public.sim_jobs set target_error = 1 where true', '23514', null,
  'a target error is a fraction'
);
select results_eq(
  'select segment_iterations from public.sim_jobs', array[1000::bigint],
  'a job without a target error is one segment'
);

select * from finish();
rollback;
