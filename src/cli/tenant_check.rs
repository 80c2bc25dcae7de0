//! Before a tenant file is stored: do its CRMs let us in, and is everything there that we would write to. A CRM that is away hinders
//! nothing; one that refuses, or would drop what we write, refuses the file.

use super::{
    CliError,
    crm::{access::Access, fields::is_makeable},
};
use crate::{
    app::App,
    crm::{
        CrmKind,
        fields::{self, Described, FieldProblem},
    },
    tenant::{apply, file::TenantFile},
    vendor::{Class, Failure},
};

/// Codes of something that answers at the address and is no such CRM. To a worker it may be a proxy before a CRM that starts again; to who
/// has just typed the address, it is a wrong one.
const NO_CRM: [&str; 8] = [
    "not_found",
    "not_found_page",
    "page_instead_of_answer",
    "unreadable_answer",
    "redirected",
    "refused_page",
    "unauthorized_page",
    "forbidden_page",
];

/// What was found, a line each, with the section or field of the file.
#[derive(Default)]
struct Findings {
    refused: Vec<String>,
    remarks: Vec<String>,
}

/// Returns what somebody should see to.
///
/// # Errors
/// [`CliError::Input`] with everything that is wrong. Nothing was stored, but for the tokens of a login that had to be renewed.
pub(super) async fn run(app: &App, file: &TenantFile) -> Result<Vec<String>, CliError> {
    let mut findings = Findings::default();
    for prospect in apply::prospects(&app.db, &app.keyring, file).await? {
        findings.look(Access::prospective(app, prospect), &file.slug).await?;
    }
    if findings.refused.is_empty() { Ok(findings.remarks) } else { Err(CliError::Input(findings.refused.join("\n"))) }
}

impl Findings {
    async fn look(&mut self, mut access: Access<'_>, slug: &str) -> Result<(), CliError> {
        let kind = access.kind;
        let secrets = &access.account.secrets;
        let nobody = secrets.oauth.is_some() && secrets.token.is_none();
        match access.ask(async |crm, call| crm.inspect(call).await).await? {
            Ok(_) => {}
            // The login needs the application that this file brings.
            Err(Failure { class: Class::Credential, .. }) if nobody => {
                self.remarks.push(format!("{kind}: nobody has logged in yet: `salon-core crm login {slug} --crm {kind}`"));
                return Ok(());
            }
            Err(failure) => {
                self.failed(kind, &failure);
                return Ok(());
            }
        }
        match access.ask(async |crm, call| crm.describe(call).await).await? {
            Ok(described) => self.fields(&access, &described, slug),
            Err(failure) => self.failed(kind, &failure),
        }
        Ok(())
    }

    fn failed(&mut self, kind: CrmKind, failure: &Failure) {
        let code: &str = &failure.code;
        let refused = match failure.class {
            _ if code == "address_refused" => format!("{kind}.base_url: must be an address that may be called ({failure})"),
            _ if NO_CRM.contains(&code) => {
                format!("{kind}.base_url: must be the address of {kind}; what is there answers {failure}")
            }
            Class::Credential => format!("{kind}: must be let in and have its rights; {kind} answers {failure}"),
            Class::Permanent | Class::Unreachable | Class::NeedsTemplate => {
                format!("{kind}: must be what {kind} takes; it answers {failure}")
            }
            Class::Retry { .. } | Class::Unknown => {
                return self.remarks.push(format!("{kind} NOT checked, it is away: {failure}; `salon-core doctor` looks again"));
            }
        };
        self.refused.push(refused);
    }

    fn fields(&mut self, access: &Access<'_>, described: &Described, slug: &str) {
        let (kind, map) = (access.kind, &access.account.fields);
        let problems = fields::check(kind, map, described);
        let (makeable, wrong): (Vec<FieldProblem>, Vec<FieldProblem>) =
            problems.into_iter().partition(|problem| is_makeable(kind, map, described, problem));
        self.refused.extend(wrong.iter().map(|problem| refusal(kind, problem)));
        if !makeable.is_empty() {
            let names = makeable.iter().filter_map(|problem| match problem {
                FieldProblem::Missing(_, _, name) => Some(name.as_str()),
                _ => None,
            });
            let names = names.collect::<Vec<_>>().join(", ");
            self.remarks
                .push(format!("{kind} has no fields {names}: `salon-core crm fields {slug} --crm {kind} --create` makes them"));
        }
    }
}

/// The field of the file, and its rule.
fn refusal(kind: CrmKind, problem: &FieldProblem) -> String {
    match problem {
        FieldProblem::Missing(entity, fact, name) => {
            format!("{kind}.fields.{}.{}: must be a field that {kind} has; it has no {name}", entity.as_str(), fact.as_str())
        }
        FieldProblem::Kind(entity, fact, name) => {
            let (entity, fact) = (entity.as_str(), fact.as_str());
            format!("{kind}.fields.{entity}.{fact}: must be a field for such a value; {name} holds something else")
        }
        FieldProblem::Word(entity, fact, name, word) => {
            let (entity, fact) = (entity.as_str(), fact.as_str());
            format!("{kind}.values.{entity}.{fact}: must be words that {kind} takes; {name} does not take {word:?}")
        }
        FieldProblem::Other(text) => format!("{kind}: {text}"),
    }
}
