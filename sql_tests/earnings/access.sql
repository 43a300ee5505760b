begin;
select plan(7);
select tests.set_stage();

-- every table of the books, for everybody who is not the database's owner
create function pg_temp.books()
returns setof text
language sql
as $$
  values
  ('rates'), ('accounts'), ('node_accounts'), ('unit_uptimes'), ('unit_tasks'), ('postings'),
  ('uncredited_jobs'), ('job_earnings'), ('config_costs'), ('disputed_chunks'),
  ('ledger_transactions'), ('ledger_entries'), ('unit_heartbeats'), ('node_commands'), ('api_keys'), ('unit_transitions');
$$;

select is_empty($$
  select roles.name, books.name, rights.name
  from pg_temp.books() as books (name)
  cross join unnest(array['anon', 'authenticated', 'service_role']) as roles (name)
  cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate']) as rights (name)
  where has_table_privilege(roles.name, 'private.' || books.name, rights.name)
$$, 'nobody has a right on any of the books, not even the service role');

select tests.be_user('ann');
select throws_ok(
  'insert into private.unit_tasks values (tests.id(''ann''''s unit''), current_date, 1, 1)',
  '42501', null, 'an owner credits nothing'
);
select is(
  public.my_earnings() ->> 'total_earnings', '0', 'an owner reads what they earned'
);
select tests.be_node('ann''s node');
select throws_ok(
  'select public.my_earnings()', 'PT403', null, 'a node does not'
);
select throws_ok(
  'select private.reverse_credit(tests.id(''ann''''s chunk''), ''mine'')', '42501', null,
  'nor does it reverse credits'
);
select tests.be_anonymous();
select throws_ok('select public.my_earnings()', '42501', null, 'nor do the signed-out');
select tests.be_user('bob');
select is(
  jsonb_array_length(public.my_earnings() -> 'days'), 0, 'another user sees nothing of it'
);

select * from finish();
rollback;
