//! `salon-core doctor`: is everything there, does it let us in, and what is to be done where it does not. OK is said only of what was
//! looked at.

mod crm;
mod salon;

use std::{collections::BTreeMap, fmt::Display, process::ExitCode, time::Duration};

use super::{
    CliError, each_tenant,
    keys::{Role, add, roles},
    out::say,
};
use crate::{
    app::App,
    crypto::SealError,
    store::{StoreError, migrations},
};

const DATABASE: &str = "check DATABASE_URL and that PostgreSQL runs";
const MIGRATE: &str = "run `salon-core migrate`";
const ROLE: &str =
    "let DATABASE_URL name the role `salon_app`, which is no superuser, does not bypass row-level security and owns nothing";

/// What was found; printed as it is found, since vendors take their time.
#[derive(Default)]
struct Report {
    failed: usize,
    /// How many stored values lie under each key.
    keys: BTreeMap<String, u64>,
    salons: usize,
}

impl Report {
    fn ok(&self, what: impl Display, detail: impl Display) {
        say!("OK    {what}: {detail}");
    }

    /// Nothing to look at, or nothing that must be done.
    fn note(&self, what: impl Display, detail: impl Display) {
        say!("NOTE  {what}: {detail}");
    }

    fn fail(&mut self, what: impl Display, why: impl Display, remedy: impl Display) {
        self.failed += 1;
        say!("FAIL  {what}: {why}\n      -> {remedy}");
    }
}

/// What is to be done about our own side's failure.
fn remedy(error: &StoreError) -> String {
    match error {
        StoreError::Seal(SealError::UnknownKey(id)) => format!("put the key {id:?} back into SALON_KEYRING, behind the first"),
        StoreError::Seal(SealError::Malformed | SealError::Tampered) | StoreError::Corrupt(_) => {
            "something other than salon-core wrote this row: restore it from a backup".to_owned()
        }
        StoreError::Role(_) => ROLE.to_owned(),
        StoreError::Migration(_) => MIGRATE.to_owned(),
        StoreError::Database(error) => match error.as_database_error().and_then(|error| error.code()).as_deref() {
            // undefined_function, undefined_table, undefined_column
            Some("42883" | "42P01" | "42703") => MIGRATE.to_owned(),
            // insufficient_privilege
            Some("42501") => ROLE.to_owned(),
            _ => DATABASE.to_owned(),
        },
    }
}

pub(super) async fn run(app: &App) -> Result<ExitCode, CliError> {
    let mut report = Report::default();
    let environment = if app.config.environment.is_development() { "development" } else { "production" };
    report.ok("configuration", format_args!("complete, {environment}"));
    redis(app, &mut report).await;
    if database(app, &mut report).await {
        if let Err(error) = each_tenant(app, async |id| salon::look(app, &mut report, id).await).await {
            report.fail("salons", &error, remedy(&error));
        }
        if report.salons == 0 {
            report.note("salons", "there is none yet: `salon-core tenant apply FILE`");
        }
        keys(app, &mut report);
    }
    match report.failed {
        0 => say!("everything is in order"),
        failed => say!("{failed} to be done"),
    }
    Ok(if report.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn redis(app: &App, report: &mut Report) {
    let Some(client) = &app.redis else {
        return report
            .note("redis", "REDIS_URL is not set: workers poll, and each process keeps to a quarter of every pacing limit");
    };
    let ping = async {
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd("PING").query_async::<String>(&mut connection).await
    };
    const REDIS: &str = "check REDIS_URL and that Redis runs";
    match tokio::time::timeout(Duration::from_secs(5), ping).await {
        Ok(Ok(_)) => report.ok("redis", "reached"),
        Ok(Err(error)) => report.fail("redis", error.category(), REDIS),
        Err(_) => report.fail("redis", "no answer in 5 s", REDIS),
    }
}

/// True if there is anything further to look at.
async fn database(app: &App, report: &mut Report) -> bool {
    if let Err(error) = app.db.ping().await {
        report.fail("database", error, DATABASE);
        return false;
    }
    report.ok("database", "reached");
    match app.db.check_role().await {
        Ok(()) => report.ok("database role", "owns nothing, bypasses nothing"),
        Err(error) => report.fail("database role", &error, remedy(&error)),
    }
    let current = migrations::is_current(&app.db).await;
    let pending = match &app.config.database.admin_url {
        Some(url) => Some(migrations::pending(url).await),
        None => None,
    };
    match &current {
        Ok(true) => report.ok("migrations", "none pending"),
        Ok(false) => {
            let names = pending.iter().flatten().flatten().map(String::as_str).collect::<Vec<_>>().join(", ");
            let names = if names.is_empty() { "the schema is older than this program" } else { &names };
            report.fail("migrations", names, MIGRATE);
        }
        Err(error) => report.fail("migrations", error, remedy(error)),
    }
    let is_current = matches!(current, Ok(true));
    match pending {
        None => {}
        Some(Err(error)) => report.fail("DATABASE_ADMIN_URL", error, "correct it, or leave it away: only `migrate` needs it"),
        Some(Ok(pending)) if pending.is_empty() == is_current => report.ok("DATABASE_ADMIN_URL", "reached"),
        Some(Ok(_)) => report.fail(
            "DATABASE_ADMIN_URL",
            "what it leads to is not as far as what DATABASE_URL leads to, or further",
            "let both name the same database",
        ),
    }
    is_current
}

fn keys(app: &App, report: &mut Report) {
    let used = std::mem::take(&mut report.keys);
    let first = app.keyring.current();
    for (id, role, count) in roles(&app.keyring, &used) {
        let what = format!("key {id:?}");
        match (role, count) {
            (Role::Seals, _) => report.ok(what, format_args!("seals what is written; {count} stored values lie under it")),
            (Role::Opens, 0) => report.note(what, "seals nothing any more: it may leave SALON_KEYRING"),
            (Role::Opens, _) => report.note(
                what,
                format_args!("{count} stored values lie under it; `salon-core keys reseal` puts them under {first:?}"),
            ),
            // Each of them is told above, with the account that it stops.
            (Role::Missing, _) if id.is_empty() => {}
            (Role::Missing, _) => report.fail(
                what,
                format_args!("not in SALON_KEYRING, and {count} stored values lie under it"),
                "put it back, behind the first",
            ),
        }
    }
}
