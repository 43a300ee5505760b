-- Results that wait for a second opinion, and what came of it.
--
-- A result is held, and does not count, where its job asks for replication or where a check is
-- drawn. The range is then run again, by a node of another owner where there is one. The engine is
-- exact: the results of a range are equal to the bit, or one of them is wrong.
--
-- The draw is made by the pool once the result is there, so no node can know which of its results
-- will be checked. Every result of a new node is held; the more checks in a row agree with a node,
-- the fewer are drawn, but never none. Where nobody else could run the check there is none: a pool
-- of one node finishes its jobs. A check that nobody takes in time is given up; what a job asked
-- for as replication is not.

create table private.checks (
  job_id uuid not null references public.sim_jobs (id) on delete cascade,
  seed_offset bigint not null,
  iterations bigint not null,
  user_id uuid not null,
  access_type text not null,
  wanted smallint not null,
  open smallint not null,
  checkers text not null,
  apart_from uuid not null,
  drawn_at timestamptz not null,
  reviewed_at timestamptz not null,
  primary key (job_id, seed_offset),
  constraint a_check_wants_another_opinion check (wanted between 2 and 3),
  constraint open_runs_are_counted check (open >= 0),
  constraint checkers_are_known check (checkers in ('trusted', 'others', 'anybody'))
) with (fillfactor = 70);

alter table private.checks enable row level security;

comment on table private.checks is 'Ranges whose result is held until enough nodes agree on it.';
comment on column private.checks.wanted is 'How many must hand in the same result.';
comment on column private.checks.open is 'How many more runs of the range wait for a node.';
comment on column private.checks.checkers is
'Who may run it: trusted nodes of other owners, any node of other owners, any other node.';
comment on column private.checks.apart_from is
'The owner, or for anybody the node, of the first result: the one who does not get it.';

create index idx_checks_open on private.checks (user_id, apart_from) where open > 0;
create index idx_checks_open_public on private.checks (apart_from)
where open > 0 and access_type = 'public';
create index idx_checks_due on private.checks (reviewed_at) where open > 0;

create table private.verdicts (
  id bigint generated always as identity primary key,
  node_id uuid not null,
  owner_id uuid,
  job_id uuid not null,
  chunk_id uuid not null,
  seed_offset bigint not null,
  iterations bigint not null,
  verdict text not null,
  digest text not null,
  counted_digest text,
  decided_at timestamptz not null,
  constraint verdict_is_known check (verdict in ('agreed', 'disagreed', 'unchecked', 'disputed'))
);

alter table private.verdicts enable row level security;

comment on table private.verdicts is
'What became of every check: an audit that outlives nodes, jobs and chunks. Append-only.';
comment on column private.verdicts.verdict is
'agreed, or disagreed with what counts; unchecked: nobody could check it; disputed: nobody could '
'tell who is right.';

create index idx_verdicts_node on private.verdicts (node_id, id);
create index idx_verdicts_decided on private.verdicts (decided_at);

create table private.distrusted_results (
  id bigint generated always as identity primary key,
  node_id uuid not null,
  job_id uuid not null,
  chunk_id uuid not null,
  seed_offset bigint not null,
  iterations bigint not null,
  is_run_again boolean not null,
  distrusted_at timestamptz not null,
  constraint a_result_is_distrusted_once unique (chunk_id)
);

alter table private.distrusted_results enable row level security;

comment on table private.distrusted_results is
'Results that counted until their node was found to be wrong, and that nobody else confirmed. '
'Append-only: whoever gave credit for a result takes it back when its row appears here.';
comment on column private.distrusted_results.is_run_again is
'Whether the range is run again; false where the job was finished already.';

create index idx_distrusted_results_job on private.distrusted_results (job_id);

create type private.drawn_check as (
  chunk_id uuid,
  wanted smallint,
  open smallint,
  checkers text,
  apart_from uuid
);
