-- Why: who wrote, what arrived, and where each talk stands.

create table client (
  id             uuid primary key,
  tenant_id      uuid not null references tenant,
  name           text,
  phone          text,
  -- True only for a number the channel itself vouches for (the contact button with the sender's own card). A typed number
  -- never joins two people: numbers are recycled, and a stranger's visits must not show.
  phone_verified boolean not null default false,
  lang           text,
  created_at     timestamptz not null,
  updated_at     timestamptz not null
);
create unique index client_verified_phone on client (tenant_id, phone) where phone_verified;
call salon_protect('client', 'select, insert, update');

create table client_identity (
  tenant_id          uuid not null references tenant,
  channel_account_id uuid not null references channel_account,
  external_id        text not null,
  client_id          uuid not null references client,
  reachable          boolean not null default true,
  -- The client wants no advertising here. Confirmations and reminders go on.
  no_advertising     boolean not null default false,
  created_at         timestamptz not null,
  updated_at         timestamptz not null,
  primary key (channel_account_id, external_id)
);
create index client_identity_client on client_identity (client_id);
call salon_protect('client_identity', 'select, insert, update');

create table conversation (
  id                 uuid primary key,
  tenant_id          uuid not null references tenant,
  channel_account_id uuid not null references channel_account,
  chat_id            text not null,
  -- The vendor's id of the person, and whether their app shows only plain buttons: what a send may need beside the chat.
  user_id            text not null,
  plain_buttons      boolean not null default false,
  client_id          uuid not null references client,
  session            jsonb not null,
  -- When the client last wrote, by the vendor's clock: what opens a window for free text. Null once the vendor says that it is closed.
  last_inbound_at    timestamptz,
  -- What the link or the advertisement said by which the client came.
  referral           text,
  created_at         timestamptz not null,
  updated_at         timestamptz not null,
  unique (channel_account_id, chat_id)
);
create index conversation_client on conversation (client_id, last_inbound_at desc nulls last);
call salon_protect('conversation', 'select, insert, update');

-- Every webhook event, before anything is done about it. `state` leaves 'received' exactly once.
create table inbound_event (
  id              uuid primary key,
  tenant_id       uuid not null,
  source          text not null,
  source_id       uuid not null,
  vendor_event_id text not null,
  kind            text not null,
  event           jsonb not null,
  raw             bytea not null,
  state           text not null check (state in ('received', 'processed', 'ignored', 'refused')),
  reason          text,
  received_at     timestamptz not null,
  processed_at    timestamptz
) partition by range (id);
create table inbound_event_default partition of inbound_event default;
create index inbound_event_open on inbound_event (id) where state = 'received';
call salon_protect('inbound_event', 'select, insert, update');
call salon_protect('inbound_event_default', '');
insert into partitioned_table values ('inbound_event', 3);

-- What makes a repeated delivery one event. Apart from inbound_event because a repeat may cross a month's border.
create table inbound_seen (
  source_id       uuid not null,
  vendor_event_id text not null,
  tenant_id       uuid not null,
  seen_at         timestamptz not null,
  primary key (source_id, vendor_event_id)
);
create index inbound_seen_age on inbound_seen (seen_at);
call salon_protect('inbound_seen', 'select, insert');

-- Vendors repeat for at most 7 days; older marks only cost space.
create function inbound_seen_prune(p_before timestamptz, p_limit integer) returns bigint
language sql security definer set search_path = public as $$
  with old as (select source_id, vendor_event_id from inbound_seen where seen_at < p_before limit p_limit for update skip locked),
  gone as (delete from inbound_seen s using old where s.source_id = old.source_id and s.vendor_event_id = old.vendor_event_id returning 1)
  select count(*) from gone
$$;

-- The message log: each message in and out, and the only truth about what was sent.
create table message (
  id                 uuid primary key,
  tenant_id          uuid not null,
  conversation_id    uuid not null,
  client_id          uuid not null,
  channel_account_id uuid not null,
  direction          text not null check (direction in ('in', 'out')),
  kind               text not null,
  content            jsonb not null,
  state              text not null check (state in
    ('received', 'queued', 'sending', 'sent', 'delivered', 'read', 'failed', 'unknown', 'expired', 'superseded')),
  -- How often a send was begun; raised and committed before the vendor is called, so that a crash is seen.
  attempts           integer not null default 0,
  -- How often it was sent again although an earlier attempt may have arrived.
  resends            integer not null default 0,
  -- When it was first tried: for how long a vendor recognises a repetition counts from here.
  begun_at           timestamptz,
  vendor_message_id  text,
  error_class        text,
  error_code         text,
  booking_id         uuid,
  -- What it says of the visit is so as of this version; later it says nothing any more.
  booking_version    bigint,
  reminder_id        uuid,
  -- The message that another channel could not deliver, and the how-manieth attempt on another channel this is.
  hop_of             uuid,
  hop                smallint not null default 0,
  inbound_event_id   uuid,
  expires_at         timestamptz,
  created_at         timestamptz not null,
  sent_at            timestamptz,
  delivered_at       timestamptz,
  read_at            timestamptz,
  updated_at         timestamptz not null
) partition by range (id);
create table message_default partition of message default;
create index message_conversation on message (conversation_id, id desc);
create index message_client on message (client_id, id desc);
create index message_tenant on message (tenant_id, id desc);
-- Reports about a message name it by the vendor's id.
create index message_vendor on message (channel_account_id, vendor_message_id) where vendor_message_id is not null;
create index message_hops on message (hop_of) where hop_of is not null;
create index message_open on message (id) where state in ('queued', 'sending');
call salon_protect('message', 'select, insert, update');
call salon_protect('message_default', '');
insert into partitioned_table values ('message', 24);

grant execute on function inbound_seen_prune(timestamptz, integer) to salon_app;
