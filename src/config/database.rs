//! PostgreSQL and Redis.

use secrecy::SecretString;
use sqlx::postgres::PgConnectOptions;

use super::{
    environment::{Environment, Time},
    reader::{ConfigErrors, Reader},
    settings::{DATABASE_ADMIN_URL, DATABASE_URL, REDIS_URL, SALON_DB_CONNECTIONS},
    source::Source,
};

/// The database as the application sees it.
#[derive(Debug)]
pub struct Database {
    /// The application role's address.
    pub url: SecretString,
    /// The most connections of this process.
    pub connections: u32,
    /// The owner's address, where this process has it: for the doctor. Running processes should not.
    pub admin_url: Option<SecretString>,
}

impl Database {
    pub(super) fn read(from: &mut Reader<'_>) -> Option<Self> {
        let url = from.required(&DATABASE_URL, postgres);
        let connections = from.required(&SALON_DB_CONNECTIONS, |text| text.parse().ok().filter(|n| (1..=500).contains(n)));
        let admin_url = from.optional(&DATABASE_ADMIN_URL, postgres);
        Some(Self { url: url?, connections: connections?, admin_url: admin_url? })
    }
}

/// The database as its owner sees it. A migration needs nothing else, so nothing else has to be set where it runs.
#[derive(Debug)]
pub struct AdminDatabase {
    /// The owner's address.
    pub url: SecretString,
    /// Which clock runs: partitions are made around its present moment.
    pub time: Time,
}

impl AdminDatabase {
    /// Reads what a migration needs.
    ///
    /// # Errors
    /// Every problem there is.
    pub fn load(source: &dyn Source) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(source);
        let read = Self::read(&mut reader);
        reader.finish(read)
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let environment = Environment::read(from);
        let url = from.required(&DATABASE_ADMIN_URL, postgres);
        let time = Time::read(from, environment.unwrap_or(Environment::Production));
        environment?;
        Some(Self { url: url?, time: time? })
    }
}

#[allow(clippy::option_option, reason = "three outcomes: wrong, absent, read")]
pub(super) fn read_redis(from: &mut Reader<'_>) -> Option<Option<SecretString>> {
    from.optional(&REDIS_URL, |text| redis::Client::open(text).ok().map(|_| text.into()))
}

fn postgres(text: &str) -> Option<SecretString> {
    let known = text.starts_with("postgres://") || text.starts_with("postgresql://");
    (known && text.parse::<PgConnectOptions>().is_ok()).then(|| text.into())
}
