//! What a running process is made of. Built once from the configuration, cloned into whatever needs it.

use std::sync::Arc;

use secrecy::ExposeSecret;

use crate::{
    channel::ChannelKind,
    clock::Clock,
    config::Config,
    crypto::KeyRing,
    ids::{Ids, RandomIds},
    store::{Db, StoreError, Waker},
    vendor::Http,
};

/// The parts of a running process. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The settings.
    pub config: Arc<Config>,
    /// The database.
    pub db: Db,
    /// The client that vendors are called through.
    pub http: Http,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of ids.
    pub ids: Arc<dyn Ids>,
    /// Opens and seals credentials.
    pub keyring: Arc<KeyRing>,
    /// Tells workers that there is work.
    pub waker: Waker,
    /// Redis, if there is one.
    pub redis: Option<redis::Client>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("config", &self.config).field("redis", &self.redis.is_some()).finish_non_exhaustive()
    }
}

/// Why a process could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The database's address, or the role behind it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The HTTP client.
    #[error("the HTTP client: {0}")]
    Http(#[from] reqwest::Error),
    /// The address of Redis.
    #[error("REDIS_URL: {}", .0.category())]
    Redis(#[from] redis::RedisError),
}

impl App {
    /// Puts the parts together, on a running tokio runtime. Opens no connection: what is away makes requests fail, not the start.
    ///
    /// # Errors
    /// When a part can't be made from its settings.
    pub fn new(config: Config) -> Result<Self, AppError> {
        let clock = config.time.clock();
        let ids: Arc<dyn Ids> = Arc::new(RandomIds::default());
        let redis = config.redis.as_ref().map(|url| redis::Client::open(url.expose_secret())).transpose()?;
        let waker = redis.clone().map_or_else(Waker::none, Waker::redis);
        let db = Db::connect(&config.database.url, config.database.connections, waker.clone(), clock.clone(), ids.clone())?;
        let http = Http::new(config.vendors.guard)?;
        let http = match &config.vendors.max_roots {
            Some(roots) => http.trusting(ChannelKind::Max.as_str(), roots)?,
            None => http,
        };
        if config.vendors.guard.allow_private && !config.environment.is_development() {
            tracing::warn!("SALON_ALLOW_PRIVATE_VENDORS is on: a tenant's base URL may point into the private network");
        }
        let keyring = config.security.keyring.clone();
        Ok(Self { config: Arc::new(config), db, http, clock, ids, keyring, waker, redis })
    }

    /// Refuses a database role under which tenants would not be kept apart. A database that is away is no reason: it is told by
    /// readiness, and asked again by whoever starts next.
    ///
    /// # Errors
    /// Says what the role may do that it must not.
    pub async fn refuse_wrong_role(&self) -> Result<(), AppError> {
        match self.db.check_role().await {
            Err(error @ StoreError::Role(_)) => Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "the database role could not be checked");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}
