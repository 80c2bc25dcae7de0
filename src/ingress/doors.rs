//! Which tenant a webhook's address belongs to, and what its sender must prove. Looked up by the key's SHA-256 and kept for a while
//! with the opened secrets, so that a webhook costs no query but its own insert.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use chrono::{DateTime, Utc};
use http::HeaderMap;
use moka::future::Cache;
use secrecy::SecretString;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{changes::Changes, source::Source};
use crate::{
    booking::{Calendar, CalendarSecrets, calendar},
    channel::{Account, AccountSecrets, ChannelAdapter, ChannelKind, Handshake, SignatureInvalid, adapter},
    crm::{Crm, CrmSecrets, HookSecret, crm},
    crypto::{KeyRing, sha256},
    ids::{ChannelAccountId, ConnectionId, TenantId},
    store::{ChangeListener, Db, StoreError},
    tenant,
};

/// How long a changed secret may stay unseen if nobody tells of it.
pub(super) const KNOWN_FOR: Duration = Duration::from_secs(30);
/// Short: a new address works at once for a vendor that called it too early.
pub(super) const UNKNOWN_FOR: Duration = Duration::from_secs(2);
pub(super) const MOST_KEPT: u64 = 20_000;

/// Where a webhook goes in.
pub(super) struct Door {
    pub(super) tenant: TenantId,
    pub(super) source: Source,
    /// The channel account or the connection.
    pub(super) target: Uuid,
    pub(super) lock: Lock,
    /// For its webhooks that are under way. A door that is read anew has new ones, and so has every process.
    pub(super) places: Semaphore,
    /// The last change that this is known to be true after: see [`Changes::is_current`].
    pub(super) as_of: AtomicU64,
}

/// What a webhook must prove, and to whom.
pub(super) enum Lock {
    Channel(&'static dyn ChannelAdapter, Box<Account>),
    Calendar(&'static dyn Calendar, CalendarSecrets),
    Crm(&'static dyn Crm, Box<CrmSecrets>),
}

impl Lock {
    /// Checks the vendor's proof in constant time.
    pub(super) fn verify(&self, headers: &HeaderMap, body: &[u8], now: DateTime<Utc>) -> Result<(), SignatureInvalid> {
        match self {
            Self::Channel(adapter, account) => adapter.verify(headers, body, account),
            Self::Calendar(calendar, secrets) => calendar.verify(headers, body, secrets),
            Self::Crm(crm, secrets) => crm.verify(headers, body, secrets, now),
        }
    }

    /// The answer to a vendor's handshake; none if it is none.
    pub(super) fn greet(&self, request: Handshake<'_>) -> Option<Result<String, SignatureInvalid>> {
        match self {
            Self::Channel(adapter, account) => adapter.handshake(request, account),
            Self::Calendar(..) | Self::Crm(..) => None,
        }
    }

    /// What a stored webhook is answered with.
    pub(super) fn answer(&self) -> &'static str {
        match self {
            Self::Channel(adapter, _) => adapter.answer(),
            Self::Calendar(..) | Self::Crm(..) => "",
        }
    }

    /// A lock that nothing opens, which takes as long to try as a real one of that source.
    fn decoy(source: Source, secret: SecretString) -> Self {
        match source {
            Source::Channel(kind) => Self::Channel(adapter(kind), Box::new(nobody(secret))),
            Source::Calendar => Self::Calendar(calendar(), CalendarSecrets { api_key: secret.clone(), webhook_secret: secret }),
            Source::Crm(kind) => {
                let hook = HookSecret { id: "nobody".to_owned(), event: "none".to_owned(), secret: secret.clone() };
                let secrets = CrmSecrets { webhook_secret: Some(secret), hooks: vec![hook], ..CrmSecrets::default() };
                Self::Crm(crm(kind), Box::new(secrets))
            }
        }
    }
}

/// An account that is nobody's.
fn nobody(secret: SecretString) -> Account {
    #[allow(clippy::expect_used, reason = "a constant, and tried by every test of a refused webhook")]
    let base_url = "https://nobody.invalid/".parse().expect("an address");
    let secrets = AccountSecrets { handshake: Some(secret.clone()), ..AccountSecrets::new(secret.clone(), secret) };
    Account { base_url, external_id: String::new(), parent_id: None, secrets }
}

/// Why an address could not be looked up.
pub(super) type LookUpFailed = Arc<dyn std::error::Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
enum Missing {
    #[error("no such address")]
    Unknown,
    #[error(transparent)]
    Failed(#[from] StoreError),
}

/// Every address, as far as it is known.
pub(super) struct Doors {
    db: Db,
    keyring: Arc<KeyRing>,
    decoy: SecretString,
    known: Cache<[u8; 32], Arc<Door>>,
    /// Apart from the known ones, so that guessed keys push none of them out.
    unknown: Cache<[u8; 32], ()>,
    /// By channel and the account's id at the vendor.
    named: Cache<(ChannelKind, String), Option<Arc<Door>>>,
    per_address: usize,
    changes: Arc<Changes>,
    _listener: Option<ChangeListener>,
}

impl Doors {
    pub(super) fn new(db: Db, keyring: Arc<KeyRing>, redis: Option<redis::Client>, per_address: usize) -> Self {
        let mut decoy = [0; 32];
        db.ids().fill(&mut decoy);
        let changes = Arc::new(Changes::default());
        let heard = changes.clone();
        Self {
            _listener: redis.map(|redis| ChangeListener::start(redis, move |tenant| heard.note(tenant))),
            changes,
            per_address,
            db,
            keyring,
            decoy: hex::encode(decoy).into(),
            known: Cache::builder().max_capacity(MOST_KEPT).time_to_live(KNOWN_FOR).build(),
            unknown: Cache::builder().max_capacity(MOST_KEPT).time_to_live(UNKNOWN_FOR).build(),
            named: Cache::builder().max_capacity(MOST_KEPT).time_to_live(KNOWN_FOR).build(),
        }
    }

    /// The door that this key opens, if there is one.
    ///
    /// # Errors
    /// When the database can't be reached, or the account's credentials can't be opened.
    pub(super) async fn find(&self, key: &str) -> Result<Option<Arc<Door>>, LookUpFailed> {
        let hash = sha256(key.as_bytes());
        if let Some(door) = self.known.get(&hash).await
            && self.changes.is_current(door.tenant, &door.as_of)
        {
            return Ok(Some(door));
        }
        if self.unknown.get(&hash).await.is_some() {
            return Ok(None);
        }
        loop {
            match self.known.try_get_with(hash, self.load(key)).await {
                Ok(door) if self.changes.is_current(door.tenant, &door.as_of) => return Ok(Some(door)),
                // Kept from before a change, or read while one was made. What is read from now on is newer.
                Ok(_) => self.known.invalidate(&hash).await,
                Err(missing) if matches!(*missing, Missing::Unknown) => {
                    self.unknown.insert(hash, ()).await;
                    return Ok(None);
                }
                Err(failed) => return Err(failed),
            }
        }
    }

    /// The door of this key as it is now: what a handshake asks for was stored a moment ago.
    ///
    /// # Errors
    /// As [`Doors::find`].
    pub(super) async fn fresh(&self, key: &str) -> Result<Option<Arc<Door>>, LookUpFailed> {
        let hash = sha256(key.as_bytes());
        self.known.invalidate(&hash).await;
        self.unknown.invalidate(&hash).await;
        self.find(key).await
    }

    /// The door of the account that a vendor knows under this id. What comes for it must still prove itself under that account's own
    /// secrets: an id is no secret.
    ///
    /// # Errors
    /// As [`Doors::find`].
    pub(super) async fn named(&self, kind: ChannelKind, external_id: &str) -> Result<Option<Arc<Door>>, LookUpFailed> {
        let key = (kind, external_id.to_owned());
        let load = async {
            let as_of = AtomicU64::new(self.changes.latest());
            let Some((tenant, id)) = tenant::account_named(&self.db, kind, external_id).await? else { return Ok(None) };
            self.open(tenant, Source::Channel(kind), id.0, as_of).await.map(Some)
        };
        if let Some(Some(known)) = self.named.get(&key).await
            && !self.changes.is_current(known.tenant, &known.as_of)
        {
            self.named.invalidate(&key).await;
        }
        let found: Result<_, Arc<StoreError>> = self.named.try_get_with(key, load).await;
        found.map_err(|error| error as LookUpFailed)
    }

    /// The changes that are heard of.
    pub(super) fn changes(&self) -> Arc<Changes> {
        self.changes.clone()
    }

    /// What a webhook of an unknown address is checked against.
    pub(super) fn decoy(&self, source: Source) -> Lock {
        Lock::decoy(source, self.decoy.clone())
    }

    async fn load(&self, key: &str) -> Result<Arc<Door>, Missing> {
        let as_of = AtomicU64::new(self.changes.latest());
        let endpoint = tenant::resolve_endpoint(&self.db, key).await?.ok_or(Missing::Unknown)?;
        let source = Source::named(&endpoint.source).ok_or(StoreError::Corrupt("endpoint.source"))?;
        Ok(self.open(endpoint.tenant, source, endpoint.target, as_of).await?)
    }

    async fn open(&self, tenant: TenantId, source: Source, target: Uuid, as_of: AtomicU64) -> Result<Arc<Door>, StoreError> {
        let mut tx = self.db.tenant(tenant).await?;
        let lock = match source {
            Source::Channel(_) => {
                let found = tenant::channel_account(&mut tx, ChannelAccountId(target), &self.keyring).await?;
                found.map(|account| Lock::Channel(adapter(account.kind), Box::new(account.account)))
            }
            Source::Calendar => {
                let found = tenant::calendar_account(&mut tx, &self.keyring).await?;
                let found = found.filter(|connection| connection.id.0 == target);
                found.map(|connection| Lock::Calendar(calendar(), connection.account.secrets))
            }
            Source::Crm(kind) => {
                let found = tenant::crm_connection(&mut tx, ConnectionId(target), &self.keyring).await?;
                found.map(|connection| Lock::Crm(crm(kind), Box::new(connection.account.secrets)))
            }
        };
        let lock = lock.ok_or(StoreError::Corrupt("endpoint.target_id"))?;
        Ok(Arc::new(Door { tenant, source, target, lock, places: Semaphore::new(self.per_address), as_of }))
    }
}
