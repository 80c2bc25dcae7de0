//! `salon-core keys`: which key of the ring seals how much, and moving all of it under the first one.

use std::{collections::BTreeMap, process::ExitCode};

use super::{CliError, actor, each_tenant, out::say};
use crate::{app::App, crypto::KeyRing, tenant::sealed};

pub(super) async fn list(app: &App) -> Result<ExitCode, CliError> {
    let mut used = BTreeMap::new();
    each_tenant(app, async |tenant| {
        add(&mut used, &sealed::keys_in_use(&mut app.db.tenant(tenant).await?).await?);
        Ok(())
    })
    .await?;
    for (id, role, count) in roles(&app.keyring, &used) {
        say!("{}\t{}\t{count}", if id.is_empty() { "?" } else { id }, role.as_str());
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn reseal(app: &App) -> Result<ExitCode, CliError> {
    let actor = actor();
    let mut anew = BTreeMap::new();
    let (mut current, mut unopened) = (0, 0);
    each_tenant(app, async |tenant| {
        let done = sealed::reseal(&app.db, &app.keyring, tenant, &actor).await?;
        add(&mut anew, &done.anew);
        current += done.current;
        unopened += done.unopened.len();
        for value in done.unopened {
            say!("NOT sealed anew: {value}");
        }
        Ok(())
    })
    .await?;
    let first = app.keyring.current();
    for (id, count) in &anew {
        say!("{id} -> {first}\t{count} sealed anew");
    }
    say!("{first}\t{current} under it already");
    Ok(if unopened == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a key is to the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It seals.
    Seals,
    /// It opens what was sealed under it once.
    Opens,
    /// The ring does not have it.
    Missing,
}

impl Role {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Seals => "seals",
            Self::Opens => "opens only",
            Self::Missing => "NOT IN THE RING",
        }
    }
}

/// The ring's keys in its order, then those it lacks; with how much lies under each.
pub(super) fn roles<'a>(keyring: &'a KeyRing, used: &'a BTreeMap<String, u64>) -> Vec<(&'a str, Role, u64)> {
    let count = |id: &str| used.get(id).copied().unwrap_or(0);
    let of_ring = keyring.ids().map(|id| {
        let role = if id == keyring.current() { Role::Seals } else { Role::Opens };
        (id, role, count(id))
    });
    let known: Vec<&str> = keyring.ids().collect();
    let missing = used.iter().filter(|(id, _)| !known.contains(&id.as_str()));
    of_ring.chain(missing.map(|(id, count)| (id.as_str(), Role::Missing, *count))).collect()
}

pub(super) fn add(sum: &mut BTreeMap<String, u64>, more: &BTreeMap<String, u64>) {
    for (id, count) in more {
        *sum.entry(id.clone()).or_default() += count;
    }
}
