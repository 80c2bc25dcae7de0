-- Why: PostgreSQL is the only truth for jobs (docs/decisions/0001-queue.md). A job is enqueued in the business
-- transaction, claimed in batches under a lease and a fence (owner, number of the claim), settled in batches. Attempts are counted at the
-- claim, so that a crash counts. The live table stays small: what is finished or dead moves out.
--
-- Two clocks on purpose: `run_at`, `deadline` and `expires_at` are the salon's time, bound by the caller, and can be driven
-- through a month in seconds; leases are the database server's own time, so that moving the first never frees a running job.

create table job (
  id           uuid primary key,
  seq          bigint generated always as identity,
  tenant_id    uuid not null,
  queue        text not null,
  kind         text not null,
  payload      jsonb not null,
  -- The row this job works for, so that "is anybody working on it" is one index look-up.
  subject_id   uuid,
  -- At most one job of a lane runs at a time, in the order they were enqueued.
  lane         uuid,
  class        smallint not null,
  deadline     timestamptz not null default 'infinity',
  expires_at   timestamptz,
  state        smallint not null, -- 0 scheduled, 1 ready, 2 running
  run_at       timestamptz not null,
  attempt      integer not null default 0,
  max_attempts integer not null check (max_attempts > 0),
  -- How many runs reported a failure: what the back-off grows with. A crash is an attempt too, so that a job that kills its worker dies
  -- some day, but it says nothing against the vendor: the next run need not wait the longer for it.
  failures     integer not null default 0,
  -- How often it was claimed. Unlike `attempt` it never goes down, so that no two leases of a job are alike.
  fence        integer not null default 0,
  lease_owner  uuid,
  lease_until  timestamptz,
  last_error   text,
  dedupe       text,
  trace        text,
  enqueued_at  timestamptz not null
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
create index job_scheduled on job (queue, run_at) where state = 0;
create index job_ready on job (queue, class, deadline, seq) where state = 1;
create index job_leased on job (lease_until) where state = 2;
create index job_expiring on job (queue, expires_at) where expires_at is not null and state < 2;
create index job_lane on job (lane, seq) where lane is not null;
create index job_subject on job (subject_id) where subject_id is not null;
-- The last word on "one at a time": two claimers that both saw a free lane meet here.
create unique index job_lane_running on job (lane) where state = 2 and lane is not null;
create unique index job_dedupe on job (tenant_id, queue, dedupe) where dedupe is not null;
call salon_protect('job', 'select, insert');

create table job_finished (
  id           uuid primary key,
  tenant_id    uuid not null,
  queue        text not null,
  kind         text not null,
  subject_id   uuid,
  outcome      text not null check (outcome in ('done', 'expired')),
  attempt      integer not null,
  last_error   text,
  enqueued_at  timestamptz not null,
  finished_at  timestamptz not null
) partition by range (id);
create table job_finished_default partition of job_finished default;
call salon_protect('job_finished', 'select');
call salon_protect('job_finished_default', '');
insert into partitioned_table values ('job_finished', 2);

-- Never deleted while unresolved.
create table job_dead (
  id           uuid primary key,
  tenant_id    uuid not null,
  queue        text not null,
  kind         text not null,
  payload      jsonb not null,
  subject_id   uuid,
  lane         uuid,
  class        smallint not null,
  max_attempts integer not null,
  attempt      integer not null,
  reason       text not null,
  enqueued_at  timestamptz not null,
  died_at      timestamptz not null,
  resolved_at  timestamptz,
  -- Set if an operator gave it up; a replay is resolved without.
  discarded_because text
);
create index job_dead_open on job_dead (died_at) where resolved_at is null;
create index job_dead_subject on job_dead (subject_id) where resolved_at is null;
call salon_protect('job_dead', 'select');

-- Moves jobs out of the live table. `p_outcome` is 'done', 'expired' or 'dead'.
create function job_retire(p_ids uuid[], p_errors text[], p_outcome text) returns void
language sql security definer set search_path = public as $$
  with ended as (
    delete from job j using unnest(p_ids, p_errors) as e (id, error) where j.id = e.id
    returning j.*, e.error
  ), dead as (
    insert into job_dead (id, tenant_id, queue, kind, payload, subject_id, lane, class, max_attempts, attempt, reason, enqueued_at, died_at)
    -- Last words are no attempts.
    select id, tenant_id, queue, kind, payload, subject_id, lane, class, max_attempts, least(attempt, max_attempts),
      coalesce(error, last_error, 'unknown'), enqueued_at, clock_timestamp()
    from ended where p_outcome = 'dead'
    on conflict (id) do update set reason = excluded.reason, attempt = excluded.attempt, died_at = excluded.died_at, resolved_at = null,
      discarded_because = null
  )
  insert into job_finished (id, tenant_id, queue, kind, subject_id, outcome, attempt, last_error, enqueued_at, finished_at)
  select id, tenant_id, queue, kind, subject_id, p_outcome, attempt, coalesce(error, last_error), enqueued_at, clock_timestamp()
  from ended where p_outcome <> 'dead'
  on conflict (id) do nothing
$$;

-- Takes up to `p_limit` jobs of a queue for `p_owner`. The limit is a parameter: without custom plans the planner takes it for
-- a tenth of the table and reads all of it.
create function job_claim(p_queue text, p_now timestamptz, p_owner uuid, p_limit integer, p_lease interval)
returns table (id uuid, tenant_id uuid, kind text, payload jsonb, attempt integer, max_attempts integer, failures integer, fence integer, last_error text, trace text, enqueued_at timestamptz, run_at timestamptz)
language plpgsql security definer
set search_path = public set plan_cache_mode = force_custom_plan set enable_seqscan = off as $$
#variable_conflict use_column
declare
  expired uuid[];
begin
  update job j set state = 1
  from (select s.id from job s where s.queue = p_queue and s.state = 0 and s.run_at <= p_now
        order by s.run_at limit 1000 for update skip locked) due
  where j.id = due.id;

  select array_agg(x.id) into expired
  from (select e.id from job e where e.queue = p_queue and e.expires_at is not null and e.expires_at <= p_now and e.state < 2
        limit 1000 for update skip locked) x;
  if expired is not null then
    perform job_retire(expired, array_fill('expired before it could run'::text, array[cardinality(expired)]), 'expired');
  end if;

  return query
    with free as materialized (
      select j.id from job j
      where j.queue = p_queue and j.state = 1
        and (j.lane is null
          or not exists (select from job o where o.lane = j.lane and o.seq < j.seq)
            -- Of two jobs enqueued at once, the later number may commit first and run already. Without this line the other one
            -- would break job_lane_running, and with it every claim of the queue. (Counted: `not exists` is planned as a hash of all
            -- that runs.)
            and (select count(*) from job o where o.lane = j.lane and o.state = 2) = 0)
      order by j.class, j.deadline, j.seq
      limit p_limit for update skip locked)
    update job j
    set state = 2, attempt = j.attempt + 1, fence = j.fence + 1, lease_owner = p_owner, lease_until = clock_timestamp() + p_lease
    from free where j.id = free.id
    returning j.id, j.tenant_id, j.kind, j.payload, j.attempt, j.max_attempts, j.failures, j.fence, j.last_error, j.trace, j.enqueued_at, j.run_at;
exception
  when unique_violation then
    -- Another worker took a job of the same lane at this very moment. Nothing was claimed; the next look finds the rest.
    return;
end $$;

-- When the queue next has something to do; null when nothing is scheduled. Ready jobs are not counted: they are due now.
create function job_next_due(p_queue text) returns timestamptz
language sql stable security definer set search_path = public
as $$ select min(run_at) from job where queue = p_queue and state = 0 $$;

-- Settles finished runs. Fenced: only the holder of this very lease (same owner, same fence) may settle. Returns the ids that
-- were settled; the others had been lost to another worker. Rows are locked in the order of their ids, as by job_renew: one
-- process settles and renews at once.
create function job_settle(p_owner uuid, p_ids uuid[], p_fences integer[], p_outcomes text[], p_run_at timestamptz[], p_errors text[], p_uncounted boolean[])
returns setof uuid
language plpgsql security definer set search_path = public as $$
declare
  -- Positions, not ids: a late result of a lost lease may come in one batch with the result of the present one.
  held bigint[];
begin
  select coalesce(array_agg(n), '{}') into held from (
    select r.n from job j join unnest(p_ids, p_fences) with ordinality as r (id, fence, n) on j.id = r.id and j.fence = r.fence
    where j.lease_owner = p_owner order by j.id for update of j) h;

  perform job_retire(array_agg(r.id), array_agg(r.error), r.outcome)
  from unnest(p_ids, p_outcomes, p_errors) with ordinality as r (id, outcome, error, n)
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

-- Renews leases. Returns the ids still held: a handler whose id is missing must stop.
create function job_renew(p_owner uuid, p_ids uuid[], p_lease interval) returns setof uuid
language sql security definer set search_path = public as $$
  with mine as materialized (
    -- Without "state = 2", here and below: the planner would read all that runs, dead versions included, instead of these ids.
    select id from job where id = any (p_ids) and lease_owner = p_owner order by id for update)
  update job j set lease_until = clock_timestamp() + p_lease from mine where j.id = mine.id returning j.id
$$;

-- Gives back what a stopping worker had claimed but not begun.
create function job_release(p_owner uuid, p_ids uuid[]) returns bigint
language sql security definer set search_path = public as $$
  with back as (
    update job set state = 1, attempt = attempt - 1, lease_owner = null, lease_until = null
    where id = any (p_ids) and lease_owner = p_owner returning 1)
  select count(*) from back
$$;

-- Takes jobs back from workers that stopped renewing. One that has used up its attempts is given up to `p_last_words` further runs, in
-- which its handler does not try again but says what it would have said on its last attempt (workers/src/handlers/last_words.rs). It
-- stays this job, in its lane and in front of what follows there, and no letter lies about while somebody still has to be told. What
-- kills its worker even then is dead.
create function job_reap(p_limit integer, p_last_words integer) returns bigint
language plpgsql security definer set search_path = public as $$
declare
  lost uuid[]; worn uuid[]; freed bigint;
begin
  select array_agg(id) filter (where attempt < max_attempts + p_last_words), array_agg(id) filter (where attempt >= max_attempts + p_last_words)
  into lost, worn
  -- Not clock_timestamp(): it is volatile, and no index is searched for what may change while it is.
  from (select id, attempt, max_attempts from job where state = 2 and lease_until < now() limit p_limit for update skip locked) x;
  if worn is not null then
    -- Why it died is what ended its last attempt, not its last words.
    perform job_retire(worn, array_fill(null::text, array[cardinality(worn)]), 'dead');
  end if;
  update job set state = 1, lease_owner = null, lease_until = null,
    last_error = case when attempt < max_attempts then 'lease expired'
      when attempt = max_attempts then 'lease expired on the last attempt: the worker died or hung' else last_error end
  where id = any (lost);
  get diagnostics freed = row_count;
  return freed + coalesce(cardinality(worn), 0);
end $$;

-- Puts a dead job back to work, from its first attempt. A second call finds it resolved and does nothing.
create function job_replay(p_id uuid, p_now timestamptz) returns boolean
language plpgsql security definer set search_path = public as $$
declare
  d job_dead;
begin
  update job_dead set resolved_at = clock_timestamp() where id = p_id and resolved_at is null returning * into d;
  if d.id is null then return false; end if;
  insert into job (id, tenant_id, queue, kind, payload, subject_id, lane, class, state, run_at, max_attempts, enqueued_at)
  values (d.id, d.tenant_id, d.queue, d.kind, d.payload, d.subject_id, d.lane, d.class, 1, p_now, d.max_attempts, d.enqueued_at);
  return true;
end $$;

-- Gives a dead job up, in a transaction of its tenant, which then ends the row it worked for (src/job/discard.rs). Returns nothing
-- if it is resolved already. The row stays: it says what was given up and why.
create function job_discard(p_id uuid, p_reason text) returns table (subject_id uuid)
language sql security definer set search_path = public as $$
  update job_dead d set resolved_at = clock_timestamp(), discarded_because = p_reason
  where d.id = p_id and d.resolved_at is null and d.tenant_id = any (salon_tenants()) returning d.subject_id
$$;

-- The dead letters an operator sees: ids, names and reasons, no payload. A condition that is null lets all through.
create function job_dead_list(p_ids uuid[], p_tenant uuid, p_queue text, p_kind text, p_limit integer)
returns table (id uuid, tenant_id uuid, queue text, kind text, attempt integer, reason text, died_at timestamptz)
language sql stable security definer set search_path = public as $$
  select d.id, d.tenant_id, d.queue, d.kind, d.attempt, d.reason, d.died_at from job_dead d
  where d.resolved_at is null and (p_ids is null or d.id = any (p_ids)) and (p_tenant is null or d.tenant_id = p_tenant)
    and (p_queue is null or d.queue = p_queue) and (p_kind is null or d.kind = p_kind)
  order by d.died_at limit p_limit
$$;

-- For readiness and metrics: how much waits and how old the oldest is. Alert on age, not on length.
create function job_depths(p_now timestamptz) returns table (queue text, ready bigint, running bigint, scheduled bigint, dead bigint, oldest_ready_seconds double precision)
language sql stable security definer set search_path = public as $$
  select q.queue, count(*) filter (where state = 1), count(*) filter (where state = 2), count(*) filter (where state = 0),
    (select count(*) from job_dead d where d.queue = q.queue and d.resolved_at is null),
    extract(epoch from p_now - min(run_at) filter (where state = 1))::float8
  from job q group by q.queue
  union all
  select d.queue, 0, 0, 0, count(*), null from job_dead d
  where d.resolved_at is null and not exists (select from job j where j.queue = d.queue) group by d.queue
$$;

-- Promise 1: every inbound event and every intended outbound effect ends in exactly one terminal state. What is neither ended
-- nor in anybody's hands (a live job or an open dead letter) is unaccounted for: this must be 0 after any fault.
create function unaccounted() returns table (what text, missing bigint)
language sql stable security definer set search_path = public as $$
  with open_subject (what, id) as (
    select 'inbound_event', id from inbound_event where state = 'received'
    union all select 'message', id from message where state in ('queued', 'sending')
    union all select 'booking', id from booking where status in ('pending', 'cancelling')
    union all select 'crm_intent', id from crm_intent where state in ('pending', 'sending')
    union all select 'reminder', id from reminder where state = 'queued'
  )
  select s.what, count(*) from open_subject s
  where not exists (select from job j where j.subject_id = s.id)
    and not exists (select from job_dead d where d.subject_id = s.id and d.resolved_at is null)
  group by s.what
$$;

-- Webhook events of many tenants in one statement and one commit: the ingress gathers what arrives while the previous batch is
-- being written. Returns which of them were new. Each element: tenant, source, source id, vendor event id, kind, event, raw,
-- state, reason, and the job that follows (none for ignored and refused events).
create function ingest(
  p_ids uuid[], p_tenants uuid[], p_sources text[], p_source_ids uuid[], p_vendor_event_ids text[], p_kinds text[], p_events jsonb[],
  p_raw bytea[], p_states text[], p_reasons text[], p_job_kinds text[], p_job_queues text[], p_job_lanes uuid[], p_job_classes smallint[],
  p_job_attempts integer[], p_traces text[], p_now timestamptz)
returns setof uuid
language sql security definer set search_path = public as $$
  with item as (
    select * from unnest(p_ids, p_tenants, p_sources, p_source_ids, p_vendor_event_ids, p_kinds, p_events, p_raw, p_states, p_reasons,
      p_job_kinds, p_job_queues, p_job_lanes, p_job_classes, p_job_attempts, p_traces)
      with ordinality as i (id, tenant_id, source, source_id, vendor_event_id, kind, event, raw, state, reason,
        job_kind, job_queue, job_lane, job_class, job_attempts, trace, n)
  ), fresh as (
    insert into inbound_seen (source_id, vendor_event_id, tenant_id, seen_at)
    select source_id, vendor_event_id, tenant_id, p_now from item
    -- One order for all writers: two batches with the same keys must not wait for each other.
    order by source_id, vendor_event_id
    on conflict do nothing
    returning source_id, vendor_event_id
  ), news as (
    select distinct on (i.source_id, i.vendor_event_id) i.* from item i join fresh f using (source_id, vendor_event_id)
    order by i.source_id, i.vendor_event_id, i.n
  ), stored as (
    insert into inbound_event (id, tenant_id, source, source_id, vendor_event_id, kind, event, raw, state, reason, received_at, processed_at)
    select id, tenant_id, source, source_id, vendor_event_id, kind, event, raw, state, reason, p_now,
      case when state = 'received' then null else p_now end
    from news
  ), queued as (
    insert into job (id, tenant_id, queue, kind, payload, subject_id, lane, class, state, run_at, max_attempts, trace, enqueued_at)
    select id, tenant_id, job_queue, job_kind, jsonb_build_object('kind', job_kind, 'inbound_event', id), id, job_lane, job_class, 1,
      p_now, job_attempts, trace, p_now
    from news where job_kind is not null order by n
  )
  select id from news
$$;

grant execute on function job_claim(text, timestamptz, uuid, integer, interval), job_next_due(text),
  job_settle(uuid, uuid[], integer[], text[], timestamptz[], text[], boolean[]), job_renew(uuid, uuid[], interval), job_release(uuid, uuid[]),
  job_reap(integer, integer), job_replay(uuid, timestamptz), job_discard(uuid, text), job_dead_list(uuid[], uuid, text, text, integer),
  job_depths(timestamptz), unaccounted(),
  ingest(uuid[], uuid[], text[], uuid[], text[], text[], jsonb[], bytea[], text[], text[], text[], text[], uuid[], smallint[], integer[], text[], timestamptz)
  to salon_app;
