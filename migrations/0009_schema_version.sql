-- Why: readiness must tell a database that this build can work with from one that still waits for its migrations, and the
-- application role can't read the owner's list of them.

create function schema_version() returns bigint
language sql stable security definer set search_path = public
as $$ select max(version) from _sqlx_migrations where success $$;

grant execute on function schema_version() to salon_app;
