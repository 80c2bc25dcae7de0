//! `salon-core crm drift SLUG`.

use std::process::ExitCode;

use chrono::TimeDelta;

use crate::{
    app::App,
    cli::{CliError, channel, out::say},
};

pub(super) async fn run(app: &App, slug: &str, days: i64) -> Result<ExitCode, CliError> {
    let tenant = channel::of(app, slug).await?;
    let mut tx = app.db.tenant(tenant).await?;
    let since = tx.now() - TimeDelta::days(days);
    let found = tx.drift(since).await?;
    // What was found long ago is dropped on the way.
    tx.commit().await?;
    if found.is_empty() {
        say!("nothing was found to differ within {days} days");
    }
    for row in found {
        let (kind, entity, what, repair, count) = (row.kind, row.entity, row.what, row.repair, row.count);
        say!("{kind}\t{entity}\t{what}\t{repair}\t{count}\tlast {}", row.last.to_rfc3339());
    }
    Ok(ExitCode::SUCCESS)
}
