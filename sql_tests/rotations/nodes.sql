begin;
select plan(3);
select tests.set_stage();

select tests.be_node('ann''s node');
select isnt_empty(
  'select script from public.rotation_versions where script = ''wait''',
  'a node sees the private rotation that a config leased to it names'
);
select is_empty(
  'select id from public.rotations where not is_public', 'but not whose it is'
);
select tests.be_node('bob''s node');
select is_empty(
  'select script from public.rotation_versions where script = ''wait''',
  'another node does not see it'
);

select * from finish();
rollback;
