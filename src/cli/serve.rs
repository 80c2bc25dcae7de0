//! `salon-core serve`: three listeners, until told to stop.

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use axum::Router;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::CliError;
use crate::{
    app::App,
    graphql,
    ingress::{self, IngressDeps},
    ops::health::{self, OpsDeps},
};

/// How long requests that are under way may take after the stop. Supervisors kill after 30 seconds.
const GRACE: Duration = Duration::from_secs(20);

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
    };
    let graphql = graphql::Deps { db: app.db.clone(), router_secret: security.router_secret.clone() };
    let ops = OpsDeps::of(app, stopping.clone()).await.map_err(|error| CliError::Failed(format!("metrics: {error}")))?;
    Ok(Routers { ingress: ingress::router(ingress), graphql: graphql::router(graphql), ops: health::router(ops) })
}

pub(super) async fn run(app: App) -> Result<ExitCode, CliError> {
    app.refuse_wrong_role().await?;
    let stop = CancellationToken::new();
    let Routers { ingress, graphql, ops } = routers(&app, &stop).await?;
    let listen = &app.config.listen;
    let mut servers = JoinSet::new();
    // All are bound before any answers: a port that is taken stops the start, not half of the service.
    let mut bound = Vec::new();
    for (name, address, router) in
        [("ingress", listen.ingress, ingress), ("graphql", listen.graphql, graphql), ("ops", listen.ops, ops)]
    {
        bound.push((name, bind(name, address).await?, router));
    }
    for (name, listener, router) in bound {
        tracing::info!(name, address = ?listener.local_addr().ok(), "listening");
        let stopped = stop.clone().cancelled_owned();
        servers.spawn(async move { axum::serve(listener, router).with_graceful_shutdown(stopped).await });
    }
    let asked = tokio::select! {
        signal = asked_to_stop() => Ok(signal?),
        ended = servers.join_next() => Err(CliError::Failed(format!("a listener ended: {ended:?}"))),
    };
    stop.cancel();
    let drained = tokio::time::timeout(GRACE, async { while servers.join_next().await.is_some() {} }).await.is_ok();
    app.db.close().await;
    let signal = asked?;
    tracing::info!(signal, drained, "stopped");
    Ok(ExitCode::SUCCESS)
}

async fn bind(name: &str, address: SocketAddr) -> Result<TcpListener, CliError> {
    TcpListener::bind(address).await.map_err(|error| CliError::Failed(format!("{name}: can't listen on {address}: {error}")))
}

/// The name of the signal that ended the wait.
async fn asked_to_stop() -> Result<&'static str, CliError> {
    let listen = |kind| signal(kind).map_err(|error| CliError::Failed(format!("signals: {error}")));
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}
