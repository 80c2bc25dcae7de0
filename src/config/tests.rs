use std::{collections::BTreeMap, io, path::Path};

use secrecy::ExposeSecret;

use super::*;

const KEYRING: &str = "k1:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

struct Map(BTreeMap<String, String>);

impl Source for Map {
    fn variable(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        match path.to_str() {
            Some("/etc/max.pem") => Ok(include_str!("../vendor/fixtures/ca.pem").to_owned()),
            Some("/run/secrets/database") => Ok("postgres://salon_app:from-file@db/salon\n".to_owned()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// A production that lacks nothing, changed by `changes`; an empty value removes a setting.
fn load(changes: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let mut map: BTreeMap<String, String> = [
        ("DATABASE_URL", "postgres://salon_app:hidden@db/salon"),
        ("SALON_KEYRING", KEYRING),
        ("SALON_PUBLIC_URL", "https://salon.example.com"),
        ("SALON_ROUTER_SECRET", "0123456789abcdef0123456789abcdef"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    for (name, value) in changes {
        map.insert((*name).to_owned(), (*value).to_owned());
    }
    Config::load(&Map(map))
}

#[test]
fn defaults_are_strict() {
    let config = load(&[]).unwrap();
    assert_eq!(config.environment, Environment::Production);
    assert!(config.security.strict_tenant && config.security.strict_signature);
    assert!(!config.vendors.guard.allow_private);
    assert!(config.redis.is_none() && config.database.admin_url.is_none() && config.time.clock_file.is_none());
    assert_eq!((config.database.connections, config.log.format), (16, LogFormat::Json));
    assert_eq!(config.listen.graphql.to_string(), "127.0.0.1:3390");
    assert_eq!(config.listen.workers_ops.to_string(), "127.0.0.1:3393");
    assert_eq!(config.listen.trusted_proxies.len(), 2);
}

#[test]
fn development_loosens_only_what_it_is_for() {
    let development = [("SALON_ENV", "development"), ("SALON_ROUTER_SECRET", ""), ("SALON_CLOCK_FILE", "/tmp/clock")];
    let config = load(&development).unwrap();
    assert!(!config.security.strict_tenant && !config.security.strict_signature);
    assert!(config.vendors.guard.allow_private && config.security.router_secret.is_none() && config.time.clock_file.is_some());
    let strict =
        [("SALON_ENV", "development"), ("STRICT_WEBHOOK_SIGNATURE", "true"), ("SALON_PUBLIC_URL", "http://127.0.0.1:1/")];
    let config = load(&strict).unwrap();
    assert!(config.security.strict_signature && !config.security.strict_tenant);
    assert_eq!(config.listen.public_url.join("/webhooks").unwrap().as_str(), "http://127.0.0.1:1/webhooks");
}

#[test]
fn each_wrong_setting_is_refused_by_name() {
    for (name, value, says) in [
        ("SALON_ENV", "prod", "`production` or `development` (got \"prod\")"),
        ("DATABASE_URL", "", "it is not set"),
        ("DATABASE_URL", "mysql://hidden@db/salon", "something else"),
        ("DATABASE_ADMIN_URL", "hidden", "something else"),
        ("SALON_DB_CONNECTIONS", "0", "from 1 to 500 (got \"0\")"),
        ("REDIS_URL", "hidden", "something else"),
        ("SALON_KEYRING", "", "it is not set"),
        ("SALON_KEYRING", "k1:hidden", "entry 1: the key must be 32 bytes"),
        ("SALON_ROUTER_SECRET", "", "it is not set"),
        ("SALON_ROUTER_SECRET", "hidden", "something else"),
        ("STRICT_TENANT_CONFIG", "false", "refused in production"),
        ("STRICT_WEBHOOK_SIGNATURE", "false", "refused in production"),
        ("STRICT_WEBHOOK_SIGNATURE", "0", "got \"0\""),
        ("SALON_PUBLIC_URL", "", "it is not set"),
        ("SALON_PUBLIC_URL", "http://salon.example.com", "https in production"),
        ("SALON_PUBLIC_URL", "https://salon.example.com/?a=b", "without query"),
        ("SALON_GRAPHQL_ADDR", "localhost", "got \"localhost\""),
        ("SALON_INGRESS_ADDR", "127.0.0.1", "`address:port`"),
        ("SALON_TRUSTED_PROXIES", "10.0.0.0/8,proxy", "networks such as"),
        ("SALON_OPS_ADDR", "127.0.0.1:99999", "`address:port`"),
        ("SALON_WORKERS_OPS_ADDR", "x", "`address:port`"),
        ("SALON_ALLOW_PRIVATE_VENDORS", "yes", "got \"yes\""),
        ("SALON_JOB_LEASE", "1", "from 2 to 300 (got \"1\")"),
        ("SALON_CLOCK_FILE", "/tmp/clock", "refused in production"),
        ("SALON_LOG", "salon=loud=very", "levels by module"),
        ("SALON_LOG_FORMAT", "xml", "`json` or `text`"),
    ] {
        let errors = load(&[(name, value)]).unwrap_err();
        let [problem] = errors.problems() else { panic!("{name}={value}: {errors}") };
        assert_eq!(problem.setting, name);
        assert!(problem.text.contains(says), "{name}={value}: {errors}");
        assert!(!errors.to_string().contains("hidden"), "{name}: {errors}");
    }
}

#[test]
fn every_problem_is_told_at_once() {
    let errors = load(&[("DATABASE_URL", ""), ("SALON_ENV", "x"), ("SALON_LOG_FORMAT", "x"), ("STRICT_TENANT_CONFIG", "false")])
        .unwrap_err();
    let names: Vec<&str> = errors.problems().iter().map(|problem| problem.setting.as_str()).collect();
    assert_eq!(names, ["SALON_ENV", "DATABASE_URL", "STRICT_TENANT_CONFIG", "SALON_LOG_FORMAT"]);
    assert_eq!(errors.to_string().lines().count(), 4);
}

#[test]
fn secrets_come_by_value_or_by_file() {
    let config = load(&[("DATABASE_URL", ""), ("DATABASE_URL_FILE", "/run/secrets/database")]).unwrap();
    assert_eq!(config.database.url.expose_secret(), "postgres://salon_app:from-file@db/salon");
    let both = load(&[("DATABASE_URL_FILE", "/run/secrets/database")]).unwrap_err().to_string();
    assert!(both.contains("not both"), "{both}");
    let missing = load(&[("SALON_KEYRING", ""), ("SALON_KEYRING_FILE", "/nowhere")]).unwrap_err().to_string();
    assert!(missing.starts_with("SALON_KEYRING_FILE: expected the path of a readable file"), "{missing}");
}

#[test]
fn maxs_authority_is_a_file_with_certificates() {
    assert!(load(&[]).unwrap().vendors.max_roots.is_none());
    assert!(load(&[("SALON_MAX_CA_FILE", "/etc/max.pem")]).unwrap().vendors.max_roots.is_some());
    for (path, why) in [("/nowhere", "entity not found"), ("/run/secrets/database", "there is something else in it")] {
        let expected = format!("SALON_MAX_CA_FILE: expected the path of a readable file with certificates in PEM ({why})");
        assert_eq!(load(&[("SALON_MAX_CA_FILE", path)]).unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_migration_needs_the_owners_address_alone() {
    let with = |name: &str, value: &str| AdminDatabase::load(&Map([(name.to_owned(), value.to_owned())].into()));
    assert!(with("DATABASE_ADMIN_URL", "postgres://salon_owner@db/salon").is_ok());
    let errors = with("DATABASE_URL", "postgres://salon_app@db/salon").unwrap_err();
    assert_eq!(errors.problems()[0].setting, "DATABASE_ADMIN_URL");
}

#[test]
fn debug_shows_no_secret() {
    let shown = format!("{:?}", load(&[("REDIS_URL", "redis://:hidden@cache/0")]).unwrap());
    assert!(!shown.contains("hidden") && !shown.contains("0123456789abcdef"), "{shown}");
}

#[test]
fn the_page_lists_each_setting_with_its_default() {
    let page = include_str!("../../docs/configuration.md");
    let rows: BTreeMap<&str, &str> = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).collect();
    for setting in settings::ALL {
        let row = rows.get(setting.name).unwrap_or_else(|| panic!("{} is not in docs/configuration.md", setting.name));
        if let Some(default) = setting.default {
            assert!(row.contains(&format!("`{default}`")), "{}: default {default}", setting.name);
        }
        assert_eq!(row.contains("**secret**"), setting.secret, "{}", setting.name);
    }
    assert_eq!(rows.len(), settings::ALL.len(), "a setting on the page does not exist");
}
