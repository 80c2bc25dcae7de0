//! `salon-core tenant show SLUG`: a salon as it is now, without a secret but for its webhook addresses.

use std::process::ExitCode;

use super::{CliError, out::say};
use crate::{
    app::App,
    store::Tx,
    tenant::{self, Catalogue, Status, Tenant, TenantNumbers},
};

pub(super) async fn run(app: &App, slug: &str) -> Result<ExitCode, CliError> {
    let id = tenant::id_by_slug(&app.db, slug).await?.ok_or_else(|| CliError::Failed(format!("{slug}: no such tenant")))?;
    let mut tx = app.db.tenant(id).await?;
    let salon = tenant::load_tenant(&mut tx).await?;
    let catalogue = tenant::load_catalogue(&mut tx).await?;
    let numbers = TenantNumbers::load(&mut tx).await?;
    settings(&salon);
    offers(&salon, &catalogue);
    accounts(app, &mut tx).await?;
    if let Some(site) = tenant::load_site(&mut tx).await? {
        say!("form key: {}, for pages of {}", site.form_key, site.origins.join(", "));
    }
    say!("clients: {}", numbers.clients);
    say!("bookings ahead: {}", numbers.bookings_ahead);
    say!("messages waiting: {}", numbers.messages_waiting);
    Ok(ExitCode::SUCCESS)
}

fn settings(salon: &Tenant) {
    let languages: Vec<&str> = salon.languages.iter().map(|lang| lang.code()).collect();
    say!("{} {}", salon.slug, salon.name);
    say!("id: {}", salon.id);
    say!("version: {}", salon.version);
    say!("zone: {}", salon.zone);
    say!("languages: {}", languages.join(", "));
    say!("quiet hours: {} to {}", salon.quiet_hours.start().format("%H:%M"), salon.quiet_hours.end().format("%H:%M"));
    say!("cancel until: {} h before", salon.cancel_until_hours);
}

fn offers(salon: &Tenant, catalogue: &Catalogue) {
    let inactive = |active: bool| if active { "" } else { " (inactive)" };
    for service in &catalogue.services {
        let title = service.title(salon.default_lang());
        say!("service {}: {title}, {} min{}", service.key, service.minutes, inactive(service.active));
    }
    for staff in &catalogue.staff {
        let done = staff
            .services
            .iter()
            .filter_map(|done| Some(format!("{}={}", catalogue.service(done.service)?.key, done.event_type_id)));
        say!("staff {}: {}, {}{}", staff.key, staff.name, done.collect::<Vec<_>>().join(" "), inactive(staff.active));
    }
}

async fn accounts(app: &App, tx: &mut Tx) -> Result<(), CliError> {
    let state = |status: &Status| match status {
        Status::Active => "active".to_owned(),
        Status::Broken { reason } => format!("broken: {reason}"),
    };
    for (name, account) in tenant::channel_accounts(tx, &app.keyring).await? {
        match account {
            Ok(account) => say!("channel {name}: {}", state(&account.status)),
            Err(error) => say!("channel {name}: {error}"),
        }
    }
    if let Some(calendar) = tenant::calendar_account(tx, &app.keyring).await? {
        say!("calcom: {}", state(&calendar.status));
    }
    for (kind, crm) in tenant::crm_connections(tx, &app.keyring).await? {
        match crm {
            Ok(crm) => say!("{kind}: {}{}", state(&crm.status), if crm.enabled { "" } else { " (switched off)" }),
            Err(error) => say!("{kind}: {error}"),
        }
    }
    for webhook in tenant::webhooks(tx, &app.keyring).await? {
        let gone = if webhook.in_file { "" } else { " (no longer in the tenant file)" };
        match webhook.key {
            Ok(key) => {
                let address = tenant::apply::webhook_address(&app.config.listen.public_url, &webhook.source, &key)?;
                say!("webhook of {}: {address}{gone}", webhook.account);
            }
            Err(error) => say!("webhook of {}: {error}", webhook.account),
        }
    }
    Ok(())
}
