-- Why: some work becomes due without anybody asking. These functions find it across tenants and make jobs of it; they hand out
-- ids only.

-- A time-ordered id for rows that the database itself makes: the month decides the partition, the rest is random.
create function uuid_now(at timestamptz) returns uuid
language sql volatile
return (left(replace(uuid_floor(at)::text, '-', ''), 12) || '7' || substr(md5(gen_random_uuid()::text), 1, 3) || '8' || substr(md5(gen_random_uuid()::text), 1, 15))::uuid;

-- Turns due reminders into jobs, nearest visit first.
create function reminders_enqueue_due(p_now timestamptz, p_limit integer) returns bigint
language sql security definer set search_path = public as $$
  with due as (
    select r.id, r.tenant_id, r.expires_at from reminder r where r.state = 'planned' and r.due_at <= p_now
    order by r.expires_at limit p_limit for update skip locked
  ), taken as (
    update reminder r set state = 'queued', updated_at = p_now from due where r.id = due.id returning r.id, r.tenant_id, r.expires_at
  ), made as (
    insert into job (id, tenant_id, queue, kind, payload, subject_id, class, deadline, state, run_at, max_attempts, enqueued_at)
    select uuid_now(p_now), tenant_id, 'reminder', 'fire_reminder', jsonb_build_object('kind', 'fire_reminder', 'reminder', id), id, 1,
      expires_at, 1, p_now, 10, p_now
    from taken order by expires_at returning 1)
  select count(*) from made
$$;

-- When the next reminder is due; null when none is planned.
create function reminders_next_due() returns timestamptz
language sql stable security definer set search_path = public
as $$ select min(due_at) from reminder where state = 'planned' $$;

-- One reconciliation job for each tenant that has a calendar, unless one is still open.
create function reconcile_enqueue(p_now timestamptz) returns bigint
language sql security definer set search_path = public as $$
  with made as (
    insert into job (id, tenant_id, queue, kind, payload, class, state, run_at, max_attempts, dedupe, enqueued_at)
    select uuid_now(p_now), c.tenant_id, 'calendar', 'reconcile_calendar', jsonb_build_object('kind', 'reconcile_calendar'), 2, 1, p_now, 3,
      'reconcile:' || c.tenant_id, p_now
    from connection c where c.kind = 'calcom' and c.status = 'active'
    on conflict do nothing returning 1)
  select count(*) from made
$$;

-- One look after the channel accounts of each tenant that has any, unless one is still open. Spread over eight minutes: the vendors see
-- all of them from one address.
create function watch_enqueue(p_now timestamptz) returns bigint
language sql security definer set search_path = public as $$
  with made as (
    insert into job (id, tenant_id, queue, kind, payload, class, state, run_at, max_attempts, dedupe, enqueued_at)
    select uuid_now(p_now), t.tenant_id, 'outbound', 'watch_channels', jsonb_build_object('kind', 'watch_channels'), 2, 0,
      p_now + random() * interval '8 minutes', 3, 'watch:' || t.tenant_id, p_now
    from (select distinct tenant_id from channel_account where status = 'active') t
    on conflict do nothing returning 1)
  select count(*) from made
$$;

-- What recurs, and when it is next due. Every worker process looks; whoever is first takes the turn.
create table schedule (
  name    text primary key,
  next_at timestamptz not null
);
insert into schedule values ('reconcile', '-infinity'), ('watch', '-infinity'), ('maintain', '-infinity');

-- Takes the turn if it is due. A clock that was moved back does not silence the schedule: a turn further away than one period is due.
create function schedule_take(p_name text, p_now timestamptz, p_every interval) returns boolean
language sql security definer set search_path = public as $$
  with taken as (
    update schedule set next_at = p_now + p_every
    where name = p_name and (next_at <= p_now or next_at > p_now + p_every) returning 1)
  select exists (select from taken)
$$;

grant execute on function reminders_enqueue_due(timestamptz, integer), reminders_next_due(), reconcile_enqueue(timestamptz), watch_enqueue(timestamptz),
  schedule_take(text, timestamptz, interval) to salon_app;
