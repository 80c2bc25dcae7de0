-- Why: some work becomes due without anybody asking. These functions find it across tenants and make jobs of it; they hand out
-- ids only.

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
    select gen_random_uuid(), tenant_id, 'reminder', 'fire_reminder', jsonb_build_object('kind', 'fire_reminder', 'reminder', id), id, 1,
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
    select gen_random_uuid(), c.tenant_id, 'calendar', 'reconcile_calendar', jsonb_build_object('kind', 'reconcile_calendar'), 2, 1, p_now, 3,
      'reconcile:' || c.tenant_id, p_now
    from connection c where c.kind = 'calcom' and c.status = 'active'
    on conflict do nothing returning 1)
  select count(*) from made
$$;

grant execute on function reminders_enqueue_due(timestamptz, integer), reminders_next_due(), reconcile_enqueue(timestamptz) to salon_app;
