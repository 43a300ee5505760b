-- Keeps the daily partitions of realtime.messages: yesterday to three days ahead are there, what is
-- older than three days is gone. Applied on start and every few hours.

do $$
declare
  v_day date;
  v_partition record;
begin
  for v_day in
    select days.day::date
    from generate_series(
      (now() at time zone 'utc')::date - 1, (now() at time zone 'utc')::date + 3, interval '1 day'
    ) as days (day)
  loop
    if to_regclass(format('realtime.messages_%s', to_char(v_day, 'YYYY_MM_DD'))) is null then
      execute format(
        'create table realtime.%I partition of realtime.messages for values from (%L) to (%L)',
        'messages_' || to_char(v_day, 'YYYY_MM_DD'), v_day, v_day + 1
      );
      execute format(
        'alter table realtime.%I enable row level security',
        'messages_' || to_char(v_day, 'YYYY_MM_DD')
      );
      execute format(
        'alter table realtime.%I owner to supabase_realtime_admin',
        'messages_' || to_char(v_day, 'YYYY_MM_DD')
      );
    end if;
  end loop;

  for v_partition in
    select partitions.oid::regclass as name
    from pg_catalog.pg_inherits
    inner join pg_catalog.pg_class as partitions on partitions.oid = pg_inherits.inhrelid
    where pg_inherits.inhparent = 'realtime.messages'::regclass
      and to_date(partitions.relname, '"messages_"YYYY_MM_DD')
        < (now() at time zone 'utc')::date - 3
  loop
    execute format('drop table %s', v_partition.name);
  end loop;
end;
$$;
