//! The operator's commands, one file each. What a command was asked for goes to standard output; what went wrong goes to standard error.
//!
//! Exit codes: 0 done; 1 it could not be done, or a check failed; 2 the command line, the configuration or the tenant file is wrong, and
//! nothing was done.

mod channel;
mod crm;
mod deadletter;
mod doctor;
mod keys;
mod migrate;
mod out;
mod register;
mod serve;
mod tenant_apply;
mod tenant_check;
mod tenant_show;
mod unaccounted;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use uuid::Uuid;

use crate::{
    app::{App, AppError},
    config::{Config, ConfigErrors, ProcessEnvironment, Source},
    ids::TenantId,
    job::one_line,
    ops::telemetry,
    store::StoreError,
    tenant::{self, apply::ApplyError, file::FileErrors},
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
    /// A salon's CRMs
    #[command(subcommand)]
    Crm(crm::CrmCommand),
    /// The keys that seal stored credentials (SALON_KEYRING)
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Jobs that were given up
    #[command(subcommand)]
    Deadletter(DeadletterCommand),
    /// Print the subgraph's schema (schema/salon.graphql)
    Schema,
    /// Print the description of the public HTTP addresses (schema/openapi.json)
    Openapi,
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
        /// Don't ask the CRMs first whether they take what the file says of them
        #[arg(long)]
        unchecked: bool,
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
enum KeysCommand {
    /// Say how many stored values lie under each key
    List,
    /// Seal anew, under the first key of the ring, what lies under an older one; can be broken off and repeated
    Reseal,
}

#[derive(Debug, Subcommand)]
enum DeadletterCommand {
    /// List them, oldest first
    List {
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: i32,
        #[command(flatten)]
        filter: LetterFilter,
    },
    /// Put them back to work, from their first attempt
    Replay {
        #[command(flatten)]
        letters: Letters,
    },
    /// Give them up: they stay on record with the reason, and what they worked for ends as failed, ignored or unknown
    Discard {
        #[command(flatten)]
        letters: Letters,
        /// Why, for the audit log
        #[arg(long, value_name = "TEXT", value_parser = one_line)]
        reason: String,
    },
}

/// Which dead letters: these, or all that fit.
#[derive(Debug, Args)]
struct Letters {
    /// Which ones
    #[arg(required_unless_present_any = ["all", "kind", "queue", "tenant"], conflicts_with_all = ["all", "kind", "queue", "tenant"])]
    ids: Vec<Uuid>,
    /// All of them
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: LetterFilter,
}

#[derive(Debug, Args)]
struct LetterFilter {
    /// Those of this job, such as create_booking
    #[arg(long)]
    kind: Option<String>,
    /// Those of this queue, such as calendar
    #[arg(long)]
    queue: Option<String>,
    /// Those of this salon
    #[arg(long, value_name = "SLUG")]
    tenant: Option<String>,
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
            Self::Apply(ApplyError::Store(_)) => ExitCode::FAILURE,
            Self::Config(_) | Self::File(_) | Self::Input(_) | Self::Apply(_) => ExitCode::from(2),
            Self::App(_) | Self::Store(_) | Self::Failed(_) => ExitCode::FAILURE,
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
    let code = execute(cli.command).await.unwrap_or_else(|error| {
        out::complain(&error);
        error.exit_code()
    });
    out::finish(code)
}

async fn execute(command: Command) -> Result<ExitCode, CliError> {
    match command {
        Command::Migrate => migrate::run(&ProcessEnvironment).await,
        Command::Serve => serve::run(app()?).await,
        Command::Doctor => with_app(async |app| doctor::run(app).await).await,
        Command::Tenant(TenantCommand::Apply { file, register, unchecked }) => {
            with_app(async |app| tenant_apply::run(app, &file, register, unchecked).await).await
        }
        Command::Tenant(TenantCommand::Show { slug }) => with_app(async |app| tenant_show::run(app, &slug).await).await,
        Command::Channel(ChannelCommand::Connect { slug, name }) => {
            with_app(async |app| channel::connect(app, &slug, &name).await).await
        }
        Command::Channel(ChannelCommand::List { slug }) => with_app(async |app| channel::list(app, &slug).await).await,
        Command::Crm(command) => with_app(async |app| crm::run(app, command).await).await,
        Command::Keys(KeysCommand::List) => with_app(async |app| keys::list(app).await).await,
        Command::Keys(KeysCommand::Reseal) => with_app(async |app| keys::reseal(app).await).await,
        Command::Deadletter(command) => with_app(async |app| deadletter::run(app, command).await).await,
        Command::Schema => {
            out::say!("{}", crate::graphql::sdl().trim_end());
            Ok(ExitCode::SUCCESS)
        }
        Command::Openapi => {
            let document = crate::ingress::openapi().map_err(|error| CliError::Failed(error.to_string()))?;
            out::say!("{document}");
            Ok(ExitCode::SUCCESS)
        }
        Command::Unaccounted => with_app(async |app| unaccounted::run(app).await).await,
    }
}

/// Runs a command on the parts of a process, and lets what it told the others get out before the process ends.
async fn with_app(command: impl AsyncFnOnce(&App) -> Result<ExitCode, CliError>) -> Result<ExitCode, CliError> {
    let app = app()?;
    let done = command(&app).await;
    app.waker.flush().await;
    done
}

fn app() -> Result<App, CliError> {
    let config = Config::load(&ProcessEnvironment)?;
    telemetry::init(&config.log);
    Ok(App::new(config)?)
}

/// Who is at the keyboard, as far as the operating system says.
fn actor() -> String {
    let user = ["SUDO_USER", "USER"].into_iter().find_map(|name| ProcessEnvironment.variable(name));
    user.filter(|user| !user.is_empty()).map_or_else(|| "cli".to_owned(), |user| format!("cli/{user}"))
}

/// All salons, one after the other.
async fn each_tenant(app: &App, mut act: impl AsyncFnMut(TenantId) -> Result<(), StoreError>) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = tenant::ids(&app.db, after, 100).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(*last);
        for id in page {
            act(id).await?;
        }
    }
}
