//! A request's raw bytes, up to a limit and within a time.

use std::time::Duration;

use axum::body::Body;
use futures::StreamExt;
use http::{HeaderMap, header::CONTENT_LENGTH};

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the body is larger than the limit")]
    TooLarge,
    #[error("the body ended early, or took too long")]
    Incomplete,
}

/// Reads the whole body. Stops at the limit, whatever `Content-Length` says or doesn't.
pub(super) async fn read(headers: &HeaderMap, body: Body, limit: usize, patience: Duration) -> Result<Vec<u8>, BodyError> {
    let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok()).unwrap_or(0);
    if declared > limit {
        return Err(BodyError::TooLarge);
    }
    // A length that is only promised must not reserve a megabyte.
    let whole = Vec::with_capacity(declared.min(16 * 1024));
    tokio::time::timeout(patience, collect(body, whole, limit)).await.unwrap_or(Err(BodyError::Incomplete))
}

async fn collect(body: Body, mut whole: Vec<u8>, limit: usize) -> Result<Vec<u8>, BodyError> {
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| BodyError::Incomplete)?;
        if whole.len() + chunk.len() > limit {
            return Err(BodyError::TooLarge);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole)
}
