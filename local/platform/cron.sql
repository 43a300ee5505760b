-- The tables and functions of pg_cron 1.4, for servers without it. The stand-in runs the jobs.
-- One thing more is accepted, from pg_cron 1.5: the schedule '30 seconds'.

create schema if not exists cron;
create sequence if not exists cron.jobid_seq;
create sequence if not exists cron.runid_seq;

create table if not exists cron.job (
  jobid bigint not null default nextval('cron.jobid_seq'),
  schedule text not null,
  command text not null,
  nodename text not null default 'localhost',
  nodeport integer not null default coalesce(inet_server_port(), current_setting('port')::integer),
  database text not null default current_database(),
  username text not null default current_user,
  active boolean not null default true,
  jobname name,
  constraint job_pkey primary key (jobid),
  constraint jobname_username_uniq unique (jobname, username)
);
comment on table cron.job is 'What runs when. Written by cron.schedule and its companions only.';
alter table cron.job enable row level security;
drop policy if exists cron_job_policy on cron.job;
create policy cron_job_policy on cron.job using (username = current_user);

create table if not exists cron.job_run_details (
  jobid bigint,
  runid bigint not null default nextval('cron.runid_seq'),
  job_pid integer,
  database text,
  username text,
  command text,
  status text,
  return_message text,
  start_time timestamptz,
  end_time timestamptz,
  constraint job_run_details_pkey primary key (runid)
);
comment on table cron.job_run_details is
'One row for each run of a job. Nothing prunes it by itself.';
alter table cron.job_run_details enable row level security;
drop policy if exists cron_job_run_details_policy on cron.job_run_details;
create policy cron_job_run_details_policy on cron.job_run_details
using (username = current_user);

-- Whether `field` is a list of steps of ranges between `lowest` and `highest`, or of `names`,
-- the first of which stands for `lowest`.
create or replace function cron.is_schedule_field(
  field text, lowest integer, highest integer, names text[] default '{}'
)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_item text;
  v_parts text[];
  v_first integer;
  v_last integer;
begin
  foreach v_item in array pg_catalog.string_to_array(pg_catalog.lower(is_schedule_field.field), ',')
  loop
    v_parts := pg_catalog.regexp_match(
      v_item, '^(?:\*|([0-9]{1,4}|[a-z]{3})(?:-([0-9]{1,4}|[a-z]{3}))?)(?:/([0-9]{1,4}))?$'
    );
    if v_parts is null or v_parts[3]::integer = 0 then
      return false;
    end if;
    -- a step needs a range, and a range counts upwards
    if v_parts[3] is not null and v_parts[1] is not null and v_parts[2] is null then
      return false;
    end if;
    v_first := coalesce(
      pg_catalog.array_position(is_schedule_field.names, v_parts[1])
      + is_schedule_field.lowest - 1,
      case when v_parts[1] ~ '^[0-9]+$' then v_parts[1]::integer end
    );
    v_last := coalesce(
      pg_catalog.array_position(is_schedule_field.names, v_parts[2])
      + is_schedule_field.lowest - 1,
      case when v_parts[2] ~ '^[0-9]+$' then v_parts[2]::integer end,
      v_first
    );
    if (v_first is null) <> (v_parts[1] is null)
      or (v_parts[2] is not null and v_last is null)
      or v_first < is_schedule_field.lowest
      or v_last > is_schedule_field.highest
      or v_first > v_last
    then
      return false;
    end if;
  end loop;
  return is_schedule_field.field <> '';
end;
$$;

-- The schedules that pg_cron knows, and '30 seconds'.
create or replace function cron.is_schedule(schedule text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_schedule text := pg_catalog.lower(pg_catalog.btrim(is_schedule.schedule));
  v_fields text[] := pg_catalog.regexp_split_to_array(v_schedule, '\s+');
begin
  if v_schedule ~ '^([1-9]|[1-5][0-9]) seconds?$' then
    return true;
  end if;
  if v_schedule in (
    '@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly'
  ) then
    return true;
  end if;
  return pg_catalog.cardinality(v_fields) = 5
    and cron.is_schedule_field(v_fields[1], 0, 59)
    and cron.is_schedule_field(v_fields[2], 0, 23)
    and cron.is_schedule_field(v_fields[3], 1, 31)
    and cron.is_schedule_field(
      v_fields[4], 1, 12, '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}'
    )
    and cron.is_schedule_field(v_fields[5], 0, 7, '{sun,mon,tue,wed,thu,fri,sat}');
end;
$$;

create or replace function cron.check_schedule(schedule text)
returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
  if cron.is_schedule(check_schedule.schedule) is not true then
    raise invalid_parameter_value using
      message = pg_catalog.format('invalid schedule: %s', check_schedule.schedule);
  end if;
end;
$$;

-- Nobody but a superuser writes jobs in the name of others. The functions that callers use run as
-- the caller and say here who that is; the login of the session bounds what can be claimed.
create or replace function cron.check_caller(username text)
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
  if not pg_catalog.pg_has_role(session_user, check_caller.username, 'member') then
    raise insufficient_privilege using
      message = pg_catalog.format('must be a member of role %s', check_caller.username);
  end if;
end;
$$;

create or replace function cron.write_job(
  job_name text, schedule text, command text, database text, username text, active boolean
)
returns bigint
language plpgsql
security definer
volatile
set search_path = ''
as $$
declare
  v_jobid bigint;
begin
  perform cron.check_caller(write_job.username);
  perform cron.check_schedule(write_job.schedule);
  insert into cron.job (jobname, schedule, command, database, username, active)
  values (
    write_job.job_name::name,
    write_job.schedule,
    write_job.command,
    write_job.database,
    write_job.username,
    write_job.active
  )
  on conflict on constraint jobname_username_uniq do update
    set schedule = excluded.schedule, command = excluded.command
  returning job.jobid into v_jobid;
  return v_jobid;
end;
$$;

create or replace function cron.delete_job(job_id bigint, job_name name, username text)
returns boolean
language plpgsql
security definer
volatile
set search_path = ''
as $$
begin
  perform cron.check_caller(delete_job.username);
  delete from cron.job
  where (job.jobid = delete_job.job_id or job.jobname = delete_job.job_name)
    and job.username = delete_job.username;
  if not found then
    raise internal_error using
      message = pg_catalog.format(
        'could not find valid entry for job ''%s''',
        coalesce(delete_job.job_id::text, delete_job.job_name::text)
      );
  end if;
  return true;
end;
$$;

create or replace function cron.change_job(
  job_id bigint,
  schedule text,
  command text,
  database text,
  username text,
  active boolean,
  caller text
)
returns void
language plpgsql
security definer
volatile
set search_path = ''
as $$
begin
  perform cron.check_caller(change_job.caller);
  if change_job.username is not null then
    perform cron.check_caller(change_job.username);
  end if;
  if change_job.schedule is not null then
    perform cron.check_schedule(change_job.schedule);
  end if;
  update cron.job
  set
    schedule = coalesce(change_job.schedule, job.schedule),
    command = coalesce(change_job.command, job.command),
    database = coalesce(change_job.database, job.database),
    username = coalesce(change_job.username, job.username),
    active = coalesce(change_job.active, job.active)
  where job.jobid = change_job.job_id and job.username = change_job.caller;
  if not found then
    raise internal_error using
      message = pg_catalog.format(
        'Job %s does not exist or you don''t own it', change_job.job_id
      );
  end if;
end;
$$;

create or replace function cron.schedule(schedule text, command text)
returns bigint
language plpgsql
strict
volatile
as $$
begin
  return cron.write_job(
    null, schedule.schedule, schedule.command, current_database(), current_user, true
  );
end;
$$;
comment on function cron.schedule(text, text) is 'schedule a pg_cron job';

create or replace function cron.schedule(job_name text, schedule text, command text)
returns bigint
language plpgsql
volatile
as $$
begin
  if schedule.job_name is null then
    raise exception 'job_name can not be NULL';
  end if;
  return cron.write_job(
    schedule.job_name, schedule.schedule, schedule.command, current_database(), current_user, true
  );
end;
$$;
comment on function cron.schedule(text, text, text) is 'schedule a pg_cron job';

create or replace function cron.schedule_in_database(
  job_name text,
  schedule text,
  command text,
  database text,
  username text default null,
  active boolean default true
)
returns bigint
language plpgsql
volatile
as $$
begin
  return cron.write_job(
    schedule_in_database.job_name,
    schedule_in_database.schedule,
    schedule_in_database.command,
    schedule_in_database.database,
    coalesce(schedule_in_database.username, current_user),
    schedule_in_database.active
  );
end;
$$;
comment on function cron.schedule_in_database(text, text, text, text, text, boolean) is
'schedule a pg_cron job';

create or replace function cron.unschedule(job_id bigint)
returns boolean
language plpgsql
strict
volatile
as $$
begin
  return cron.delete_job(unschedule.job_id, null, current_user);
end;
$$;
comment on function cron.unschedule(bigint) is 'unschedule a pg_cron job';

create or replace function cron.unschedule(job_name name)
returns boolean
language plpgsql
strict
volatile
as $$
begin
  return cron.delete_job(null, unschedule.job_name, current_user);
end;
$$;
comment on function cron.unschedule(name) is 'unschedule a pg_cron job';

create or replace function cron.alter_job(
  job_id bigint,
  schedule text default null,
  command text default null,
  database text default null,
  username text default null,
  active boolean default null
)
returns void
language plpgsql
volatile
as $$
begin
  perform cron.change_job(
    alter_job.job_id,
    alter_job.schedule,
    alter_job.command,
    alter_job.database,
    alter_job.username,
    alter_job.active,
    current_user
  );
end;
$$;
comment on function cron.alter_job(bigint, text, text, text, text, boolean) is
'Alter the job identified by job_id. Any option left as NULL will not be modified.';

revoke execute on all functions in schema cron from public;
grant usage on schema cron to postgres with grant option;
grant execute on all functions in schema cron to postgres with grant option;
grant select on cron.job to postgres with grant option;
grant all on cron.job_run_details to postgres with grant option;
grant select on all sequences in schema cron to postgres;
