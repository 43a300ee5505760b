begin;
select plan(8);
select tests.set_stage();

select tests.be_user('ann');
select isnt_empty('select * from public.sim_jobs', 'a user sees their jobs, whole');
select throws_ok(
  'update public.sim_jobs set total_iterations = 1 where true', '42501', null,
  'but changes them by function only'
);
select throws_ok($$
  insert into public.sim_jobs (user_id, config_hash, total_iterations, seed)
  select tests.id('ann'), config_hash, 1, 1 from public.sim_jobs
$$, '42501', null, 'and submits by function only');
select tests.be_user('bob');
select is_empty('select id from public.sim_jobs', 'a user does not see jobs of others');
select throws_ok(
  'select public.cancel_job(tests.id(''ann''''s job''))', 'PT404', null, 'nor cancels them'
);
select throws_ok(
  'select public.job_progress(tests.id(''ann''''s job''))', 'PT404', null, 'nor watches them'
);
select tests.be_node('ann''s node');
select is_empty('select id from public.sim_jobs', 'a node sees no jobs, only its chunks');
select tests.be_anonymous();
select throws_ok('select id from public.sim_jobs', '42501', null, 'the signed-out see none');

select * from finish();
rollback;
