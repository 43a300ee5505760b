begin;
select plan(11);
select tests.set_stage();

select tests.be_user('bob');
select results_eq($$
  select device ->> 'compute_score', device ->> 'heartbeat_seconds'
  from public.register_device('Laptop', 'laptop', 16, 8, 500) as device
$$, 'values (''97'', ''90'')', 'a user registers a device');
select lives_ok($$
  select public.device_heartbeat(
    (select devices.id from public.compute_devices as devices where devices.device_name = 'Laptop')
  )
$$, 'and says that it is there');
select throws_ok($$
  select public.device_heartbeat(tests.id('ann''s device'))
$$, 'PT404', null, 'but not that a device of another is');
select throws_ok($$
  select public.deactivate_device(tests.id('ann''s device'))
$$, 'PT404', null, 'nor stops it');
select throws_ok(
  'select from private.device_seconds', '42501', null, 'a user does not see what is counted'
);
select throws_ok(
  'insert into private.device_moves (since, until, devices, ram_gb, cpu_cores, storage_gb, '
  'compute_score) values (''-infinity'', now(), 1, 1, 1, 1, 1)',
  '42501', null, 'nor adds to it'
);
select throws_ok('select private.fold_device_moves()', '42501', null, 'nor folds it');

select tests.be_user('ann');
select throws_ok($$
  select public.device_heartbeat(
    (select devices.id from public.compute_devices as devices where devices.node_id is not null)
  )
$$, 'PT409', null, 'a node alone speaks for the device that it keeps');

select tests.be_anonymous();
select throws_ok($$
  select public.register_device('Laptop', 'laptop', 16, 8, 500)
$$, '42501', null, 'the signed-out register nothing');
select throws_ok($$
  select public.device_heartbeat(tests.id('ann''s device'))
$$, '42501', null, 'and speak for nothing');
select is_empty(
  'select * from public.network_history(''day'')', 'but they may read the history'
);

select * from finish();
rollback;
