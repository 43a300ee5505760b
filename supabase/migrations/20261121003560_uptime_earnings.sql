-- Uptime: an interval is cut where a day or a rate ends, and each piece added to its day.

create function private.find_rate(device_type text, moment timestamptz)
returns private.rates
language plpgsql
stable
set search_path = ''
as $$
declare
  v_rate private.rates;
begin
  select rates.* into v_rate
  from private.rates
  where rates.device_type = find_rate.device_type
    and rates.valid_from <= find_rate.moment
    and rates.valid_until > find_rate.moment;
  if not found then
    v_rate.per_hour := 0;
    v_rate.per_task := 0;
    select coalesce(min(rates.valid_from), 'infinity') into v_rate.valid_until
    from private.rates
    where rates.device_type = find_rate.device_type and rates.valid_from > find_rate.moment;
  end if;
  return v_rate;
end;
$$;

comment on function private.find_rate(text, timestamptz) is
'The rate valid at a moment; nothing is paid, until the next one begins, where there is none.';

create function private.add_uptime(unit public.compute_units, since timestamptz, until timestamptz)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_from timestamptz := add_uptime.since;
  v_until timestamptz;
  v_rate private.rates;
  v_date date;
  v_seconds numeric;
  v_is_first boolean;
begin
  while v_from < add_uptime.until loop
    v_date := (v_from at time zone 'utc')::date;
    v_rate := private.find_rate((add_uptime.unit).device_type, v_from);
    v_until := least(
      add_uptime.until, (v_date + 1)::timestamp at time zone 'utc', v_rate.valid_until
    );
    v_seconds := extract(epoch from v_until - v_from);
    insert into private.unit_uptimes as uptimes (account_id, date, seconds, amount)
    values (
      (add_uptime.unit).id, v_date, v_seconds,
      (add_uptime.unit).quantity * v_seconds * v_rate.per_hour
    )
    on conflict on constraint unit_uptimes_pkey do update
    set
      seconds = uptimes.seconds + excluded.seconds,
      amount = uptimes.amount + excluded.amount
    returning uptimes.seconds = v_seconds into v_is_first;
    if v_is_first then
      perform private.expect_posting((add_uptime.unit).id, v_date);
    end if;
    v_from := v_until;
  end loop;
end;
$$;

comment on function private.add_uptime(public.compute_units, timestamptz, timestamptz) is
'Adds an interval in which a unit worked to its days.';

create function private.expect_posting(account_id uuid, date date)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  insert into private.postings as postings (account_id, date, due_at)
  values (expect_posting.account_id, expect_posting.date, private.current_time())
  on conflict on constraint postings_pkey do update
  set due_at = least(postings.due_at, excluded.due_at);
end;
$$;

comment on function private.expect_posting(uuid, date) is
'The earnings of this unit and day have changed: the ledger follows.';
