//! `salon-core crm`, and what `tenant apply` asks the CRMs first; against the vendors' stand-ins.

use salon_core::{
    crm::Wish,
    ids::{ClientId, ConnectionId, IntentId},
    store::Tx,
    tenant,
};
use salon_sandbox::{
    Options, Sandbox, Scenario,
    fault::{Fault, Target},
};
use serde_json::{Value, json};

use super::*;
use crate::harness::tenant_file;

const CODE: &str = "s3cr3tc0de";
const ANNA: u128 = 0xA11A;

async fn sandbox() -> Sandbox {
    let portal = json!({
        "users": [{"id": 1, "name": "Olga", "admin": true}, {"id": 2, "name": "Vera"}],
        "webhooks": [{"user": 1, "code": CODE, "scopes": ["crm", "user_brief", "userfieldconfig"]},
                     {"user": 2, "code": "0rdinary", "scopes": ["crm", "user_brief", "userfieldconfig"]}],
        "apps": [{"client_id": "app.1", "client_secret": "appsecret", "user": 1, "scopes": ["crm", "user_brief"],
                  "access_token": "unused1", "refresh_token": "unused2"}],
        "records": {"contacts": [{"id": 7, "name": "Anna", "fm": [{"typeId": "PHONE", "valueType": "MOBILE", "value": "+79001234567"}]},
                                 {"id": 8, "name": "Anna", "fm": [{"typeId": "PHONE", "valueType": "MOBILE", "value": "+79001234567"}]}]},
    });
    let erxes = json!({
        "appTokens": [{"_id": "app1", "name": "salon-core", "token": "sk_right"}],
        "brands": [{"_id": "b1", "name": "Salon"}], "channels": [{"_id": "ch1", "name": "Salon"}],
        "integrations": [{"_id": "i1", "kind": "messenger", "name": "Salon", "channelId": "ch1", "brandId": "b1"}],
    });
    let seed = [("bitrix24".to_owned(), portal), ("erxes".to_owned(), erxes)].into();
    Sandbox::start(Options { scenario: Scenario { seed }, ..Options::default() }).await.unwrap()
}

/// The salon's file with these sections in place of its CRM's.
fn salon(text: &str, sections: &str) -> String {
    let (begin, end) = (text.find("erxes:").unwrap(), text.find("calcom:").unwrap());
    format!("{}{sections}{}", &text[..begin], &text[end..])
}

/// A section for the portal, let in by `access`.
fn portal(sandbox: &Sandbox, access: &str) -> String {
    let base = format!("{}/bitrix24", sandbox.base_url);
    format!("bitrix24:\n  base_url: {base}\n  oauth_url: {base}\n  responsible_id: 1\n{access}")
}

fn hook(code: &str, user: i64) -> String {
    format!("  user_id: {user}\n  webhook_code: {code}\n")
}

fn erxes(base: &str, token: &str) -> String {
    format!("erxes:\n  base_url: {base}\n  integration_id: i1\n  brand_id: b1\n  app_token: {token}\n")
}

fn apply(world: &World, text: &str, options: &[&str]) -> Ran {
    let (_folder, path) = file(text);
    run(command(world, &[&["tenant", "apply", &path], options].concat()))
}

fn crm(world: &World, args: &[&str]) -> Ran {
    run(command(world, &[&["crm"], args].concat()))
}

/// Both salons have the portal, and lotos a client Anna, who could be two of its contacts.
async fn parked(sandbox: &Sandbox) -> (World, ClientId, ConnectionId) {
    let mut world = World::empty().await;
    let section = portal(sandbox, &hook(CODE, 1));
    world.lotos = world.apply(&tenant_file(&salon(LOTOS, &section))).await.tenant;
    world.roza = world.apply(&tenant_file(&salon(&roza(), &section))).await.tenant;
    let mut owner = world.owner().await;
    let client = ClientId(Uuid::from_u128(ANNA));
    sqlx::query("insert into client (id, tenant_id, name, phone, phone_verified, created_at, updated_at) values ($1, $2, 'Anna', '+79001234567', true, now(), now())")
        .bind(client.0)
        .bind(world.lotos)
        .execute(&mut owner)
        .await
        .unwrap();
    let connection: ConnectionId = sqlx::query_scalar("select id from connection where tenant_id = $1 and kind = 'bitrix24'")
        .bind(world.lotos)
        .fetch_one(&mut owner)
        .await
        .unwrap();
    let mut tx: Tx = world.db.tenant(world.lotos).await.unwrap();
    tx.tell_crm(Wish::EnsureClient, client.0, 1, client).await.unwrap();
    let intent: IntentId = sqlx::query_scalar("select id from crm_intent").fetch_one(tx.conn()).await.unwrap();
    tx.park_intent(intent, client, &["7".to_owned(), "8".to_owned()]).await.unwrap();
    tx.commit().await.unwrap();
    (world, client, connection)
}

async fn states(world: &World) -> Vec<(String, String)> {
    sqlx::query_as("select kind, state from crm_intent order by id").fetch_all(&mut world.owner().await).await.unwrap()
}

async fn link(world: &World, client: ClientId) -> Option<String> {
    let sql = "select their_id from crm_link where our_id = $1 and entity = 'client'";
    sqlx::query_scalar(sql).bind(client.0).fetch_optional(&mut world.owner().await).await.unwrap()
}

async fn audited(world: &World, action: &str) -> Vec<Value> {
    let sql = "select detail from audit_log where action = $1";
    sqlx::query_scalar(sql).bind(action).fetch_all(&mut world.owner().await).await.unwrap()
}

fn contacts(sandbox: &Sandbox) -> usize {
    sandbox.bitrix24.snapshot()["contacts"].as_array().unwrap().len()
}

#[tokio::test]
async fn missing_fields_are_told_and_made() {
    let (sandbox, world) = (sandbox().await, World::empty().await);
    let ordinary = salon(LOTOS, &portal(&sandbox, &hook("0rdinary", 2)));
    let ran = apply(&world, &ordinary, &[]);
    let remedy = "`salon-core crm fields lotos --crm bitrix24 --create` makes them";
    assert!(ran.code == 0 && ran.out.contains("UF_CRM_SALON_CHANNEL") && ran.out.contains(remedy), "{}{}", ran.out, ran.err);

    let ran = crm(&world, &["fields", "lotos"]);
    assert!(ran.code == 1 && ran.out.contains("  client.channel\tUF_CRM_SALON_CHANNEL\tMISSING\n"), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("  client.external_id\toriginId\tthere\n"), "{}", ran.out);
    let ran = crm(&world, &["fields", "lotos", "--create"]);
    assert!(ran.code == 1 && ran.out.contains("NOT made: bitrix24 refuses: permanent (access_denied)"), "{}{}", ran.out, ran.err);

    assert_eq!(apply(&world, &salon(LOTOS, &portal(&sandbox, &hook(CODE, 1))), &[]).code, 0);
    let ran = crm(&world, &["fields", "lotos", "--crm", "bitrix24", "--create"]);
    assert!(ran.code == 0 && ran.out.contains("  made: UF_CRM_SALON_CHANNEL, "), "{}{}", ran.out, ran.err);
    assert!(!ran.out.contains("MISSING"), "{}", ran.out);
    let ran = crm(&world, &["fields", "lotos", "--create"]);
    assert!(ran.code == 0 && ran.out.contains("nothing to be made"), "{}", ran.out);
    let ran = apply(&world, &ordinary, &[]);
    assert!(ran.code == 0 && !ran.out.contains("to be seen to"), "{}", ran.out);
    for (which, why) in [(&["nobody"][..], "there is no salon nobody"), (&["lotos", "--crm", "erxes"], "lotos has no erxes")] {
        let ran = crm(&world, &[&["fields"], which].concat());
        assert!(ran.code == 2 && ran.err.starts_with(why), "{}", ran.err);
    }
}

#[tokio::test]
async fn a_preview_writes_nothing() {
    let sandbox = sandbox().await;
    let (world, client, _) = parked(&sandbox).await;
    let ran = crm(&world, &["preview", "lotos"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in ["MADE UP", "\"EXAMPLE\"", "client: {", "enquiry: {", "visit: {", "problem: client.channel: there is no field "] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    let id = client.to_string();
    let ran = crm(&world, &["preview", "lotos", "--client", &id]);
    assert!(ran.code == 0 && ran.out.contains("+79001234567") && !ran.out.contains("visit"), "{}{}", ran.out, ran.err);
    let ran = crm(&world, &["preview", "roza", "--client", &id]);
    assert_eq!((ran.code, ran.err), (2, format!("there is no client {id}\n")), "another salon's");
    let booking = Uuid::from_u128(5).to_string();
    let ran = crm(&world, &["preview", "lotos", "--booking", &booking]);
    assert_eq!((ran.code, ran.err), (2, format!("there is no booking {booking}\n")));
    let written = sandbox.world.ledger.entries().into_iter().filter(|entry| entry.operation.contains("add")).count();
    assert_eq!((contacts(&sandbox), written), (2, 0));
}

#[tokio::test]
async fn a_person_says_which_record_a_client_is() {
    let sandbox = sandbox().await;
    let (world, client, connection) = parked(&sandbox).await;
    let id = client.to_string();
    let ran = crm(&world, &["parked", "lotos"]);
    assert_eq!((ran.code, ran.out), (0, format!("{id}\tbitrix24\tcould be 7, 8\t1 to be told\n")), "{}", ran.err);
    assert_eq!(crm(&world, &["parked", "roza"]).out, "no client waits for a decision\n");

    let other = Uuid::from_u128(9);
    let mut tx = world.db.tenant(world.lotos).await.unwrap();
    tx.set_link(connection, "client", other, "8", None).await.unwrap();
    tx.commit().await.unwrap();
    let refused: [(&str, &[&str], String); 4] = [
        ("roza", &["--record", "7"], format!("no client {id} of roza waits for a decision")),
        ("lotos", &["--record", "99"], "bitrix24 has no client 99".to_owned()),
        ("lotos", &["--record", "8"], format!("8 is the client {other} already")),
        ("lotos", &["--record", "7", "--new"], "error: ".to_owned()),
    ];
    for (slug, decision, why) in refused {
        let ran = crm(&world, &[&["link", slug, "--client", &id], decision].concat());
        assert!(ran.code == 2 && ran.err.starts_with(&why), "{why}: {}", ran.err);
    }
    assert_eq!((link(&world, client).await, states(&world).await[0].1.as_str()), (None, "parked"));

    let ran = crm(&world, &["link", "lotos", "--client", &id, "--record", "7"]);
    assert_eq!((ran.code, ran.out), (0, format!("{id} is 7 in bitrix24; 1 that waited are told\n")), "{}", ran.err);
    assert_eq!(link(&world, client).await.as_deref(), Some("7"));
    let pending = ("ensure_client".to_owned(), "pending".to_owned());
    assert_eq!(states(&world).await, [pending.clone(), pending], "what waited, and our id for the record");
    assert_eq!(contacts(&sandbox), 2);
    assert_eq!(audited(&world, "crm.linked").await, [json!({"crm": "bitrix24", "record": "7", "made": false, "told": 1})]);
    assert_eq!(crm(&world, &["link", "lotos", "--client", &id, "--record", "7"]).code, 2, "it is decided");
}

#[tokio::test]
async fn a_person_says_that_a_client_is_none_of_them() {
    let sandbox = sandbox().await;
    let (world, client, _) = parked(&sandbox).await;
    let id = client.to_string();
    let ran = crm(&world, &["link", "lotos", "--client", &id, "--new"]);
    assert!(ran.code == 0 && ran.out.contains("made for them"), "{}{}", ran.out, ran.err);
    let snapshot = sandbox.bitrix24.snapshot();
    let made = snapshot["contacts"].as_array().unwrap().last().unwrap();
    assert_eq!((contacts(&sandbox), made["originId"].as_str()), (3, Some(id.as_str())), "{made}");
    assert_eq!(link(&world, client).await, made["id"].as_i64().map(|id| id.to_string()));
    assert!(states(&world).await.iter().all(|(_, state)| state == "pending"));
    assert_eq!(audited(&world, "crm.linked").await[0]["made"], true);
}

#[tokio::test]
async fn a_login_is_stored_and_mends_the_connection() {
    let (sandbox, world) = (sandbox().await, World::empty().await);
    let text = salon(LOTOS, &portal(&sandbox, "  client_id: app.1\n  client_secret: appsecret\n"));
    let ran = apply(&world, &text, &[]);
    let first = "bitrix24: nobody has logged in yet: `salon-core crm login lotos --crm bitrix24`";
    assert!(ran.code == 0 && ran.out.contains(first), "{}{}", ran.out, ran.err);
    let mut owner = world.owner().await;
    sqlx::query("update connection set status = 'broken', broken_reason = 'x' where kind = 'bitrix24'")
        .execute(&mut owner)
        .await
        .unwrap();

    let ran = crm(&world, &["login", "lotos", "--crm", "bitrix24"]);
    assert!(ran.code == 0 && ran.out.contains("/oauth/authorize/?client_id=app.1\n"), "{}{}", ran.out, ran.err);
    let ran = crm(&world, &["login", "lotos", "--crm", "bitrix24", "--code", "wrong"]);
    assert_eq!((ran.code, ran.err.as_str()), (1, "bitrix24 gives no access: credential (invalid_grant)\n"));
    let code = sandbox.bitrix24.act(&json!({"do": "authorize", "client_id": "app.1"})).unwrap();
    let code = code["code"].as_str().unwrap().to_owned();
    let ran = crm(&world, &["login", "lotos", "--crm", "bitrix24", "--code", &code]);
    assert!(
        ran.code == 0 && ran.out.starts_with("logged in to bitrix24; we are an application of user 1\n"),
        "{}{}",
        ran.out,
        ran.err
    );
    let status: String =
        sqlx::query_scalar("select status from connection where kind = 'bitrix24'").fetch_one(&mut owner).await.unwrap();
    assert_eq!((status.as_str(), audited(&world, "crm.login").await.len()), ("active", 1));
    let ran = apply(&world, &text, &[]);
    assert!(
        ran.out.starts_with("lotos unchanged\n") && !ran.out.contains("logged in"),
        "the login is used: {}{}",
        ran.out,
        ran.err
    );

    // An hour later the access token has run out, and who looks renews it.
    sandbox.world.advance(chrono::TimeDelta::hours(2));
    let ran = apply(&world, &text, &[]);
    assert!(ran.code == 0 && ran.out.contains("crm fields lotos"), "{}{}", ran.out, ran.err);
    assert_eq!(sandbox.bitrix24.snapshot()["renewals"], 1);
    assert_eq!(crm(&world, &["fields", "lotos", "--create"]).code, 0);
    assert_eq!(sandbox.bitrix24.snapshot()["renewals"], 1, "the new one was stored");
}

#[tokio::test]
async fn a_file_that_a_crm_refuses_is_not_stored() {
    let (sandbox, world) = (sandbox().await, World::empty().await);
    let right = hook(CODE, 1);
    let nowhere = portal(&sandbox, &right).replace("/bitrix24\n", "/no/such\n");
    let fields = "  fields: { client: { channel: NO_SUCH, last_referral: name } }\n";
    let wrong = [
        (portal(&sandbox, &hook("wr0ng", 1)), "bitrix24: must be let in and have its rights; bitrix24 answers credential (", 1),
        (nowhere, "bitrix24.base_url: must be the address of bitrix24; what is there answers retry (not_found)\n", 1),
        (
            portal(&sandbox, &format!("{right}{fields}")),
            "bitrix24.fields.client.channel: must be a field that bitrix24 has; it has no NO_SUCH\n",
            1,
        ),
        (portal(&sandbox, &right).replace("responsible_id: 1", "responsible_id: 99"), "bitrix24: there is no user 99\n", 1),
        (
            portal(&sandbox, &format!("{right}  source_id: NONE\n  stages: {{ planned: NONE }}\n")),
            "bitrix24: source_id: there is no source \"NONE\"\n",
            2,
        ),
        (
            erxes(&sandbox.base_url, "sk_wrong"),
            "erxes: must be let in and have its rights; erxes answers credential (app_token)\n",
            1,
        ),
        (
            erxes(&sandbox.base_url, "sk_right").replace("i1", "i2"),
            "erxes: must be let in and have its rights; erxes answers credential (integration_not_found)\n",
            1,
        ),
        (
            erxes(&format!("{}/gateway", sandbox.base_url), "sk_right"),
            "erxes.base_url: must be the address of erxes; what is there answers retry (not_found)\n",
            1,
        ),
    ];
    for (section, why, lines) in wrong {
        let ran = apply(&world, &salon(LOTOS, &section), &[]);
        assert_eq!(
            (ran.code, ran.err.starts_with(why), ran.err.lines().count()),
            (2, true, lines),
            "{why}: {}{}",
            ran.out,
            ran.err
        );
        assert!(!ran.err.contains("wr0ng") && !ran.err.contains("sk_"), "{}", ran.err);
    }
    let (_folder, path) = file(&salon(LOTOS, &portal(&sandbox, &right)));
    let mut strict = command(&world, &["tenant", "apply", &path]);
    strict.env("SALON_ALLOW_PRIVATE_VENDORS", "false");
    let ran = run(strict);
    assert!(ran.code == 2 && ran.err.starts_with("bitrix24.base_url: "), "{}", ran.err);
    assert!(salons(&world).await.is_empty());

    let ran = apply(&world, &salon(LOTOS, &portal(&sandbox, &hook("wr0ng", 1))), &["--unchecked"]);
    assert_eq!((ran.code, salons(&world).await), (0, vec!["lotos".to_owned()]), "{}", ran.err);
    assert_eq!(apply(&world, &salon(LOTOS, &erxes(&sandbox.base_url, "sk_right")), &[]).code, 0);
    let switched_off = portal(&sandbox, &format!("{}  enabled: false\n", hook("wr0ng", 1)));
    assert_eq!(apply(&world, &salon(LOTOS, &switched_off), &[]).code, 0, "what is not used is not asked");
}

#[tokio::test]
async fn a_crm_that_is_away_hinders_no_file() {
    let (sandbox, world) = (sandbox().await, World::empty().await);
    let away = |fault: Fault| {
        let target = Target { vendor: "bitrix24".to_owned(), operation: "*".to_owned() };
        sandbox.world.faults.plan(target, &fault, 1);
    };
    let text = salon(LOTOS, &portal(&sandbox, &hook(CODE, 1)));
    for fault in [Fault::Status { code: 503 }, Fault::RateLimit { retry_after: 5 }, Fault::DropAfterCommit] {
        away(fault);
        let ran = apply(&world, &text, &[]);
        assert!(ran.code == 0 && ran.out.contains("to be seen to: bitrix24 NOT checked, it is away: "), "{}{}", ran.out, ran.err);
    }
    assert_eq!(salons(&world).await, ["lotos"]);
}

#[tokio::test]
async fn doctor_tells_what_a_crm_was_not_told() {
    let sandbox = sandbox().await;
    let (world, _, connection) = parked(&sandbox).await;
    sqlx::query("insert into crm_intent (id, tenant_id, connection_id, kind, subject_id, subject_version, state, created_at, updated_at) values ($1, $2, $3, 'record_booking', $1, 1, 'failed', now(), now())")
        .bind(Uuid::from_u128(77))
        .bind(world.lotos)
        .bind(connection)
        .execute(&mut world.owner().await)
        .await
        .unwrap();
    let ran = run(command(&world, &["doctor"]));
    for line in [
        "OK    lotos bitrix24: answers; we are an inbound webhook of user 1\n",
        "NOTE  lotos bitrix24 webhooks: none is registered",
        "FAIL  lotos bitrix24 fields: client.channel: there is no field UF_CRM_SALON_CHANNEL\n",
        "NOTE  lotos bitrix24: clients who could be several records: 1; `salon-core crm parked lotos` names them\n",
        "NOTE  lotos bitrix24: 1 never told, 0 of which nobody knows\n",
    ] {
        assert!(ran.out.contains(line), "{line}: {}", ran.out);
    }
    assert!(!ran.out.contains("NOTE  roza bitrix24: clients who"), "{}", ran.out);
    assert_eq!(crm(&world, &["drift", "lotos"]).out, "nothing was found to differ within 7 days\n");
    let entity = (salon_core::crm::Entity::Booking, Uuid::from_u128(1), "5");
    let mut tx = world.db.tenant(world.lotos).await.unwrap();
    tx.note_drift(connection, entity, "start", salon_core::crm::Repair::ToldAgain).await.unwrap();
    tx.commit().await.unwrap();
    sqlx::query("update crm_drift set seen_at = now()").execute(&mut world.owner().await).await.unwrap();
    let ran = crm(&world, &["drift", "lotos", "--days", "1"]);
    assert!(ran.out.starts_with("bitrix24\tbooking\tstart\ttold_again\t1\tlast "), "{}{}", ran.out, ran.err);
    assert_eq!(crm(&world, &["drift", "roza"]).out, "nothing was found to differ within 7 days\n");
    assert_eq!(crm(&world, &["drift", "lotos", "--days", "31"]).code, 2);
}

/// Paid again, let through a firewall again: the file has not changed, and neither has the credential.
#[tokio::test]
async fn a_connection_that_is_mended_at_the_vendor_goes_on_once_it_is_registered() {
    let sandbox = sandbox().await;
    let (world, _, connection) = parked(&sandbox).await;
    let mut owner = world.owner().await;
    for put_off in [
        "update crm_intent set state = 'pending', candidates = '{}'",
        "update job set state = 0, run_at = now() + interval '1 day', last_error = 'put off' where kind = 'sync_crm'",
    ] {
        assert_eq!(sqlx::query(put_off).execute(&mut owner).await.unwrap().rows_affected(), 1, "{put_off}");
    }
    let mut tx = world.db.tenant(world.lotos).await.unwrap();
    tenant::break_connection(&mut tx, connection, "credential (payment_required)").await.unwrap();
    tx.commit().await.unwrap();
    let look = async || {
        let sql = "select c.status, (select run_at <= now() from job where kind = 'sync_crm') from connection c where c.id = $1";
        let mut owner = world.owner().await;
        sqlx::query_as::<_, (String, bool)>(sql).bind(connection).fetch_one(&mut owner).await.unwrap()
    };
    let text = salon(LOTOS, &portal(&sandbox, &hook(CODE, 1)));
    let target = Target { vendor: "bitrix24".to_owned(), operation: "*".to_owned() };
    sandbox.world.faults.plan(target, &Fault::Status { code: 401 }, 1);
    let ran = apply(&world, &text, &["--register", "--unchecked"]);
    assert!(ran.out.contains("  NOT registered: bitrix24: credential"), "{}{}", ran.out, ran.err);
    assert_eq!(look().await, ("broken".to_owned(), false));
    let ran = apply(&world, &text, &["--register", "--unchecked"]);
    assert!(ran.out.contains("  to be made by hand, as docs/crm.md says: bitrix24\n"), "{}{}", ran.out, ran.err);
    assert!(!ran.out.contains("registered: bitrix24"), "{}", ran.out);
    assert_eq!(look().await, ("active".to_owned(), true), "and what was put off need not wait");

    // The same where the file itself mends it.
    let put_off = "update job set state = 0, run_at = now() + interval '1 day' where kind = 'sync_crm'";
    sqlx::query(put_off).execute(&mut owner).await.unwrap();
    let mut tx = world.db.tenant(world.lotos).await.unwrap();
    tenant::break_connection(&mut tx, connection, "credential (user_access_error)").await.unwrap();
    tx.commit().await.unwrap();
    let ran = apply(&world, &text.replace("responsible_id: 1", "responsible_id: 2"), &["--unchecked"]);
    assert!(ran.out.contains("changed: bitrix24"), "{}{}", ran.out, ran.err);
    assert_eq!(look().await, ("active".to_owned(), true));
}

/// An API user is never an administrator (EspoCRM note, 2.6).
#[tokio::test]
async fn espocrms_fields_are_made_by_an_administrator_whose_password_is_not_kept() {
    let (sandbox, world) = (sandbox().await, World::empty().await);
    let installation = json!({
        "users": [{"id": "u1", "userName": "olga", "lastName": "K"}],
        "api_users": [{"id": "api1", "userName": "salon-core", "key": "right"}],
        "administrators": [{"id": "adm1", "userName": "root", "password": "s3cr3t pa:ss"}],
    });
    sandbox.espocrm.seed(&installation).unwrap();
    let section = format!("espocrm:\n  base_url: {}/espocrm\n  api_key: right\n  assigned_user_id: u1\n", sandbox.base_url);
    assert_eq!(apply(&world, &salon(LOTOS, &section), &["--unchecked"]).code, 0);
    let create = ["fields", "lotos", "--create"];
    let ran = crm(&world, &create);
    assert!(ran.code == 1 && ran.out.contains("NOT made") && ran.out.contains("`--as USER`"), "{}{}", ran.out, ran.err);
    let as_root = |password: &str| {
        let (_folder, path) = file(password);
        let mut command = command(&world, &[&["crm"][..], &create, &["--as", "root"]].concat());
        command.stdin(std::fs::File::open(path).unwrap());
        run(command)
    };
    let ran = as_root("");
    assert_eq!((ran.code, ran.err.as_str()), (2, "there is no password on standard input\n"));
    let ran = as_root("wrong\n");
    assert!(ran.code == 1 && ran.out.contains("credential (api_key)"), "{}{}", ran.out, ran.err);
    let ran = as_root("s3cr3t pa:ss\n");
    assert!(ran.code == 0 && ran.out.contains("  made: ") && ran.out.contains("cExternalId"), "{}{}", ran.out, ran.err);
    assert_eq!(crm(&world, &["fields", "lotos"]).code, 0);
    assert_eq!(apply(&world, &salon(LOTOS, &portal(&sandbox, &hook(CODE, 1))), &[]).code, 0);
    let ran = crm(&world, &["fields", "lotos", "--crm", "bitrix24", "--create", "--as", "root"]);
    assert_eq!((ran.code, ran.err.as_str()), (2, "bitrix24 lets nobody in by password: see docs/crm.md\n"));
}
