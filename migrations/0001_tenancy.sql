-- Why: the database itself keeps tenants apart. The application role owns nothing and can't bypass row-level security;
-- a row is visible only while its tenant stands in the transaction's `app.tenants` setting. The tables' owner is bound by
-- the same policies (FORCE) and gets through by a policy of its own, so that the narrow functions below, which run as the
-- owner, can work across tenants and hand out nothing but ids.

do $$
begin
  if not exists (select from pg_roles where rolname = 'salon_app') then
    create role salon_app nologin nosuperuser nobypassrls nocreatedb nocreaterole;
  end if;
end $$;

create extension if not exists btree_gist;

-- A function is callable by whom it is granted to, and by nobody else.
alter default privileges revoke execute on functions from public;
alter default privileges revoke execute on routines from public;

-- After one SET LOCAL a pooled connection keeps the setting as an empty string: without nullif the cast raises 22P02.
create function salon_tenants() returns uuid[]
language sql stable parallel safe
return nullif(current_setting('app.tenants', true), '')::uuid[];

-- The smallest UUIDv7 of a moment: tables partitioned by a time-ordered id are cut at these.
create function uuid_floor(at timestamptz) returns uuid
language sql immutable parallel safe
return (lpad(to_hex(floor(extract(epoch from at) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid;

-- Puts a table under row-level security. `grants` is what the application role may do; what it may not do is not granted.
create procedure salon_protect(target regclass, grants text, tenant_column name default 'tenant_id')
language plpgsql as $$
begin
  execute format('alter table %s enable row level security', target);
  execute format('alter table %s force row level security', target);
  execute format(
    'create policy tenant_isolation on %s to salon_app using (%I = any (salon_tenants())) with check (%I = any (salon_tenants()))',
    target, tenant_column, tenant_column);
  execute format('create policy owner_all on %s to %I using (true) with check (true)', target, current_user);
  if grants <> '' then
    execute format('grant %s on %s to salon_app', grants, target);
  end if;
end $$;

grant usage on schema public to salon_app;

create table tenant (
  id                 uuid primary key,
  slug               text not null unique,
  name               text not null,
  zone               text not null,
  languages          text[] not null check (cardinality(languages) > 0),
  phone_region       text not null,
  address            text,
  quiet_hours        jsonb,
  reminder_policy    jsonb not null,
  cancel_until_hours integer not null check (cancel_until_hours >= 0),
  -- By name, the channels in which a client is tried when the one in use does not deliver, and how long that is waited for.
  fallback_order     text[] not null default '{}',
  fallback_minutes   integer not null default 10 check (fallback_minutes > 0),
  version            bigint not null default 1,
  created_at         timestamptz not null,
  updated_at         timestamptz not null
);
call salon_protect('tenant', 'select, insert, update', 'id');

-- Which brand of erxes and which team of cal.com a tenant is.
create table tenant_mapping (
  tenant_id   uuid not null references tenant,
  system      text not null check (system in ('erxes_brand', 'calcom_team')),
  external_id text not null,
  primary key (tenant_id, system),
  unique (system, external_id)
);
call salon_protect('tenant_mapping', 'select, insert, update, delete');

-- Append-only: the application role can add to it and read it, never change it.
create table audit_log (
  id        uuid primary key,
  tenant_id uuid not null references tenant,
  actor     text not null,
  action    text not null,
  subject   text not null,
  detail    jsonb not null,
  at        timestamptz not null
);
create index audit_log_tenant on audit_log (tenant_id, id);
call salon_protect('audit_log', 'select, insert');

create function tenant_id_by_slug(p_slug text) returns uuid
language sql stable security definer set search_path = public
as $$ select id from tenant where slug = p_slug $$;

create function tenant_ids(p_after uuid, p_limit integer) returns setof uuid
language sql stable security definer set search_path = public
as $$ select id from tenant where p_after is null or id > p_after order by id limit p_limit $$;

create function tenant_ids_by_brand(p_brands text[]) returns table (tenant_id uuid, brand_id text)
language sql stable security definer set search_path = public
as $$ select m.tenant_id, m.external_id from tenant_mapping m where m.system = 'erxes_brand' and m.external_id = any (p_brands) $$;

grant execute on function salon_tenants(), uuid_floor(timestamptz), tenant_id_by_slug(text), tenant_ids(uuid, integer),
  tenant_ids_by_brand(text[]) to salon_app;
