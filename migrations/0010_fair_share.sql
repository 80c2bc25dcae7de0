-- Why: a salon that enqueues ten thousand jobs must not make another salon's single job wait for them. Ready jobs are taken in rounds, in
-- each of which a salon has at most 16 of a queue and class; within a round by deadline and order of arrival, as before. Decision 0010.

alter table job add column turn integer not null default 0;

drop index job_ready;
create index job_ready on job (queue, class, turn, deadline, seq) where state = 1;
create index job_turns on job (queue, tenant_id, class, turn) where state = 1;

-- The round in which a job is taken that becomes ready now: the salon's last one, or the next if that is full. Who has nothing ready
-- comes into the round that is being taken. Two transactions at once may both fill the last place: a round is a share, not a limit.
-- Rows of the same statement count each other, since a row trigger sees the rows before it.
create function job_turn() returns trigger
language plpgsql security definer
-- A plan made while the table was small must not read all of it later.
set search_path = public set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off as $$
declare
  last integer;
  filled bigint;
begin
  select j.turn into last from job j
  where j.queue = new.queue and j.tenant_id = new.tenant_id and j.class = new.class and j.state = 1
  order by j.turn desc limit 1;
  if last is null then
    select j.turn into last from job j where j.queue = new.queue and j.class = new.class and j.state = 1 order by j.turn limit 1;
    new.turn := coalesce(last, 0);
    return new;
  end if;
  select count(*) into filled from (
    select from job j
    where j.queue = new.queue and j.tenant_id = new.tenant_id and j.class = new.class and j.state = 1 and j.turn = last limit 16) places;
  new.turn := case when filled < 16 then last else last + 1 end;
  return new;
end $$;

create trigger job_turn_enqueued before insert on job for each row when (new.state = 1) execute function job_turn();
-- Who goes back from a worker that died or stopped keeps the place it had.
create trigger job_turn_due before update of state on job for each row when (old.state = 0 and new.state = 1) execute function job_turn();

-- Takes up to `p_limit` jobs of a queue for `p_owner`. The limit is a parameter: without custom plans the planner takes it for
-- a tenth of the table and reads all of it.
create or replace function job_claim(p_queue text, p_now timestamptz, p_owner uuid, p_limit integer, p_lease interval)
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
      order by j.class, j.turn, j.deadline, j.seq
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
