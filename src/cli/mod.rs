//! The operator's commands, one file each. What a command was asked for goes to standard output; what went wrong goes to standard error.
//!
//! Exit codes: 0 done; 1 it could not be done, or a check failed; 2 the command line, the configuration or the tenant file is wrong, and
//! nothing was done.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the one place that talks to a terminal")]

mod channel;
mod deadletter;
mod doctor;
mod migrate;
mod register;
mod serve;
mod tenant_apply;
mod tenant_show;
mod unaccounted;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use uuid::Uuid;

use crate::{
    app::{App, AppError},
    config::{Config, ConfigErrors, ProcessEnvironment},
    ops::telemetry,
    store::StoreError,
    tenant::{apply::ApplyError, file::FileErrors},
};

/// Joins salons' messengers, cal.com and CRM. Settings come from the environment: docs/configuration.md.
#[derive(Debug, Parser)]
#[command(name = "salon-core", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer webhooks and GraphQL until told to stop
    Serve,
    /// Bring the database's schema up to date (needs DATABASE_ADMIN_URL)
    Migrate,
    /// Check configuration, database, Redis, credentials and vendors, and say what to do
    Doctor,
    /// Salons
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// A salon's messengers
    #[command(subcommand)]
    Channel(ChannelCommand),
    /// Jobs that were given up
    #[command(subcommand)]
    Deadletter(DeadletterCommand),
    /// Print the subgraph's schema (schema/salon.graphql)
    Schema,
    /// Count what is neither finished nor in anybody's hands; anything but 0 is a fault
    Unaccounted,
}

#[derive(Debug, Subcommand)]
enum TenantCommand {
    /// Make a salon, or change it to match its file, and print its webhook addresses
    Apply {
        /// The tenant file (docs/tenant-file.md)
        file: PathBuf,
        /// Also register the addresses at the vendors
        #[arg(long)]
        register: bool,
    },
    /// Show a salon as it is now
    Show {
        /// Its slug
        slug: String,
    },
}

#[derive(Debug, Subcommand)]
enum ChannelCommand {
    /// Try the credential, register the webhook, and check what the vendor then says
    Connect {
        /// The salon's slug
        slug: String,
        /// The channel's name in the tenant file, or `kind/name`
        name: String,
    },
    /// List them, with what their vendors last said
    List {
        /// The salon's slug
        slug: String,
    },
}

#[derive(Debug, Subcommand)]
enum DeadletterCommand {
    /// List them, oldest first
    List {
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: i32,
    },
    /// Put them back to work, from their first attempt
    Replay {
        /// Which ones
        #[arg(required_unless_present = "all")]
        ids: Vec<Uuid>,
        /// All of them
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
}

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    #[error("{0}")]
    File(#[from] FileErrors),
    #[error("{0}")]
    App(#[from] AppError),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Apply(#[from] ApplyError),
    #[error("{0}")]
    Input(String),
    #[error("{0}")]
    Failed(String),
}

impl CliError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) | Self::File(_) | Self::Input(_) => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }
}

/// Runs the command that `args` (with the program's name first) asks for.
pub async fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are asked for and go to standard output; clap knows which is which.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match execute(cli.command).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            error.exit_code()
        }
    }
}

async fn execute(command: Command) -> Result<ExitCode, CliError> {
    match command {
        Command::Migrate => migrate::run(&ProcessEnvironment).await,
        Command::Serve => serve::run(app()?).await,
        Command::Doctor => doctor::run(&app()?).await,
        Command::Tenant(TenantCommand::Apply { file, register }) => tenant_apply::run(&app()?, &file, register).await,
        Command::Tenant(TenantCommand::Show { slug }) => tenant_show::run(&app()?, &slug).await,
        Command::Channel(ChannelCommand::Connect { slug, name }) => channel::connect(&app()?, &slug, &name).await,
        Command::Channel(ChannelCommand::List { slug }) => channel::list(&app()?, &slug).await,
        Command::Deadletter(DeadletterCommand::List { limit }) => deadletter::list(&app()?, limit).await,
        Command::Deadletter(DeadletterCommand::Replay { ids, all }) => deadletter::replay(&app()?, ids, all).await,
        Command::Schema => {
            print!("{}", crate::graphql::sdl());
            Ok(ExitCode::SUCCESS)
        }
        Command::Unaccounted => unaccounted::run(&app()?).await,
    }
}

fn app() -> Result<App, CliError> {
    let config = Config::load(&ProcessEnvironment)?;
    telemetry::init(&config.log);
    Ok(App::new(config)?)
}
