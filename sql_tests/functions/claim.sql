begin;
select plan(5);
select tests.set_stage();

select tests.be_user('bob');
select is(
  public.verify_claim_code('abcdef') ->> 'id', tests.id('pending node')::text,
  'a code is read whatever the case of its letters'
);
select is(
  public.verify_claim_code('GHJKLM') ->> 'code', 'NOT_FOUND', 'a wrong code finds nothing'
);
select is(
  current_setting('response.status'), '404', 'and the response says so'
);
select is(
  public.claim_node('ABCDEF', 'Shed') ->> 'user_id', tests.id('bob')::text,
  'the right code makes the node theirs'
);
select tests.be_owner();
select results_eq(
  $$select payload ->> 'name' from realtime.messages where event = 'claimed'$$, array['Shed'],
  'and the node hears of it'
);

select * from finish();
rollback;
