-- Why: what the CRM should know (intents, rendered from the domain when sent, never frozen) and which of its records are
-- ours (links). An intent is one wish about one subject; the same wish twice is one row.

create table crm_link (
  tenant_id     uuid not null references tenant,
  connection_id uuid not null references connection,
  entity        text not null check (entity in ('client', 'conversation', 'message', 'booking')),
  our_id        uuid not null,
  their_id      text not null,
  created_at    timestamptz not null,
  primary key (connection_id, entity, our_id)
);
create index crm_link_theirs on crm_link (entity, their_id);
call salon_protect('crm_link', 'select, insert, update');

create table crm_intent (
  id            uuid primary key,
  tenant_id     uuid not null references tenant,
  connection_id uuid not null references connection,
  kind          text not null check (kind in ('ensure_client', 'record_message', 'record_booking')),
  subject_id    uuid not null,
  subject_version bigint not null,
  -- 'sending' is committed before the CRM is called: a crash after that is an unknown outcome, not a fresh start.
  state         text not null check (state in ('pending', 'sending', 'done', 'unknown', 'failed')),
  attempts      integer not null default 0,
  error_class   text,
  error_code    text,
  created_at    timestamptz not null,
  updated_at    timestamptz not null,
  unique (connection_id, kind, subject_id, subject_version)
);
create index crm_intent_open on crm_intent (id) where state in ('pending', 'sending');
call salon_protect('crm_intent', 'select, insert, update');

-- The tenants whose clients carry these CRM ids: ids in, ids out.
create function crm_clients_by_their_ids(p_their_ids text[]) returns table (tenant_id uuid, client_id uuid, their_id text)
language sql stable security definer set search_path = public
as $$ select l.tenant_id, l.our_id, l.their_id from crm_link l where l.entity = 'client' and l.their_id = any (p_their_ids) $$;
grant execute on function crm_clients_by_their_ids(text[]) to salon_app;
