//! `salon-core deadletter`: jobs that were given up, and their second chance.

use std::process::ExitCode;

use uuid::Uuid;

use super::{CliError, out::say};
use crate::{app::App, ids::JobId};

/// How many letters `--all` takes at once.
const PAGE: i32 = 500;

pub(super) async fn list(app: &App, limit: i32) -> Result<ExitCode, CliError> {
    let letters = app.db.dead_letters(limit).await?;
    if letters.is_empty() {
        say!("no open dead letter");
    }
    for letter in letters {
        let tenant = letter.tenant_id;
        let (id, kind, attempt, reason) = (letter.id, letter.kind, letter.attempt, letter.reason);
        say!("{id}\t{}\t{tenant}\t{kind}\tattempt {attempt}\t{reason}", letter.died_at.to_rfc3339());
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn replay(app: &App, ids: Vec<Uuid>, all: bool) -> Result<ExitCode, CliError> {
    let replayed = if all { replay_all(app).await? } else { replay_these(app, ids).await? };
    let unknown = replayed.iter().filter(|done| !**done).count();
    say!("replayed {}, resolved already or unknown {unknown}", replayed.len() - unknown);
    Ok(if unknown == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn replay_these(app: &App, ids: Vec<Uuid>) -> Result<Vec<bool>, CliError> {
    let mut replayed = Vec::new();
    for id in ids {
        let done = app.db.replay(JobId(id)).await?;
        if !done {
            say!("{id}: no open dead letter");
        }
        replayed.push(done);
    }
    Ok(replayed)
}

/// Ends: a letter that was replayed is no longer in the list, and one that dies again meanwhile is left for the next time.
async fn replay_all(app: &App) -> Result<Vec<bool>, CliError> {
    let began = app.db.dead_letters(i32::MAX).await?;
    let mut replayed = Vec::new();
    for page in began.chunks(usize::try_from(PAGE).unwrap_or(1)) {
        for letter in page {
            replayed.push(app.db.replay(letter.id).await?);
        }
        tracing::info!(replayed = replayed.len(), of = began.len(), "replaying dead letters");
    }
    // What somebody else resolved meanwhile needed nothing from us.
    replayed.retain(|done| *done);
    Ok(replayed)
}
