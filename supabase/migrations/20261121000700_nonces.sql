-- Nonces of signed requests, kept until their window has passed, shared by all handlers.

create table private.nonces (
  public_key text not null,
  nonce text not null,
  expires_at timestamptz not null,
  primary key (public_key, nonce)
);

alter table private.nonces enable row level security;

comment on table private.nonces is 'Signed requests already seen; a second one is a replay.';

create index idx_nonces_prune on private.nonces (expires_at);

create function private.use_nonce(public_key text, nonce text, created_at timestamptz)
returns boolean
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_lifetime interval;
begin
  select nonce_lifetime into strict v_lifetime from private.settings;
  insert into private.nonces (public_key, nonce, expires_at)
  values (
    use_nonce.public_key,
    use_nonce.nonce,
    greatest(use_nonce.created_at, private.current_time()) + v_lifetime
  )
  on conflict on constraint nonces_pkey do nothing;
  return found;
end;
$$;

grant execute on function private.use_nonce(text, text, timestamptz) to service_role;

comment on function private.use_nonce(text, text, timestamptz) is
'True the first time this key sends this nonce, false for a replay.';
