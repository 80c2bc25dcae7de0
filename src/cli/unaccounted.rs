//! `salon-core unaccounted`: promise 1 as a number.

use std::process::ExitCode;

use super::CliError;
use crate::app::App;

pub(super) async fn run(app: &App) -> Result<ExitCode, CliError> {
    let missing = app.db.unaccounted().await?;
    for (what, count) in &missing {
        println!("{what}\t{count}");
    }
    let total: i64 = missing.iter().map(|(_, count)| count).sum();
    println!("unaccounted\t{total}");
    Ok(if total == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
