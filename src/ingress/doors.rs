//! Which tenant a webhook's address belongs to, and what its sender must prove. Looked up by the key's SHA-256 and kept for a while
//! with the opened secrets, so that a webhook costs no query but its own insert.

use std::{sync::Arc, time::Duration};

use http::HeaderMap;
use moka::future::Cache;
use secrecy::SecretString;
use uuid::Uuid;

use super::source::Source;
use crate::{
    booking::{Calendar, CalendarSecrets, calendar},
    channel::{Account, AccountSecrets, ChannelAdapter, ChannelKind, Handshake, SignatureInvalid, adapter},
    crypto::{KeyRing, sha256},
    ids::{ChannelAccountId, TenantId},
    store::{Db, StoreError},
    tenant,
};

/// How long a changed secret may stay unseen.
const KNOWN_FOR: Duration = Duration::from_secs(30);
/// Short: a new address works at once for a vendor that called it too early.
const UNKNOWN_FOR: Duration = Duration::from_secs(2);
const MOST_KEPT: u64 = 20_000;

/// Where a webhook goes in.
pub(super) struct Door {
    pub(super) tenant: TenantId,
    pub(super) source: Source,
    /// The channel account or the connection.
    pub(super) target: Uuid,
    pub(super) lock: Lock,
}

/// What a webhook must prove, and to whom.
pub(super) enum Lock {
    Channel(&'static dyn ChannelAdapter, Box<Account>),
    Calendar(&'static dyn Calendar, CalendarSecrets),
}

impl Lock {
    /// Checks the vendor's proof in constant time.
    pub(super) fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), SignatureInvalid> {
        match self {
            Self::Channel(adapter, account) => adapter.verify(headers, body, account),
            Self::Calendar(calendar, secrets) => calendar.verify(headers, body, secrets),
        }
    }

    /// The answer to a vendor's handshake; none if it is none.
    pub(super) fn greet(&self, request: Handshake<'_>) -> Option<Result<String, SignatureInvalid>> {
        match self {
            Self::Channel(adapter, account) => adapter.handshake(request, account),
            Self::Calendar(..) => None,
        }
    }

    /// What a stored webhook is answered with.
    pub(super) fn answer(&self) -> &'static str {
        match self {
            Self::Channel(adapter, _) => adapter.answer(),
            Self::Calendar(..) => "",
        }
    }

    /// A lock that nothing opens, which takes as long to try as a real one of that source.
    fn decoy(source: Source, secret: SecretString) -> Self {
        match source {
            Source::Channel(kind) => Self::Channel(adapter(kind), Box::new(nobody(secret))),
            Source::Calendar => Self::Calendar(calendar(), CalendarSecrets { api_key: secret.clone(), webhook_secret: secret }),
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
}

impl Doors {
    pub(super) fn new(db: Db, keyring: Arc<KeyRing>) -> Self {
        let mut decoy = [0; 32];
        db.ids().fill(&mut decoy);
        Self {
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
        if let Some(door) = self.known.get(&hash).await {
            return Ok(Some(door));
        }
        if self.unknown.get(&hash).await.is_some() {
            return Ok(None);
        }
        match self.known.try_get_with(hash, self.load(key)).await {
            Ok(door) => Ok(Some(door)),
            Err(missing) if matches!(*missing, Missing::Unknown) => {
                self.unknown.insert(hash, ()).await;
                Ok(None)
            }
            Err(failed) => Err(failed),
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
            let found = tenant::accounts_named(&self.db, kind, external_id).await?;
            // Two salons with one account can't both be right, and neither may read the other's mail.
            let [(tenant, id)] = found[..] else { return Ok(None) };
            self.open(tenant, Source::Channel(kind), id.0).await.map(Some)
        };
        let found: Result<_, Arc<StoreError>> = self.named.try_get_with(key, load).await;
        found.map_err(|error| error as LookUpFailed)
    }

    /// What a webhook of an unknown address is checked against.
    pub(super) fn decoy(&self, source: Source) -> Lock {
        Lock::decoy(source, self.decoy.clone())
    }

    async fn load(&self, key: &str) -> Result<Arc<Door>, Missing> {
        let endpoint = tenant::resolve_endpoint(&self.db, key).await?.ok_or(Missing::Unknown)?;
        let source = Source::named(&endpoint.source).ok_or(StoreError::Corrupt("endpoint.source"))?;
        Ok(self.open(endpoint.tenant, source, endpoint.target).await?)
    }

    async fn open(&self, tenant: TenantId, source: Source, target: Uuid) -> Result<Arc<Door>, StoreError> {
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
        };
        let lock = lock.ok_or(StoreError::Corrupt("endpoint.target_id"))?;
        Ok(Arc::new(Door { tenant, source, target, lock }))
    }
}
