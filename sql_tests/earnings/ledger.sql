begin;
select plan(8);
select tests.set_stage();

insert into private.ledger_transactions (kind, account_id, date)
values ('uptime', tests.id('ann''s unit'), '2026-11-21');
insert into private.ledger_entries (transaction_id, account_id, amount)
select
  transactions.id,
  sides.account_id,
  sides.amount
from private.ledger_transactions as transactions
cross join (
  values
  (tests.id('ann''s unit'), 1.5),
  ('00000000-0000-0000-0000-000000000000'::uuid, -1.5)
) as sides (account_id, amount);
select lives_ok('set constraints all immediate', 'a movement that sums to zero is kept');

select throws_ok(
  'update private.ledger_entries set amount = 2 where amount = 1.5', '55000', null,
  'no entry is changed, not even by the owner of the table'
);
select throws_ok(
  'delete from private.ledger_entries where true', '55000', null, 'nor deleted'
);
select throws_ok('truncate private.ledger_entries', '55000', null, 'nor truncated');
select throws_ok(
  'update private.ledger_transactions set reason = ''x'' where true', '55000', null,
  'nor is what it was for'
);
select throws_ok($$
  with transactions as (
    insert into private.ledger_transactions (kind, account_id, date)
    values ('tasks', tests.id('ann''s unit'), '2026-11-21')
    returning id
  )
  insert into private.ledger_entries (transaction_id, account_id, amount)
  select transactions.id, tests.id('ann''s unit'), 5 from transactions
$$, '23514', null, 'a movement from nowhere is refused');
select throws_ok($$
  insert into private.ledger_transactions (kind, account_id, date)
  values ('uptime', tests.id('ann''s unit'), '2026-11-21')
$$, '23514', null, 'a movement without entries is refused');
select is_empty(
  'select * from private.reconcile_earnings() where problem like ''%sums to%''',
  'what is kept sums to zero'
);

select * from finish();
rollback;
