//! The database: a pool, transactions that belong to a tenant, the queue's functions, and what follows a commit.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

mod dead_letters;
mod due;
mod error;
pub mod inbound;
pub mod migrations;
pub mod queue;
mod tx;
mod wake;

pub use dead_letters::{DeadLetter, DeadLetters};
pub use error::StoreError;
pub use tx::Tx;
pub use wake::{ChangeListener, WakeListener, Waker};

use std::{sync::Arc, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use sqlx::{
    PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{
    clock::Clock,
    ids::{Ids, TenantId},
};

/// One renews while the other settles. Opened only by a process that holds leases, and beside [`Db::connect`]'s number.
const LEASE_CONNECTIONS: u32 = 2;

/// PostgreSQL's word for a lock that was waited for in vain.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Something that this process alone has: [`Db::exclusive`].
#[derive(Debug)]
pub struct Exclusive {
    _held: PgConnection,
}

/// The application's way into the database, under a role that owns nothing and can't bypass row-level security.
#[derive(Clone)]
pub struct Db {
    pool: PgPool,
    leases: PgPool,
    waker: Waker,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db").field("connections", &self.pool.size()).finish_non_exhaustive()
    }
}

impl Db {
    /// Connects lazily: a database that is away makes requests fail, not the start.
    ///
    /// # Errors
    /// When `url` is not a PostgreSQL address.
    pub fn connect(
        url: &SecretString,
        max_connections: u32,
        waker: Waker,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Result<Self, StoreError> {
        let options: PgConnectOptions = url.expose_secret().parse()?;
        let options = options.application_name("salon-core").options([
            ("statement_timeout", "30s"),
            ("lock_timeout", "10s"),
            ("idle_in_transaction_session_timeout", "60s"),
        ]);
        let pool = |connections| {
            PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(Duration::from_secs(10))
                .connect_lazy_with(options.clone())
        };
        Ok(Self { pool: pool(max_connections), leases: pool(LEASE_CONNECTIONS), waker, clock, ids })
    }

    /// A transaction that sees and writes this tenant's rows only.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn tenant(&self, tenant: TenantId) -> Result<Tx, StoreError> {
        Tx::begin(self, &[tenant]).await
    }

    /// A transaction that sees these tenants' rows: for reads on behalf of somebody who may see several.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn tenants(&self, tenants: &[TenantId]) -> Result<Tx, StoreError> {
        Tx::begin(self, tenants).await
    }

    /// The bare pool, for the narrow functions that work across tenants and hand out ids only. Without a tenant set, row-level
    /// security shows nothing else.
    pub(crate) fn narrow(&self) -> &PgPool {
        crate::ops::unit::count_query();
        &self.pool
    }

    /// For keeping, ending and taking back leases. Not the pool that handlers wait for: behind a full one, renewals would come too late,
    /// and the jobs of a healthy worker would run twice just when there is most to do.
    pub(crate) fn leases(&self) -> &PgPool {
        crate::ops::unit::count_query();
        &self.leases
    }

    /// The clock that stamps what is written.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The source of ids.
    pub fn ids(&self) -> &dyn Ids {
        &*self.ids
    }

    /// The waker that commits use.
    pub fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Checks that the role we run under keeps promise 3: it must be neither superuser nor able to bypass row-level security, and
    /// must own no table.
    ///
    /// # Errors
    /// Says which of these the role breaks, or that the database can't be reached.
    pub async fn check_role(&self) -> Result<(), StoreError> {
        let (superuser, bypass, owned): (bool, bool, i64) = sqlx::query_as(
            "select r.rolsuper, r.rolbypassrls, (select count(*) from pg_class c where c.relowner = r.oid) from pg_roles r where r.rolname = current_user",
        )
        .fetch_one(self.narrow())
        .await?;
        match (superuser, bypass, owned) {
            (true, ..) => Err(StoreError::Role("is a superuser")),
            (_, true, _) => Err(StoreError::Role("may bypass row-level security")),
            (.., 1..) => Err(StoreError::Role("owns tables")),
            _ => Ok(()),
        }
    }

    /// One round trip, for readiness.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("select 1").execute(self.narrow()).await?;
        Ok(())
    }

    /// Takes `what` for this process alone; none if another one has it. Waits a moment for one that is just ending. Given back when the
    /// value is dropped and when the process ends, however it does. A lost connection gives it back too: what must hold even then needs
    /// a row's lock besides.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn exclusive(&self, what: &str) -> Result<Option<Exclusive>, StoreError> {
        let mut held = self.narrow().acquire().await?.detach();
        sqlx::query("set lock_timeout = '2s'").execute(&mut held).await?;
        let taken = sqlx::query("select pg_advisory_lock(hashtextextended($1, 0))").bind(what).execute(&mut held).await;
        match taken {
            Ok(_) => Ok(Some(Exclusive { _held: held })),
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(LOCK_NOT_AVAILABLE) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Closes the pool when the process stops.
    pub async fn close(&self) {
        self.pool.close().await;
        self.leases.close().await;
    }
}
