//! A salon's CRM, asked: does it let us in, is everything there that we write to.

use super::{
    Report,
    salon::{in_use, vendor_remedy},
};
use crate::{
    app::App,
    crm::{CrmCall, INTERACTIVE, crm, fields},
    tenant::CrmConnection,
};

const FIELDS: &str =
    "`salon-core crm fields SLUG --create` with an administrator's credential, or name other fields in the tenant file";

pub(super) async fn examine(app: &App, report: &mut Report, what: &str, found: &CrmConnection) {
    if !found.enabled {
        return report.note(what, "switched off");
    }
    if !in_use(report, what, &found.status) {
        return;
    }
    let adapter = crm(found.kind);
    let call = CrmCall::new(&app.http, &found.account, INTERACTIVE);
    let health = match adapter.inspect(&call).await {
        Ok(health) => health,
        Err(failure) => return report.fail(what, &failure, vendor_remedy(&failure)),
    };
    let version = health.version.map_or_else(String::new, |version| format!(", version {version}"));
    report.ok(what, format_args!("answers; we are {}{version}", health.known_as));
    for remark in &health.remarks {
        report.note(what, remark);
    }
    match adapter.describe(&call).await {
        Err(failure) => report.fail(format_args!("{what} fields"), &failure, vendor_remedy(&failure)),
        // A CRM that tells of none: that is neither good nor bad.
        Ok(described) if described == fields::Described::default() => {}
        Ok(described) => {
            let problems = fields::check(found.kind, &found.account.fields, &described);
            for problem in &problems {
                report.fail(format_args!("{what} fields"), problem, FIELDS);
            }
            if problems.is_empty() && !adapter.fields().is_empty() {
                report.ok(format_args!("{what} fields"), "all that we write to are there");
            }
        }
    }
}
