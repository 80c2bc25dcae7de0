//! What becomes of a run that does not succeed.

use chrono::TimeDelta;
use salon_core::{
    ids::MessageId,
    job::{Job, NewJob, Queue},
};
use uuid::Uuid;

use super::{Site, eventually, settings};

/// Proves that a payload nobody can read is a dead letter with the reason, and that its worker goes on.
#[tokio::test]
async fn an_undecodable_payload_is_a_dead_letter_not_a_dead_worker() {
    let site = Site::new().await;
    let broken = site.message(site.lotos, &["ok"]).await;
    let spoil = r#"update job set payload = '{"kind":"no_such_job"}' where subject_id = $1"#;
    sqlx::query(spoil).bind(broken).execute(site.script.pool()).await.unwrap();
    let sound = site.message(site.roza, &["ok"]).await;
    let worker = site.work(settings(Queue::Outbound, 1));
    eventually("the sound one's end", async || site.script.ended_one(sound).await).await;
    let letter = eventually("a dead letter", async || site.db.dead_letters(10).await.unwrap().pop()).await;
    assert!(letter.reason.starts_with("payload can't be read: wrong shape"), "{}", letter.reason);
    assert_eq!((letter.attempt, site.script.runs_of(broken).await.len()), (1, 0));
    worker.stop().await;
    site.assert_accounted(2).await;
}

/// Proves that a panic is one failed attempt, a refusal for good is a dead letter at once, and an error text that PostgreSQL can't store
/// does not stop the queue.
#[tokio::test]
async fn a_panic_is_retried_and_a_refusal_is_dead_at_once() {
    let site = Site::new().await;
    let panics = site.message(site.lotos, &["panic", "ok"]).await;
    let refused = site.message(site.roza, &["dead the client has blocked us"]).await;
    let nul = site.message(site.roza, &["nul", "ok"]).await;
    let worker = site.work(settings(Queue::Outbound, 4));
    for subject in [panics, nul] {
        eventually("a failed attempt", async || site.script.live(subject).await.filter(|job| job.state == 0 && job.attempt == 1))
            .await;
    }
    site.clock().advance(TimeDelta::seconds(2));
    for (subject, error) in [(panics, "panicked"), (nul, "a textwith a NUL")] {
        let ended = eventually("its end", async || site.script.ended_one(subject).await).await;
        assert_eq!((ended.attempt, ended.outcome.as_str(), ended.last_error.as_deref()), (2, "done", Some(error)));
    }
    let outcomes: Vec<_> = site.script.runs_of(panics).await.into_iter().map(|ran| ran.outcome.unwrap()).collect();
    assert_eq!(outcomes, ["panicked", "ok"]);
    let letters =
        eventually("the dead letter", async || Some(site.db.dead_letters(10).await.unwrap()).filter(|all| !all.is_empty())).await;
    assert_eq!((letters.len(), letters[0].attempt, letters[0].reason.as_str()), (1, 1, "the client has blocked us"));
    assert_eq!(site.script.runs_of(refused).await.len(), 1);
    worker.stop().await;
    site.assert_accounted(3).await;
}

/// Proves that a job whose last attempt ended without a word still has its say, again if that fails, and dies of what ended it; and that
/// one which said itself that it is over is not asked.
#[tokio::test]
async fn a_last_attempt_that_ends_without_a_word_is_given_last_words() {
    let site = Site::new().await;
    let once = "update job set max_attempts = 1 where subject_id = $1";
    let (panics, said) =
        (site.message(site.lotos, &["panic"]).await, site.message(site.roza, &["fail the vendor is away"]).await);
    for subject in [panics, said] {
        sqlx::query(once).bind(subject).execute(site.script.pool()).await.unwrap();
    }
    site.script.set_words(panics, "fail nobody hears").await;
    let worker = site.work(settings(Queue::Outbound, 2));
    for asked in 1..=3 {
        // Settled too: the wait for the next time counts from the settlement.
        eventually("last words", async || {
            let spoke = site.script.words_of(panics).await.len() == asked;
            let settled = site.script.live(panics).await.is_none_or(|job| job.state == 0);
            (spoke && settled).then_some(())
        })
        .await;
        site.clock().advance(TimeDelta::minutes(20));
    }
    let letters =
        eventually("both letters", async || Some(site.db.dead_letters(10).await.unwrap()).filter(|all| all.len() == 2)).await;
    let mut reasons: Vec<(&str, i32)> = letters.iter().map(|letter| (letter.reason.as_str(), letter.attempt)).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, [("panicked", 1), ("the vendor is away", 1)]);
    assert_eq!((site.script.words_of(panics).await.len(), site.script.words_of(said).await.len()), (3, 0));
    assert_eq!(site.script.runs_of(panics).await.len(), 1, "what panicked is not tried again");
    worker.stop().await;
    site.assert_accounted(2).await;
}

/// Proves that a vendor's own waiting time is not the job's fault: however often it is told to wait, that is no attempt.
#[tokio::test]
async fn waiting_for_a_turn_is_not_an_attempt() {
    let site = Site::new().await;
    let patient = site.message(site.lotos, &["later 5000", "later 5000", "later 5000", "ok"]).await;
    let worker = site.work(settings(Queue::Outbound, 1));
    for n in 1..=3 {
        let waits = eventually("a delay", async || {
            let ran = site.script.runs_of(patient).await.len() == n;
            site.script.live(patient).await.filter(|job| ran && job.state == 0)
        })
        .await;
        assert_eq!((waits.attempt, super::millis(site.db.clock().now(), waits.run_at)), (0, 5000));
        site.clock().set(waits.run_at);
    }
    let ended = eventually("its end", async || site.script.ended_one(patient).await).await;
    assert_eq!((ended.attempt, site.script.runs_of(patient).await.len()), (1, 4));
    worker.stop().await;
    site.assert_accounted(1).await;
}

/// Proves that a job enqueued once under a key stays one until it ends, and that the neighbour's key of the same name is another.
#[tokio::test]
async fn a_key_keeps_one_open_job() {
    let site = Site::new().await;
    let job = || NewJob::new(Job::SendMessage { message: MessageId(Uuid::now_v7()) }).once("the same work");
    for tenant in [site.lotos, site.lotos, site.roza] {
        site.enqueue(tenant, job()).await;
    }
    assert_eq!(site.script.accounted().await, 2);
    let worker = site.work(settings(Queue::Outbound, 1));
    eventually("both ended", async || site.script.ended_count().await.filter(|n| *n == 2)).await;
    site.enqueue(site.lotos, job()).await;
    eventually("the next one's end", async || site.script.ended_count().await.filter(|n| *n == 3)).await;
    worker.stop().await;
    site.assert_accounted(3).await;
}

/// Proves that a letter says what the vendor answered last, without a person's data, and that a later death without an answer does not keep
/// the old one.
#[tokio::test]
async fn a_letter_says_what_the_vendor_answered() {
    let site = Site::new().await;
    let refused = site.message(site.lotos, &["answer 400", "dead the client has blocked us"]).await;
    let worn = site.message(site.roza, &["answer 500"]).await;
    let once = "update job set max_attempts = 1 where subject_id = $1";
    sqlx::query(once).bind(worn).execute(site.script.pool()).await.unwrap();
    let worker = site.work(settings(Queue::Outbound, 2));
    let both = async || Some(site.db.dead_letters(10).await.unwrap()).filter(|all| all.len() == 2);
    let letters = eventually("both letters", both).await;
    let mut said: Vec<_> = letters.iter().map(|letter| (letter.reason.as_str(), letter.answer.as_deref().unwrap())).collect();
    said.sort_unstable();
    let answer = |status: &str| format!("{status} {{error: validationFailure, field: phoneNumber, phone}}");
    assert_eq!(said, [("permanent (invalid_field)", &*answer("400")), ("retry (server_error)", &*answer("500"))]);

    let letter = letters.iter().find(|letter| letter.tenant_id == site.lotos).unwrap().id;
    assert!(site.db.replay(letter).await.unwrap());
    let again = eventually("the second death", both).await;
    let again = again.iter().find(|letter| letter.tenant_id == site.lotos).unwrap();
    assert_eq!((again.id, again.reason.as_str(), again.answer.as_deref()), (letter, "the client has blocked us", None));
    assert_eq!(site.script.runs_of(refused).await.len(), 2);
    worker.stop().await;
    site.assert_accounted(2).await;
}
