begin;
select plan(7);
select tests.set_stage();

insert into realtime.messages (topic, extension)
values ('probe', 'broadcast'), ('probe', 'presence');

select tests.be_node('ann''s node');
select ok(
  tests.hears('node:' || tests.id('ann''s node'), 'broadcast'), 'a node hears its own topic'
);
select ok(
  not tests.hears('node:' || tests.id('bob''s node'), 'broadcast'), 'and no other node''s'
);
select ok(
  not tests.hears('user:' || tests.id('ann'), 'broadcast'), 'nor what its owner is told'
);
select ok(
  not tests.hears('job:' || tests.id('ann''s job'), 'broadcast'), 'nor how jobs progress'
);
select ok(
  not tests.says('node:' || tests.id('ann''s node'), 'broadcast'), 'it broadcasts nothing'
);
select ok(
  tests.says('user:' || tests.id('ann'), 'presence'), 'it shows its presence to its owner'
);
select ok(
  not tests.says('user:' || tests.id('bob'), 'presence'), 'and to nobody else'
);

select * from finish();
rollback;
