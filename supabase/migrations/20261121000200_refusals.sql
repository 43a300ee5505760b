-- One way to refuse a request: SQLSTATE PTnnn sets the HTTP status, the detail carries the code.

create function private.refuse(
  status integer,
  code text,
  message text,
  details jsonb default '{}',
  hint text default null
)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  if refuse.hint is null then
    raise exception using
      errcode = 'PT' || refuse.status,
      message = refuse.message,
      detail = (jsonb_build_object('code', refuse.code) || refuse.details)::text;
  end if;
  raise exception using
    errcode = 'PT' || refuse.status,
    message = refuse.message,
    detail = (jsonb_build_object('code', refuse.code) || refuse.details)::text,
    hint = refuse.hint;
end;
$$;

comment on function private.refuse(integer, text, text, jsonb, text) is
'Raises an error that the Data API answers with this HTTP status, code, sentence and advice.';

create function private.check_input(is_right boolean, field text, problem text)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  if check_input.is_right is not true then
    perform private.refuse(
      400, 'INVALID_REQUEST', check_input.field || ' ' || check_input.problem || '.',
      jsonb_build_object('fields', jsonb_build_object(check_input.field, check_input.problem))
    );
  end if;
end;
$$;

comment on function private.check_input(boolean, text, text) is
'Refuses the request with INVALID_REQUEST, naming the field, unless the condition is true.';
