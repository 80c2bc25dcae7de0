//! Migrations, run as the owner of the tables, never by the application role.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use sqlx::{Connection, PgConnection, migrate::Migrator};

use super::{Db, StoreError};

static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// How many months of partitions are made ahead.
pub const MONTHS_AHEAD: i32 = 3;

/// Brings the schema up to date and makes the partitions around `now`. Safe to repeat and to run twice at once.
///
/// # Errors
/// When the database can't be reached or a migration fails; a failed migration leaves nothing behind.
pub async fn run(admin_url: &SecretString, now: DateTime<Utc>) -> Result<(), StoreError> {
    let mut owner = PgConnection::connect(admin_url.expose_secret()).await?;
    MIGRATOR.run(&mut owner).await?;
    sqlx::query("select partitions_ensure($1, $2)").bind(now).bind(MONTHS_AHEAD).execute(&mut owner).await?;
    owner.close().await?;
    Ok(())
}

/// The migrations that this build knows and the database lacks. For readiness and the doctor.
///
/// # Errors
/// When the database can't be reached.
pub async fn pending(admin_url: &SecretString) -> Result<Vec<String>, StoreError> {
    let mut owner = PgConnection::connect(admin_url.expose_secret()).await?;
    let exists: bool = sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null").fetch_one(&mut owner).await?;
    let applied: Vec<i64> = if exists {
        sqlx::query_scalar("select version from _sqlx_migrations where success").fetch_all(&mut owner).await?
    } else {
        Vec::new()
    };
    owner.close().await?;
    let missing = MIGRATOR.iter().filter(|migration| !applied.contains(&migration.version));
    Ok(missing.map(|migration| format!("{:04} {}", migration.version, migration.description)).collect())
}

/// Whether the database has every migration that this build knows, as the application role sees it. Newer ones are no harm: migrations
/// expand first and contract a release later.
///
/// # Errors
/// When the database can't be reached, or is older than the function that tells.
pub async fn is_current(db: &Db) -> Result<bool, StoreError> {
    let version: Option<i64> = sqlx::query_scalar("select schema_version()").fetch_one(db.narrow()).await?;
    Ok(version >= MIGRATOR.iter().map(|migration| migration.version).max())
}
