-- The pool's clock. Domain code never calls now(): it calls private.current_time(), so that a test
-- can set the time. Only the database owner can write the row that does so.

create table private.clock (
  is_fake boolean primary key default true,
  fake_now timestamptz not null,
  constraint only_one_fake_time check (is_fake)
);

alter table private.clock enable row level security;

comment on table private.clock is
'Empty in production. A test that puts its one row here decides what time it is.';

create function private.current_time()
returns timestamptz
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return coalesce((select clock.fake_now from private.clock), statement_timestamp());
end;
$$;

grant execute on function private.current_time() to anon, authenticated, service_role;

comment on function private.current_time() is
'The time of the running statement, or the fake time of a test.';
