//! `salon-core crm migrate SLUG --from KIND --to KIND`: the salon's change from one CRM to another, one step of it.

use std::{process::ExitCode, time::Duration};

use clap::Args;

use super::kind;
use crate::{
    app::App,
    cli::{CliError, actor, channel, out::say},
    crm::{
        CrmKind,
        migration::{self, Confirmed, MigrateError, Migration, Progress, State},
    },
    ids::{ConnectionId, TenantId},
    store::{StoreError, Tx},
    tenant::{self, CrmConnection, Status},
};

/// How often it is asked whether there is room for the next batch.
const LOOK: Duration = Duration::from_secs(1);
/// After so many looks in a row without any the operator is told what is waited for.
const PATIENT_LOOKS: u32 = 60;

#[derive(Debug, Args)]
pub(in crate::cli) struct Wanted {
    /// The salon's slug
    slug: String,
    /// The CRM that the salon leaves
    #[arg(long, value_name = "KIND", value_parser = kind)]
    from: CrmKind,
    /// The CRM that it goes to; the tenant file must name it
    #[arg(long, value_name = "KIND", value_parser = kind)]
    to: CrmKind,
    #[command(flatten)]
    mode: Mode,
    /// Rows in a transaction; the next batch waits until fewer than so many are to be told
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(i64).range(1..=10_000), conflicts_with_all = ["dry_run", "status", "confirm", "reverse"])]
    batch: i64,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
struct Mode {
    /// Only count what there is to move; writes nothing
    #[arg(long)]
    dry_run: bool,
    /// Say how far it is
    #[arg(long)]
    status: bool,
    /// Switch the old CRM off, once the new one has everything
    #[arg(long)]
    confirm: bool,
    /// Stop, and give the open work back to the old CRM
    #[arg(long)]
    reverse: bool,
}

/// A change that was asked for.
struct Change<'a> {
    app: &'a App,
    wanted: &'a Wanted,
    tenant: TenantId,
    from: ConnectionId,
    to: ConnectionId,
}

pub(super) async fn run(app: &App, wanted: &Wanted) -> Result<ExitCode, CliError> {
    let Wanted { slug, from, to, mode, .. } = wanted;
    if from == to {
        return Err(CliError::Input(format!("--from and --to are both {from}")));
    }
    let tenant = channel::of(app, slug).await?;
    let connections = tenant::crm_connections(&mut app.db.tenant(tenant).await?, &app.keyring).await?;
    let mut ids = Vec::new();
    for kind in [from, to] {
        let found = connections.iter().find(|(found, _)| found == kind);
        let (_, found) = found.ok_or_else(|| CliError::Input(format!("{slug} has no {kind}: its tenant file must name it")))?;
        ids.push(found.as_ref().map_err(|error| CliError::Failed(format!("{slug} {kind}: {error}")))?.id);
    }
    let [from, to] = ids[..] else { return Err(StoreError::Corrupt("connection").into()) };
    let change = Change { app, wanted, tenant, from, to };
    if mode.dry_run {
        return change.dry_run().await;
    }
    if mode.status {
        return change.status().await;
    }
    // Two at once would do no harm, since each batch locks the row; but one of them would be somebody's mistake.
    let Some(_alone) = app.db.exclusive(&format!("crm migrate {slug}")).await? else {
        return Err(CliError::Failed(format!("another `crm migrate {slug}` is at work")));
    };
    match (mode.confirm, mode.reverse) {
        (true, _) => change.confirm().await,
        (_, true) => change.reverse().await,
        _ => change.copy().await,
    }
}

impl Change<'_> {
    async fn tx(&self) -> Result<Tx, StoreError> {
        self.app.db.tenant(self.tenant).await
    }

    async fn dry_run(&self) -> Result<ExitCode, CliError> {
        let found = migration::foresee(&mut self.tx().await?, self.from, self.to).await?;
        let Wanted { slug, from, to, .. } = self.wanted;
        say!("{slug}: {from} to {to}, nothing is written");
        say!("  clients: {}, of them linked at {to} already: {}", found.clients, found.linked);
        say!("    without a number and an e-mail, so new at {to} unless it has our id: {}", found.unfindable);
        say!("    with a number that another client has too: {}", found.sharing);
        say!("  visits to come: {}", found.visits);
        say!("  enquiries of the last 30 days: {}", found.enquiries);
        say!("  open work of {from}: {}, of it parked: {}", found.work, found.parked);
        say!("  parked at {to}: {}", found.parked_there);
        say!("  dead letters of {from}: {}", found.dead);
        if let Err(error) = self.usable(&mut self.tx().await?).await {
            say!("  to be seen to: {error}");
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn status(&self) -> Result<ExitCode, CliError> {
        let mut tx = self.tx().await?;
        let Some(found) = migration::latest(&mut tx, self.from, self.to).await? else {
            say!("no change from {} to {} was begun", self.wanted.from, self.wanted.to);
            return Ok(ExitCode::SUCCESS);
        };
        let progress = migration::progress(&mut tx, &found).await?;
        self.tell(&found, &progress);
        Ok(ExitCode::SUCCESS)
    }

    fn tell(&self, found: &Migration, progress: &Progress) {
        let Migration { work, clients, visits, enquiries, .. } = found;
        say!("{}: {} to {}: {}", self.wanted.slug, found.from_kind, found.to_kind, found.state.as_str());
        say!("  handed over: open work {work}, clients {clients}, visits to come {visits}, enquiries {enquiries}");
        say!("  {}", summary(progress));
    }

    /// What is handed over must be wanted there, and everything new told there too.
    async fn usable(&self, tx: &mut Tx) -> Result<(), CliError> {
        let to = self.wanted.to;
        let found = tenant::crm_connection(tx, self.to, &self.app.keyring).await?;
        let why = match found {
            Some(CrmConnection { enabled: false, .. }) => "is switched off: set `enabled: true` in the tenant file".to_owned(),
            Some(CrmConnection { status: Status::Broken { reason }, .. }) => format!("is stopped: {reason}"),
            Some(_) => return Ok(()),
            None => "is gone".to_owned(),
        };
        Err(CliError::Failed(format!("{to} {why}; then run this again")))
    }

    /// Hands over, batch by batch, until nothing is left to hand over.
    async fn copy(&self) -> Result<ExitCode, CliError> {
        let mut tx = self.tx().await?;
        self.usable(&mut tx).await?;
        let begun = migration::begin(&mut tx, self.from, self.to, &actor()).await.map_err(|error| match error {
            MigrateError::Store(error) => CliError::Store(error),
            error @ MigrateError::Other { .. } => CliError::Failed(error.to_string()),
        })?;
        tx.commit().await?;
        let mut last = begun;
        while last.state == State::Copying {
            self.room(&last).await?;
            let mut tx = self.tx().await?;
            self.usable(&mut tx).await?;
            let Some(next) = migration::step(&mut tx, last.id, self.wanted.batch).await? else { break };
            tx.commit().await?;
            tracing::info!(stage = next.stage.as_str(), clients = next.clients, visits = next.visits, "handed over");
            last = next;
        }
        self.status().await?;
        say!("what is on its way is told by the workers; then `--confirm` switches {} off", self.wanted.from);
        Ok(ExitCode::SUCCESS)
    }

    /// Waits until less than a batch is to be told, so that neither the queue nor the CRM is flooded. Only the workers make room.
    async fn room(&self, of: &Migration) -> Result<(), CliError> {
        let mut looks = 0u32;
        loop {
            let mut tx = self.tx().await?;
            let open = migration::unfinished(&mut tx, of, self.wanted.batch).await?;
            if open < self.wanted.batch {
                return Ok(());
            }
            self.usable(&mut tx).await?;
            drop(tx);
            if looks.is_multiple_of(PATIENT_LOOKS) {
                tracing::info!(open, "waiting for the workers to tell what was handed over");
            }
            looks = looks.wrapping_add(1);
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn confirm(&self) -> Result<ExitCode, CliError> {
        let Wanted { slug, from, to, .. } = self.wanted;
        let mut tx = self.tx().await?;
        let found = self.open(&mut tx).await?;
        match migration::confirm(&mut tx, found.id, &actor()).await? {
            Some(Confirmed::Done { closed }) => {
                tx.commit().await?;
                say!("{slug} is told to {to} alone; {from} is switched off and keeps its links");
                say!("  open work of {from} that {to} knew already: {closed}");
                say!("  in the tenant file, set `enabled: false` under `{from}:` or take the section out: the next");
                say!("  `salon-core tenant apply` would switch it on again");
                Ok(ExitCode::SUCCESS)
            }
            Some(Confirmed::Unfinished(left)) => Err(CliError::Failed(format!(
                "not confirmed, {from} stays in use: {}; {}",
                if found.state == State::Copying { "not all is handed over" } else { "not all is told" },
                advice(slug, &found, &left)
            ))),
            Some(Confirmed::HandedOver(made)) => {
                tx.commit().await?;
                Err(CliError::Failed(format!(
                    "not confirmed, {from} stays in use: {made} more of its open work was handed over only now; confirm once it is told"
                )))
            }
            None => Err(self.none_open()),
        }
    }

    async fn reverse(&self) -> Result<ExitCode, CliError> {
        let Wanted { slug, from, to, .. } = self.wanted;
        let mut tx = self.tx().await?;
        let found = self.open(&mut tx).await?;
        let done = migration::reverse(&mut tx, found.id, &actor()).await?.ok_or_else(|| self.none_open())?;
        tx.commit().await?;
        say!("{slug}: the change from {from} to {to} is reversed");
        say!("  open work given back to {from}: {}; not told to {to} any more: {}", done.given_back, done.withdrawn);
        say!("  what {to} was told stays there, and so do the links: another change uses them");
        say!("  {to} goes on being told what is new; set `enabled: false` under `{to}:` in the tenant file if it shall not");
        Ok(ExitCode::SUCCESS)
    }

    async fn open(&self, tx: &mut Tx) -> Result<Migration, CliError> {
        let found = migration::latest(tx, self.from, self.to).await?.filter(Migration::is_open);
        found.ok_or_else(|| self.none_open())
    }

    fn none_open(&self) -> CliError {
        let Wanted { slug, from, to, .. } = self.wanted;
        CliError::Failed(format!(
            "no change of {slug} from {from} to {to} is open; one that is confirmed is reversed by another one, from {to} to {from}"
        ))
    }
}

fn summary(Progress { told, open, parked, dead, given_up, missing }: &Progress) -> String {
    format!(
        "told {told}, on its way {open}, parked {parked}, dead {dead}, given up by an operator {given_up}, missing there {missing}"
    )
}

/// What is left, and who has to do what about it.
fn advice(slug: &str, found: &Migration, left: &Progress) -> String {
    let mut parts = vec![summary(left)];
    if found.state == State::Copying || left.missing > 0 {
        parts.push("run `crm migrate` again without --confirm".to_owned());
    }
    if left.open > 0 {
        parts.push("wait for the workers".to_owned());
    }
    if left.parked > 0 {
        parts.push(format!("merge the records in {} or say which it is (`salon-core crm parked {slug}`)", found.to_kind));
    }
    if left.dead > 0 {
        parts.push(format!("see to `salon-core deadletter list --queue crm --tenant {slug}`"));
    }
    parts.join("; ")
}
