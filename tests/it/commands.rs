//! The binary as an operator runs it: what it prints, what it changes, how it exits.

mod crm;
mod deadletter;
mod doctor;
mod keys;
mod secrets;
mod serve;

use std::process::Command;

use secrecy::ExposeSecret;
use uuid::Uuid;

use crate::harness::{KEYRING, LOTOS, World, roza};

/// How a command ended, and what it printed.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn command(world: &World, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_salon-core"));
    command
        .args(args)
        .env_clear()
        .env("SALON_ENV", "development")
        .env("DATABASE_URL", world.app_url.expose_secret())
        .env("REDIS_URL", &world.redis_url)
        .env("SALON_KEYRING", KEYRING)
        .env("SALON_PUBLIC_URL", "https://salon.example.com")
        .env("SALON_LOG_FORMAT", "text");
    for name in ["GRAPHQL", "INGRESS", "OPS"] {
        command.env(format!("SALON_{name}_ADDR"), "127.0.0.1:0");
    }
    command
}

pub(crate) fn run(mut command: Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// The same with nobody at the other end of its standard output.
fn run_unread(mut command: Command) -> Ran {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    command.stdout(writer);
    run(command)
}

/// A salon whose vendors all refuse the connection.
fn unreachable_salon() -> (tempfile::TempDir, String) {
    let text = roza()
        .replace("roza", "astra")
        .replace("4022", "4023")
        .replace("Kd83kfLq02mNsX5tZ", "Ld83kfLq02mNsX5tZ")
        .replace("7000000002:", "7000000004:")
        .replace("https://api.cal.com", "http://127.0.0.1:9")
        .replace("https://erxes.example.com/gateway", "http://127.0.0.1:9")
        .replace("    name: main\n", "    name: main\n    base_url: http://127.0.0.1:9\n");
    file(&text)
}

/// A tenant file on disk.
pub(crate) fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("salon.yaml");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

async fn salons(world: &World) -> Vec<String> {
    sqlx::query_scalar("select slug from tenant order by slug").fetch_all(&mut world.owner().await).await.unwrap()
}

#[tokio::test]
async fn a_wrong_configuration_exits_with_2_and_says_everything() {
    let world = World::new().await;
    let mut wrong = command(&world, &["doctor"]);
    wrong.env("SALON_ENV", "production").env("STRICT_WEBHOOK_SIGNATURE", "false").env("SALON_KEYRING", "k1:hidden");
    let ran = run(wrong);
    let names: Vec<&str> = ran.err.lines().filter_map(|line| line.split(':').next()).collect();
    assert_eq!((ran.code, names), (2, vec!["SALON_KEYRING", "SALON_ROUTER_SECRET", "STRICT_WEBHOOK_SIGNATURE"]), "{}", ran.err);
    assert!(!ran.err.contains("hidden") && ran.out.is_empty());
    assert_eq!(run(command(&world, &["no-such-command"])).code, 2);
}

#[tokio::test]
async fn migrate_needs_only_the_owners_address_and_can_be_repeated() {
    let world = World::new().await;
    let mut migrate = Command::new(env!("CARGO_BIN_EXE_salon-core"));
    migrate.arg("migrate").env_clear().env("DATABASE_ADMIN_URL", world.admin_url.expose_secret());
    let ran = run(migrate);
    assert_eq!((ran.code, ran.out.as_str()), (0, "the schema is up to date\n"), "{}", ran.err);
}

#[tokio::test]
async fn apply_prints_the_addresses_and_the_second_time_the_same_ones() {
    let world = World::new().await;
    let (_folder, path) = unreachable_salon();
    let first = run(command(&world, &["tenant", "apply", &path]));
    assert_eq!(first.code, 0, "{}", first.err);
    assert!(first.out.starts_with("astra created\n"), "{}", first.out);
    let addresses =
        |out: &str| -> Vec<String> { out.lines().filter(|line| line.contains("webhook of")).map(str::to_owned).collect() };
    assert!(addresses(&first.out).iter().any(|line| line.contains("https://salon.example.com/webhooks/telegram/")));
    let second = run(command(&world, &["tenant", "apply", &path]));
    assert!(second.out.starts_with("astra unchanged\n"), "{}", second.out);
    assert_eq!(addresses(&second.out), addresses(&first.out));

    let shown = run(command(&world, &["tenant", "show", "astra"]));
    assert_eq!(shown.code, 0, "{}", shown.err);
    for line in
        ["zone: Europe/Moscow", "staff anna: Анна, haircut=60311 brows=60312", "channel telegram/main: active", "clients: 0"]
    {
        assert!(shown.out.contains(line), "{line}: {}", shown.out);
    }
    let shown_addresses: Vec<String> =
        shown.out.lines().filter(|line| line.starts_with("webhook of")).map(|line| format!("  {line}")).collect();
    assert_eq!(shown_addresses, addresses(&first.out), "each under the name of its account");
    for secret in ["AAbot", "cal_live", "sk_erxes"] {
        assert!(!format!("{}{}{}", first.out, shown.out, shown.err).contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_no_command_before_its_work_is_done() {
    let world = World::new().await;
    let (_folder, path) = unreachable_salon();
    let all: [(&[&str], i32); 8] = [
        (&["tenant", "apply", &path], 0),
        (&["tenant", "apply", &path, "--register"], 1),
        (&["tenant", "show", "astra"], 0),
        (&["deadletter", "list"], 0),
        (&["deadletter", "replay", "--all"], 0),
        (&["unaccounted"], 0),
        (&["schema"], 0),
        (&["--help"], 0),
    ];
    for (args, code) in all {
        let ran = run_unread(command(&world, args));
        assert_eq!((ran.code, ran.err.contains("panicked")), (code, false), "{args:?}: {}", ran.err);
    }
    assert_eq!(salons(&world).await, ["astra", "lotos", "roza"]);
    // A disk that is full; macOS has no such file.
    if let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") {
        let mut lost = command(&world, &["schema"]);
        lost.stdout(full);
        let ran = run(lost);
        assert!(ran.code == 1 && ran.err.starts_with("standard output: "), "{} {}", ran.code, ran.err);
    }
}

#[tokio::test]
async fn a_vendor_that_refuses_to_register_is_named_and_the_apply_stays() {
    let world = World::new().await;
    let (_folder, path) = unreachable_salon();
    let ran = run(command(&world, &["tenant", "apply", &path, "--register"]));
    assert_eq!(ran.code, 1, "{}", ran.err);
    for account in ["calcom", "telegram/main"] {
        assert!(ran.out.contains(&format!("NOT registered: {account}: ")), "{}", ran.out);
    }
    assert_eq!(salons(&world).await, ["astra", "lotos", "roza"]);
}

#[tokio::test]
async fn a_wrong_file_changes_nothing() {
    let world = World::new().await;
    let (folder, path) = unreachable_salon();
    std::fs::write(&path, LOTOS.replace("Europe/Moscow", "Europe/Moskau").replace("minutes: 60", "minutes: 0")).unwrap();
    let ran = run(command(&world, &["tenant", "apply", &path]));
    assert_eq!((ran.code, ran.err.lines().count()), (2, 2), "{}", ran.err);
    assert_eq!(run(command(&world, &["tenant", "apply", folder.path().join("none").to_str().unwrap()])).code, 2);
    std::fs::write(
        &path,
        roza().replace("7000000002:", "7000000001:").replace("https://erxes.example.com/gateway", "http://127.0.0.1:9"),
    )
    .unwrap();
    let ran = run(command(&world, &["tenant", "apply", &path]));
    assert_eq!((ran.code, ran.err.as_str()), (2, "channels[0].bot_token: the bot belongs to another tenant\n"));
    let zone: String =
        sqlx::query_scalar("select zone from tenant where slug = 'lotos'").fetch_one(&mut world.owner().await).await.unwrap();
    assert_eq!((zone.as_str(), salons(&world).await.len()), ("Europe/Moscow", 2));
}

#[tokio::test]
async fn unaccounted_is_the_exit_code() {
    let world = World::new().await;
    let ran = run(command(&world, &["unaccounted"]));
    assert_eq!((ran.code, ran.out.lines().count()), (0, 1), "{}", ran.err);
    assert!(ran.out.starts_with("nothing is unaccounted for"), "{}", ran.out);
    let lost =
        "insert into inbound_event (id, tenant_id, source, source_id, vendor_event_id, kind, event, raw, state, received_at)
                values ($1, $2, 'telegram', $1, '1', 'text', '{}', '', 'received', now())";
    sqlx::query(lost).bind(Uuid::from_u128(7)).bind(world.lotos).execute(&mut world.owner().await).await.unwrap();
    let ran = run(command(&world, &["unaccounted"]));
    assert_eq!((ran.code, ran.out.as_str()), (1, "inbound_event\t1\nunaccounted\t1\n"));
}
