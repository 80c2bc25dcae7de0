//! `salon-core crm fields SLUG`: what we write to, against what the CRM describes.

use std::{
    io::{BufRead, Read},
    process::ExitCode,
};

use secrecy::SecretString;

use super::{Access, Which};
use crate::{
    app::App,
    cli::{CliError, out::say},
    crm::{
        CrmKind, FieldMap, FieldSpec, Person,
        fields::{self, Described, FieldProblem},
    },
    store::StoreError,
    vendor::Failure,
};

/// EspoCRM takes 150.
const LONGEST_PASSWORD: u64 = 1024;

pub(super) async fn run(app: &App, which: &Which, create: bool, user: Option<String>) -> Result<ExitCode, CliError> {
    let all = match user {
        None => Access::all(app, which).await?.1,
        Some(user) => {
            let (_, mut access) = Access::one(app, which).await?;
            if !access.adapter().capabilities().passwords {
                return Err(CliError::Input(format!("{} lets nobody in by password: see docs/crm.md", access.kind)));
            }
            access.account.secrets.person = Some(Person { user, password: password()? });
            vec![access]
        }
    };
    let mut sound = true;
    for access in all {
        sound &= one(access, create).await?;
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn password() -> Result<SecretString, CliError> {
    let mut line = String::new();
    let read = std::io::stdin().lock().take(LONGEST_PASSWORD).read_line(&mut line);
    read.map_err(|error| CliError::Input(format!("the password can't be read from standard input: {error}")))?;
    let password = line.trim_end_matches(['\n', '\r']);
    if password.is_empty() {
        return Err(CliError::Input("there is no password on standard input".to_owned()));
    }
    Ok(password.into())
}

/// True if nothing is to be done.
async fn one(access: Access<'_>, create: bool) -> Result<bool, CliError> {
    let mut access = access.patient();
    let kind = access.kind;
    let mut described = match access.ask(async |crm, call| crm.describe(call).await).await? {
        Ok(described) => described,
        Err(failure) => {
            say!("{kind}: does not say which fields there are: {failure}");
            return Ok(false);
        }
    };
    if described == Described::default() {
        say!("{kind}: tells of no fields, so nothing can be compared");
        return Ok(true);
    }
    say!("{kind}:");
    if create {
        match made(&mut access, &described).await? {
            Ok(Some(anew)) => described = anew,
            Ok(None) => say!("  nothing to be made"),
            Err(failure) => {
                say!("  NOT made: {kind} refuses: {failure}");
                if access.adapter().capabilities().passwords && access.account.secrets.person.is_none() {
                    say!("  `--as USER` makes them as an administrator of {kind}, who is never an API user");
                }
            }
        }
    }
    let problems = fields::check(kind, &access.account.fields, &described);
    for spec in access.adapter().fields() {
        line(spec, &access.account.fields, &described, &problems);
    }
    for problem in problems.iter().filter(|problem| matches!(problem, FieldProblem::Other(_))) {
        say!("  {problem}");
    }
    if !create && !fields::missing(kind, &access.account.fields, &described).is_empty() {
        say!("  --create makes the missing ones");
    }
    Ok(problems.is_empty())
}

/// Makes what is missing, and what the CRM then describes; none if nothing was missing.
async fn made(access: &mut Access<'_>, described: &Described) -> Result<Result<Option<Described>, Failure>, StoreError> {
    let missing = fields::missing(access.kind, &access.account.fields, described);
    if missing.is_empty() {
        return Ok(Ok(None));
    }
    match access.ask(async |crm, call| crm.create_fields(call, &missing).await).await? {
        Ok(names) => say!("  made: {}", names.join(", ")),
        Err(failure) => return Ok(Err(failure)),
    }
    Ok(access.ask(async |crm, call| crm.describe(call).await).await?.map(Some))
}

fn line(spec: &FieldSpec, map: &FieldMap, described: &Described, problems: &[FieldProblem]) {
    let what = format!("{}.{}", spec.entity.as_str(), spec.fact.as_str());
    let Some(name) = map.name(spec.entity, spec.fact) else { return say!("  {what}\tnot written") };
    if !described.fields.contains_key(&spec.entity) {
        return say!("  {what}\t{name}\tnot known");
    }
    let wrong = problems.iter().filter_map(|problem| verdict(spec, problem)).collect::<Vec<_>>();
    say!("  {what}\t{name}\t{}", if wrong.is_empty() { "there".to_owned() } else { wrong.join(", ") });
}

/// What a problem says of this field.
fn verdict(spec: &FieldSpec, problem: &FieldProblem) -> Option<String> {
    let ours = (spec.entity, spec.fact);
    match problem {
        FieldProblem::Missing(entity, fact, _) if (*entity, *fact) == ours => Some("MISSING".to_owned()),
        FieldProblem::Kind(entity, fact, _) if (*entity, *fact) == ours => Some("HOLDS SOMETHING ELSE".to_owned()),
        FieldProblem::Word(entity, fact, _, word) if (*entity, *fact) == ours => Some(format!("DOES NOT TAKE {word:?}")),
        _ => None,
    }
}

/// Whether `crm fields --create` makes this field.
pub(in crate::cli) fn is_makeable(kind: CrmKind, map: &FieldMap, described: &Described, problem: &FieldProblem) -> bool {
    let FieldProblem::Missing(entity, fact, _) = problem else { return false };
    fields::missing(kind, map, described).iter().any(|spec| (spec.entity, spec.fact) == (*entity, *fact))
}
