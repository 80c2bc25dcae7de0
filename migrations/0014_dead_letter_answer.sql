-- Why: whoever looks at a dead letter must see what the vendor said, or can't tell a field that the CRM requires from a right it lacks. An
-- answer is an excerpt without a person's data (src/vendor/quote.rs).

alter table job_dead add column answer text;

-- Moves jobs out of the live table. `p_outcome` is 'done', 'expired' or 'dead'. An answer is the one of
-- the run that ended the job: what died without a word has none.
create function job_retire(p_ids uuid[], p_errors text[], p_answers text[], p_outcome text) returns void
language sql security definer set search_path = public as $$
  with ended as (
    delete from job j using unnest(p_ids, p_errors, p_answers) as e (id, error, answer) where j.id = e.id
    returning j.*, e.error, e.answer
  ), dead as (
    insert into job_dead (id, tenant_id, queue, kind, payload, subject_id, lane, class, max_attempts, attempt, reason, answer, enqueued_at, died_at)
    -- Last words are no attempts.
    select id, tenant_id, queue, kind, payload, subject_id, lane, class, max_attempts, least(attempt, max_attempts),
      coalesce(error, last_error, 'unknown'), answer, enqueued_at, clock_timestamp()
    from ended where p_outcome = 'dead'
    on conflict (id) do update set reason = excluded.reason, answer = excluded.answer, attempt = excluded.attempt, died_at = excluded.died_at,
      resolved_at = null, discarded_because = null
  )
  insert into job_finished (id, tenant_id, queue, kind, subject_id, outcome, attempt, last_error, enqueued_at, finished_at)
  select id, tenant_id, queue, kind, subject_id, p_outcome, attempt, coalesce(error, last_error), enqueued_at, clock_timestamp()
  from ended where p_outcome <> 'dead'
  on conflict (id) do nothing
$$;

-- For those that end without an answer of their own.
create or replace function job_retire(p_ids uuid[], p_errors text[], p_outcome text) returns void
language sql security definer set search_path = public
as $$ select job_retire(p_ids, p_errors, array_fill(null::text, array[cardinality(p_ids)]), p_outcome) $$;

-- Settles finished runs. Fenced: only the holder of this very lease (same owner, same fence) may settle. Returns the ids that
-- were settled; the others had been lost to another worker. Rows are locked in the order of their ids, as by job_renew: one
-- process settles and renews at once.
create function job_settle(p_owner uuid, p_ids uuid[], p_fences integer[], p_outcomes text[], p_run_at timestamptz[], p_errors text[],
  p_answers text[], p_uncounted boolean[])
returns setof uuid
language plpgsql security definer set search_path = public as $$
declare
  -- Positions, not ids: a late result of a lost lease may come in one batch with the result of the present one.
  held bigint[];
begin
  select coalesce(array_agg(n), '{}') into held from (
    select r.n from job j join unnest(p_ids, p_fences) with ordinality as r (id, fence, n) on j.id = r.id and j.fence = r.fence
    where j.lease_owner = p_owner order by j.id for update of j) h;

  perform job_retire(array_agg(r.id), array_agg(r.error), array_agg(r.answer), r.outcome)
  from unnest(p_ids, p_outcomes, p_errors, p_answers) with ordinality as r (id, outcome, error, answer, n)
  where r.n = any (held) and r.outcome in ('done', 'dead')
  group by r.outcome;

  update job j
  set state = 0, run_at = r.run_at, last_error = r.error, lease_owner = null, lease_until = null,
      attempt = j.attempt - case when r.uncounted then 1 else 0 end,
      failures = j.failures + case when r.uncounted then 0 else 1 end
  from unnest(p_ids, p_outcomes, p_run_at, p_errors, p_uncounted) with ordinality as r (id, outcome, run_at, error, uncounted, n)
  where j.id = r.id and r.n = any (held) and r.outcome = 'retry';

  return query select r.id from unnest(p_ids) with ordinality as r (id, n) where r.n = any (held);
end $$;

-- Of a release before this one, whose workers may still run.
create or replace function job_settle(p_owner uuid, p_ids uuid[], p_fences integer[], p_outcomes text[], p_run_at timestamptz[], p_errors text[], p_uncounted boolean[])
returns setof uuid
language sql security definer set search_path = public as $$
  select job_settle(p_owner, p_ids, p_fences, p_outcomes, p_run_at, p_errors, array_fill(null::text, array[cardinality(p_ids)]), p_uncounted)
$$;

-- A salon's letters, open and resolved, oldest first.
create index job_dead_of on job_dead (tenant_id, died_at, id);

-- The dead letters an operator sees: ids, names, reasons and answers, no payload; open ones or resolved ones, oldest first, after a place in
-- that order. A condition that is null lets all through.
create function job_dead_find(p_ids uuid[], p_tenants uuid[], p_queue text, p_kind text, p_resolved boolean, p_after timestamptz, p_after_id uuid, p_limit bigint)
returns table (id uuid, tenant_id uuid, queue text, kind text, attempt integer, reason text, answer text, died_at timestamptz,
  resolved_at timestamptz, discarded_because text)
language sql stable security definer set search_path = public as $$
  select d.id, d.tenant_id, d.queue, d.kind, d.attempt, d.reason, d.answer, d.died_at, d.resolved_at, d.discarded_because from job_dead d
  where case when p_resolved then d.resolved_at is not null else d.resolved_at is null end
    and (p_ids is null or d.id = any (p_ids)) and (p_tenants is null or d.tenant_id = any (p_tenants))
    and (p_queue is null or d.queue = p_queue) and (p_kind is null or d.kind = p_kind)
    and (p_after is null or (d.died_at, d.id) > (p_after, p_after_id))
  order by d.died_at, d.id limit p_limit
$$;

-- How many there are of them.
create function job_dead_count(p_ids uuid[], p_tenants uuid[], p_queue text, p_kind text, p_resolved boolean) returns bigint
language sql stable security definer set search_path = public
as $$ select count(*) from job_dead_find(p_ids, p_tenants, p_queue, p_kind, p_resolved, null, null, null) $$;

-- For the alarm: how long each queue's oldest open letter has waited. Real time, as died_at is.
create function job_dead_ages() returns table (queue text, seconds double precision)
language sql stable security definer set search_path = public as $$
  select d.queue, extract(epoch from clock_timestamp() - min(d.died_at))::float8 from job_dead d where d.resolved_at is null group by d.queue
$$;

grant execute on function
  job_settle(uuid, uuid[], integer[], text[], timestamptz[], text[], text[], boolean[]),
  job_dead_find(uuid[], uuid[], text, text, boolean, timestamptz, uuid, bigint), job_dead_count(uuid[], uuid[], text, text, boolean),
  job_dead_ages() to salon_app;
