//! The salon's accounts: calendar, CRM, messengers, and the addresses their webhooks arrive at.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::{ApplyError, Target, Webhook, Work};
use crate::{
    booking::CalendarSecrets,
    channel::AccountSecrets,
    crm::{CrmKind, crm},
    crypto::sha256,
    ids::{ChannelAccountId, ConnectionId, Ids},
    store::StoreError,
    tenant::{
        accounts::{self, WebhookKey},
        connections,
        credentials::{ToSeal, account_context, connection_context, endpoint_context, open, random_key, seal},
        file::{
            Calcom, Channel, MessageTemplate,
            channels::{Greeting, Spec},
        },
        status::REMOVED,
        templates::{Template, put_templates},
    },
};

/// An account as it lies in its row.
pub(super) type Stored<I> = (I, Vec<u8>, Option<String>);

impl Work<'_> {
    pub(super) async fn calendar(&mut self) -> Result<(), ApplyError> {
        let Calcom { base_url, api_key, team_id, webhook_secret } = &self.file.calcom;
        let stored = self.stored_connection("calcom").await?;
        let old: Option<CalendarSecrets> = self.opened(stored.as_ref().map(|(id, blob, _)| (connection_context(*id), blob)))?;
        let kept = old.as_ref().map(|old| old.webhook_secret.clone());
        let secrets = CalendarSecrets { api_key: api_key.clone(), webhook_secret: self.secret(webhook_secret.as_ref(), kept) };
        let settings = json!({ "team_id": team_id, "versions": {} });
        self.put_connection("calcom", base_url, &settings, stored, old.as_ref(), &secrets).await
    }

    pub(super) async fn channels(&mut self) -> Result<(), ApplyError> {
        self.release_identities().await?;
        let mut kept = Vec::new();
        for (position, channel) in self.file.channels.iter().enumerate() {
            kept.push(self.channel(position, &channel.spec()).await?.0);
        }
        let (tenant, now) = (self.tx.tenant(), self.tx.now());
        let gone: Vec<(String, String)> = sqlx::query_as(
            "update channel_account set status = 'broken', broken_reason = $3, updated_at = $4
             where tenant_id = $1 and id <> all ($2) and broken_reason is distinct from $3 returning kind, name",
        )
        .bind(tenant)
        .bind(kept)
        .bind(REMOVED)
        .bind(now)
        .fetch_all(self.tx.conn())
        .await?;
        self.changes.extend(gone.iter().map(|(kind, name)| format!("channel {kind}/{name}: {REMOVED}")));
        Ok(())
    }

    /// What the file gives to another channel, or to none, is free before it is taken: within a salon a bot may change its name, and
    /// two may change places.
    async fn release_identities(&mut self) -> Result<(), ApplyError> {
        let file = self.file;
        let specs: Vec<Spec<'_>> = file.channels.iter().map(Channel::spec).collect();
        let kinds: Vec<&str> = specs.iter().map(|spec| spec.kind).collect();
        let names: Vec<&str> = specs.iter().map(|spec| spec.name).collect();
        let identities: Vec<&str> = specs.iter().map(|spec| spec.external_id.as_str()).collect();
        let tenant = self.tx.tenant();
        sqlx::query(
            "update channel_account a set external_id = null where a.tenant_id = $1 and a.external_id is not null
               and (a.kind, a.name, a.external_id) not in (select * from unnest($2::text[], $3::text[], $4::text[]))",
        )
        .bind(tenant)
        .bind(kinds)
        .bind(names)
        .bind(identities)
        .execute(self.tx.conn())
        .await?;
        Ok(())
    }

    async fn channel(&mut self, position: usize, spec: &Spec<'_>) -> Result<ChannelAccountId, ApplyError> {
        let (kind, tenant, now) = (spec.kind, self.tx.tenant(), self.tx.now());
        let stored: Option<Stored<ChannelAccountId>> = sqlx::query_as(
            "select id, credentials, broken_reason from channel_account where tenant_id = $1 and kind = $2 and name = $3",
        )
        .bind(tenant)
        .bind(kind)
        .bind(spec.name)
        .fetch_optional(self.tx.conn())
        .await?;
        let old: Option<AccountSecrets> = self.opened(stored.as_ref().map(|(id, blob, _)| (account_context(*id), blob)))?;
        let secrets = self.channel_secrets(spec, old.as_ref());
        let id = stored.as_ref().map_or_else(|| self.new_id(), |(id, ..)| *id);
        let row = Row::new(self, &account_context(id), stored, old.as_ref(), &secrets)?;
        let rows = sqlx::query(
            "insert into channel_account as a (id, tenant_id, kind, name, base_url, external_id, parent_id, per_second, credentials, credential_at, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $10)
             on conflict (id) do update set base_url = excluded.base_url, external_id = excluded.external_id, parent_id = excluded.parent_id,
               per_second = excluded.per_second,
               credentials = excluded.credentials, credential_at = excluded.credential_at, status = 'active', broken_reason = null,
               updated_at = excluded.updated_at
             where $11 or (a.base_url, a.external_id, a.parent_id, a.per_second)
               is distinct from (excluded.base_url, excluded.external_id, excluded.parent_id, excluded.per_second)",
        )
        .bind(id)
        .bind(tenant)
        .bind(kind)
        .bind(spec.name)
        .bind(spec.base_url)
        .bind(&spec.external_id)
        .bind(spec.parent_id)
        .bind(spec.per_second.map(i32::from))
        .bind(row.credentials)
        .bind(now)
        .bind(row.renewed)
        .execute(self.tx.conn())
        .await
        .map_err(|error| match StoreError::from(error) {
            error if error.violates("channel_account_external_id") => {
                let (field, what) = spec.identity;
                ApplyError::Taken { field: format!("channels[{position}].{field}"), what }
            }
            error => error.into(),
        })?
        .rows_affected();
        self.changed(rows, || format!("channel {kind}/{}", spec.name));
        let templates: Vec<Template> = spec.templates.iter().map(MessageTemplate::as_used).collect();
        let changed = put_templates(&mut self.tx, id, &templates).await?;
        self.changed(u64::from(changed), || format!("templates of {kind}/{}", spec.name));
        self.endpoint(kind, id.0).await?;
        Ok(id)
    }

    /// What the file says, and for what it leaves out what was made or learnt earlier.
    fn channel_secrets(&self, spec: &Spec<'_>, old: Option<&AccountSecrets>) -> AccountSecrets {
        let known = old.and_then(|old| old.handshake.clone());
        AccountSecrets {
            also_valid: spec.also_valid.cloned().into_iter().collect(),
            handshake: match spec.greeting {
                Greeting::None => None,
                Greeting::Theirs => known,
                Greeting::Ours(given) => Some(self.secret(given, known)),
            },
            ..AccountSecrets::new(spec.token.clone(), self.secret(spec.webhook_secret, old.map(|old| old.webhook_secret.clone())))
        }
    }

    pub(super) async fn stored_connection(&mut self, kind: &str) -> Result<Option<Stored<ConnectionId>>, ApplyError> {
        let tenant = self.tx.tenant();
        Ok(sqlx::query_as("select id, credentials, broken_reason from connection where tenant_id = $1 and kind = $2")
            .bind(tenant)
            .bind(kind)
            .fetch_optional(self.tx.conn())
            .await?)
    }

    pub(super) async fn put_connection<T: ToSeal>(
        &mut self,
        kind: &'static str,
        base_url: &str,
        settings: &Value,
        stored: Option<Stored<ConnectionId>>,
        old: Option<&T>,
        secrets: &T,
    ) -> Result<(), ApplyError> {
        let (tenant, now) = (self.tx.tenant(), self.tx.now());
        let id = stored.as_ref().map_or_else(|| self.new_id(), |(id, ..)| *id);
        let row = Row::new(self, &connection_context(id), stored, old, secrets)?;
        let rows = sqlx::query(
            "insert into connection as c (id, tenant_id, kind, base_url, settings, credentials, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $7)
             on conflict (id) do update set base_url = excluded.base_url, settings = excluded.settings, credentials = excluded.credentials,
               updated_at = excluded.updated_at
             where $8 or (c.base_url, c.settings) is distinct from (excluded.base_url, excluded.settings)",
        )
        .bind(id)
        .bind(tenant)
        .bind(kind)
        .bind(base_url)
        .bind(settings)
        .bind(row.credentials)
        .bind(now)
        .bind(row.renewed)
        .execute(self.tx.conn())
        .await?
        .rows_affected();
        // What broke it may have been mended: its credentials, or where they are used. Or it was switched off.
        if rows > 0 && !connections::mend_connection(&mut self.tx, id).await? {
            connections::wake_waiting(&mut self.tx, id).await?;
        }
        self.changed(rows, || kind.to_owned());
        let posts = kind.parse::<CrmKind>().map_or(true, |kind| crm(kind).capabilities().webhooks);
        if posts { self.endpoint(kind, id.0).await } else { Ok(()) }
    }

    /// An account's address is made once: changing it would cut the vendor off until somebody registers the new one.
    async fn endpoint(&mut self, source: &str, target: Uuid) -> Result<(), ApplyError> {
        let (tenant, now) = (self.tx.tenant(), self.tx.now());
        let key = random_key(self.db.ids());
        let sealed = self
            .keyring
            .seal(key.expose_secret().as_bytes(), &endpoint_context(target), self.db.ids())
            .map_err(StoreError::from)?;
        sqlx::query(
            "insert into endpoint (key_hash, tenant_id, source, target_id, sealed_key, created_at) values ($1, $2, $3, $4, $5, $6)
             on conflict (target_id) do nothing",
        )
        .bind(sha256(key.expose_secret().as_bytes()).as_slice())
        .bind(tenant)
        .bind(source)
        .bind(target)
        .bind(sealed.0)
        .bind(now)
        .execute(self.tx.conn())
        .await?;
        Ok(())
    }

    /// The addresses of the accounts that are in the file.
    pub(super) async fn webhooks(&mut self, public_url: &Url) -> Result<Vec<Webhook>, ApplyError> {
        let stored = accounts::webhooks(&mut self.tx, self.keyring).await?;
        let in_file = stored.into_iter().filter(|webhook| webhook.in_file);
        let found = in_file.map(|WebhookKey { source, target, account, key, .. }| {
            let address = webhook_address(public_url, &source, &key?)?;
            let target = match source.parse() {
                Ok(kind) => Target::Crm(ConnectionId(target), kind),
                Err(_) if source == "calcom" => Target::Calendar,
                Err(_) => Target::Channel(ChannelAccountId(target)),
            };
            Ok(Webhook { target, account, address })
        });
        found.collect()
    }

    /// The file's secret, or the one made earlier, or a new one.
    fn secret(&self, given: Option<&SecretString>, kept: Option<SecretString>) -> SecretString {
        secret(given, kept, self.db.ids())
    }

    pub(super) fn opened<T: serde::de::DeserializeOwned>(
        &self,
        stored: Option<(String, &Vec<u8>)>,
    ) -> Result<Option<T>, ApplyError> {
        stored.map(|(context, blob)| open(blob.clone(), &context, self.keyring)).transpose().map_err(ApplyError::Store)
    }
}

/// The file's secret, or the one made earlier, or a new one.
pub(super) fn secret(given: Option<&SecretString>, kept: Option<SecretString>, ids: &dyn Ids) -> SecretString {
    given.cloned().or(kept).unwrap_or_else(|| random_key(ids))
}

/// What goes into an account's row.
struct Row {
    credentials: Vec<u8>,
    /// The credentials are new, or the account comes back.
    renewed: bool,
}

impl Row {
    /// Keeps the stored blob while it says the same: sealing again would change the row each time.
    fn new<I, T: ToSeal>(
        work: &Work<'_>,
        context: &str,
        stored: Option<Stored<I>>,
        old: Option<&T>,
        secrets: &T,
    ) -> Result<Self, StoreError> {
        let same = old.is_some_and(|old| old.to_json() == secrets.to_json());
        match stored {
            Some((_, blob, reason)) if same => Ok(Self { credentials: blob, renewed: reason.as_deref() == Some(REMOVED) }),
            _ => Ok(Self { credentials: seal(secrets, context, work.keyring, work.db.ids())?, renewed: true }),
        }
    }
}

/// `{public_url}/webhooks/{kind}/{endpoint_key}`.
pub(crate) fn webhook_address(public_url: &Url, source: &str, key: &SecretString) -> Result<Url, ApplyError> {
    let mut url = public_url.clone();
    url.path_segments_mut().map_err(|()| ApplyError::PublicUrl)?.pop_if_empty().extend(["webhooks", source, key.expose_secret()]);
    Ok(url)
}
