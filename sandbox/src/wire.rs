//! What every stand-in does with a connection, whatever vendor it plays.

use std::{future::Future, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{ClientBuilder, redirect::Policy};
use sha2::Sha256;

use crate::fault::Fault;

/// What [`Fault::Html`] answers.
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Error</title></head><body><h1>Error</h1></body></html>\n";

/// How a request ends for its caller.
#[derive(Debug)]
pub(crate) enum Ending {
    Answer(Response),
    /// The connection stays open and nothing comes.
    Silence,
    Disconnect,
}

impl Ending {
    /// The answer, unless a planned fault keeps it back.
    pub(crate) fn of(answer: Response, fault: Option<&Fault>) -> Self {
        match fault {
            Some(Fault::Hang | Fault::HangAfterCommit) => Self::Silence,
            Some(Fault::Drop | Fault::DropAfterCommit) => Self::Disconnect,
            _ => Self::Answer(answer),
        }
    }

    /// The status for the ledger: 0 without an answer.
    pub(crate) fn status(&self) -> u16 {
        if let Self::Answer(response) = self { response.status().as_u16() } else { 0 }
    }
}

/// Answers with what `work` ends in. A server goes on working when its caller hangs up, so the work outlives the connection.
pub(crate) async fn answer(work: impl Future<Output = Ending> + Send + 'static) -> Response {
    match tokio::spawn(work).await {
        Ok(Ending::Answer(response)) => response,
        Ok(Ending::Silence) => std::future::pending().await,
        Ok(Ending::Disconnect) => severed(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// An answer that fails before its first byte, so that the server closes the connection with nothing sent.
fn severed() -> Response {
    let cut = futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("planned fault")) });
    Response::new(Body::from_stream(cut))
}

/// JSON with this status; only its first half if the fault says so.
pub(crate) fn json(status: u16, mut text: String, fault: Option<&Fault>) -> Response {
    if fault == Some(&Fault::Truncated) {
        text.truncate(text.floor_char_boundary(text.len() / 2));
    }
    (code(status), [(header::CONTENT_TYPE, "application/json; charset=utf-8")], text).into_response()
}

/// A page, as a proxy before the vendor answers.
pub(crate) fn page(status: u16) -> Response {
    (code(status), [(header::CONTENT_TYPE, "text/html; charset=utf-8")], PAGE).into_response()
}

/// A fault may be planned with any number.
fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A client for webhooks: it follows no redirects and gives up after `patience`.
pub(crate) fn poster(patience: Duration) -> ClientBuilder {
    ClientBuilder::new().timeout(patience).redirect(Policy::none()).no_proxy()
}

/// HMAC-SHA256.
pub(crate) fn hmac_sha256(secret: &str, message: &[u8]) -> Vec<u8> {
    // HMAC takes keys of every length, so this is never empty.
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return Vec::new() };
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

/// All that may be shown of an address: its path may hold a secret.
pub(crate) fn origin(address: &str) -> String {
    url::Url::parse(address).map_or_else(|_| "***".to_owned(), |url| url.origin().ascii_serialization())
}
