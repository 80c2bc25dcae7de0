-- Why: a job of few tries died of as many killed workers, though nobody had said that the work fails. Reported failures are counted
-- apart (job.failures, Spec::tries); max_attempts bounds the runs, and is never below ten (Spec::max_attempts).

-- One reconciliation job for each tenant that has a calendar, unless one is still open.
create or replace function reconcile_enqueue(p_now timestamptz) returns bigint
language sql security definer set search_path = public as $$
  with made as (
    insert into job (id, tenant_id, queue, kind, payload, class, state, run_at, max_attempts, dedupe, enqueued_at)
    select uuid_now(p_now), c.tenant_id, 'calendar', 'reconcile_calendar', jsonb_build_object('kind', 'reconcile_calendar'), 2, 1, p_now, 10,
      'reconcile:' || c.tenant_id, p_now
    from connection c where c.kind = 'calcom' and c.status = 'active'
    on conflict do nothing returning 1)
  select count(*) from made
$$;

-- One look after the channel accounts of each tenant that has any, unless one is still open. Spread over eight minutes: the vendors see
-- all of them from one address.
create or replace function watch_enqueue(p_now timestamptz) returns bigint
language sql security definer set search_path = public as $$
  with made as (
    insert into job (id, tenant_id, queue, kind, payload, class, state, run_at, max_attempts, dedupe, enqueued_at)
    select uuid_now(p_now), t.tenant_id, 'outbound', 'watch_channels', jsonb_build_object('kind', 'watch_channels'), 2, 0,
      p_now + random() * interval '8 minutes', 10, 'watch:' || t.tenant_id, p_now
    from (select distinct tenant_id from channel_account where status = 'active') t
    on conflict do nothing returning 1)
  select count(*) from made
$$;
