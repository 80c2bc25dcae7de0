//! HTTP/1.1 on a socket, for every address of ours. `axum::serve` gives a connection all the time it wants for its headers, so that
//! anybody could hold any number of them open with a byte now and then; here they have ten seconds.

use std::{io::ErrorKind, net::IpAddr, time::Duration};

use axum::{Router, http::Request};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How long a connection may take from its start, or from the end of its last answer, to the end of the next request's headers. So long
/// an idle one is kept, too. How long a body may take is the routes' business.
pub const HEADER_PATIENCE: Duration = Duration::from_secs(10);
/// When no connection can be taken, as when there are no file descriptors left: not to spin until there are.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// Who is at the other end of a request's connection: an extension of every request that comes by [`serve`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Answers until `stop` is cancelled, then takes no more connections and ends when the requests under way are answered.
pub async fn serve(listener: TcpListener, routes: Router, stop: CancellationToken) {
    let connections = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_PATIENCE);
    while let Some((stream, peer)) = accept(&listener, &stop).await {
        let service = TowerToHyperService::new(routes.clone().map_request(move |mut request: Request<_>| {
            request.extensions_mut().insert(peer);
            request
        }));
        let connection = connections.watch(http.serve_connection(TokioIo::new(stream), service));
        // A connection that fails is its client's business: gone, too slow, or not speaking HTTP.
        tokio::spawn(async move { drop(connection.await) });
    }
    drop(listener);
    connections.shutdown().await;
}

/// The next connection; none when it is time to stop.
async fn accept(listener: &TcpListener, stop: &CancellationToken) -> Option<(TcpStream, Peer)> {
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => return Some((stream, Peer(address.ip()))),
            // The client was gone before it was its turn.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be taken");
                tokio::select! {
                    () = stop.cancelled() => return None,
                    () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{Extension, routing::get};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_request_knows_who_is_at_the_other_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new().route("/", get(|Extension(Peer(peer)): Extension<Peer>| async move { peer.to_string() }));
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, routes, stop.clone()));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("127.0.0.1"), "{answer}");
        stop.cancel();
        serving.await.unwrap();
    }
}
