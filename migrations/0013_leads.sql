-- Why: who fills in the form on a salon's site, or comes by one of its links, must not be lost while the CRM is away: both are rows of
-- ours first, and what the CRM is to know of them is an intent like any other.

-- A salon's form. The key stands in the page for everybody to read, so it is no secret: it only names the salon in a way that nobody
-- guesses from another salon's.
create table site (
  tenant_id  uuid primary key references tenant,
  form_key   text not null unique,
  -- Whose pages may send the form: `https://salon.example`.
  origins    text[] not null,
  -- Whether a form must carry consent.
  consent    boolean not null,
  -- False once the tenant file has no `site` any more. The key is kept for its return.
  active     boolean not null,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
call salon_protect('site', 'select, insert, update');
create index site_origins on site using gin (origins) where active;

create function site_by_form(p_form_key text) returns uuid
language sql stable security definer set search_path = public
as $$ select tenant_id from site where form_key = p_form_key and active $$;

-- A preflight names the page it comes from, and no form.
create function site_origin_known(p_origin text) returns boolean
language sql stable security definer set search_path = public
as $$ select exists (select from site where active and origins @> array[p_origin]) $$;

-- Somebody came by a link that says from where. Nobody's until a chat brings it along: claimed once, by one client.
create table touch (
  id              uuid primary key,
  tenant_id       uuid not null references tenant,
  -- SHA-256 of the code that stands in a text where a link can carry nothing else.
  code_hash       bytea not null,
  channel         text not null,
  ref             text,
  utm             jsonb not null,
  -- The page that led here, without what follows its path.
  landing         text,
  -- The first touch of the same browser, by its signed cookie.
  first_id        uuid,
  created_at      timestamptz not null,
  claimed_at      timestamptz,
  client_id       uuid references client,
  conversation_id uuid references conversation,
  unique (tenant_id, code_hash),
  check ((claimed_at is null) = (client_id is null))
);
create index touch_unclaimed on touch (created_at) where claimed_at is null;
create index touch_first on touch (first_id) where first_id is not null;
create index touch_client on touch (client_id) where client_id is not null;
call salon_protect('touch', 'select, insert, update');

-- What nobody came with in time. A first touch is kept for as long as a later one of the same browser may be claimed.
create function touch_prune(p_before timestamptz, p_limit integer) returns bigint
language sql security definer set search_path = public as $$
  with old as (
    select t.id from touch t where t.claimed_at is null and t.created_at <= p_before
      and not exists (select from touch l where l.first_id = t.id and l.created_at > p_before)
    limit p_limit for update skip locked),
  gone as (delete from touch t using old where t.id = old.id returning 1)
  select count(*) from gone
$$;

-- By which link a client first came, which never changes, and by which last.
alter table client add column first_touch_id uuid references touch, add column last_touch_id uuid references touch;

create table enquiry (
  id              uuid primary key,
  tenant_id       uuid not null references tenant,
  -- What makes a form that is sent twice one enquiry, and what it said: another text under the same key is a mistake.
  idempotency_key text not null,
  digest          bytea not null,
  source          text not null check (source in ('site_form')),
  name            text not null,
  phone           text,
  email           text,
  service_key     text,
  message         text,
  page            text,
  ref             text,
  utm             jsonb not null,
  consent         boolean not null,
  tracking_code   text not null,
  touch_id        uuid references touch,
  client_id       uuid not null references client,
  created_at      timestamptz not null,
  unique (tenant_id, idempotency_key),
  unique (tenant_id, tracking_code),
  check (phone is not null or email is not null)
);
create index enquiry_client on enquiry (client_id);
call salon_protect('enquiry', 'select, insert, update');

grant execute on function site_by_form(text), site_origin_known(text), touch_prune(timestamptz, integer) to salon_app;
