//! `salon-sandbox`: the outside world of salon-core on one address.
#![allow(clippy::print_stdout, reason = "the address is this program's output")]
#![allow(clippy::disallowed_methods, reason = "the sandbox is the outside world, and has an HTTP client of its own")]

use std::{error::Error, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use salon_sandbox::{
    Options, Sandbox, Scenario,
    story::{self, Places},
};

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Plays the messengers, cal.com, erxes, Bitrix24 and EspoCRM, and serves the page at `/`.
    Serve {
        /// Address to listen on; port 0 picks a free one.
        #[arg(long, default_value = "127.0.0.1:0")]
        addr: SocketAddr,
        /// File that carries the clock's offset in milliseconds to the product's processes.
        #[arg(long)]
        clock_file: Option<PathBuf>,
        /// JSON file with what the vendors hold to begin with.
        #[arg(long)]
        scenario: Option<PathBuf>,
    },
    /// Does something in a vendor's own screens, as its stand-in documents it.
    Act {
        /// The sandbox's address.
        #[arg(long)]
        sandbox: String,
        /// Vendor's name.
        vendor: String,
        /// What, as JSON.
        action: String,
    },
    /// Plays the demo's client against a running system, prints each step with its evidence, fails if any is missing.
    Story(Places),
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    match Cli::parse().command {
        Command::Serve { addr, clock_file, scenario } => {
            let scenario = match scenario {
                Some(path) => serde_json::from_slice(&tokio::fs::read(&path).await?)?,
                None => Scenario::default(),
            };
            let sandbox = Sandbox::start(Options { addr, clock_file, scenario }).await?;
            println!("sandbox listening on {}", sandbox.base_url);
            tokio::signal::ctrl_c().await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Act { sandbox, vendor, action } => {
            let call = reqwest::Client::builder().no_proxy().build()?.post(format!("{sandbox}/control/vendors/{vendor}/act"));
            let answer = call.header("content-type", "application/json").body(action).send().await?;
            let done = answer.status().is_success();
            println!("{}", answer.text().await?);
            Ok(if done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Story(places) => Ok(if story::tell(places).await { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
    }
}
