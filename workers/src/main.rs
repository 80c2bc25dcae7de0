//! The worker process: `salon-workers run --queues dialogue,outbound`.

use std::{io::Write, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use salon_core::{
    app::App,
    config::{Config, ProcessEnvironment},
    job::Queue,
    ops::{
        health::{self, OpsDeps},
        server, telemetry,
    },
    vendor::Pacer,
};
use salon_workers::{ctx::Ctx, runtime};
use tokio_util::sync::CancellationToken;

/// How long a question about our health may still take when everything else has ended.
const OPS_GRACE: Duration = Duration::from_secs(2);

#[derive(Parser)]
#[command(name = "salon-workers", version, about = "Runs the jobs of salon-core")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Works on queues until it is told to stop (SIGTERM), then finishes what runs
    Run {
        /// Which queues, separated by commas; `all` for every one
        #[arg(long, default_value = "all", value_delimiter = ',')]
        queues: Vec<String>,
    },
}

fn main() -> ExitCode {
    let Cli { command: Command::Run { queues } } = Cli::parse();
    let queues = match parse(&queues) {
        Ok(queues) => queues,
        Err(problem) => return refuse(&problem, 2),
    };
    let config = match Config::load(&ProcessEnvironment) {
        Ok(config) => config,
        Err(problems) => return refuse(&problems.to_string(), 2),
    };
    // A second provider is never linked, so this can only fail by being called twice.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(problem) => return refuse(&problem.to_string(), 1),
    };
    match runtime.block_on(work(config, &queues)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => refuse(&problem, 1),
    }
}

fn parse(names: &[String]) -> Result<Vec<Queue>, String> {
    if names.iter().any(|name| name == "all") {
        return Ok(Queue::ALL.to_vec());
    }
    names.iter().map(|name| name.trim().parse()).collect()
}

/// A refused start is told to whoever started it, before there is a log; if nobody reads it, the exit code says it.
fn refuse(problem: &str, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "salon-workers: {problem}");
    ExitCode::from(code)
}

async fn work(config: Config, queues: &[Queue]) -> Result<(), String> {
    telemetry::init(&config.log);
    let address = config.listen.workers_ops;
    let settings = runtime::Settings::of(queues).with_lease(config.jobs.lease);
    let app = App::new(config).map_err(|error| error.to_string())?;
    app.refuse_wrong_role().await.map_err(|error| error.to_string())?;
    let pacer = Pacer::new(app.redis.as_ref());
    let ctx = Ctx {
        db: app.db.clone(),
        http: app.http.clone(),
        keyring: app.keyring.clone(),
        pacer,
        public_url: app.config.listen.public_url.clone(),
        bulkhead: salon_workers::Bulkhead::default(),
        crm_patience: salon_core::crm::UNATTENDED,
        circuits: salon_workers::Circuits::default(),
    };
    let stop = CancellationToken::new();
    let listener =
        tokio::net::TcpListener::bind(address).await.map_err(|error| format!("SALON_WORKERS_OPS_ADDR {address}: {error}"))?;
    let deps = OpsDeps::of(&app, stop.clone()).await.map_err(|error| format!("metrics: {error}"))?;
    // Health is told until the last job has ended, so that whoever asks sees us stopping and not gone.
    let closing = CancellationToken::new();
    let answering = tokio::spawn(server::serve(listener, health::router(deps), closing.clone()));
    tokio::spawn(stop_on_signal(stop.clone()));
    let names: Vec<&str> = queues.iter().map(|queue| queue.as_str()).collect();
    tracing::info!(queues = names.join(","), ops = %address, "working");
    let ended = runtime::run(ctx, settings, app.redis.clone(), stop.clone()).await;
    stop.cancel();
    closing.cancel();
    let _ = tokio::time::timeout(OPS_GRACE, answering).await;
    app.db.close().await;
    tracing::info!("stopped");
    ended
}

/// SIGTERM from whoever runs us, or Ctrl-C from a person.
async fn stop_on_signal(stop: CancellationToken) {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    stop.cancel();
}
