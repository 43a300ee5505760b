-- The work of running jobs that nobody holds, and the results that are not merged yet.
--
-- A job starts as one or a few uncut ranges. Cutting a chunk locks the range's row but does not
-- change it: how far it is cut follows from the chunks inserted so far, so a long snapshot
-- elsewhere in the database leaves no dead rows to wade through. A range that was leased and came
-- back is a reopened range; it is leased again whole, so ranges tile the job exactly once.

create table private.open_jobs (
  job_id uuid primary key references public.sim_jobs (id) on delete cascade,
  user_id uuid not null,
  access_type text not null,
  rank smallint not null,
  engine text not null,
  engine_versions int8range,
  names_versions boolean not null,
  created_at timestamptz not null
);

alter table private.open_jobs enable row level security;

comment on table private.open_jobs is
'Jobs that may have work to lease, in the order they are served. A hint: the ranges decide.';

comment on column private.open_jobs.engine_versions is
'What private.accepted_versions() says of the job; null for any.';
comment on column private.open_jobs.names_versions is
'Whether its user has named versions: then a node must say that it has one of them.';

create index idx_open_jobs_user
on private.open_jobs (user_id, rank desc, created_at, job_id);
create index idx_open_jobs_public
on private.open_jobs (user_id, rank desc, created_at, job_id) where access_type = 'public';

create table private.tail_jobs (
  job_id uuid primary key references public.sim_jobs (id) on delete cascade
);

alter table private.tail_jobs enable row level security;

comment on table private.tail_jobs is
'Running jobs with nothing left to lease, that wait for what is out: where stragglers matter.';

create table private.uncut_ranges (
  job_id uuid not null references public.sim_jobs (id) on delete cascade,
  stripe smallint not null,
  first_iteration bigint not null,
  end_iteration bigint not null,
  primary key (job_id, stripe),
  constraint a_range_has_iterations check (first_iteration < end_iteration)
);

alter table private.uncut_ranges enable row level security;

comment on table private.uncut_ranges is
'Stripes of a job not cut to their end. Several, so that cutters do not queue for one row.';

create table private.reopened_ranges (
  job_id uuid not null references public.sim_jobs (id) on delete cascade,
  seed_offset bigint not null,
  iterations bigint not null,
  lost_by uuid,
  reopened_at timestamptz not null,
  primary key (job_id, seed_offset)
);

alter table private.reopened_ranges enable row level security;

comment on table private.reopened_ranges is
'Ranges whose lease ended without a result. They are leased before anything new is cut.';
comment on column private.reopened_ranges.lost_by is
'The node that failed or lost it, and does not get it back at once; null if given back.';

create table private.job_partials (
  id bigint generated always as identity primary key,
  job_id uuid not null,
  segment integer not null,
  level smallint not null,
  chunks bigint not null,
  iterations bigint not null,
  samples numeric not null,
  total numeric not null,
  total_squares numeric not null,
  chunk_ids uuid[],
  result jsonb,
  shares jsonb,
  constraint a_partial_names_its_chunks_or_is_merged
  check ((level = 0) = (chunk_ids is not null) and (level = 0) = (result is null)),
  constraint what_is_merged_says_whose_it_is check ((result is null) = (shares is null))
);

alter table private.job_partials enable row level security;

comment on table private.job_partials is
'Accepted results of running jobs: at level 0 what was handed in together and is in its chunks '
'only, merged a batch at a time upwards. No foreign key: it goes with its job as chunks do.';
comment on column private.job_partials.total is
'Sum of the job''s primary metric, beside its sample count and sum of squares: the progress.';

comment on column private.job_partials.shares is
'Which node did which iterations of it, as private.merge_shares() writes it.';

create index idx_job_partials_fold on private.job_partials (job_id, segment, level, id);

create table private.fold_marks (
  job_id uuid not null references public.sim_jobs (id) on delete cascade,
  segment integer not null,
  level smallint not null,
  first_id bigint not null,
  primary key (job_id, segment, level, first_id)
);

alter table private.fold_marks enable row level security;

comment on table private.fold_marks is
'The first of each batch of results of a running job that was merged: where to look for the next.';

create table private.job_nodes (
  job_id uuid not null references public.sim_jobs (id) on delete cascade,
  node_id uuid not null,
  primary key (job_id, node_id)
);

alter table private.job_nodes enable row level security;

comment on table private.job_nodes is
'Which nodes contributed to a job, as long as its chunks are kept.';

create index idx_job_nodes_node on private.job_nodes (node_id);

create table private.barred_nodes (
  job_id uuid not null references public.sim_jobs (id) on delete cascade,
  node_id uuid not null,
  barred_at timestamptz not null,
  primary key (job_id, node_id)
);

alter table private.barred_nodes enable row level security;

comment on table private.barred_nodes is
'Nodes that keep failing a job that others can run, or have a version of its engine that nobody '
'could check: they get no more of it.';
