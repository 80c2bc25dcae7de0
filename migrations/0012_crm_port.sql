-- Why: a salon may have another CRM than erxes, and more than one while it changes from one to the other. A CRM keeps enquiries and
-- visits as records of its own; what was told last is remembered, so that the same is not told again and our own change is known when it
-- comes back; a record of theirs that is deleted or merged is remembered as gone.

alter table connection drop constraint connection_kind_check;
alter table connection add constraint connection_kind_check check (kind in ('calcom', 'erxes', 'espocrm', 'bitrix24'));
-- One process at a time renews an access token: the old refresh token dies by it.
alter table connection add column renewing_until timestamptz;

alter table crm_link drop constraint crm_link_entity_check;
alter table crm_link add constraint crm_link_entity_check
  check (entity in ('client', 'conversation', 'message', 'booking', 'enquiry', 'touch', 'transcript', 'task'));
-- Of the card that was told last; null for what is told once.
alter table crm_link add column told bytea;
alter table crm_link add column told_at timestamptz;
-- Their record is no more. Kept, because intents and reports refer to it; replaced when the subject gets another record.
alter table crm_link add column gone_at timestamptz;
create index crm_link_record on crm_link (connection_id, entity, their_id);

alter table crm_intent drop constraint crm_intent_kind_check;
alter table crm_intent add constraint crm_intent_kind_check check (kind in
  ('ensure_client', 'record_message', 'record_booking', 'record_enquiry', 'record_touch', 'append_transcript', 'create_task'));
-- 'parked': several records of theirs could be this person, and somebody must say which.
alter table crm_intent drop constraint crm_intent_state_check;
alter table crm_intent add constraint crm_intent_state_check
  check (state in ('pending', 'sending', 'done', 'unknown', 'failed', 'parked'));
create index crm_intent_subject on crm_intent (subject_id) where state in ('pending', 'sending', 'parked');
-- Their ids to choose from, for a parked one.
alter table crm_intent add column candidates text[] not null default '{}';
alter table crm_intent add column parked_for uuid references client;
create index crm_intent_parked on crm_intent (tenant_id, connection_id, parked_for) where state = 'parked';

-- How a visit ended, where somebody said so; and who called it off. A visit that is called off has no outcome.
alter table booking add column outcome text check (outcome in ('completed', 'no_show'));
alter table booking add column cancelled_by text check (cancelled_by in ('client', 'salon'));
create index booking_to_settle on booking (tenant_id, end_at) where status = 'booked' and outcome is null;

-- Up to where the changes of one kind of record were read.
create table crm_watermark (
  tenant_id     uuid not null references tenant,
  connection_id uuid not null references connection,
  entity        text not null check (entity in ('client', 'enquiry', 'booking')),
  read_until    timestamptz not null,
  primary key (connection_id, entity)
);
call salon_protect('crm_watermark', 'select, insert, update');

-- What a reconciliation found to differ, and what became of it.
create table crm_drift (
  id            uuid primary key,
  tenant_id     uuid not null references tenant,
  connection_id uuid not null references connection,
  entity        text not null check (entity in ('client', 'enquiry', 'booking')),
  our_id        uuid not null,
  their_id      text not null,
  -- 'gone', 'moved', 'state', 'taken' (from them), …: what differed, never a value.
  what          text not null,
  repair        text not null check (repair in ('told_again', 'taken_over', 'reported')),
  seen_at       timestamptz not null
);
create index crm_drift_tenant on crm_drift (tenant_id, seen_at);
call salon_protect('crm_drift', 'select, insert, delete');

-- When a record that stands for a visit to come was last seen to be there: a deleted record is on no list of changes.
alter table crm_link add column checked_at timestamptz;

-- One reconciliation job for each connection to a CRM of these kinds, unless one is still open. Spread over four minutes: a vendor sees
-- all salons' calls from one address.
insert into schedule values ('reconcile_crm', '-infinity');
create function crm_reconcile_enqueue(p_now timestamptz, p_kinds text[]) returns bigint
language sql security definer set search_path = public as $$
  with made as (
    insert into job (id, tenant_id, queue, kind, payload, class, state, run_at, max_attempts, dedupe, enqueued_at)
    select uuid_now(p_now), c.tenant_id, 'crm', 'reconcile_crm', jsonb_build_object('kind', 'reconcile_crm', 'connection', c.id), 2, 0,
      p_now + random() * interval '4 minutes', 10, 'reconcile_crm:' || c.id, p_now
    from connection c
    where c.kind = any (p_kinds) and c.status = 'active' and coalesce((c.settings ->> 'enabled')::boolean, true)
    on conflict do nothing returning 1)
  select count(*) from made
$$;
grant execute on function crm_reconcile_enqueue(timestamptz, text[]) to salon_app;
