//! Benchmarks of salon-core, each as a ratio to what pgbench reaches with the same statements in the same run: the machine may be
//! slow or busy, the ratio tells what our own work costs. `scripts/bench` starts what this needs; docs/performance.md tells the method.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line program")]
#![allow(clippy::disallowed_methods, reason = "it prepares and checks tables that no store of ours would touch like this")]

mod bed;
mod chain;
mod explain;
mod figures;
mod ingress;
mod load;
mod plans;
mod queue;
mod telegram;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, ValueEnum};

use bed::Bed;

/// Whatever goes wrong ends the run.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Webhooks.
    Ingress,
    /// Jobs.
    Queue,
    /// From a client's message to our answer.
    Chain,
    /// What the planner makes of the hot queries over full tables.
    Explain,
}

/// Measures salon-core on a PostgreSQL and a Redis of its own. Empties their tables: never point it at a database in use.
#[derive(Debug, Clone, Parser)]
#[command(name = "salon-bench")]
pub(crate) struct Options {
    /// Which benchmarks; all but `explain` when none is named
    parts: Vec<Part>,
    /// Seconds of each timed run
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Runs of ours and of pgbench, in turn; medians are told
    #[arg(long, default_value_t = 3)]
    rounds: u64,
    /// Where scripts and logs go
    #[arg(long)]
    scratch: PathBuf,
    /// Where `salon-core` and `salon-workers` lie
    #[arg(long)]
    programs: PathBuf,
    /// The program
    #[arg(long, env = "PGBENCH", default_value = "pgbench")]
    pgbench: PathBuf,
    /// The log of the PostgreSQL server, for `explain`
    #[arg(long)]
    server_log: Option<PathBuf>,
    #[arg(long, env, hide = true)]
    database_url: String,
    #[arg(long, env, hide = true)]
    database_admin_url: String,
    #[arg(long, env, hide = true)]
    superuser_url: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let _ = rustls::crypto::ring::default_provider().install_default();
    match measure(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("salon-bench: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(mut options: Options) -> Result<()> {
    if options.parts.is_empty() {
        options.parts = vec![Part::Ingress, Part::Queue, Part::Chain];
    }
    let load = figures::load_average();
    let bed = Bed::new(options).await?;
    let mut loads = Vec::new();
    for part in &bed.options.parts {
        loads.push(format!("{part:?} {:.1}", figures::load_average().unwrap_or(f64::NAN)));
        let told = match part {
            Part::Ingress => figures::table(&ingress::run(&bed).await?),
            Part::Queue => figures::table(&queue::run(&bed).await?),
            Part::Chain => figures::table(&chain::run(&bed).await?),
            Part::Explain => explain::run(&bed).await?,
        };
        println!("{told}");
    }
    println!(
        "Load average before: {:.1}; before each part, with what the parts before it left: {}.",
        load.unwrap_or(f64::NAN),
        loads.join(", ")
    );
    if load.is_some_and(|load| load > 1.5) {
        println!("WARNING: others were using this machine. Trust no rate; the ratios are rough.");
    }
    Ok(())
}
