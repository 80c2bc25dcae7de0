//! `salon-core deadletter`.

use sqlx::{AssertSqlSafe, PgConnection};

use super::*;

/// Puts a dead letter into the books: number `n`, of this salon, this queue and this job, about the row with the same number.
async fn dies(owner: &mut PgConnection, n: u128, tenant: salon_core::ids::TenantId, queue: &str, kind: &str) -> Uuid {
    let dead = "insert into job_dead (id, tenant_id, queue, kind, payload, subject_id, class, max_attempts, attempt, reason, answer, enqueued_at, died_at)
                values ($1, $2, $3, $4, '{\"secret\": \"hidden\"}', $5, 0, 5, 5, 'vendor (500)', '500 {error: internal}', now(), now())";
    let id = Uuid::from_u128(1000 + n);
    let query = sqlx::query(dead).bind(id).bind(tenant).bind(queue).bind(kind).bind(Uuid::from_u128(n));
    query.execute(owner).await.unwrap();
    id
}

fn open(world: &World) -> usize {
    let out = run(command(world, &["deadletter", "list"])).out;
    if out == "no open dead letter\n" { 0 } else { out.lines().count() }
}

#[tokio::test]
async fn dead_letters_are_listed_and_put_back_to_work() {
    let world = World::new().await;
    let mut owner = world.owner().await;
    let one = dies(&mut owner, 1, world.lotos, "inbound", "handle").await.to_string();
    dies(&mut owner, 2, world.lotos, "inbound", "handle").await;
    let listed = run(command(&world, &["deadletter", "list"]));
    assert_eq!((listed.code, listed.out.lines().count()), (0, 2), "{}", listed.err);
    assert!(listed.out.contains("\tvendor (500)\tanswered 500 {error: internal}\n") && !listed.out.contains("hidden"));

    assert_eq!(run(command(&world, &["deadletter", "replay"])).code, 2, "which ones?");
    let replayed = run(command(&world, &["deadletter", "replay", &one]));
    assert_eq!((replayed.code, replayed.out.as_str()), (0, "replayed 1, resolved already or unknown 0\n"), "{}", replayed.err);
    let again = run(command(&world, &["deadletter", "replay", &one]));
    assert!(again.code == 1 && again.out.starts_with(&format!("{one}: no open dead letter\n")), "it is resolved: {}", again.out);
    assert_eq!(run(command(&world, &["deadletter", "replay", "--all"])).out, "replayed 1, resolved already or unknown 0\n");
    let waiting: i64 = sqlx::query_scalar("select count(*) from job where attempt = 0").fetch_one(&mut owner).await.unwrap();
    assert_eq!((waiting, open(&world)), (2, 0));
}

#[tokio::test]
async fn letters_are_chosen_by_job_queue_and_salon() {
    let world = World::new().await;
    let mut owner = world.owner().await;
    let letters = [
        (world.lotos, "crm", "sync_crm"),
        (world.roza, "crm", "sync_crm"),
        (world.lotos, "outbound", "send_message"),
        (world.lotos, "outbound", "acknowledge_press"),
    ];
    for (n, (tenant, queue, kind)) in (1..).zip(letters) {
        dies(&mut owner, n, tenant, queue, kind).await;
    }
    let listed = |args: &[&str]| run(command(&world, &[&["deadletter", "list"], args].concat())).out.lines().count();
    assert_eq!(listed(&["--kind", "sync_crm"]), 2);
    assert_eq!(listed(&["--queue", "outbound", "--tenant", "lotos"]), 2);
    let unknown = run(command(&world, &["deadletter", "discard", "--tenant", "nobody", "--reason", "x"]));
    assert_eq!((unknown.code, unknown.err.as_str(), open(&world)), (1, "nobody: no such tenant\n", 4));

    let replayed = run(command(&world, &["deadletter", "replay", "--tenant", "lotos", "--kind", "sync_crm"]));
    assert_eq!((replayed.code, open(&world)), (0, 3), "{}{}", replayed.out, replayed.err);
    let discarded = run(command(&world, &["deadletter", "discard", "--queue", "outbound", "--reason", "the bot is gone"]));
    assert_eq!((discarded.code, open(&world)), (0, 1), "{}{}", discarded.out, discarded.err);
    let left: Vec<(Uuid, String)> =
        sqlx::query_as("select tenant_id, kind from job_dead where resolved_at is null").fetch_all(&mut owner).await.unwrap();
    assert_eq!(left, [(world.roza.0, "sync_crm".to_owned())]);
    for wrong in [&["--reason", "x"][..], &["--all"], &["--all", "--reason", " "], &["--all", "--reason", "a\nb"]] {
        assert_eq!(run(command(&world, &[&["deadletter", "discard"], wrong].concat())).code, 2, "{wrong:?}");
    }
}

/// A row in an open state, with the state it must be in after its letter was discarded.
struct Subject {
    kind: &'static str,
    table: &'static str,
    column: &'static str,
    insert: &'static str,
    then: (&'static str, Option<&'static str>),
}

/// `$1` is the row's id, `$2` the salon. The second of `then` is what the row says about why.
const SUBJECTS: &[Subject] = &[
    Subject {
        kind: "handle_inbound",
        table: "inbound_event",
        column: "state",
        insert: "insert into inbound_event (id, tenant_id, source, source_id, vendor_event_id, kind, event, raw, state, received_at)
                 values ($1, $2, 'telegram', $1, '1', 'text', '{}', '', 'received', now())",
        then: ("ignored", Some("discarded: by hand")),
    },
    Subject {
        kind: "send_message",
        table: "message",
        column: "state",
        insert: "insert into message (id, tenant_id, conversation_id, client_id, channel_account_id, direction, kind, content, state, created_at, updated_at)
                 values ($1, $2, $1, $1, $1, 'out', 'answer', '{}', 'queued', now(), now())",
        then: ("failed", None),
    },
    Subject {
        kind: "send_message",
        table: "message",
        column: "state",
        insert: "insert into message (id, tenant_id, conversation_id, client_id, channel_account_id, direction, kind, content, state, attempts, created_at, updated_at)
                 values ($1, $2, $1, $1, $1, 'out', 'answer', '{}', 'sending', 3, now(), now())",
        then: ("unknown", None),
    },
    Subject {
        kind: "create_booking",
        table: "booking",
        column: "status",
        insert: "insert into booking (id, tenant_id, event_type_id, booking_key, origin, start_at, end_at, status, created_at, updated_at)
                 values ($1, $2, 1, $1::text, 'dialogue', now(), now() + interval '1 h', 'pending', now(), now())",
        then: ("refused", Some("discarded: by hand")),
    },
    Subject {
        kind: "create_booking",
        table: "booking",
        column: "status",
        insert: "insert into booking (id, tenant_id, event_type_id, booking_key, origin, start_at, end_at, status, create_begun_at, created_at, updated_at)
                 values ($1, $2, 1, $1::text, 'dialogue', now(), now() + interval '1 h', 'pending', now(), now(), now())",
        then: ("unclear", Some("discarded: by hand")),
    },
    Subject {
        kind: "cancel_booking",
        table: "booking",
        column: "status",
        insert: "insert into booking (id, tenant_id, event_type_id, booking_key, origin, start_at, end_at, status, created_at, updated_at)
                 values ($1, $2, 1, $1::text, 'dialogue', now(), now() + interval '1 h', 'cancelling', now(), now())",
        then: ("booked", Some("discarded: by hand")),
    },
    Subject {
        kind: "sync_crm",
        table: "crm_intent",
        column: "state",
        insert: "insert into crm_intent (id, tenant_id, connection_id, kind, subject_id, subject_version, state, created_at, updated_at)
                 select $1, $2, c.id, 'ensure_client', $1, 1, 'pending', now(), now() from connection c where c.tenant_id = $2 and c.kind = 'erxes'",
        then: ("failed", None),
    },
    Subject {
        kind: "sync_crm",
        table: "crm_intent",
        column: "state",
        insert: "insert into crm_intent (id, tenant_id, connection_id, kind, subject_id, subject_version, state, created_at, updated_at)
                 select $1, $2, c.id, 'ensure_client', $1, 1, 'sending', now(), now() from connection c where c.tenant_id = $2 and c.kind = 'erxes'",
        then: ("unknown", None),
    },
    Subject {
        kind: "fire_reminder",
        table: "reminder",
        column: "state",
        insert: "with visit as (
                   insert into booking (id, tenant_id, event_type_id, booking_key, origin, start_at, end_at, status, created_at, updated_at)
                   values (gen_random_uuid(), $2, 1, 'a visit', 'dialogue', now(), now() + interval '1 h', 'booked', now(), now()) returning id)
                 insert into reminder (id, tenant_id, booking_id, kind, booking_version, due_at, expires_at, state, created_at, updated_at)
                 select $1, $2, visit.id, 'day_before', 1, now(), now(), 'queued', now(), now() from visit",
        then: ("dropped", Some("discarded: by hand")),
    },
];

impl Subject {
    async fn stands(&self, owner: &mut PgConnection, id: Uuid) -> (String, Option<String>) {
        let reason = if matches!(self.table, "message" | "crm_intent") { "null::text" } else { "reason" };
        let query = format!("select {}, {reason} from {} where id = $1", self.column, self.table);
        sqlx::query_as(AssertSqlSafe(query)).bind(id).fetch_one(owner).await.unwrap()
    }
}

#[tokio::test]
async fn what_a_discarded_job_worked_for_ends_as_what_is_known_of_it() {
    let world = World::new().await;
    let mut owner = world.owner().await;
    for (n, subject) in (1..).zip(SUBJECTS) {
        sqlx::query(subject.insert).bind(Uuid::from_u128(n)).bind(world.lotos).execute(&mut owner).await.unwrap();
        dies(&mut owner, n, world.lotos, "any", subject.kind).await;
    }
    assert_eq!(world.db.unaccounted().await.unwrap(), [], "a letter is somebody's hands");
    let mut discard = command(&world, &["deadletter", "discard", "--all", "--reason", "by hand"]);
    discard.env("USER", "olga");
    let ran = run(discard);
    assert_eq!((ran.code, ran.out.lines().count()), (0, SUBJECTS.len() + 1), "{}{}", ran.out, ran.err);
    for (n, subject) in (1..).zip(SUBJECTS) {
        let (state, reason) = subject.stands(&mut owner, Uuid::from_u128(n)).await;
        assert_eq!((state.as_str(), reason.as_deref()), subject.then, "{} {n}", subject.kind);
    }
    assert_eq!(world.db.unaccounted().await.unwrap(), []);

    let kept: i64 =
        sqlx::query_scalar("select count(*) from job_dead where discarded_because = 'by hand' and resolved_at is not null")
            .fetch_one(&mut owner)
            .await
            .unwrap();
    let audited: Vec<(String, String)> = sqlx::query_as(
        "select distinct actor, detail ->> 'reason' from audit_log where action = 'deadletter.discarded' and tenant_id = $1",
    )
    .bind(world.lotos)
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert_eq!((kept, audited), (SUBJECTS.len() as i64, vec![("cli/olga".to_owned(), "by hand".to_owned())]));

    let id = Uuid::from_u128(1001).to_string();
    let again = run(command(&world, &["deadletter", "discard", &id, "--reason", "once more"]));
    assert_eq!(again.code, 1, "{}", again.out);
    assert_eq!(run(command(&world, &["deadletter", "replay", &id])).code, 1, "what is given up is not put back to work");
    let notes: i64 = sqlx::query_scalar("select count(*) from audit_log where action = 'deadletter.discarded'")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(notes, SUBJECTS.len() as i64, "the second time is no change");
}

#[tokio::test]
async fn a_row_that_another_job_works_for_is_left_to_it() {
    let world = World::new().await;
    let mut owner = world.owner().await;
    let message = &SUBJECTS[1];
    let id = Uuid::from_u128(1);
    sqlx::query(message.insert).bind(id).bind(world.lotos).execute(&mut owner).await.unwrap();
    let letter = dies(&mut owner, 1, world.lotos, "outbound", "send_message").await.to_string();
    let mut tx = world.db.tenant(world.lotos).await.unwrap();
    let send = salon_core::job::Job::SendMessage { message: salon_core::ids::MessageId(id) };
    tx.enqueue(salon_core::job::NewJob::new(send)).await.unwrap();
    tx.commit().await.unwrap();
    let ran = run(command(&world, &["deadletter", "discard", &letter, "--reason", "sent by another"]));
    assert!(ran.code == 0 && ran.out.contains("another job works for its row"), "{}{}", ran.out, ran.err);
    assert_eq!(message.stands(&mut owner, id).await.0, "queued");
}

#[tokio::test]
async fn an_open_letter_outlives_all_retention_and_its_age_is_told() {
    let world = World::new().await;
    let mut owner = world.owner().await;
    let lotos = dies(&mut owner, 1, world.lotos, "crm", "sync_crm").await;
    let roza = dies(&mut owner, 2, world.roza, "crm", "sync_crm").await;
    let aged =
        "update job_dead set died_at = now() - interval '400 days', enqueued_at = now() - interval '400 days' where id = $1";
    sqlx::query(aged).bind(roza).execute(&mut owner).await.unwrap();
    for _ in 0..3 {
        world.clock.advance(chrono::TimeDelta::days(400));
        world.db.maintain().await.unwrap();
    }
    let left: Vec<Uuid> = world.db.dead_letters(10).await.unwrap().into_iter().map(|letter| letter.id.0).collect();
    assert_eq!(left, [roza, lotos]);
    let age = async || world.db.dead_letter_ages().await.unwrap();
    let ages = age().await;
    assert!(ages.len() == 1 && ages[0].0 == "crm" && (399.0..401.0).contains(&(ages[0].1 / 86_400.0)), "{ages:?}");
    assert_eq!(run(command(&world, &["deadletter", "replay", "--tenant", "roza"])).code, 0);
    let ages = age().await;
    assert!(ages.len() == 1 && ages[0].1 < 3_600.0, "the oldest was seen to: {ages:?}");
}
