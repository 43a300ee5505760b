begin;
select plan(4);

select results_eq($$
  select published.tablename::text collate "default"
  from pg_catalog.pg_publication_tables as published
  where published.pubname = 'supabase_realtime'
  order by 1
$$, $$values ('nodes'), ('sim_chunks'), ('sim_jobs')$$, 'dashboards may watch these tables');

select results_eq($$
  select jobs.jobname::text collate "default", jobs.schedule from cron.job as jobs order by 1
$$, $$
  values
  ('simpool_deactivate_stale_devices', '* * * * *'),
  ('simpool_delete_abandoned', '0 3 * * *'),
  ('simpool_delete_unclaimed_nodes', '*/5 * * * *'),
  ('simpool_fail_overdue_jobs', '* * * * *'),
  ('simpool_mark_silent_units', '* * * * *'),
  ('simpool_mark_stale_nodes', '* * * * *'),
  ('simpool_measure_nodes', '*/5 * * * *'),
  ('simpool_post_earnings', '* * * * *'),
  ('simpool_prune_finished_work', '37 * * * *'),
  ('simpool_prune_history', '17 * * * *'),
  ('simpool_prune_requests', '*/5 * * * *'),
  ('simpool_purge_distrusted_nodes', '* * * * *'),
  ('simpool_requeue_expired_leases', '* * * * *'),
  ('simpool_review_checks', '* * * * *'),
  ('simpool_reward_jobs', '* * * * *'),
  ('simpool_sample_network', '*/5 * * * *')
$$, 'the real pg_cron has every job, with a schedule that it accepts');

select is(
  private.schedule_maintenance(), '16 maintenance jobs are scheduled.',
  'setting maintenance up again changes nothing'
);

select is_empty($$
  select constraints.conname, constraints.conrelid::regclass
  from pg_catalog.pg_constraint as constraints
  where constraints.contype = 'f'
    and constraints.connamespace in ('public'::regnamespace, 'private'::regnamespace)
    and not exists (
      select from pg_catalog.pg_index as indexes
      where indexes.indrelid = constraints.conrelid
        and indexes.indkey[0] = constraints.conkey[1]
        and (
          indexes.indpred is null
          or pg_get_expr(indexes.indpred, indexes.indrelid) like '%IS NOT NULL%'
        )
    )
$$, 'every foreign key has an index');

select * from finish();
rollback;
