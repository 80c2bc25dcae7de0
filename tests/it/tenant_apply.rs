//! `tenant apply`: what a file makes of the database, once and again.

use salon_core::{
    ids::TenantId,
    lang::Lang,
    schedule::QuietHours,
    tenant::{
        self, Catalogue,
        apply::{self, ApplyError, Outcome, Target},
    },
};
use secrecy::ExposeSecret;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use crate::harness::{LOTOS, World, public_url, roza, tenant_file};

/// Everything a tenant has, as text, but for the job tables: to see that nothing of it changed.
async fn snapshot(owner: &mut PgConnection, tenant: TenantId) -> Vec<String> {
    let mut rows = Vec::new();
    for table in [
        "tenant",
        "tenant_mapping",
        "connection",
        "channel_account",
        "endpoint",
        "service",
        "staff",
        "staff_service",
        "audit_log",
    ] {
        let column = if table == "tenant" { "id" } else { "tenant_id" };
        let query = format!("select '{table} ' || t::text from {table} t where {column} = '{tenant}' order by 1");
        rows.extend(sqlx::query_scalar::<_, String>(AssertSqlSafe(query)).fetch_all(&mut *owner).await.unwrap());
    }
    rows
}

async fn catalogue(world: &World) -> Catalogue {
    tenant::load_catalogue(&mut world.db.tenant(world.lotos).await.unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_new_salon_is_read_back_as_its_file_says() {
    let world = World::new().await;
    let mut tx = world.db.tenant(world.lotos).await.unwrap();
    let salon = tenant::load_tenant(&mut tx).await.unwrap();
    assert_eq!((salon.slug.as_str(), salon.zone, salon.version), ("lotos", chrono_tz::Europe::Moscow, 1));
    assert_eq!((salon.languages.as_slice(), salon.cancel_until_hours), (&[Lang::Ru, Lang::En][..], 3));
    assert_eq!(salon.quiet_hours, serde_json::from_str::<QuietHours>(r#"{"start":"21:00","end":"09:00"}"#).unwrap());
    assert_eq!(salon.reminder_policy.hours_before(), Some(2));
    assert_eq!(salon.reminder_policy.day_before().unwrap().at.unwrap().to_string(), "18:00:00");

    let catalogue = tenant::load_catalogue(&mut tx).await.unwrap();
    let titles: Vec<&str> = catalogue.services.iter().map(|service| service.title(Lang::En)).collect();
    assert_eq!(titles, ["Women's haircut", "Brow bar"]);
    let masters: Vec<_> =
        catalogue.masters_of(catalogue.services[1].id).map(|(staff, event)| (staff.key.as_str(), event)).collect();
    assert_eq!(masters, [("anna", 50312), ("vera", 50314)]);
    assert_eq!(catalogue.by_event_type(50311).unwrap().1.key, "haircut");

    let calendar = tenant::calendar_account(&mut tx, &world.keyring).await.unwrap().unwrap();
    assert_eq!((calendar.account.secrets.api_key.expose_secret(), calendar.account.team_id), ("cal_live_lotos", Some(4021)));
    assert!(calendar.account.secrets.webhook_secret.expose_secret().len() >= 32);
    let crm = tenant::crm_connections(&mut tx, &world.keyring).await.unwrap().remove(0).1.unwrap();
    assert!(crm.enabled && crm.account.settings["integration_id"] == "pQ7mZkT2vXc9LrB4a");
    let audited: Vec<(String, String)> =
        sqlx::query_as("select actor, action from audit_log").fetch_all(tx.conn()).await.unwrap();
    assert_eq!(audited, [("cli".to_owned(), "tenant.created".to_owned())]);
}

#[tokio::test]
async fn applying_again_changes_nothing() {
    let world = World::new().await;
    let mut owner = world.owner().await;
    let first = world.apply(&tenant_file(LOTOS)).await;
    let before = snapshot(&mut owner, world.lotos).await;
    world.clock.advance(chrono::TimeDelta::days(1));
    let second = world.apply(&tenant_file(LOTOS)).await;
    assert_eq!((second.tenant, second.outcome, second.changes.len()), (world.lotos, Outcome::Unchanged, 0));
    assert_eq!(second.webhooks, first.webhooks);
    assert_eq!(snapshot(&mut owner, world.lotos).await, before);
}

#[tokio::test]
async fn each_account_has_an_address_that_leads_back_to_it() {
    let world = World::new().await;
    let applied = world.apply(&tenant_file(LOTOS)).await;
    let accounts: Vec<&str> = applied.webhooks.iter().map(|webhook| webhook.account.as_str()).collect();
    assert_eq!(accounts, ["calcom", "erxes", "telegram/main"]);
    for webhook in &applied.webhooks {
        let path: Vec<&str> = webhook.address.path_segments().unwrap().collect();
        let ["webhooks", kind, key] = path[..] else { panic!("{path:?}") };
        let endpoint = tenant::resolve_endpoint(&world.db, key).await.unwrap().unwrap();
        assert_eq!((endpoint.tenant, endpoint.source.as_str(), key.len()), (world.lotos, kind, 43));
        if let Target::Channel(id) = webhook.target {
            assert_eq!(endpoint.target, id.0);
        }
    }
    assert_eq!(tenant::resolve_endpoint(&world.db, "guessed").await.unwrap(), None);
}

#[tokio::test]
async fn what_changed_is_changed_and_nothing_else() {
    let world = World::new().await;
    let mut owner = world.owner().await;
    let (roza_before, old) = (snapshot(&mut owner, world.roza).await, catalogue(&world).await);
    let text = LOTOS
        .replace("minutes: 60", "minutes: 75")
        .replace("  - key: brows\n    title: Brow bar\n    minutes: 30\n", "")
        .replace("      - { service: brows, event_type_id: 50312 }\n", "")
        .replace("  - key: vera\n    name: Вера\n    services:\n      - { service: brows, event_type_id: 50314 }\n", "")
        .replace("integration_id", "enabled: false\n  integration_id");
    let applied = world.apply(&tenant_file(&text)).await;
    assert_eq!(applied.outcome, Outcome::Updated);
    let changes =
        ["erxes", "service haircut", "service brows: no longer offered", "staff vera: no longer works here", "event types"];
    assert_eq!(applied.changes, changes);

    let new = catalogue(&world).await;
    assert_eq!((new.services.len(), new.staff.len(), new.event_types()), (2, 2, vec![50311]));
    assert_eq!((new.services[0].minutes, new.services[0].id), (75, old.services[0].id));
    assert!(!new.service(old.services[1].id).unwrap().active && !new.master(old.staff[1].id).unwrap().active);
    let mut tx = world.db.tenant(world.lotos).await.unwrap();
    assert!(!tenant::crm_connections(&mut tx, &world.keyring).await.unwrap().remove(0).1.unwrap().enabled);
    assert_eq!(tenant::load_tenant(&mut tx).await.unwrap().version, 2);
    assert_eq!(snapshot(&mut owner, world.roza).await, roza_before);

    assert_eq!(world.apply(&tenant_file(LOTOS)).await.outcome, Outcome::Updated);
    assert_eq!(catalogue(&world).await, old, "what comes back is what it was, under the same ids");
}

#[tokio::test]
async fn an_event_type_may_move_to_another_master() {
    let world = World::new().await;
    let text = LOTOS.replace("50312", "0").replace("50314", "50312").replace("event_type_id: 0 ", "event_type_id: 50314 ");
    assert_eq!(world.apply(&tenant_file(&text)).await.changes, ["event types"]);
    assert_eq!(catalogue(&world).await.by_event_type(50312).unwrap().0.key, "vera");
}

#[tokio::test]
async fn a_new_token_puts_a_broken_account_back_to_work() {
    let world = World::new().await;
    let applied = world.apply(&tenant_file(LOTOS)).await;
    let Target::Channel(id) = applied.webhooks[2].target else { panic!("telegram comes last") };
    let mut tx = world.db.tenant(world.lotos).await.unwrap();
    let kept = tenant::channel_account(&mut tx, id, &world.keyring).await.unwrap().unwrap().account.secrets.webhook_secret;
    assert!(tenant::break_account(&mut tx, id, "credential (401)").await.unwrap());
    assert!(!tenant::break_account(&mut tx, id, "again").await.unwrap());
    tx.commit().await.unwrap();

    assert_eq!(world.apply(&tenant_file(LOTOS)).await.outcome, Outcome::Unchanged, "the same token is still refused");
    let text = LOTOS.replace("AAbot-lotos", "AAbot-renewed");
    assert_eq!(world.apply(&tenant_file(&text)).await.changes, ["channel telegram/main"]);
    let mut tx = world.db.tenant(world.lotos).await.unwrap();
    let account = tenant::channel_account(&mut tx, id, &world.keyring).await.unwrap().unwrap();
    assert!(account.status.is_active());
    assert_eq!(account.account.secrets.token.expose_secret(), "7000000001:AAbot-renewed");
    assert_eq!(account.account.secrets.webhook_secret.expose_secret(), kept.expose_secret());
    let mut tx = world.db.tenant(world.roza).await.unwrap();
    assert!(
        tenant::channel_account(&mut tx, id, &world.keyring).await.unwrap().is_none(),
        "another tenant's account is not there"
    );
}

#[tokio::test]
async fn a_channel_that_leaves_the_file_stops_and_one_that_returns_works() {
    let world = World::new().await;
    let other = LOTOS.replace("name: main\n    bot_token: \"7000000001:", "name: second\n    bot_token: \"7000000003:");
    let applied = world.apply(&tenant_file(&other)).await;
    let accounts: Vec<&str> = applied.webhooks.iter().map(|webhook| webhook.account.as_str()).collect();
    assert_eq!(accounts, ["calcom", "erxes", "telegram/second"]);
    let returned = world.apply(&tenant_file(LOTOS)).await;
    assert_eq!(returned.changes, ["settings", "channel telegram/main", "channel telegram/second: no longer in the tenant file"]);
    let mut tx = world.db.tenant(world.lotos).await.unwrap();
    let accounts = tenant::channel_accounts(&mut tx, &world.keyring).await.unwrap();
    let active: Vec<bool> = accounts.iter().map(|(_, account)| account.as_ref().unwrap().status.is_active()).collect();
    assert_eq!(active, [true, false]);
}

#[tokio::test]
async fn no_secret_is_readable_in_any_row() {
    let world = World::new().await;
    let applied = world.apply(&tenant_file(LOTOS)).await;
    let mut secrets = vec!["cal_live_lotos".to_owned(), "sk_erxes_lotos".to_owned(), "AAbot-lotos".to_owned()];
    let mut tx = world.db.tenant(world.lotos).await.unwrap();
    let calendar = tenant::calendar_account(&mut tx, &world.keyring).await.unwrap().unwrap();
    secrets.push(calendar.account.secrets.webhook_secret.expose_secret().to_owned());
    secrets.extend(applied.webhooks.iter().map(|webhook| webhook.address.path().rsplit('/').next().unwrap().to_owned()));
    let mut owner = world.owner().await;
    let blobs: Vec<Vec<u8>> = sqlx::query_scalar(
        "select credentials from connection union all select credentials from channel_account union all select sealed_key from endpoint",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert_eq!(blobs.len(), 12);
    let text = snapshot(&mut owner, world.lotos).await.join("\n");
    for secret in secrets {
        assert!(blobs.iter().all(|blob| !blob.windows(secret.len()).any(|part| part == secret.as_bytes())));
        assert!(!text.contains(&secret));
        assert!(!format!("{applied:?} {calendar:?}").contains(&secret));
    }
}

#[tokio::test]
async fn a_sealed_credential_opens_in_no_other_row() {
    let world = World::new().await;
    let copy = "update channel_account a set credentials = (select credentials from channel_account where tenant_id = $2) where tenant_id = $1";
    sqlx::query(copy).bind(world.roza).bind(world.lotos).execute(&mut world.owner().await).await.unwrap();
    let mut tx = world.db.tenant(world.roza).await.unwrap();
    let accounts = tenant::channel_accounts(&mut tx, &world.keyring).await.unwrap();
    assert!(accounts[0].1.as_ref().unwrap_err().to_string().contains("belongs to another row"));
}

#[tokio::test]
async fn a_team_of_another_salon_is_refused_and_nothing_changes() {
    let world = World::new().await;
    let mut owner = world.owner().await;
    let before = (snapshot(&mut owner, world.lotos).await, snapshot(&mut owner, world.roza).await);
    let greedy = roza().replace("team_id: 4022", "team_id: 4021").replace("Салон", "Другой");
    let refused = apply::apply(&world.db, &world.keyring, &tenant_file(&greedy), &public_url()).await.unwrap_err();
    assert!(matches!(refused, ApplyError::Taken { .. }));
    assert_eq!(refused.to_string(), "calcom.team_id: the team belongs to another tenant");
    assert_eq!((snapshot(&mut owner, world.lotos).await, snapshot(&mut owner, world.roza).await), before);
}

#[tokio::test]
async fn a_bot_of_another_salon_is_refused_whatever_its_token_is_now() {
    let world = World::new().await;
    let mut owner = world.owner().await;
    let before = (snapshot(&mut owner, world.lotos).await, snapshot(&mut owner, world.roza).await);
    for token in ["7000000001:AAbot-lotos", "7000000001:AAbot-renewed"] {
        let greedy = roza().replace("7000000002:AAbot-roza", token).replace("Салон", "Другой");
        let refused = apply::apply(&world.db, &world.keyring, &tenant_file(&greedy), &public_url()).await.unwrap_err();
        assert_eq!(refused.to_string(), "channels[0].bot_token: the bot belongs to another tenant");
    }
    assert_eq!((snapshot(&mut owner, world.lotos).await, snapshot(&mut owner, world.roza).await), before);

    let without = LOTOS.replace("7000000001:", "7000000003:");
    assert_eq!(world.apply(&tenant_file(&without)).await.changes, ["channel telegram/main"]);
    let taken_over = roza().replace("7000000002:", "7000000001:");
    assert_eq!(world.apply(&tenant_file(&taken_over)).await.changes, ["channel telegram/main"], "nobody's bot is free");
}

#[tokio::test]
async fn two_bots_of_a_salon_may_change_places_and_names() {
    let world = World::new().await;
    let channel =
        |name: &str, bot: u8| format!("  - kind: telegram\n    name: {name}\n    bot_token: \"700000000{bot}:AAbot\"\n");
    let with = |channels: &str| {
        let (head, tail) = LOTOS.split_once("channels:\n").unwrap();
        let (_, tail) = tail.split_once("services:\n").unwrap();
        tenant_file(&format!("{head}channels:\n{channels}services:\n{tail}"))
    };
    let steps = [
        channel("main", 1) + &channel("second", 3),
        channel("main", 3) + &channel("second", 1),
        channel("third", 1) + &channel("main", 3),
    ];
    for step in &steps {
        assert_eq!(world.apply(&with(step)).await.outcome, Outcome::Updated, "{step}");
        assert_eq!(world.apply(&with(step)).await.outcome, Outcome::Unchanged, "{step}");
    }
    let held: Vec<(String, Option<String>)> =
        sqlx::query_as("select name, external_id from channel_account where tenant_id = $1 order by name")
            .bind(world.lotos)
            .fetch_all(&mut world.owner().await)
            .await
            .unwrap();
    let held: Vec<(&str, Option<&str>)> = held.iter().map(|(name, bot)| (name.as_str(), bot.as_deref())).collect();
    assert_eq!(held, [("main", Some("7000000003")), ("second", None), ("third", Some("7000000001"))]);
}

/// A third salon with a bot, a team and a brand of its own.
fn astra() -> String {
    roza()
        .replace("roza", "astra")
        .replace("4022", "4023")
        .replace("Kd83kfLq02mNsX5tZ", "Ld83kfLq02mNsX5tZ")
        .replace("7000000002:", "7000000004:")
}

#[tokio::test]
async fn the_same_new_salon_from_eight_hands_is_one_salon() {
    let world = World::new().await;
    let file = tenant_file(&astra());
    let address = public_url();
    let hands = (0..8).map(|_| apply::apply(&world.db, &world.keyring, &file, &address));
    let done: Vec<_> = futures::future::join_all(hands).await.into_iter().map(Result::unwrap).collect();
    let created = done.iter().filter(|applied| applied.outcome == Outcome::Created).count();
    let unchanged = done.iter().filter(|applied| applied.outcome == Outcome::Unchanged).count();
    assert_eq!((created, unchanged), (1, 7));
    assert!(done.iter().all(|applied| applied.tenant == done[0].tenant && applied.webhooks == done[0].webhooks));
    let salons: Vec<Uuid> =
        sqlx::query_scalar("select id from tenant order by slug").fetch_all(&mut world.owner().await).await.unwrap();
    assert_eq!(salons, [done[0].tenant.0, world.lotos.0, world.roza.0]);
}
