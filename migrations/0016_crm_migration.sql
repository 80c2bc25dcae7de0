-- Why: a salon changes from one CRM to another. How far that is must outlive the process that does it, and what it handed over must be
-- told from what happened meanwhile. Decision 0011.

create table crm_migration (
  id         uuid primary key,
  tenant_id  uuid not null references tenant,
  from_id    uuid not null references connection,
  to_id      uuid not null references connection check (to_id <> from_id),
  -- 'ready': everything was handed to the queue; whether it is told, the intents say.
  state      text not null check (state in ('copying', 'ready', 'confirmed', 'reversed')),
  -- What is handed over now, and up to which row of it.
  stage      text not null check (stage in ('work', 'clients', 'visits', 'enquiries', 'end')),
  after      uuid,
  -- How many of each were handed over.
  work       bigint not null default 0,
  clients    bigint not null default 0,
  visits     bigint not null default 0,
  enquiries  bigint not null default 0,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  ended_at   timestamptz
);
-- One change at a time.
create unique index crm_migration_open on crm_migration (tenant_id) where state in ('copying', 'ready');
create index crm_migration_tenant on crm_migration (tenant_id, id);
call salon_protect('crm_migration', 'select, insert, update');

-- 'moved': ended here, because another CRM is told instead, or, at that other one, because the change was reversed.
alter table crm_intent drop constraint crm_intent_state_check;
alter table crm_intent add constraint crm_intent_state_check
  check (state in ('pending', 'sending', 'done', 'unknown', 'failed', 'parked', 'moved'));
-- Which change took it away from its CRM, or made it at the other one.
alter table crm_intent add column migration_id uuid references crm_migration;
-- What it was before it was moved: a reversal gives it back as that.
alter table crm_intent add column moved_from text check (moved_from in ('pending', 'sending', 'parked'));
create index crm_intent_migration on crm_intent (migration_id, connection_id) where migration_id is not null;
-- What is open of one CRM, in order.
create index crm_intent_open_of on crm_intent (connection_id, id) where state in ('pending', 'sending', 'parked');
