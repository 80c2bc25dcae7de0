//! `salon-core crm`: a salon's CRMs, as an operator sees to them. docs/crm.md tells when.

pub(super) mod access;
mod drift;
pub(super) mod fields;
mod link;
mod login;
mod migrate;
mod parked;
mod preview;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use secrecy::SecretString;
use uuid::Uuid;

use self::access::Access;
use super::CliError;
use crate::{app::App, crm::CrmKind, ids::ClientId};

#[derive(Debug, Subcommand)]
pub(super) enum CrmCommand {
    /// Show what a client, an enquiry and a visit would become there; writes nothing
    Preview {
        #[command(flatten)]
        which: Which,
        /// This client; without ids a made-up one is shown
        #[arg(long, value_name = "ID")]
        client: Option<Uuid>,
        /// This booking
        #[arg(long, value_name = "ID")]
        booking: Option<Uuid>,
    },
    /// Say which of the fields we write to are there, missing or of another kind
    Fields {
        #[command(flatten)]
        which: Which,
        /// Make the missing ones; CRMs let only administrators do that
        #[arg(long)]
        create: bool,
        /// As this administrator of the CRM, whose password is the first line of standard input; it is stored nowhere
        #[arg(long = "as", value_name = "USER", requires = "create")]
        user: Option<String>,
    },
    /// List the clients who could be several records
    Parked {
        /// The salon's slug
        slug: String,
    },
    /// Say which record a client is, and tell the CRM what waited for that
    Link {
        #[command(flatten)]
        which: Which,
        /// The client, as `crm parked` names them
        #[arg(long, value_name = "ID")]
        client: Uuid,
        #[command(flatten)]
        decision: Decision,
    },
    /// Count what was found to differ between the CRM and us
    Drift {
        /// The salon's slug
        slug: String,
        /// Found in the last so many days, at most 30
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(i64).range(1..=30))]
        days: i64,
    },
    /// Change from one CRM to another: hand over clients, visits to come, recent enquiries and open work; can be broken off and repeated
    Migrate(migrate::Wanted),
    /// Let a person give us access, where the CRM wants a login
    Login {
        #[command(flatten)]
        which: Which,
        /// The code that the person brought back from the CRM's page
        #[arg(long, value_parser = code)]
        code: Option<SecretString>,
    },
}

/// Which salon, and which of its CRMs.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// The salon's slug
    slug: String,
    /// Which CRM; without it the one in use, or each of them where that makes sense
    #[arg(long = "crm", value_name = "KIND", value_parser = kind)]
    kind: Option<CrmKind>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Decision {
    /// They are this record there
    #[arg(long, value_name = "THEIR_ID", value_parser = record)]
    record: Option<String>,
    /// They are none of them: make a record of its own
    #[arg(long)]
    new: bool,
}

fn kind(text: &str) -> Result<CrmKind, String> {
    text.parse().map_err(|_| {
        let names: Vec<&str> = CrmKind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("must be one of {}", names.join(", "))
    })
}

fn code(text: &str) -> Result<SecretString, &'static str> {
    let text = text.trim();
    if text.is_empty() { Err("must be the code that the CRM's page gave") } else { Ok(text.into()) }
}

/// As the tenant file writes a CRM's ids.
fn record(text: &str) -> Result<String, &'static str> {
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    fits.then(|| text.to_owned()).ok_or("must be an id of the CRM's: 1 to 64 of A-Z a-z 0-9 _ . -")
}

pub(super) async fn run(app: &App, command: CrmCommand) -> Result<ExitCode, CliError> {
    match command {
        CrmCommand::Preview { which, client, booking } => preview::run(app, &which, client.map(ClientId), booking).await,
        CrmCommand::Fields { which, create, user } => fields::run(app, &which, create, user).await,
        CrmCommand::Parked { slug } => parked::run(app, &slug).await,
        CrmCommand::Link { which, client, decision } => link::run(app, &which, ClientId(client), decision.record).await,
        CrmCommand::Drift { slug, days } => drift::run(app, &slug, days).await,
        CrmCommand::Login { which, code } => login::run(app, &which, code).await,
        CrmCommand::Migrate(wanted) => migrate::run(app, &wanted).await,
    }
}
