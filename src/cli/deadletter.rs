//! `salon-core deadletter`: jobs that were given up, their second chance, and their end.

use std::process::ExitCode;

use super::{CliError, DeadletterCommand, LetterFilter, Letters, actor, out::say};
use crate::{
    app::App,
    ids::JobId,
    job,
    store::{DeadLetter, DeadLetters, StoreError},
    tenant,
};

/// After how many letters a long run says how far it is.
const PAGE: usize = 500;

pub(super) async fn run(app: &App, command: DeadletterCommand) -> Result<ExitCode, CliError> {
    match command {
        DeadletterCommand::List { limit, filter } => list(app, limit, &filter).await,
        DeadletterCommand::Replay { letters } => replay(app, letters).await,
        DeadletterCommand::Discard { letters, reason } => discard(app, letters, &reason).await,
    }
}

async fn list(app: &App, limit: i32, filter: &LetterFilter) -> Result<ExitCode, CliError> {
    let letters = app.db.find_dead_letters(&fitting(app, filter).await?, limit).await?;
    if letters.is_empty() {
        say!("no open dead letter");
    }
    for letter in letters {
        let tenant = letter.tenant_id;
        let (id, kind, attempt, reason) = (letter.id, letter.kind, letter.attempt, letter.reason);
        let answer = letter.answer.map(|answer| format!("\tanswered {answer}")).unwrap_or_default();
        say!("{id}\t{}\t{tenant}\t{kind}\tattempt {attempt}\t{reason}{answer}", letter.died_at.to_rfc3339());
    }
    Ok(ExitCode::SUCCESS)
}

async fn replay(app: &App, letters: Letters) -> Result<ExitCode, CliError> {
    let actor = actor();
    let replay = async |letter: &DeadLetter| job::replay(&app.db, letter, &actor).await;
    each(app, letters, "replayed", replay).await
}

async fn discard(app: &App, letters: Letters, reason: &str) -> Result<ExitCode, CliError> {
    let actor = actor();
    let discard = async |letter: &DeadLetter| {
        let discarded = job::discard(&app.db, letter, &actor, reason).await?;
        if let Some(discarded) = discarded {
            say!("{}\t{}\t{}", letter.id, letter.kind, discarded.as_str());
        }
        Ok(discarded.is_some())
    };
    each(app, letters, "discarded", discard).await
}

/// Does something about each of the letters that are open now; one that dies again meanwhile is left for the next time. 1 if a letter
/// was asked for by its id and is not open.
async fn each(
    app: &App,
    letters: Letters,
    done: &str,
    act: impl AsyncFn(&DeadLetter) -> Result<bool, StoreError>,
) -> Result<ExitCode, CliError> {
    let mut which = fitting(app, &letters.filter).await?;
    let asked: Vec<JobId> = letters.ids.into_iter().map(JobId).collect();
    if !asked.is_empty() {
        which.ids = Some(asked.clone());
    }
    let open = app.db.find_dead_letters(&which, i32::MAX).await?;
    let mut handled = Vec::new();
    for (n, letter) in open.iter().enumerate() {
        if n > 0 && n % PAGE == 0 {
            tracing::info!(handled = handled.len(), of = open.len(), "{done}");
        }
        if act(letter).await? {
            handled.push(letter.id);
        }
    }
    // What somebody else resolved meanwhile needed nothing from us, unless it was asked for by name.
    let unknown: Vec<&JobId> = asked.iter().filter(|id| !handled.contains(id)).collect();
    for id in &unknown {
        say!("{id}: no open dead letter");
    }
    say!("{done} {}, resolved already or unknown {}", handled.len(), unknown.len());
    Ok(if unknown.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn fitting(app: &App, LetterFilter { kind, queue, tenant }: &LetterFilter) -> Result<DeadLetters, CliError> {
    let tenants = match tenant {
        Some(slug) => {
            let found = tenant::id_by_slug(&app.db, slug).await?;
            Some(vec![found.ok_or_else(|| CliError::Failed(format!("{slug}: no such tenant")))?])
        }
        None => None,
    };
    Ok(DeadLetters { tenants, queue: queue.clone(), kind: kind.clone(), ..DeadLetters::default() })
}
