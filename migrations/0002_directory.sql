-- Why: what a salon is made of before anybody writes to it: its accounts at the vendors, with their credentials encrypted
-- under a key ring, the addresses its webhooks arrive at, its services and its people.

-- `credentials` is a sealed blob (key id, nonce, ciphertext; see src/crypto). Nothing here is readable without the ring.
create table connection (
  id            uuid primary key,
  tenant_id     uuid not null references tenant,
  kind          text not null check (kind in ('calcom', 'erxes')),
  base_url      text not null,
  settings      jsonb not null,
  credentials   bytea not null,
  status        text not null default 'active' check (status in ('active', 'broken')),
  broken_reason text,
  created_at    timestamptz not null,
  updated_at    timestamptz not null,
  unique (tenant_id, kind)
);
call salon_protect('connection', 'select, insert, update');

create table channel_account (
  id            uuid primary key,
  tenant_id     uuid not null references tenant,
  kind          text not null,
  name          text not null,
  base_url      text not null,
  -- Whom the vendor takes the account for, whatever credential it has now (Telegram: the bot's number; VK: the community): one account
  -- serves one salon. Null where the tenant file does not tell, and once it no longer names the account, so that it may go to another salon.
  external_id   text,
  -- The id of what the account belongs to, where calls name it.
  parent_id     text,
  -- Sends in a second, where the salon's agreement with the vendor is another than the published limit.
  per_second    integer check (per_second > 0),
  credentials   bytea not null,
  -- Since when the present credential is in use: one that runs out is renewed half-way.
  credential_at timestamptz not null,
  status        text not null default 'active' check (status in ('active', 'broken')),
  broken_reason text,
  -- What the vendor said when it was last asked: the account's public name, how many updates wait there, what is wrong.
  watched_at      timestamptz,
  vendor_name     text,
  pending_updates bigint,
  problems        text[] not null default '{}',
  created_at    timestamptz not null,
  updated_at    timestamptz not null,
  unique (tenant_id, kind, name),
  constraint channel_account_external_id unique (kind, external_id)
);
call salon_protect('channel_account', 'select, insert, update');

-- Which account an event is for: one app of Meta's serves many salons' accounts and has one webhook address. The caller then checks that
-- the delivery proves itself under that account's own secrets.
create function channel_account_named(p_kind text, p_external_id text) returns table (tenant_id uuid, id uuid)
language sql stable security definer set search_path = public
as $$ select a.tenant_id, a.id from channel_account a where a.kind = p_kind and a.external_id = p_external_id $$;

-- Messages the vendor approved for outside the window in which it takes free text, one for each purpose and language, and what it last
-- said of them. `parameters` are the values of the body, in order.
create table channel_template (
  tenant_id          uuid not null references tenant,
  channel_account_id uuid not null references channel_account,
  purpose            text not null check (purpose in ('confirmation', 'reminder', 'moved', 'cancelled')),
  lang               text not null,
  name               text not null,
  language           text not null,
  parameters         text[] not null,
  buttons            smallint not null check (buttons between 0 and 3),
  status             text not null default 'pending' check (status in ('approved', 'pending', 'rejected', 'paused', 'disabled')),
  checked_at         timestamptz,
  primary key (channel_account_id, purpose, lang)
);
call salon_protect('channel_template', 'select, insert, update, delete');

-- A webhook's address carries an unguessable key. Only its SHA-256 is looked up, so the table alone opens nothing;
-- the sealed key lets `tenant apply` print the same address again.
create table endpoint (
  key_hash   bytea primary key,
  tenant_id  uuid not null references tenant,
  source     text not null,
  target_id  uuid not null unique,
  sealed_key bytea not null,
  created_at timestamptz not null
);
-- Of an address only the seal changes, when keys are rotated.
call salon_protect('endpoint', 'select, insert, update (sealed_key)');

create function endpoint_resolve(p_key_hash bytea) returns table (tenant_id uuid, source text, target_id uuid)
language sql stable security definer set search_path = public
as $$ select e.tenant_id, e.source, e.target_id from endpoint e where e.key_hash = p_key_hash $$;

create table service (
  id        uuid primary key,
  tenant_id uuid not null references tenant,
  key       text not null,
  titles    jsonb not null,
  minutes   integer not null check (minutes > 0),
  price     text,
  position  integer not null,
  active    boolean not null default true,
  unique (tenant_id, key)
);
call salon_protect('service', 'select, insert, update');

create table staff (
  id        uuid primary key,
  tenant_id uuid not null references tenant,
  key       text not null,
  name      text not null,
  host_id   bigint,
  position  integer not null,
  active    boolean not null default true,
  unique (tenant_id, key)
);
call salon_protect('staff', 'select, insert, update');

-- One cal.com event type for each service of each master: the hidden parameter that picks a master inside a shared event
-- type may vanish (cal.com note, section 8).
create table staff_service (
  tenant_id     uuid not null references tenant,
  staff_id      uuid not null references staff,
  service_id    uuid not null references service,
  event_type_id bigint not null,
  primary key (staff_id, service_id),
  unique (tenant_id, event_type_id)
);
call salon_protect('staff_service', 'select, insert, update, delete');

grant execute on function endpoint_resolve(bytea), channel_account_named(text, text) to salon_app;
