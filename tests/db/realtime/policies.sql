-- What the tests of Realtime grant: everybody reads its own node topic; rooms are read and written
-- by those whose token names them; lobbies are for presence alone.
create policy "a node reads its own topic" on realtime.messages for select to authenticated
using (
  realtime.messages.extension = 'broadcast'
  and (select realtime.topic()) = 'node:' || (select auth.jwt() ->> 'sub')
);
create policy "members read their room" on realtime.messages for select to authenticated
using ((select realtime.topic()) = 'room:' || (select auth.jwt() ->> 'room'));
create policy "members write to their room" on realtime.messages for insert to authenticated
with check (
  (select realtime.topic()) = 'room:' || (select auth.jwt() ->> 'room')
  and not coalesce((select (auth.jwt() ->> 'silent')::boolean), false)
);
create policy "everybody sees who is in a lobby" on realtime.messages for select to authenticated
using (
  realtime.messages.extension = 'presence'
  and (select realtime.topic()) like 'lobby:%'
);
create policy "a broken policy" on realtime.messages for select to authenticated
using (
  case
    when (select realtime.topic()) = 'broken' then (select realtime.topic())::uuid is not null
    else false
  end
);
