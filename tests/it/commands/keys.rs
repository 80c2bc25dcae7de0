//! `salon-core keys`: a rotation from the first key to the second, with two salons.

use salon_core::{crypto::KeyRing, tenant::sealed};
use sqlx::PgConnection;

use super::*;
use crate::harness::tenant_file;

const NEW: &str = "new:CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=";

fn under(world: &World, ring: &str, args: &[&str]) -> Ran {
    let mut command = command(world, args);
    command.env("SALON_KEYRING", ring);
    run(command)
}

fn rotated() -> String {
    format!("{NEW},{KEYRING}")
}

/// What lies sealed, and in which version of its row: sealing anew is seen in both.
async fn sealed_rows(owner: &mut PgConnection) -> Vec<(String, Vec<u8>)> {
    sqlx::query_as(
        "select 'a ' || id || xmin, credentials from channel_account union all select 'c ' || id || xmin, credentials from connection
         union all select 'e ' || target_id || xmin, sealed_key from endpoint order by 1",
    )
    .fetch_all(owner)
    .await
    .unwrap()
}

#[tokio::test]
async fn after_a_rotation_nothing_needs_the_old_key() {
    let mut world = World::new().await;
    let addresses = world.apply(&tenant_file(LOTOS)).await.webhooks;
    assert_eq!(under(&world, KEYRING, &["keys", "list"]).out, "test\tseals\t12\n");
    let listed = under(&world, &rotated(), &["keys", "list"]);
    assert_eq!((listed.code, listed.out.as_str()), (0, "new\tseals\t0\ntest\topens only\t12\n"), "{}", listed.err);

    let ran = under(&world, &rotated(), &["keys", "reseal"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "test -> new\t12 sealed anew\nnew\t0 under it already\n"), "{}", ran.err);
    assert_eq!(under(&world, &rotated(), &["keys", "list"]).out, "new\tseals\t12\ntest\topens only\t0\n");

    let mut owner = world.owner().await;
    let before = sealed_rows(&mut owner).await;
    let again = under(&world, &rotated(), &["keys", "reseal"]);
    assert_eq!((again.code, again.out.as_str()), (0, "new\t12 under it already\n"), "{}", again.err);
    assert_eq!(sealed_rows(&mut owner).await, before, "what is current is not touched");
    let audited: i64 =
        sqlx::query_scalar("select count(*) from audit_log where action = 'keys.resealed'").fetch_one(&mut owner).await.unwrap();
    assert_eq!(audited, 2, "once for each salon");

    // The old key has left the ring: everything works as before, under the same addresses.
    world.keyring = KeyRing::parse(&NEW.into()).unwrap();
    let applied = world.apply(&tenant_file(LOTOS)).await;
    assert_eq!((applied.changes.as_slice(), applied.webhooks), (&[][..], addresses));
    let greedy = roza().replace("7000000002:", "7000000001:").replace("https://erxes.example.com/gateway", "http://127.0.0.1:9");
    let (_folder, path) = file(&greedy);
    let refused = under(&world, NEW, &["tenant", "apply", &path]);
    assert_eq!(refused.err, "channels[0].bot_token: the bot belongs to another tenant\n", "whose bot it is outlives the key");
    let shown = under(&world, NEW, &["tenant", "show", "roza"]);
    assert!(shown.code == 0 && !shown.out.contains("not in the ring"), "{}", shown.out);
}

#[tokio::test]
async fn a_rotation_that_was_broken_off_goes_on_where_it_was() {
    let world = World::new().await;
    let ring = KeyRing::parse(&rotated().into()).unwrap();
    let done = sealed::reseal(&world.db, &ring, world.lotos, "test").await.unwrap();
    assert_eq!((done.anew.get("test"), done.current, done.unopened.len()), (Some(&6), 0, 0));
    let mut owner = world.owner().await;
    let lotos = "select credentials from channel_account where tenant_id = $1";
    let before: Vec<u8> = sqlx::query_scalar(lotos).bind(world.lotos).fetch_one(&mut owner).await.unwrap();
    let ran = under(&world, &rotated(), &["keys", "reseal"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "test -> new\t6 sealed anew\nnew\t6 under it already\n"), "{}", ran.err);
    let after: Vec<u8> = sqlx::query_scalar(lotos).bind(world.lotos).fetch_one(&mut owner).await.unwrap();
    assert_eq!(after, before);
}

#[tokio::test]
async fn what_cannot_be_opened_is_told_and_left_as_it_is() {
    let world = World::new().await;
    let mut owner = world.owner().await;
    sqlx::query("update channel_account set credentials = '\\x00' where tenant_id = $1")
        .bind(world.roza)
        .execute(&mut owner)
        .await
        .unwrap();
    let before = sealed_rows(&mut owner).await;
    let without = under(&world, NEW, &["keys", "reseal"]);
    assert_eq!((without.code, without.out.matches("NOT sealed anew: ").count()), (1, 12), "{}", without.out);
    assert!(without.out.contains("not in the ring: \"test\"") && without.out.contains("not a sealed value"), "{}", without.out);
    assert_eq!(sealed_rows(&mut owner).await, before);
    assert_eq!(under(&world, NEW, &["keys", "list"]).out, "new\tseals\t0\n?\tNOT IN THE RING\t1\ntest\tNOT IN THE RING\t11\n");

    let with = under(&world, &rotated(), &["keys", "reseal"]);
    assert_eq!((with.code, with.out.lines().count()), (1, 3), "{}", with.out);
    assert!(with.out.contains("test -> new\t11 sealed anew"), "{}", with.out);
}

/// A new sealed column that `tenant/sealed.rs` does not know would stay under its old key, and be lost with it.
#[tokio::test]
async fn every_column_of_bytes_is_either_sealed_anew_or_not_sealed() {
    let world = World::empty().await;
    let columns: Vec<String> = sqlx::query_scalar(
        "select c.table_name || '.' || c.column_name from information_schema.columns c join pg_class p on p.oid = c.table_name::regclass
         where c.table_schema = 'public' and c.data_type = 'bytea' and not p.relispartition order by 1",
    )
    .fetch_all(&mut world.owner().await)
    .await
    .unwrap();
    let sealed = ["channel_account.credentials", "connection.credentials", "endpoint.sealed_key"];
    let in_the_open = [
        "_sqlx_migrations.checksum",
        "crm_link.told",
        "endpoint.key_hash",
        "enquiry.digest",
        "inbound_event.raw",
        "touch.code_hash",
    ];
    let mut known = [&sealed[..], &in_the_open[..]].concat();
    known.sort_unstable();
    assert_eq!(columns, known);
}
