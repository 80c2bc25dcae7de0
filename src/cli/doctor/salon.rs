//! One salon: its accounts, and its vendors asked.

use std::fmt::Display;

use url::Url;

use super::{Report, remedy};
use crate::{
    app::App,
    booking::{CalendarError, calendar},
    channel,
    crm::{
        CrmKind, Parked, Untold,
        migration::{self, Migration},
    },
    ids::TenantId,
    store::StoreError,
    tenant::{self, CalendarConnection, Catalogue, ChannelAccount, CrmConnection, Status, WebhookKey, sealed},
    vendor::{Class, Failure},
};

const APPLY: &str =
    "put credentials and ids that the vendor takes into the tenant file, and `salon-core tenant apply FILE --register`";
const REGISTER: &str = "`salon-core tenant apply FILE --register`";

/// Everything a salon has, read in one transaction that is over before a vendor is asked.
struct Salon {
    id: TenantId,
    slug: String,
    catalogue: Result<Catalogue, StoreError>,
    channels: Vec<(String, Result<ChannelAccount, StoreError>)>,
    calendar: Result<Option<CalendarConnection>, StoreError>,
    crms: Vec<(CrmKind, Result<CrmConnection, StoreError>)>,
    webhooks: Vec<WebhookKey>,
    parked: Vec<Parked>,
    untold: Vec<Untold>,
    migration: Option<Migration>,
}

/// Looks at one salon. What is wrong with it goes into the report.
///
/// # Errors
/// When the database can't be reached any more.
pub(super) async fn look(app: &App, report: &mut Report, id: TenantId) -> Result<(), StoreError> {
    report.salons += 1;
    let mut tx = app.db.tenant(id).await?;
    super::add(&mut report.keys, &sealed::keys_in_use(&mut tx).await?);
    let tenant = match tenant::load_tenant(&mut tx).await {
        Ok(tenant) => tenant,
        Err(error @ StoreError::Corrupt(_)) => {
            report.fail(format_args!("salon {id}"), &error, remedy(&error));
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let salon = Salon {
        id,
        slug: tenant.slug,
        catalogue: tenant::load_catalogue(&mut tx).await,
        channels: tenant::channel_accounts(&mut tx, &app.keyring).await?,
        calendar: tenant::calendar_account(&mut tx, &app.keyring).await,
        crms: tenant::crm_connections(&mut tx, &app.keyring).await?,
        webhooks: tenant::webhooks(&mut tx, &app.keyring).await?,
        parked: tx.parked().await?,
        untold: tx.untold().await?,
        migration: migration::open(&mut tx).await?,
    };
    drop(tx);
    salon.examine(app, report).await
}

impl Salon {
    async fn examine(self, app: &App, report: &mut Report) -> Result<(), StoreError> {
        let Self { id, slug, catalogue, channels, calendar, crms, webhooks, parked, untold, migration } = self;
        for webhook in &webhooks {
            if let Err(error) = &webhook.key {
                report.fail(format_args!("{slug} address of {}", webhook.account), error, remedy(error));
            }
        }
        for (name, account) in channels {
            let what = format!("{slug} {name}");
            match account {
                Ok(account) => messenger(app, report, &what, &account, &webhooks).await,
                Err(error) => report.fail(what, &error, remedy(&error)),
            }
        }
        match calendar {
            Ok(found) => calendar_works(app, report, &format!("{slug} calcom"), found, catalogue).await,
            Err(error) => report.fail(format_args!("{slug} calcom"), &error, remedy(&error)),
        }
        if crms.is_empty() {
            report.note(format_args!("{slug} CRM"), "not used");
        }
        if let Some(Migration { from_kind, to_kind, state, .. }) = migration {
            let what = format_args!("{slug} change from {from_kind} to {to_kind}");
            report.note(
                what,
                format_args!("{}; `salon-core crm migrate {slug} --from {from_kind} --to {to_kind} --status`", state.as_str()),
            );
        }
        for (kind, found) in crms {
            let what = format!("{slug} {kind}");
            match found {
                Ok(found) => super::crm::examine(app, report, &what, id, found).await?,
                Err(error) => report.fail(what, &error, remedy(&error)),
            }
        }
        super::crm::backlog(app, report, (&slug, id), &parked, &untold).await
    }
}

/// What is to be done about a vendor's refusal.
pub(super) fn vendor_remedy(failure: &Failure) -> &'static str {
    match (failure.class, &*failure.code) {
        (_, "address_refused") => "correct its base_url: https, and no private address unless SALON_ALLOW_PRIVATE_VENDORS is on",
        (_, "certificate_not_trusted") => {
            "check its base_url; MAX's certificate is signed by an authority that SALON_MAX_CA_FILE must name (docs/configuration.md)"
        }
        (Class::Retry { .. } | Class::Unknown, _) => {
            "check that its base_url is right and can be reached from here; if so, wait until the vendor works again"
        }
        (Class::Credential | Class::Permanent | Class::Unreachable | Class::NeedsTemplate, _) => APPLY,
    }
}

/// Says why an account is out of use; true if it is in use.
pub(super) fn in_use(report: &mut Report, what: &str, status: &Status) -> bool {
    match status {
        Status::Active => true,
        Status::Broken { reason } => {
            if status.is_removed() {
                report.note(what, format_args!("out of use: {reason}"));
            } else {
                report.fail(what, format_args!("stopped: {reason}"), APPLY);
            }
            false
        }
    }
}

async fn messenger(app: &App, report: &mut Report, what: &str, found: &ChannelAccount, webhooks: &[WebhookKey]) {
    if !in_use(report, what, &found.status) {
        return;
    }
    let key = webhooks.iter().find(|webhook| webhook.target == found.id.0).map(|webhook| webhook.key.as_ref());
    let address = match key {
        Some(Ok(key)) => tenant::apply::webhook_address(&app.config.listen.public_url, found.kind.as_str(), key).ok(),
        // Told already. Whether the bot works can be said all the same.
        Some(Err(_)) => None,
        None => return report.fail(what, "it has no webhook address", REGISTER),
    };
    match channel::adapter(found.kind).inspect(&app.http, &found.account, address.as_ref()).await {
        Err(failure) => report.fail(what, &failure, vendor_remedy(&failure)),
        Ok(info) if address.is_some() && info.webhook_url.as_deref() != address.as_ref().map(Url::as_str) => {
            report.fail(what, "the vendor sends its webhooks elsewhere, or nowhere", REGISTER);
        }
        Ok(info) => {
            let waiting = info.pending_updates.map_or_else(String::new, |count| format!(", {count} updates wait there"));
            report.ok(what, format_args!("{}{waiting}", info.name));
            for problem in &info.problems {
                report.note(what, format_args!("the vendor says: {problem}"));
            }
        }
    }
}

async fn calendar_works(
    app: &App,
    report: &mut Report,
    what: &str,
    found: Option<CalendarConnection>,
    catalogue: Result<Catalogue, StoreError>,
) {
    let Some(found) = found else { return report.fail(what, "no calendar", REGISTER) };
    if !in_use(report, what, &found.status) {
        return;
    }
    let wanted = match catalogue {
        Ok(catalogue) => catalogue.event_types(),
        Err(error) => return report.fail(what, &error, remedy(&error)),
    };
    match calendar().event_types(&app.http, &found.account).await {
        Err(CalendarError::Failed(failure)) => report.fail(what, &failure, vendor_remedy(&failure)),
        Err(error) => report.fail(what, error, "correct calcom.team_id in the tenant file, and apply it"),
        Ok(known) => {
            let missing = wanted.iter().filter(|id| known.iter().all(|known| known.id != **id));
            match list(missing) {
                None => report.ok(what, format_args!("all {} event types are there", wanted.len())),
                Some(missing) => report.fail(
                    what,
                    format_args!("no event type {missing}"),
                    "correct event_type_id in the tenant file, and apply it",
                ),
            }
        }
    }
}

fn list(items: impl Iterator<Item = impl Display>) -> Option<String> {
    let items: Vec<String> = items.map(|item| item.to_string()).collect();
    (!items.is_empty()).then(|| items.join(", "))
}
