//! `salon-core tenant apply FILE`.

use std::{
    io::{ErrorKind, Read},
    os::unix::fs::MetadataExt,
    path::Path,
    process::ExitCode,
};

use secrecy::SecretString;

use super::{CliError, out::say, register, tenant_check};
use crate::{
    app::App,
    config::{
        ProcessEnvironment, Source,
        settings::{self, Setting},
    },
    tenant::{
        apply::{self, Outcome},
        file::{self, SecretError, SecretRef, TenantFile},
    },
};

pub(super) async fn run(app: &App, path: &Path, register: bool, unchecked: bool) -> Result<ExitCode, CliError> {
    let bytes = read(path).map_err(|error| CliError::Input(format!("{}: {error}", path.display())))?;
    let file = file::load_bytes(&bytes, &secret)?;
    refuse_addresses(app, &file)?;
    let remarks = if unchecked { Vec::new() } else { tenant_check::run(app, &file).await? };
    let applied = apply::apply(&app.db, &app.keyring, &file, &app.config.listen.public_url).await?;
    let outcome = match applied.outcome {
        Outcome::Created => "created",
        Outcome::Updated => "updated",
        Outcome::Unchanged => "unchanged",
    };
    say!("{} {outcome}", file.slug);
    for change in &applied.changes {
        say!("  changed: {change}");
    }
    for webhook in &applied.webhooks {
        say!("  webhook of {}: {}", webhook.account, webhook.address);
    }
    for remark in &remarks {
        say!("  to be seen to: {remark}");
    }
    if let Some(key) = &applied.form_key {
        say!("  form key: {key}");
    }
    if register { register::run(app, &applied).await } else { Ok(ExitCode::SUCCESS) }
}

/// An address that would never be called is refused before it is stored.
fn refuse_addresses(app: &App, file: &TenantFile) -> Result<(), CliError> {
    let crms = file.crm_addresses().into_iter().map(|(field, address)| (field.to_owned(), address));
    let calcom = std::iter::once(("calcom.base_url".to_owned(), file.calcom.base_url.as_str()));
    let channels = file.channels.iter().enumerate();
    let channels = channels.map(|(n, channel)| (format!("channels[{n}].base_url"), channel.base_url()));
    for (field, address) in crms.chain(calcom).chain(channels) {
        let refused = address.parse().map_or(Some("not an address"), |url| app.config.vendors.guard.refuses(&url));
        if let Some(reason) = refused {
            return Err(CliError::Input(format!(
                "{field}: {reason}; SALON_ALLOW_PRIVATE_VENDORS lets private addresses through"
            )));
        }
    }
    Ok(())
}

/// No more than would be refused as too large, whatever the path leads to.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(file::MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    std::fs::File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Why a secret of salon-core's own is not handed out: a tenant file could send it to an address of its choice.
const OURS: &str = "it is a setting of salon-core's own";

/// `{ env: NAME }` and `{ file: path }` of the tenant file.
fn secret(reference: &SecretRef) -> Result<SecretString, SecretError> {
    match reference {
        SecretRef::Env(name) if our_secrets().any(|setting| setting.name == name || setting.file_name() == *name) => {
            Err(SecretError::Unreadable(OURS.to_owned()))
        }
        SecretRef::Env(name) => ProcessEnvironment.variable(name).map(Into::into).ok_or(SecretError::Missing),
        SecretRef::File(path) => match secret_file(Path::new(path)) {
            Ok(text) => Ok(text.trim_end_matches(['\n', '\r']).into()),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(SecretError::Missing),
            Err(error) if error.kind() == ErrorKind::Other => Err(SecretError::Unreadable(error.to_string())),
            Err(error) => Err(SecretError::Unreadable(error.kind().to_string())),
        },
    }
}

fn our_secrets() -> impl Iterator<Item = &'static Setting> {
    settings::ALL.iter().filter(|setting| setting.secret)
}

/// Reads a file that is none of ours, under whatever name. A pipe or a device is no file: it could be waited for without end.
fn secret_file(path: &Path) -> std::io::Result<String> {
    let found = std::fs::metadata(path)?;
    if !found.is_file() {
        return Err(std::io::Error::other("it is no regular file"));
    }
    let ours = our_secrets().filter_map(|setting| ProcessEnvironment.variable(&setting.file_name()));
    if ours.filter_map(|path| std::fs::metadata(path).ok()).any(|ours| (ours.dev(), ours.ino()) == (found.dev(), found.ino())) {
        return Err(std::io::Error::other(OURS));
    }
    ProcessEnvironment.file(path)
}
