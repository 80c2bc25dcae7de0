//! `salon-core doctor`: is everything there, does it let us in, and what is to be done where it does not.

use std::{fmt::Display, process::ExitCode, time::Duration};

use secrecy::SecretString;

use super::{CliError, out::say};
use crate::{
    app::App,
    booking::calendar,
    channel,
    crm::crm,
    ids::TenantId,
    store::{StoreError, migrations},
    tenant::{self, CalendarConnection, Catalogue, ChannelAccount, CrmConnection, Status},
};

const KEYRING: &str = "put the key back into SALON_KEYRING, or write the account's credentials anew";
const APPLY: &str = "`tenant apply FILE --register` with working credentials";

/// What was found; printed as it is found, since vendors take their time.
#[derive(Default)]
struct Report {
    failed: usize,
}

impl Report {
    fn ok(&self, what: impl Display, detail: impl Display) {
        say!("OK    {what}: {detail}");
    }

    fn fail(&mut self, what: impl Display, why: impl Display, remedy: &str) {
        self.failed += 1;
        say!("FAIL  {what}: {why}\n      -> {remedy}");
    }

    fn check<T>(&mut self, what: impl Display, result: Result<T, impl Display>, good: &str, remedy: &str) -> Option<T> {
        match result {
            Ok(value) => {
                self.ok(what, good);
                Some(value)
            }
            Err(error) => {
                self.fail(what, error, remedy);
                None
            }
        }
    }
}

pub(super) async fn run(app: &App) -> Result<ExitCode, CliError> {
    let mut report = Report::default();
    report.ok("configuration", format_args!("complete, {:?}", app.config.environment));
    let reached = report.check("database", app.db.ping().await, "reached", "check DATABASE_URL and that PostgreSQL runs");
    redis(app, &mut report).await;
    if reached.is_some() {
        report.check(
            "database role",
            app.db.check_role().await,
            "owns nothing, bypasses nothing",
            "run under the role `salon_app`",
        );
        migrations_done(app, &mut report).await;
        if let Err(error) = tenants(app, &mut report).await {
            report.fail("tenants", error, "run `salon-core migrate`");
        }
    }
    say!("{}", if report.failed == 0 { "everything is in order".to_owned() } else { format!("{} to be done", report.failed) });
    Ok(if report.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn redis(app: &App, report: &mut Report) {
    let Some(client) = &app.redis else {
        report.ok("redis", "none: workers poll, pacing is per process");
        return;
    };
    let ping = async {
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd("PING").query_async::<String>(&mut connection).await
    };
    match tokio::time::timeout(Duration::from_secs(5), ping).await {
        Ok(Ok(_)) => report.ok("redis", "reached"),
        Ok(Err(error)) => report.fail("redis", error.category(), "check REDIS_URL and that Redis runs"),
        Err(_) => report.fail("redis", "no answer in 5 s", "check REDIS_URL and that Redis runs"),
    }
}

async fn migrations_done(app: &App, report: &mut Report) {
    let Some(url) = &app.config.database.admin_url else {
        report.ok("migrations", "not checked: DATABASE_ADMIN_URL is not set");
        return;
    };
    match migrations::pending(url).await {
        Ok(pending) if pending.is_empty() => report.ok("migrations", "none pending"),
        Ok(pending) => report.fail("migrations", pending.join(", "), "run `salon-core migrate`"),
        Err(error) => report.fail("migrations", error, "check DATABASE_ADMIN_URL"),
    }
}

async fn tenants(app: &App, report: &mut Report) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = tenant::ids(&app.db, after, 100).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(*last);
        for id in page {
            salon(app, report, id).await?;
        }
    }
}

/// Everything a salon has, read in one transaction that is over before a vendor is asked.
async fn salon(app: &App, report: &mut Report, id: TenantId) -> Result<(), StoreError> {
    let mut tx = app.db.tenant(id).await?;
    let slug = tenant::load_tenant(&mut tx).await?.slug;
    let catalogue = tenant::load_catalogue(&mut tx).await?;
    let channels = tenant::channel_accounts(&mut tx, &app.keyring).await?;
    let connected = tenant::calendar_account(&mut tx, &app.keyring).await;
    let linked = tenant::crm_account(&mut tx, &app.keyring).await;
    let webhooks = tenant::webhooks(&mut tx, &app.keyring).await?;
    drop(tx);
    let unopened = webhooks.iter().find_map(|webhook| webhook.key.as_ref().err());
    report.check(format_args!("{slug} webhook keys"), unopened.map_or(Ok(()), Err), "open", KEYRING);
    for (name, account) in channels {
        let what = format!("{slug} {name}");
        match account {
            Err(error) => report.fail(what, error, KEYRING),
            Ok(account) => {
                let webhook = webhooks.iter().find(|webhook| webhook.target == account.id.0);
                let key = webhook.and_then(|webhook| webhook.key.as_ref().ok());
                messenger(app, report, &what, &account, key).await;
            }
        }
    }
    match connected {
        Err(error) => report.fail(format_args!("{slug} calcom"), error, KEYRING),
        Ok(found) => calendar_works(app, report, &format!("{slug} calcom"), found, &catalogue).await,
    }
    match linked {
        Err(error) => report.fail(format_args!("{slug} erxes"), error, KEYRING),
        Ok(found) => crm_works(app, report, &format!("{slug} erxes"), found).await,
    }
    Ok(())
}

/// Says why an account is out of use; true if it is in use.
fn in_use(report: &mut Report, what: &str, status: &Status) -> bool {
    if let Status::Broken { reason } = status {
        report.fail(what, format_args!("stopped: {reason}"), APPLY);
    }
    status.is_active()
}

async fn messenger(app: &App, report: &mut Report, what: &str, found: &ChannelAccount, key: Option<&SecretString>) {
    if !in_use(report, what, &found.status) {
        return;
    }
    let address =
        key.and_then(|key| tenant::apply::webhook_address(&app.config.listen.public_url, found.kind.as_str(), key).ok());
    match channel::adapter(found.kind).inspect(&app.http, &found.account).await {
        Err(error) => report.fail(what, error, APPLY),
        Ok(info) if info.webhook_url.as_deref() != address.as_ref().map(url::Url::as_str) => {
            report.fail(what, "the vendor sends its webhooks elsewhere, or nowhere", "`tenant apply FILE --register`");
        }
        Ok(info) => report.ok(what, format_args!("{}, {} waiting", info.name, info.pending_updates.unwrap_or(0))),
    }
}

async fn calendar_works(app: &App, report: &mut Report, what: &str, found: Option<CalendarConnection>, catalogue: &Catalogue) {
    let Some(found) = found else {
        report.fail(what, "no calendar", "`tenant apply FILE`");
        return;
    };
    if !in_use(report, what, &found.status) {
        return;
    }
    match calendar().event_types(&app.http, &found.account).await {
        Err(error) => report.fail(what, error, APPLY),
        Ok(known) => {
            let missing: Vec<String> =
                catalogue.event_types().iter().filter(|id| known.iter().all(|k| k.id != **id)).map(ToString::to_string).collect();
            if missing.is_empty() {
                report.ok(what, format_args!("{} event types", known.len()));
            } else {
                report.fail(
                    what,
                    format_args!("no event type {}", missing.join(", ")),
                    "correct event_type_id in the tenant file",
                );
            }
        }
    }
}

async fn crm_works(app: &App, report: &mut Report, what: &str, found: Option<CrmConnection>) {
    match found {
        None => report.ok(what, "not used"),
        Some(found) if !found.enabled => report.ok(what, "switched off"),
        Some(found) => {
            if in_use(report, what, &found.status) {
                report.check(what, crm().inspect(&app.http, &found.account).await, "answers", APPLY);
            }
        }
    }
}
