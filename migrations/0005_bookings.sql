-- Why: cal.com is the truth about the calendar; these rows are what we asked of it, what it answered, and what follows.

create table booking (
  id             uuid primary key,
  tenant_id      uuid not null references tenant,
  client_id      uuid references client,
  conversation_id uuid references conversation,
  service_id     uuid references service,
  staff_id       uuid references staff,
  event_type_id  bigint not null,
  -- Names one wish of one client: the same wish twice is one row.
  booking_key    text not null,
  origin         text not null check (origin in ('dialogue', 'calendar')),
  start_at       timestamptz not null,
  end_at         timestamptz not null check (end_at > start_at),
  status         text not null check (status in ('pending', 'booked', 'cancelling', 'cancelled', 'refused', 'unclear')),
  -- Raised by every change that makes an earlier reminder wrong.
  version        bigint not null default 1,
  -- Committed before the calendar is asked to create: from then on a look-up comes before another create.
  create_begun_at timestamptz,
  calendar_uid   text,
  calendar_updated_at timestamptz,
  reason         text,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  unique (tenant_id, booking_key),
  -- cal.com does not keep two overlapping bookings apart under concurrency (cal.com note, section 3.5): we do.
  constraint booking_slot_free exclude using gist (staff_id with =, tstzrange(start_at, end_at) with &&)
    where (origin = 'dialogue' and status in ('pending', 'booked', 'unclear'))
);
create index booking_client on booking (client_id, start_at);
create index booking_tenant on booking (tenant_id, start_at, id);
create index booking_open on booking (id) where status in ('pending', 'cancelling');
call salon_protect('booking', 'select, insert, update');

-- A move at cal.com is a new uid that points back at the old one: the chain of uids of one booking.
create table booking_uid (
  tenant_id  uuid not null references tenant,
  uid        text not null,
  booking_id uuid not null references booking,
  created_at timestamptz not null,
  primary key (tenant_id, uid)
);
create index booking_uid_booking on booking_uid (booking_id);
call salon_protect('booking_uid', 'select, insert');

create table booking_event (
  id         uuid primary key,
  tenant_id  uuid not null references tenant,
  booking_id uuid not null references booking,
  version    bigint not null,
  kind       text not null,
  actor      text not null,
  detail     jsonb not null,
  at         timestamptz not null
);
create index booking_event_booking on booking_event (booking_id, id);
call salon_protect('booking_event', 'select, insert');

create table reminder (
  id              uuid primary key,
  tenant_id       uuid not null references tenant,
  booking_id      uuid not null references booking,
  kind            text not null,
  booking_version bigint not null,
  due_at          timestamptz not null,
  expires_at      timestamptz not null,
  state           text not null check (state in ('planned', 'queued', 'sent', 'superseded', 'expired', 'dropped')),
  reason          text,
  message_id      uuid,
  created_at      timestamptz not null,
  updated_at      timestamptz not null,
  unique (booking_id, kind, booking_version)
);
create index reminder_due on reminder (due_at) where state = 'planned';
create index reminder_open on reminder (id) where state = 'queued';
call salon_protect('reminder', 'select, insert, update');

-- How far the poll has read a calendar. `watermark` is cal.com's own updated-at time.
create table calendar_watermark (
  tenant_id uuid primary key references tenant,
  watermark timestamptz not null
);
call salon_protect('calendar_watermark', 'select, insert, update');
