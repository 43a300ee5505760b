-- What Realtime listens to: rows of published tables, and broadcast messages.

do $$
begin
  if not exists (
    select from pg_catalog.pg_publication where pg_publication.pubname = 'supabase_realtime'
  ) then
    create publication supabase_realtime;
  end if;
  if not exists (
    select
    from pg_catalog.pg_publication
    where pg_publication.pubname = 'supabase_realtime_messages_publication'
  ) then
    create publication supabase_realtime_messages_publication
    for table realtime.messages with (publish = 'insert', publish_via_partition_root = true);
  end if;
end;
$$;

-- the tables of a project are published by its migrations
alter publication supabase_realtime owner to postgres;
