begin;
select plan(8);

select results_eq($$
  select routines.oid::regprocedure::text
  from pg_catalog.pg_proc as routines
  where routines.pronamespace = 'public'::regnamespace
  order by 1
$$, $$
  values
  ('available_nodes()'),
  ('cancel_job(uuid)'),
  ('claim_node(text,text,integer)'),
  ('deactivate_device(uuid)'),
  ('device_heartbeat(uuid)'),
  ('exchange_chunks(jsonb,integer,jsonb)'),
  ('explain_job(uuid)'),
  ('explain_node(uuid)'),
  ('get_network_stats()'),
  ('job_progress(uuid)'),
  ('my_earnings(integer)'),
  ('my_node_speeds()'),
  ('network_history(text)'),
  ('node_heartbeat(jsonb)'),
  ('pause_job(uuid)'),
  ('pause_unit(uuid,text)'),
  ('register_device(text,text,numeric,integer,numeric,uuid)'),
  ('resume_job(uuid)'),
  ('resume_unit(uuid)'),
  ('retry_job(uuid)'),
  ('save_rotation(text,text,text,boolean,uuid)'),
  ('share_node(uuid,text,uuid)'),
  (
    'submit_job(text,bigint,bigint,text,text,double precision,timestamp with time zone,text,text,'
    'integer)'
  ),
  ('unshare_node(uuid,text,uuid)'),
  ('update_node_settings(uuid,text,integer,boolean)'),
  ('verify_claim_code(text)')
$$, 'public offers exactly these functions');

select results_eq($$
  select routines.proname::text collate "default", pg_get_function_arguments(routines.oid)
  from pg_catalog.pg_proc as routines
  where routines.pronamespace = 'public'::regnamespace
    and routines.proname in (
      'claim_node', 'deactivate_device', 'device_heartbeat', 'exchange_chunks', 'network_history',
      'node_heartbeat', 'register_device', 'submit_job', 'update_node_settings'
    )
  order by 1
$$, $$
  values
  ('claim_node', 'code text, name text DEFAULT NULL::text, max_parallel integer DEFAULT NULL::integer'),
  ('deactivate_device', 'device_id uuid'),
  ('device_heartbeat', 'device_id uuid'),
  ('exchange_chunks', 'finished jsonb, slots integer, running jsonb DEFAULT ''[]''::jsonb'),
  ('network_history', 'period text DEFAULT ''day''::text'),
  ('node_heartbeat', 'status jsonb'),
  (
    'register_device',
    'device_name text, device_type text, ram_gb numeric, cpu_cores integer, storage_gb numeric, '
    'device_id uuid DEFAULT NULL::uuid'
  ),
  (
    'submit_job',
    'config_json text, iterations bigint, seed bigint DEFAULT NULL::bigint, '
    'priority text DEFAULT ''normal''::text, access_type text DEFAULT ''private''::text, '
    'target_error double precision DEFAULT NULL::double precision, '
    'deadline_at timestamp with time zone DEFAULT NULL::timestamp with time zone, '
    'idempotency_key text DEFAULT NULL::text, '
    'engine_versions text DEFAULT NULL::text, replication integer DEFAULT 1'
  ),
  (
    'update_node_settings',
    'node_id uuid, name text DEFAULT NULL::text, max_parallel integer DEFAULT NULL::integer, '
    'paused boolean DEFAULT NULL::boolean'
  )
$$, 'their parameters are the keys that callers send');

select is_empty($$
  select routines.oid::regprocedure
  from pg_catalog.pg_proc as routines
  where routines.pronamespace = 'public'::regnamespace and routines.prosecdef
$$, 'no exposed function runs with the rights of its owner');

select is_empty($$
  select routines.oid::regprocedure
  from pg_catalog.pg_proc as routines
  where routines.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
    and not coalesce('search_path=""' = any(routines.proconfig), false)
$$, 'every function has an empty search path');

select is_empty($$
  select routines.oid::regprocedure
  from pg_catalog.pg_proc as routines
  where routines.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
    and obj_description(routines.oid, 'pg_proc') is null
$$, 'every function says what it does');

select results_eq($$
  select routines.oid::regprocedure::text
  from pg_catalog.pg_proc as routines
  where routines.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
    and has_function_privilege('anon', routines.oid, 'execute')
  order by 1
$$, $$
  values
  ('get_network_stats()'),
  ('network_history(text)'),
  ('private."current_time"()'),
  ('private.network_history(text)'),
  ('private.network_stats()')
$$, 'the signed-out may ask for the statistics, and for nothing else');

select results_eq($$
  select routines.oid::regprocedure::text
  from pg_catalog.pg_proc as routines
  where routines.pronamespace = 'private'::regnamespace
    and has_function_privilege('authenticated', routines.oid, 'execute')
  order by 1
$$, $$
  values
  ('private."current_time"()'),
  ('private.allocate_machine(text,jsonb)'),
  ('private.available_nodes()'),
  ('private.cancel_job(uuid)'),
  ('private.claim_node(text,text,integer)'),
  ('private.deactivate_device(uuid)'),
  ('private.device_heartbeat(uuid)'),
  ('private.exchange_chunks(jsonb,integer,jsonb)'),
  ('private.explain_job(uuid)'),
  ('private.explain_node(uuid)'),
  ('private.job_progress(uuid)'),
  ('private.machine_heartbeat(jsonb)'),
  ('private.may_be_present(text)'),
  ('private.may_read_topic(text)'),
  ('private.my_acquaintances()'),
  ('private.my_devices()'),
  ('private.my_earnings(integer)'),
  ('private.my_guilds()'),
  ('private.my_node_speeds()'),
  ('private.my_nodes()'),
  ('private.my_owned_guilds()'),
  ('private.network_history(text)'),
  ('private.network_stats()'),
  ('private.node_heartbeat(jsonb)'),
  ('private.node_id()'),
  ('private.pause_job(uuid)'),
  ('private.pause_unit(uuid,text)'),
  ('private.read_machine(text)'),
  ('private.read_unit(uuid)'),
  ('private.register_device(text,text,numeric,integer,numeric,uuid)'),
  ('private.register_machine(jsonb,text)'),
  ('private.resume_job(uuid)'),
  ('private.resume_unit(uuid)'),
  ('private.retry_job(uuid)'),
  ('private.revoke_api_key(text)'),
  ('private.rotate_api_key(text,text)'),
  ('private.save_rotation(text,text,text,boolean,uuid)'),
  ('private.share_node(uuid,text,uuid)'),
  (
    'private.submit_job(text,bigint,bigint,text,text,double precision,'
    'timestamp with time zone,text,text,integer)'
  ),
  ('private.unregister_machine(text)'),
  ('private.unshare_node(uuid,text,uuid)'),
  ('private.update_node_settings(uuid,text,integer,boolean)'),
  ('private.user_devices(uuid)'),
  ('private.user_summary(uuid)'),
  ('private.verify_claim_code(text)')
$$, 'users and nodes reach exactly these internals, through the functions and policies of public');

select results_eq($$
  select routines.oid::regprocedure::text
  from pg_catalog.pg_proc as routines
  where routines.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
    and has_function_privilege('service_role', routines.oid, 'execute')
  order by 1
$$, $$
  values
  ('get_network_stats()'),
  ('network_history(text)'),
  ('private."current_time"()'),
  ('private.api_key_node(text)'),
  ('private.network_history(text)'),
  ('private.network_stats()'),
  ('private.node_token(text)'),
  ('private.register_node(text,jsonb)'),
  ('private.take_token(text,text)'),
  ('private.unregister_node(text)'),
  ('private.use_nonce(text,text,timestamp with time zone)')
$$, 'the handlers reach exactly these');

select * from finish();
rollback;
