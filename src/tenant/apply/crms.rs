//! The salon's CRMs: what the file says of them, and what was learnt since.

use super::{ApplyError, Work, accounts::secret};
use crate::{
    crm::{CrmAccount, CrmKind, CrmSecrets, OAuth},
    crypto::KeyRing,
    ids::{Ids, TenantId},
    store::{Db, StoreError},
    tenant::{
        connections::{CrmConnection, crm_connections, crm_settings},
        credentials::connection_context,
        file::{
            TenantFile,
            crms::{CrmSpec, Proof},
        },
        store,
    },
};

/// A CRM of a file that is not applied yet, as it would be called then.
#[derive(Debug)]
pub struct Prospect {
    /// Which CRM.
    pub kind: CrmKind,
    /// What the adapter needs.
    pub account: CrmAccount,
    /// What is stored of it now; none for a CRM that the salon has not had.
    pub stored: Option<(TenantId, CrmConnection)>,
}

/// The CRMs in use of a file, with what was learnt of them since an earlier one was applied: a login's tokens above all. Changes nothing.
///
/// # Errors
/// When what is stored can't be read.
pub async fn prospects(db: &Db, keyring: &KeyRing, file: &TenantFile) -> Result<Vec<Prospect>, ApplyError> {
    let specs = file.crms();
    let mut stored = Vec::new();
    if !specs.is_empty()
        && let Some(tenant) = store::id_by_slug(db, &file.slug).await?
    {
        let mut tx = db.tenant(tenant).await?;
        for (kind, found) in crm_connections(&mut tx, keyring).await? {
            if specs.iter().any(|spec| spec.kind == kind.as_str()) {
                stored.push((tenant, found?));
            }
        }
    }
    let mut prospects = Vec::new();
    for spec in &specs {
        let at = stored.iter().position(|(_, found)| found.kind.as_str() == spec.kind);
        let stored = at.map(|at| stored.swap_remove(at));
        prospects.extend(prospect(spec, stored, db.ids())?);
    }
    Ok(prospects)
}

fn prospect(
    spec: &CrmSpec<'_>,
    stored: Option<(TenantId, CrmConnection)>,
    ids: &dyn Ids,
) -> Result<Option<Prospect>, ApplyError> {
    let kind: CrmKind = spec.kind.parse().map_err(|_| StoreError::Corrupt("connection.kind"))?;
    let secrets = crm_secrets(spec, stored.as_ref().map(|(_, found)| &found.account.secrets), ids);
    let base_url = spec.base_url.parse().map_err(|_| StoreError::Corrupt("base_url"))?;
    let (settings, account) = crm_settings(kind, base_url, spec.settings.clone(), secrets)?;
    Ok(settings.enabled.then_some(Prospect { kind, account, stored }))
}

impl Work<'_> {
    /// A salon that leaves a CRM keeps its connection, switched off: links and intents refer to it.
    pub(super) async fn crms(&mut self) -> Result<(), ApplyError> {
        let file = self.file;
        let specs = file.crms();
        let named: Vec<&str> = specs.iter().map(|spec| spec.kind).collect();
        for spec in &specs {
            self.crm(spec).await?;
        }
        let (tenant, now) = (self.tx.tenant(), self.tx.now());
        let kinds: Vec<&str> = CrmKind::ALL.iter().map(|kind| kind.as_str()).collect();
        let left: Vec<String> = sqlx::query_scalar(
            "update connection set settings = jsonb_set(settings, '{enabled}', 'false'), updated_at = $2
             where tenant_id = $1 and kind = any ($3) and kind <> all ($4) and settings -> 'enabled' <> 'false' returning kind",
        )
        .bind(tenant)
        .bind(now)
        .bind(kinds)
        .bind(named)
        .fetch_all(self.tx.conn())
        .await?;
        self.changes.extend(left);
        Ok(())
    }

    async fn crm(&mut self, spec: &CrmSpec<'_>) -> Result<(), ApplyError> {
        let kind = spec.kind;
        let stored = self.stored_connection(kind).await?;
        let old: Option<CrmSecrets> = self.opened(stored.as_ref().map(|(id, blob, _)| (connection_context(*id), blob)))?;
        let secrets = crm_secrets(spec, old.as_ref(), self.db.ids());
        self.put_connection(kind, spec.base_url, &spec.settings, stored, old.as_ref(), &secrets).await
    }
}

/// What the file says, and what was learnt since: a login's tokens, the webhooks that were registered.
fn crm_secrets(spec: &CrmSpec<'_>, old: Option<&CrmSecrets>, ids: &dyn Ids) -> CrmSecrets {
    let login = old.filter(|old| old.oauth.as_ref().map(|oauth| oauth.client_id.as_str()) == spec.oauth.map(|(id, _)| id));
    let refresh_token = login.and_then(|old| old.oauth.as_ref()?.refresh_token.clone());
    let token = match spec.oauth {
        Some(_) => login.and_then(|old| old.token.clone()).or_else(|| spec.token.cloned()),
        None => spec.token.cloned(),
    };
    CrmSecrets {
        token,
        signing_key: spec.signing_key.cloned(),
        oauth: spec.oauth.map(|(client_id, client_secret)| OAuth {
            client_id: client_id.to_owned(),
            client_secret: client_secret.cloned(),
            refresh_token,
        }),
        webhook_secret: match spec.webhook_secret {
            Proof::Ours(given) => Some(secret(given, old.and_then(|old| old.webhook_secret.clone()), ids)),
            Proof::Theirs(given) => given.cloned(),
        },
        member_id: spec.member_id.map(str::to_owned),
        hooks: old.map(|old| old.hooks.clone()).unwrap_or_default(),
        person: None,
    }
}
