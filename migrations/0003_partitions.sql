-- Why: the big tables grow for ever and are read by id or by recent time. They are partitioned by month on their
-- time-ordered id, so that the primary key stays the id alone; months are made ahead and dropped whole by retention.
-- The default partition catches a clock that runs ahead of the maintenance job.

create table partitioned_table (
  name             text primary key,
  retention_months integer not null check (retention_months > 0)
);

create function partition_name(parent text, month date) returns text
language sql immutable
return parent || '_' || to_char(month, 'YYYYMM');

-- Makes the partitions from last month to `p_ahead` months ahead of `p_now`. Returns how many it made.
create function partitions_ensure(p_now timestamptz, p_ahead integer) returns integer
language plpgsql security definer set search_path = public as $$
declare
  t text; m date; made integer := 0; part text;
begin
  for t in select name from partitioned_table order by name loop
    for i in -1 .. p_ahead loop
      m := (date_trunc('month', p_now at time zone 'UTC') + make_interval(months => i))::date;
      part := partition_name(t, m);
      if to_regclass(part) is null then
        begin
          execute format('create table %I partition of %I for values from (%L) to (%L)', part, t,
            uuid_floor(m::timestamp at time zone 'UTC'), uuid_floor((m + interval '1 month') at time zone 'UTC'));
          call salon_protect(part::regclass, '');
          made := made + 1;
        exception
          -- Rows of that month already lie in the default partition, or another process was faster: both are harmless.
          when check_violation or duplicate_table then null;
        end;
      end if;
    end loop;
  end loop;
  return made;
end $$;

-- Drops the months that are older than each table's retention. Returns how many it dropped.
create function partitions_drop_old(p_now timestamptz) returns integer
language plpgsql security definer set search_path = public as $$
declare
  t record; part record; dropped integer := 0; oldest text;
begin
  for t in select name, retention_months from partitioned_table order by name loop
    oldest := partition_name(t.name, (date_trunc('month', p_now at time zone 'UTC') - make_interval(months => t.retention_months))::date);
    for part in
      select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = t.name::regclass and c.relname ~ ('^' || t.name || '_\d{6}$') and c.relname < oldest
    loop
      execute format('drop table %I', part.relname);
      dropped := dropped + 1;
    end loop;
  end loop;
  return dropped;
end $$;

grant execute on function partitions_ensure(timestamptz, integer), partitions_drop_old(timestamptz) to salon_app;
