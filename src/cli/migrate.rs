//! `salon-core migrate`: the schema, and the partitions around the present month.

use std::process::ExitCode;

use super::{CliError, out::say};
use crate::{
    config::{AdminDatabase, Source},
    store::migrations,
};

pub(super) async fn run(source: &dyn Source) -> Result<ExitCode, CliError> {
    let database = AdminDatabase::load(source)?;
    let pending = migrations::pending(&database.url).await?;
    migrations::run(&database.url, database.time.clock().now()).await?;
    for name in &pending {
        say!("applied {name}");
    }
    say!("the schema is up to date");
    Ok(ExitCode::SUCCESS)
}
