-- Nothing is granted by default: every object of this schema names the roles that may use it.
-- Schema public holds tables under row level security and thin invoker functions; schema private
-- holds internals and every security definer function, and is never exposed through the Data API.

create schema private;

comment on schema private is
'Internals of the pool. Never exposed: its functions are called by the thin ones in public.';

grant usage on schema private to anon, authenticated, service_role;

alter default privileges revoke execute on functions from public;
alter default privileges in schema public
revoke execute on functions from anon, authenticated, service_role;
alter default privileges in schema public
revoke all on tables from anon, authenticated, service_role;
alter default privileges in schema public
revoke all on sequences from anon, authenticated, service_role;
