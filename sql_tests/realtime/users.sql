begin;
select plan(8);
select tests.set_stage();

insert into realtime.messages (topic, extension)
values ('probe', 'broadcast'), ('probe', 'presence');

select tests.be_user('ann');
select ok(tests.hears('user:' || tests.id('ann'), 'broadcast'), 'a user hears their own topic');
select ok(tests.hears('user:' || tests.id('ann'), 'presence'), 'and sees their nodes present');
select ok(
  tests.hears('job:' || tests.id('ann''s job'), 'broadcast'), 'and how their jobs progress'
);
select ok(
  not tests.hears('node:' || tests.id('ann''s node'), 'broadcast'),
  'but not what their nodes are told: it holds lease tokens'
);
select tests.be_user('bob');
select ok(
  not tests.hears('user:' || tests.id('ann'), 'broadcast'),
  'a user does not hear another''s topic'
);
select ok(
  not tests.hears('job:' || tests.id('ann''s job'), 'broadcast'), 'nor another''s job'
);
select ok(
  not tests.says('job:' || tests.id('ann''s job'), 'broadcast'), 'nor says anything there'
);
select ok(
  not tests.hears('job:not an id', 'broadcast'), 'a topic that makes no sense is nobody''s'
);

select * from finish();
rollback;
