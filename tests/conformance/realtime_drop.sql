-- Leaves the database as it was before the conformance tests of Realtime.

drop table if exists public.conformance_notes;
drop function if exists public.conformance_say(text, text, jsonb);
drop policy if exists "Conformance: people hear their own topic" on realtime.messages;
drop policy if exists "Conformance: people hear the room" on realtime.messages;
drop policy if exists "Conformance: people speak in the room" on realtime.messages;
