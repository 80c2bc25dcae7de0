//! `salon-core serve`: three listeners, until told to stop.

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use axum::Router;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::CliError;
use crate::{
    app::App,
    graphql,
    ingress::{self, IngressDeps},
    ops::{
        health::{self, OpsDeps},
        server,
    },
};

/// How long requests that are under way may take after the stop. Supervisors kill after 30 seconds.
const GRACE: Duration = Duration::from_secs(20);
/// The same for the operator's address, which is asked to stop last.
const OPS_GRACE: Duration = Duration::from_secs(2);

/// What answers on each address.
struct Routers {
    ingress: Router,
    graphql: Router,
    ops: Router,
}

async fn routers(app: &App, stopping: &CancellationToken) -> Result<Routers, CliError> {
    let security = &app.config.security;
    let ingress = IngressDeps {
        db: app.db.clone(),
        keyring: app.keyring.clone(),
        redis: app.redis.clone(),
        strict_signature: security.strict_signature,
        limits: ingress::Limits::default(),
        visitors: ingress::Visitors {
            https: app.config.listen.public_url.scheme() == "https",
            proxies: app.config.listen.trusted_proxies.clone(),
        },
    };
    let graphql = graphql::Deps { db: app.db.clone(), router_secret: security.router_secret.clone() };
    let ops = OpsDeps::of(app, stopping.clone()).await.map_err(|error| CliError::Failed(format!("metrics: {error}")))?;
    Ok(Routers { ingress: ingress::router(ingress), graphql: graphql::router(graphql), ops: health::router(ops) })
}

pub(super) async fn run(app: App) -> Result<ExitCode, CliError> {
    app.refuse_wrong_role().await?;
    // Heard from before the first line that says we listen: until then a signal kills.
    let mut signals = Signals::listen()?;
    let (stopping, closing) = (CancellationToken::new(), CancellationToken::new());
    let Routers { ingress, graphql, ops } = routers(&app, &stopping).await?;
    let listen = &app.config.listen;
    let addresses = [
        ("ingress", listen.ingress, ingress, &stopping),
        ("graphql", listen.graphql, graphql, &stopping),
        ("ops", listen.ops, ops, &closing),
    ];
    // All are bound before any answers: a port that is taken stops the start, not half of the service.
    let mut bound = Vec::new();
    for (name, address, router, stop) in addresses {
        bound.push((name, bind(name, address).await?, router, stop));
    }
    let (mut public, mut private) = (JoinSet::new(), JoinSet::new());
    for (name, listener, router, stop) in bound {
        let address = listener.local_addr().map_err(|error| CliError::Failed(format!("{name}: {error}")))?;
        tracing::info!(name, %address, "listening");
        let servers = if name == "ops" { &mut private } else { &mut public };
        servers.spawn(server::serve(listener, router, stop.clone()));
    }
    let asked = tokio::select! {
        signal = signals.next() => Ok(signal),
        Some(ended) = public.join_next() => Err(CliError::Failed(format!("a listener ended: {ended:?}"))),
        Some(ended) = private.join_next() => Err(CliError::Failed(format!("a listener ended: {ended:?}"))),
    };
    // Readiness says so from now on, and goes on saying it until the last request is answered: whoever sends us work sees it there.
    stopping.cancel();
    let drained = ended_within(GRACE, &mut public).await;
    closing.cancel();
    ended_within(OPS_GRACE, &mut private).await;
    app.db.close().await;
    let signal = asked?;
    tracing::info!(signal, drained, "stopped");
    Ok(ExitCode::SUCCESS)
}

async fn ended_within(grace: Duration, servers: &mut JoinSet<()>) -> bool {
    tokio::time::timeout(grace, async { while servers.join_next().await.is_some() {} }).await.is_ok()
}

async fn bind(name: &str, address: SocketAddr) -> Result<TcpListener, CliError> {
    TcpListener::bind(address).await.map_err(|error| CliError::Failed(format!("{name}: can't listen on {address}: {error}")))
}

/// What tells us to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self, CliError> {
        let listen = |kind| signal(kind).map_err(|error| CliError::Failed(format!("signals: {error}")));
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// The name of the next one.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
