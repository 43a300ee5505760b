-- Removes what scratch.sql made.

drop table if exists public.conformance_parts;
drop table if exists public.conformance_items;
drop function if exists public.conformance_reset();
drop function if exists public.conformance_add(integer, integer);
drop function if exists public.conformance_numbers(integer);
drop function if exists public.conformance_nothing();
drop function if exists public.conformance_echo(jsonb, text);
drop function if exists public.conformance_fail(text);
drop function if exists public.conformance_whoami();
