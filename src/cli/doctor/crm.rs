//! A salon's CRM, asked: does it let us in, is everything there that we write to; and what of ours it has not been told.

use super::{
    Report,
    salon::{in_use, vendor_remedy},
};
use crate::{
    app::App,
    cli::crm::access::Access,
    crm::{Parked, Untold, crm, fields},
    ids::TenantId,
    store::{DeadLetters, StoreError},
    tenant::CrmConnection,
};

const FIELDS: &str =
    "`salon-core crm fields SLUG --create` with an administrator's credential, or name other fields in the tenant file";

/// # Errors
/// When the database can't be reached any more.
pub(super) async fn examine(
    app: &App,
    report: &mut Report,
    what: &str,
    tenant: TenantId,
    found: CrmConnection,
) -> Result<(), StoreError> {
    if !found.enabled {
        report.note(what, "switched off");
        return Ok(());
    }
    if !in_use(report, what, &found.status) {
        return Ok(());
    }
    let mut access = Access::stored(app, tenant, found);
    let health = match access.ask(async |crm, call| crm.inspect(call).await).await? {
        Ok(health) => health,
        Err(failure) => {
            report.fail(what, &failure, vendor_remedy(&failure));
            return Ok(());
        }
    };
    let version = health.version.map_or_else(String::new, |version| format!(", version {version}"));
    report.ok(what, format_args!("answers; we are {}{version}", health.known_as));
    for remark in &health.remarks {
        report.note(what, remark);
    }
    webhooks(report, what, &access);
    match access.ask(async |crm, call| crm.describe(call).await).await? {
        Err(failure) => report.fail(format_args!("{what} fields"), &failure, vendor_remedy(&failure)),
        // A CRM that tells of none: that is neither good nor bad.
        Ok(described) if described == fields::Described::default() => {}
        Ok(described) => {
            let problems = fields::check(access.kind, &access.account.fields, &described);
            for problem in &problems {
                report.fail(format_args!("{what} fields"), problem, FIELDS);
            }
            if problems.is_empty() && !access.adapter().fields().is_empty() {
                report.ok(format_args!("{what} fields"), "all that we write to are there");
            }
        }
    }
    Ok(())
}

/// What is known here of its webhooks. Of those a person made there, only what they prove themselves with.
fn webhooks(report: &Report, what: &str, access: &Access<'_>) {
    let (what, secrets) = (format!("{what} webhooks"), &access.account.secrets);
    match (crm(access.kind).capabilities().webhooks, secrets.hooks.len(), &secrets.webhook_secret) {
        (false, ..) => {}
        (true, 0, None) => report.note(
            what,
            "none is registered or would be believed, so changes are found by asking alone: `salon-core tenant apply FILE --register`",
        ),
        (true, 0, Some(_)) => report.note(what, "made by hand, if at all: docs/crm.md says how"),
        (true, count, _) => report.ok(what, format_args!("{count} registered")),
    }
}

/// What waits for a person, and what was given up.
///
/// # Errors
/// When the database can't be reached any more.
pub(super) async fn backlog(
    app: &App,
    report: &mut Report,
    (slug, tenant): (&str, TenantId),
    parked: &[Parked],
    untold: &[Untold],
) -> Result<(), StoreError> {
    let mut waiting: Vec<&str> = parked.iter().map(|parked| parked.kind.as_str()).collect();
    waiting.sort_unstable();
    for same in waiting.chunk_by(|one, other| one == other) {
        let (kind, count) = (same.first().copied().unwrap_or_default(), same.len());
        let why = format!("clients who could be several records: {count}; `salon-core crm parked {slug}` names them");
        report.note(format_args!("{slug} {kind}"), why);
    }
    for Untold { kind, failed, unknown } in untold {
        report.note(format_args!("{slug} {kind}"), format_args!("{failed} never told, {unknown} of which nobody knows"));
    }
    let letters = DeadLetters { tenants: Some(vec![tenant]), queue: Some("crm".to_owned()), ..DeadLetters::default() };
    let letters = app.db.count_dead_letters(&letters).await?;
    if letters > 0 {
        let remedy = format!(
            "mend what `salon-core deadletter list --queue crm --tenant {slug}` says, then `deadletter replay` the same, or discard them"
        );
        report.fail(format_args!("{slug} CRM"), format_args!("{letters} given up"), remedy);
    }
    Ok(())
}
