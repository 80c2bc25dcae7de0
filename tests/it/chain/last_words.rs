//! A worker is killed on a job's last attempt: the job is dead, and whoever waited for it is told as if it had failed.

use salon_core::store::DeadLetter;

use super::{
    client::Shown,
    one_queue::{Working, open},
    *,
};

const LOST: &str = "lease expired on the last attempt: the worker died or hung";

/// Presses, and lets the dialogue answer. What follows from its turn waits: the workers rest.
async fn presses(chain: &Chain, shown: &Shown, label: &str) {
    chain.anna().press_on(shown, label).await;
    chain.until("the press is stored", async || (open(chain, Queue::Dialogue).await > 0).then_some(())).await;
    Working::on(chain, Queue::Dialogue, &chain.redis).await.ends().await;
}

/// The one job of a kind, left behind on its last attempt by a process that was killed.
async fn was_killed(chain: &Chain, kind: &str) {
    let left = "update job set state = 2, attempt = max_attempts, fence = max_attempts, lease_owner = gen_random_uuid(),
                  lease_until = now() - interval '1 s' where kind = $1";
    let left = sqlx::query(left).bind(kind).execute(&mut chain.world.owner().await).await.unwrap();
    assert_eq!(left.rows_affected(), 1, "{kind}");
}

async fn letter(chain: &Chain, kind: &str) -> DeadLetter {
    let letter = chain.until("a dead letter", async || chain.dead_letters().await.pop()).await;
    assert_eq!((letter.kind.as_str(), letter.reason.as_str(), chain.dead_letters().await.len()), (kind, LOST, 1));
    letter
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_nobody_answers_for_is_unclear_and_the_client_is_told() {
    let mut chain = Chain::new().await;
    let summary = {
        let mut anna = chain.anna();
        anna.enters(RU).await;
        anna.chooses(RU).await
    };
    chain.idle().await;
    chain.rest().await;
    presses(&chain, &summary, RU.confirm).await;
    was_killed(&chain, "create_booking").await;
    chain.start_workers();
    chain.anna().sees("Проверяем, прошла ли запись.").await;
    let letter = letter(&chain, "create_booking").await;
    assert_eq!((letter.attempt, chain.visits().await), (10, vec!["unclear".to_owned()]));
    assert_eq!(chain.calls("calcom", "POST /v2/bookings"), 0, "what killed its worker is not tried again");
    let chore = async || chain.crm_texts().into_iter().find(|text| text.contains("Проверить запись в календаре"));
    let chore = chain.until("somebody at the salon is asked to look", chore).await;
    assert!(chore.contains("Стрижка, Ольга"), "{chore}");
    assert_eq!(chain.db.unaccounted().await.unwrap(), []);

    assert!(chain.db.replay(letter.id).await.unwrap());
    chain.anna().sees(RU.booked).await;
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancellation_nobody_answers_for_leaves_the_visit_and_the_client_is_told() {
    let mut chain = Chain::new().await;
    let question = {
        let mut anna = chain.anna();
        anna.enters(RU).await;
        let booked = anna.books(RU).await;
        anna.press_on(&booked, RU.cancel).await;
        anna.sees_button(RU.cancel_yes).await
    };
    chain.idle().await;
    chain.rest().await;
    presses(&chain, &question, RU.cancel_yes).await;
    was_killed(&chain, "cancel_booking").await;
    chain.start_workers();
    chain.anna().sees("Отменить не получилось.").await;
    let letter = letter(&chain, "cancel_booking").await;
    assert_eq!((chain.visits().await, chain.calendar_states()), (vec!["booked".to_owned()], vec!["accepted".to_owned()]));
    assert!(chain.db.replay(letter.id).await.unwrap());
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_nobody_answers_for_can_be_asked_for_again() {
    let mut chain = Chain::new().await;
    let masters = {
        let mut anna = chain.anna();
        anna.enters(RU).await;
        anna.press(RU.book).await;
        anna.press("Стрижка").await;
        anna.sees_button("Ольга").await
    };
    chain.idle().await;
    chain.rest().await;
    presses(&chain, &masters, "Ольга").await;
    was_killed(&chain, "load_slots").await;
    chain.start_workers();
    chain.anna().press("Попробовать ещё раз").await;
    chain.anna().sees("Выберите день.").await;
    let letter = letter(&chain, "load_slots").await;
    assert!(chain.db.replay(letter.id).await.unwrap(), "an answer to an older question is dropped");
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_may_have_arrived_is_unknown_and_one_that_waits_can_still_be_sent() {
    let mut chain = Chain::new().await;
    let menu = {
        let mut anna = chain.anna();
        anna.enters(RU).await;
        chain.anna().sees_button(RU.book).await
    };
    for (state, ends) in [("sending", "unknown"), ("queued", "queued")] {
        chain.idle().await;
        chain.rest().await;
        presses(&chain, &menu, RU.book).await;
        let begun = "update message set state = $1, attempts = attempts + 1 where state = 'queued'";
        let begun = sqlx::query(begun).bind(state).execute(&mut chain.world.owner().await).await.unwrap();
        assert_eq!(begun.rows_affected(), 1);
        was_killed(&chain, "send_message").await;
        chain.start_workers();
        let letter = letter(&chain, "send_message").await;
        let stands: String =
            chain.value("select state from message where tenant_id = $1 and direction = 'out' order by id desc limit 1").await;
        assert_eq!(stands, ends);
        assert_eq!(chain.db.unaccounted().await.unwrap(), []);
        assert!(chain.db.replay(letter.id).await.unwrap());
    }
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_key_while_a_hint_is_read_stops_the_connection_and_loses_nothing() {
    let chain = Chain::new().await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    anna.books(RU).await;
    chain.pass(minutes(1)).await;
    let uid = chain.booked_through_us()[0]["uid"].as_str().unwrap().to_owned();
    chain.plan("calcom", "GET /v2/bookings/{bookingUid}", Fault::Status { code: 401 }, 1);
    chain.sandbox.calcom.cancel_in_ui(&uid).await.unwrap();
    chain.pass(minutes(1)).await;
    assert!(chain.faults_are_used_up());
    let broken: i64 =
        chain.value("select count(*) from connection where tenant_id = $1 and kind = 'calcom' and status = 'broken'").await;
    let event: (String, Option<String>) = {
        let query = "select state, reason from inbound_event where tenant_id = $1 and source = 'calcom' order by id desc limit 1";
        chain.rows(&chain.lotos, query).await.remove(0)
    };
    assert_eq!((broken, event.0.as_str(), chain.visits().await), (1, "ignored", vec!["booked".to_owned()]));
    assert!(event.1.is_some_and(|reason| reason.contains("reconciliation")));

    let mut tx = chain.db.tenant(chain.lotos.tenant).await.unwrap();
    let found = tenant::calendar_account(&mut tx, &chain.keyring).await.unwrap().unwrap();
    assert!(tenant::mend_connection(&mut tx, found.id).await.unwrap());
    tx.commit().await.unwrap();
    chain.go_to(chain.now() + minutes(6));
    anna.sees("к сожалению, ваш визит отменён").await;
    assert_eq!(chain.visits().await, ["cancelled"]);
    chain.finish().await;
}
