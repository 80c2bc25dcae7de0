-- Why: what was put off because a CRM refused our credential need not wait out its quarter of an hour once the credential is mended.

-- What was tried and waits. What has not been tried yet (a day's talk before the day is over) keeps its time.
create function crm_wake(p_connection uuid, p_now timestamptz) returns bigint
language sql security definer set search_path = public as $$
  with woken as (
    update job j set run_at = p_now, state = 1
    from crm_intent i
    where i.connection_id = p_connection and i.tenant_id = any (salon_tenants()) and i.state in ('pending', 'sending')
      and j.subject_id = i.id and j.kind = 'sync_crm' and j.state = 0 and j.last_error is not null
    returning 1)
  select count(*) from woken
$$;
grant execute on function crm_wake(uuid, timestamptz) to salon_app;
