//! `salon-core doctor`.

use sqlx::AssertSqlSafe;

use super::*;

/// Runs it, and checks that each of `lines` is printed. A line with its remedy is one.
fn doctor(world: &World, settings: &[(&str, &str)], lines: &[&str]) -> Ran {
    let mut command = command(world, &["doctor"]);
    command.envs(settings.iter().copied());
    let ran = run(command);
    for line in lines {
        assert!(ran.out.contains(line), "{line}:\n{}{}", ran.out, ran.err);
    }
    ran
}

async fn change(world: &World, statement: &str) {
    sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut world.owner().await).await.unwrap();
}

#[tokio::test]
async fn it_tells_what_works_and_what_to_do() {
    let world = World::new().await;
    change(&world, "update channel_account set status = 'broken', broken_reason = 'credential (401)'").await;
    change(&world, "update connection set base_url = 'http://127.0.0.1:9'").await;
    let lines = [
        "OK    configuration: complete, development",
        "OK    database: reached",
        "OK    database role: owns nothing",
        "OK    migrations: none pending",
        "OK    DATABASE_ADMIN_URL: reached",
        "OK    redis: reached",
        "FAIL  lotos telegram/main: stopped: credential (401)\n      -> put credentials",
        "FAIL  lotos calcom: retry (not_sent)\n      -> check that its base_url is right",
        "FAIL  roza erxes: ",
        "OK    key \"test\": seals what is written; 12 stored values lie under it",
        "6 to be done",
    ];
    let ran = doctor(&world, &[("DATABASE_ADMIN_URL", world.admin_url.expose_secret())], &lines);
    assert_eq!(ran.code, 1);

    let as_owner = [("DATABASE_URL", world.admin_url.expose_secret())];
    doctor(&world, &as_owner, &["FAIL  database role: ", "\n      -> let DATABASE_URL name the role `salon_app`"]);
    doctor(&world, &[("REDIS_URL", "redis://127.0.0.1:9")], &["FAIL  redis: "]);
    doctor(&world, &[("REDIS_URL", "")], &["NOTE  redis: REDIS_URL is not set"]);
}

/// Without the owner's address, what the application's own role can see is looked at.
#[tokio::test]
async fn migrations_are_looked_at_with_and_without_the_owners_address() {
    let world = World::empty().await;
    let sound =
        doctor(&world, &[], &["OK    migrations: none pending", "NOTE  salons: there is none yet", "everything is in order"]);
    assert_eq!(sound.code, 0, "{}", sound.out);
    let elsewhere = world.admin_url.expose_secret().replace("/it_", "/postgres?application_name=it_");
    doctor(
        &world,
        &[("DATABASE_ADMIN_URL", &elsewhere)],
        &["OK    migrations: none", "FAIL  DATABASE_ADMIN_URL: ", "the same database"],
    );
    let unreachable = [("DATABASE_ADMIN_URL", "postgres://salon_owner@127.0.0.1:9/salon")];
    doctor(&world, &unreachable, &["OK    migrations: none", "FAIL  DATABASE_ADMIN_URL: "]);

    change(&world, "delete from _sqlx_migrations where version = (select max(version) from _sqlx_migrations)").await;
    let unnamed =
        doctor(&world, &[], &["FAIL  migrations: the schema is older than this program\n      -> run `salon-core migrate`"]);
    assert_eq!(unnamed.code, 1);
    let named = [("DATABASE_ADMIN_URL", world.admin_url.expose_secret())];
    doctor(&world, &named, &["FAIL  migrations: 00", "\n      -> run `salon-core migrate`", "OK    DATABASE_ADMIN_URL"]);
}

#[tokio::test]
async fn a_missing_key_is_named_and_an_idle_one_may_go() {
    let world = World::new().await;
    let new = "new:CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=";
    let both = format!("{new},{KEYRING}");
    let back = "\n      -> put the key \"test\" back into SALON_KEYRING, behind the first";
    let stopped = |what: &str| format!("FAIL  {what}: credential: sealed under a key that is not in the ring: \"test\"{back}");
    let lines = [
        &stopped("lotos telegram/main"),
        &stopped("lotos calcom"),
        &stopped("roza erxes"),
        &stopped("roza address of telegram/main"),
        "FAIL  key \"test\": not in SALON_KEYRING, and 12 stored values lie under it\n      -> put it back, behind the first",
    ];
    doctor(&world, &[("SALON_KEYRING", new)], &lines);
    let rotating = "NOTE  key \"test\": 12 stored values lie under it; `salon-core keys reseal` puts them under \"new\"";
    doctor(&world, &[("SALON_KEYRING", &both)], &["OK    key \"new\": seals what is written; 0 stored values", rotating]);
    let mut reseal = command(&world, &["keys", "reseal"]);
    reseal.env("SALON_KEYRING", &both);
    assert_eq!(run(reseal).code, 0);
    let rotated = "NOTE  key \"test\": seals nothing any more: it may leave SALON_KEYRING";
    doctor(&world, &[("SALON_KEYRING", &both)], &[rotated, "12 stored values lie under it"]);
}

#[tokio::test]
async fn a_damaged_salon_hides_no_other_and_a_channel_taken_away_is_no_fault() {
    let world = World::new().await;
    change(&world, "update tenant set zone = 'Nowhere' where slug = 'lotos'").await;
    change(&world, "update connection set base_url = 'http://127.0.0.1:9'").await;
    change(&world, "update channel_account set status = 'broken', broken_reason = 'no longer in the tenant file'").await;
    let damaged =
        format!("FAIL  salon {}: stored tenant.zone can't be read\n      -> something other than salon-core", world.lotos);
    let lines =
        [&damaged, "NOTE  roza telegram/main: out of use: no longer in the tenant file", "FAIL  roza calcom: ", "3 to be done"];
    assert_eq!(doctor(&world, &[], &lines).code, 1);
}
