//! `salon-core unaccounted`: promise 1 as a number.

use std::process::ExitCode;

use super::{CliError, out::say};
use crate::app::App;

pub(super) async fn run(app: &App) -> Result<ExitCode, CliError> {
    let missing = app.db.unaccounted().await?;
    for (what, count) in &missing {
        say!("{what}\t{count}");
    }
    let total: i64 = missing.iter().map(|(_, count)| count).sum();
    if total == 0 {
        say!(
            "nothing is unaccounted for: every event, message, booking, CRM intent and reminder has ended or is in somebody's hands"
        );
    } else {
        say!("unaccounted\t{total}");
    }
    Ok(if total == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
