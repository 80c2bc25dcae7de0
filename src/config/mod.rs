//! Settings: read once, typed, and refused all at once. What is missing or wrong stops the start; nothing is guessed.
//!
//! `docs/configuration.md` lists every setting; a test keeps it and [`settings::ALL`] alike.

mod database;
mod environment;
mod jobs;
mod listen;
mod log;
mod reader;
mod security;
pub mod settings;
mod source;
#[cfg(test)]
mod tests;
mod vendors;

pub use database::{AdminDatabase, Database};
pub use environment::{Environment, Time};
pub use jobs::Jobs;
pub use listen::Listen;
pub use log::{Log, LogFormat};
pub use reader::{ConfigErrors, Problem, Reader};
pub use security::Security;
pub use source::{ProcessEnvironment, Source};
pub use vendors::Vendors;

use secrecy::SecretString;

/// Everything a running process is told from outside.
#[derive(Debug)]
pub struct Config {
    /// Production or development.
    pub environment: Environment,
    /// Where the data is.
    pub database: Database,
    /// Redis, if there is one: without it everything works, slower.
    pub redis: Option<SecretString>,
    /// Which addresses we listen on, and the one the world reaches us at.
    pub listen: Listen,
    /// Keys, secrets and strict modes.
    pub security: Security,
    /// How vendors are called.
    pub vendors: Vendors,
    /// How jobs are worked on.
    pub jobs: Jobs,
    /// Which clock runs.
    pub time: Time,
    /// How logs are written.
    pub log: Log,
}

impl Config {
    /// Reads and checks every setting.
    ///
    /// # Errors
    /// Every problem there is, by setting; no value of a secret is repeated.
    pub fn load(source: &dyn Source) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(source);
        let config = Self::read(&mut reader);
        reader.finish(config)
    }

    /// Every section is read before the first `?`, so that one wrong setting hides no other.
    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let environment = Environment::read(from);
        // A wrong SALON_ENV is reported as such; the other settings are then held to the stricter rules.
        let assumed = environment.unwrap_or(Environment::Production);
        let database = Database::read(from);
        let redis = database::read_redis(from);
        let listen = Listen::read(from, assumed);
        let security = Security::read(from, assumed);
        let vendors = Vendors::read(from, assumed);
        let jobs = Jobs::read(from);
        let time = Time::read(from, assumed);
        let log = Log::read(from);
        Some(Self {
            environment: environment?,
            database: database?,
            redis: redis?,
            listen: listen?,
            security: security?,
            vendors: vendors?,
            jobs: jobs?,
            time: time?,
            log: log?,
        })
    }
}
