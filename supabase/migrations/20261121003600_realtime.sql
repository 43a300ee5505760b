-- Who may read and write which Realtime topic, and what dashboards may watch.

create function private.topic_id(topic text, kind text)
returns uuid
language plpgsql
immutable
set search_path = ''
as $$
begin
  if topic_id.topic ~ ('^' || topic_id.kind || ':[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$') then
    return split_part(topic_id.topic, ':', 2)::uuid;
  end if;
  return null;
end;
$$;

comment on function private.topic_id(text, text) is
'The id in a topic of this kind; null for any other topic.';

create function private.may_read_topic(topic text)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return coalesce(
    private.topic_id(may_read_topic.topic, 'node') = private.node_id()
    or private.topic_id(may_read_topic.topic, 'user') = auth.uid()
    or exists (
      select from public.sim_jobs as jobs
      where jobs.id = private.topic_id(may_read_topic.topic, 'job')
        and jobs.user_id = auth.uid()
    ), false
  );
end;
$$;

grant execute on function private.may_read_topic(text) to authenticated;

comment on function private.may_read_topic(text) is
'Whether the caller hears broadcasts on the topic: its own node, user, or one of its jobs.';

create function private.may_be_present(topic text)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return coalesce(
    private.topic_id(may_be_present.topic, 'user') = auth.uid()
    or exists (
      select from public.nodes
      where nodes.id = private.node_id()
        and nodes.user_id = private.topic_id(may_be_present.topic, 'user')
    ), false
  );
end;
$$;

grant execute on function private.may_be_present(text) to authenticated;

comment on function private.may_be_present(text) is
'Whether the caller takes part in presence on the topic: a user and the nodes they own.';

create policy "Nodes, users and owners of jobs read their own topics"
on realtime.messages for select to authenticated
using (
  case extension
    when 'broadcast' then private.may_read_topic((select realtime.topic()))
    when 'presence' then private.may_be_present((select realtime.topic()))
    else false
  end
);

create policy "Nodes show their presence to their owner"
on realtime.messages for insert to authenticated
with check (
  extension = 'presence' and private.may_be_present((select realtime.topic()))
);

-- not idempotent by itself: the platform may have published a table already
do $$
declare
  v_table text;
begin
  foreach v_table in array array['nodes', 'sim_jobs', 'sim_chunks'] loop
    if not exists (
      select from pg_catalog.pg_publication_tables as published
      where published.pubname = 'supabase_realtime'
        and published.schemaname = 'public'
        and published.tablename = v_table
    ) then
      execute format('alter publication supabase_realtime add table public.%I', v_table);
    end if;
  end loop;
end;
$$;
