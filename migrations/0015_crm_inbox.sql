-- Why: people answer clients in a CRM's own inbox, and a CRM tells nobody of it: it is asked. Up to when it was read is kept beside the
-- other watermarks; its row is also what two readers of one inbox wait for.

alter table crm_watermark drop constraint crm_watermark_entity_check;
alter table crm_watermark add constraint crm_watermark_entity_check check (entity in ('client', 'enquiry', 'booking', 'inbox'));

-- One reading of the inbox of each connection of these kinds in which a talk went on since then, unless one is still open.
create function inbox_enqueue(p_now timestamptz, p_kinds text[], p_active_since timestamptz) returns bigint
language sql security definer set search_path = public as $$
  with made as (
    insert into job (id, tenant_id, queue, kind, payload, class, state, run_at, max_attempts, dedupe, enqueued_at)
    select uuid_now(p_now), c.tenant_id, 'crm', 'poll_inbox', jsonb_build_object('kind', 'poll_inbox', 'connection', c.id), 2, 1, p_now, 10,
      'inbox:' || c.id, p_now
    from connection c
    where c.kind = any (p_kinds) and c.status = 'active' and coalesce((c.settings ->> 'enabled')::boolean, true)
      and exists (
        select from crm_link l join conversation v on v.id = l.our_id
        where l.connection_id = c.id and l.entity = 'conversation' and l.gone_at is null and v.updated_at >= p_active_since)
    on conflict do nothing returning 1)
  select count(*) from made
$$;
grant execute on function inbox_enqueue(timestamptz, text[], timestamptz) to salon_app;

insert into schedule values ('inbox', '-infinity');
