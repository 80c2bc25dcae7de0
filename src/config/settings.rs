//! Every setting there is: its name, what it must look like, and what holds without it.

/// What is known about a setting before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// True: the value is never repeated, and may come from the file that `<name>_FILE` names.
    pub secret: bool,
    /// What holds when it is not set. None: see the setting's own rule.
    pub default: Option<&'static str>,
    /// What it must be, to be read after "expected".
    pub expected: &'static str,
}

impl Setting {
    /// The variable that names a file with the value, if it is a secret.
    pub fn file_name(&self) -> String {
        format!("{}_FILE", self.name)
    }
}

const fn plain(name: &'static str, default: Option<&'static str>, expected: &'static str) -> Setting {
    Setting { name, secret: false, default, expected }
}

const fn secret(name: &'static str, expected: &'static str) -> Setting {
    Setting { name, secret: true, default: None, expected }
}

macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident = $setting:expr;)+) => {
        $($(#[$doc])* pub const $name: Setting = $setting;)+

        /// Every setting.
        pub const ALL: &[Setting] = &[$($name),+];
    };
}

settings! {
    /// The kind of environment; it decides what other settings may be.
    SALON_ENV = plain("SALON_ENV", Some("production"), "`production` or `development`");
    /// The application role's database address.
    DATABASE_URL = secret("DATABASE_URL", "the application role's address, `postgres://user:password@host:port/name`");
    /// The owner's database address.
    DATABASE_ADMIN_URL = secret("DATABASE_ADMIN_URL", "the owner's address, `postgres://user:password@host:port/name`");
    /// The size of the pool.
    SALON_DB_CONNECTIONS = plain("SALON_DB_CONNECTIONS", Some("16"), "a number of connections from 1 to 500");
    /// Redis.
    REDIS_URL = secret("REDIS_URL", "`redis://host:port/number` or `rediss://…`");
    /// The keys that seal credentials.
    SALON_KEYRING = secret("SALON_KEYRING", "`id:key` entries separated by commas, newest first; a key is 32 bytes in base64");
    /// What the erxes gateway proves itself with.
    SALON_ROUTER_SECRET = secret("SALON_ROUTER_SECRET", "at least 32 characters without spaces; required in production");
    /// Whether an unknown tenant is refused.
    STRICT_TENANT_CONFIG = plain("STRICT_TENANT_CONFIG", None, "`true` or `false`; `false` only with SALON_ENV=development");
    /// Whether a webhook without a valid signature is refused.
    STRICT_WEBHOOK_SIGNATURE = plain("STRICT_WEBHOOK_SIGNATURE", None, "`true` or `false`; `false` only with SALON_ENV=development");
    /// The address that vendors reach the ingress at.
    SALON_PUBLIC_URL = plain("SALON_PUBLIC_URL", None, "the address vendors send webhooks to, without query and fragment; https in production");
    /// Where the subgraph listens.
    SALON_GRAPHQL_ADDR = plain("SALON_GRAPHQL_ADDR", Some("127.0.0.1:3390"), "`address:port`");
    /// Where webhooks arrive.
    SALON_INGRESS_ADDR = plain("SALON_INGRESS_ADDR", Some("127.0.0.1:3391"), "`address:port`");
    /// Whose word on a visitor's address is taken.
    SALON_TRUSTED_PROXIES = plain("SALON_TRUSTED_PROXIES", Some("127.0.0.0/8,::1/128"), "networks such as `10.0.0.0/8`, separated by commas");
    /// Health and metrics of the web process.
    SALON_OPS_ADDR = plain("SALON_OPS_ADDR", Some("127.0.0.1:3392"), "`address:port`");
    /// Health and metrics of the workers.
    SALON_WORKERS_OPS_ADDR = plain("SALON_WORKERS_OPS_ADDR", Some("127.0.0.1:3393"), "`address:port`");
    /// Whether vendors may lie in private networks.
    SALON_ALLOW_PRIVATE_VENDORS = plain("SALON_ALLOW_PRIVATE_VENDORS", None, "`true` or `false`");
    /// The authority behind MAX's certificate.
    SALON_MAX_CA_FILE = plain("SALON_MAX_CA_FILE", None, "the path of a readable file with certificates in PEM");
    /// How long a silent worker keeps its jobs.
    SALON_JOB_LEASE = plain("SALON_JOB_LEASE", Some("15"), "a number of seconds from 2 to 300");
    /// A clock that can be moved.
    SALON_CLOCK_FILE = plain("SALON_CLOCK_FILE", None, "the path of a file with an offset in milliseconds; only with SALON_ENV=development");
    /// What is logged.
    SALON_LOG = plain("SALON_LOG", Some("info"), "levels by module, such as `info` or `info,salon_core::ingress=debug`");
    /// How it is written.
    SALON_LOG_FORMAT = plain("SALON_LOG_FORMAT", Some("json"), "`json` or `text`");
}
