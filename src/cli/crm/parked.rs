//! `salon-core crm parked SLUG`: ids alone, nobody's name or number.

use std::process::ExitCode;

use crate::{
    app::App,
    cli::{CliError, channel, out::say},
};

pub(super) async fn run(app: &App, slug: &str) -> Result<ExitCode, CliError> {
    let tenant = channel::of(app, slug).await?;
    let parked = app.db.tenant(tenant).await?.parked().await?;
    if parked.is_empty() {
        say!("no client waits for a decision");
    }
    for client in parked {
        let (id, kind, waiting) = (client.client_id, client.kind, client.waiting);
        say!("{id}\t{kind}\tcould be {}\t{waiting} to be told", client.candidates.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}
