//! `salon-core crm`: a salon's CRMs, as an operator sees to them. docs/crm.md tells when.

mod migrate;

use std::process::ExitCode;

use clap::Subcommand;

use super::CliError;
use crate::{app::App, crm::CrmKind};

#[derive(Debug, Subcommand)]
pub(super) enum CrmCommand {
    /// Change from one CRM to another: hand over clients, visits to come, recent enquiries and open work; can be broken off and repeated
    Migrate(migrate::Wanted),
}

fn kind(text: &str) -> Result<CrmKind, String> {
    text.parse().map_err(|_| {
        let names: Vec<&str> = CrmKind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("must be one of {}", names.join(", "))
    })
}

pub(super) async fn run(app: &App, command: CrmCommand) -> Result<ExitCode, CliError> {
    match command {
        CrmCommand::Migrate(wanted) => migrate::run(app, &wanted).await,
    }
}
