//! Promise 3, held against every table there is: the list comes from the database itself, so that a new table is tested the day it is
//! made.

use std::fmt::Write;

use secrecy::ExposeSecret;
use sqlx::{AssertSqlSafe, Connection, FromRow, PgConnection};
use uuid::Uuid;

use crate::harness::World;

/// Tables that belong to no tenant. The application role may do nothing with them.
const COMMON: &[&str] = &["_sqlx_migrations", "partitioned_table", "schedule"];

#[derive(FromRow)]
struct Table {
    name: String,
    /// The column that says whose a row is.
    tenant: Option<String>,
    /// Partitions are reached through their parent only.
    is_partition: bool,
    rls: bool,
    forced: bool,
    owner: String,
    may_select: bool,
}

async fn tables(owner: &mut PgConnection) -> Vec<Table> {
    sqlx::query_as(
        "select c.relname::text as name, c.relispartition as is_partition, c.relrowsecurity as rls, c.relforcerowsecurity as forced,
           c.relowner::regrole::text as owner, has_table_privilege('salon_app', c.oid, 'select') as may_select,
           case when c.relname = 'tenant' then 'id' else
             (select column_name::text from information_schema.columns i
              where i.table_schema = 'public' and i.table_name = c.relname and i.column_name = 'tenant_id') end as tenant
         from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') order by 1",
    )
    .fetch_all(owner)
    .await
    .unwrap()
}

/// The tables that the application reads and writes.
async fn tenant_tables(owner: &mut PgConnection) -> Vec<(String, String)> {
    let reached = tables(owner).await.into_iter().filter(|table| !table.is_partition);
    reached.filter_map(|table| Some((table.name, table.tenant?))).collect()
}

/// A statement that puts some row of `tenant` into a table. Only the columns' types matter.
async fn insert_into(owner: &mut PgConnection, table: &str, tenant_column: &str, tenant: Uuid) -> String {
    let columns: Vec<(String, String)> = sqlx::query_as(
        "select column_name::text, data_type::text from information_schema.columns
         where table_schema = 'public' and table_name = $1 and is_identity = 'NO' order by ordinal_position",
    )
    .bind(table)
    .fetch_all(owner)
    .await
    .unwrap();
    let (mut names, mut values) = (String::new(), String::new());
    for (name, data_type) in columns {
        let value = match data_type.as_str() {
            _ if name == tenant_column => format!("'{tenant}'"),
            "uuid" => "gen_random_uuid()".to_owned(),
            "text" => "md5(random()::text)".to_owned(),
            "jsonb" => "'{}'".to_owned(),
            "bytea" => "sha256(random()::text::bytea)".to_owned(),
            "smallint" | "integer" => "1".to_owned(),
            "bigint" => "(random() * 1e9)::bigint".to_owned(),
            "boolean" => "false".to_owned(),
            "timestamp with time zone" => "now()".to_owned(),
            "ARRAY" => "'{}'".to_owned(),
            other => panic!("{table}.{name} is a {other}: tell this test how to fill it"),
        };
        let comma = if names.is_empty() { "" } else { ", " };
        write!(names, "{comma}{name}").unwrap();
        write!(values, "{comma}{value}").unwrap();
    }
    format!("insert into {table} ({names}) values ({values})")
}

/// Puts a row of `tenant` into every table, whatever its rules: the copy is thrown away.
async fn fill(world: &World, tenant: Uuid) {
    let mut superuser = PgConnection::connect(world.superuser_url.expose_secret()).await.unwrap();
    let checks: Vec<String> = sqlx::query_scalar(
        "select format('alter table %s drop constraint %I', conrelid::regclass, conname) from pg_constraint
         where contype = 'c' and conislocal and coninhcount = 0 and connamespace = 'public'::regnamespace",
    )
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    sqlx::query("set session_replication_role = replica").execute(&mut superuser).await.unwrap();
    for statement in checks {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut superuser).await.unwrap();
    }
    for (table, column) in tenant_tables(&mut superuser).await {
        let insert = insert_into(&mut superuser, &table, &column, tenant).await;
        sqlx::query(AssertSqlSafe(format!("{insert} on conflict do nothing"))).execute(&mut superuser).await.unwrap();
    }
}

async fn count(conn: &mut PgConnection, table: &str, condition: &str) -> i64 {
    let query = format!("select count(*) from {table} where {condition}");
    sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(conn).await.unwrap()
}

#[tokio::test]
async fn every_table_is_under_row_level_security_and_the_application_owns_none() {
    let world = World::new().await;
    world.db.check_role().await.unwrap();
    let tables = tables(&mut world.owner().await).await;
    assert!(tables.len() > 20);
    for table in tables {
        assert_eq!(table.owner, "salon_owner", "{}", table.name);
        if COMMON.contains(&table.name.as_str()) {
            assert!(!table.may_select, "{}", table.name);
        } else {
            assert!(table.tenant.is_some(), "{} has no tenant_id", table.name);
            assert!(table.rls && table.forced, "{}", table.name);
            assert_eq!(table.may_select, !table.is_partition, "{}", table.name);
        }
    }
}

#[tokio::test]
async fn a_tenant_reads_no_row_of_another_in_any_table() {
    let world = World::new().await;
    fill(&world, world.roza.0).await;
    let mut owner = world.owner().await;
    let mut stranger = PgConnection::connect(world.app_url.expose_secret()).await.unwrap();
    let mut lotos = world.db.tenant(world.lotos).await.unwrap();
    let mut both = world.db.tenants(&[world.lotos, world.roza]).await.unwrap();
    for (table, column) in tenant_tables(&mut owner).await {
        let of_roza = format!("{column} = '{}'", world.roza);
        let there = count(&mut owner, &table, &of_roza).await;
        assert!(there > 0, "{table}: the other tenant has no row, so this would prove nothing");
        assert_eq!(count(lotos.conn(), &table, &format!("{column} is distinct from '{}'", world.lotos)).await, 0, "{table}");
        assert_eq!(count(both.conn(), &table, &of_roza).await, there, "{table}");
        assert_eq!(count(&mut stranger, &table, "true").await, 0, "{table}: readable without a tenant");
    }
}

#[tokio::test]
async fn a_tenant_writes_no_row_of_another_in_any_table() {
    let world = World::new().await;
    fill(&world, world.roza.0).await;
    let mut owner = world.owner().await;
    for (table, column) in tenant_tables(&mut owner).await {
        let insert = insert_into(&mut owner, &table, &column, world.roza.0).await;
        let mut lotos = world.db.tenant(world.lotos).await.unwrap();
        let refused = sqlx::query(AssertSqlSafe(insert)).execute(lotos.conn()).await.unwrap_err();
        let code = refused.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned());
        assert_eq!(code.as_deref(), Some("42501"), "{table}: {refused}");

        let of_roza = format!("{column} = '{}'", world.roza);
        let before = count(&mut owner, &table, &of_roza).await;
        for statement in [format!("update {table} set {column} = {column}"), format!("delete from {table} where {of_roza}")] {
            let mut lotos = world.db.tenant(world.lotos).await.unwrap();
            if sqlx::query(AssertSqlSafe(statement)).execute(lotos.conn()).await.is_ok() {
                lotos.commit().await.unwrap();
            }
        }
        assert_eq!(count(&mut owner, &table, &of_roza).await, before, "{table}");
    }
}
