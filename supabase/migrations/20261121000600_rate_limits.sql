-- Rate limits, shared by all replicas of the handlers: one timestamp per bucket and subject
-- (the generic cell rate algorithm), so a limit costs one row whatever the rate.

create table private.rate_limits (
  bucket text primary key,
  allowed integer not null,
  period interval not null,
  constraint something_is_allowed check (allowed >= 1),
  constraint period_is_positive check (period > interval '0')
);

alter table private.rate_limits enable row level security;

comment on table private.rate_limits is
'How many requests each bucket allows per period, all at once or spread.';

insert into private.rate_limits (bucket, allowed, period)
values
('node_register', 120, '10 minutes'),
('claim', 10, '10 minutes'),
('machine_register', 30, '10 minutes'),
('machine_heartbeat', 60, '5 minutes'),
('unit_change', 120, '10 minutes'),
('device_register', 60, '10 minutes'),
('device_heartbeat', 600, '5 minutes');

create table private.rate_uses (
  bucket text not null references private.rate_limits (bucket) on delete cascade,
  subject text not null,
  allowed_from timestamptz not null,
  primary key (bucket, subject)
) with (fillfactor = 70);

alter table private.rate_uses enable row level security;

comment on table private.rate_uses is 'Who used how much of a rate limit lately.';
comment on column private.rate_uses.allowed_from is
'When the subject will have its whole allowance again; in the past if nothing is used up.';

create index idx_rate_uses_prune on private.rate_uses (allowed_from);

create function private.take_token(bucket text, subject text)
returns integer
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := private.current_time();
  v_limit private.rate_limits;
  v_from timestamptz;
  v_wait interval;
begin
  select * into strict v_limit
  from private.rate_limits where rate_limits.bucket = take_token.bucket;

  insert into private.rate_uses as uses (bucket, subject, allowed_from)
  values (take_token.bucket, take_token.subject, v_now)
  on conflict on constraint rate_uses_pkey do update
  set allowed_from = greatest(uses.allowed_from, v_now)
  returning uses.allowed_from into v_from;

  v_from := v_from + v_limit.period / v_limit.allowed;
  v_wait := v_from - v_limit.period - v_now;
  if v_wait > interval '0' then
    return ceil(extract(epoch from v_wait));
  end if;

  update private.rate_uses set allowed_from = v_from
  where rate_uses.bucket = take_token.bucket and rate_uses.subject = take_token.subject;
  return 0;
end;
$$;

grant execute on function private.take_token(text, text) to service_role;

comment on function private.take_token(text, text) is
'Uses one request of the bucket: 0 when allowed, else the seconds to wait. Never raises for that.';

create function private.return_token(bucket text, subject text)
returns void
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  update private.rate_uses as uses
  set allowed_from = uses.allowed_from - limits.period / limits.allowed
  from private.rate_limits as limits
  where limits.bucket = uses.bucket
    and uses.bucket = return_token.bucket
    and uses.subject = return_token.subject;
end;
$$;

comment on function private.return_token(text, text) is
'Gives back one request of the bucket: what succeeded is not an attempt.';
