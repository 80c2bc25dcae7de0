//! Failures: of a question (a search, which may be asked again) and of a write that nobody may repeat blindly (a note).

use std::time::Duration;

use http::StatusCode;
use salon_sandbox::fault::Fault;

use super::{
    Kept, LEAK,
    bench::Bench,
    cards::{booking, client, enquiry, note},
    cases::Cell,
};
use crate::{
    crm::{Card, CrmAccount, Entity, FieldSettings},
    vendor::{
        Class, Failure,
        stub::{Seen, Step, Stub},
    },
};

async fn ask(bench: &Bench, account: &CrmAccount, patience: Duration) -> Result<(), Failure> {
    bench.adapter().find_client(&bench.call_as(account, patience), &client(1)).await.map(drop)
}

async fn write(bench: &Bench, account: &CrmAccount, patience: Duration) -> Result<(), Failure> {
    bench.adapter().append_note(&bench.call_as(account, patience), &note("1", "Visit booked")).await.map(drop)
}

/// Of a question and of a write, each struck by this fault at its first request.
async fn failures(bench: &Bench, fault: &Fault) -> (Failure, Failure) {
    let (account, patience) = (&bench.account, super::bench::HURRIED);
    bench.plan("*", fault);
    let asked = ask(bench, account, patience).await.unwrap_err();
    bench.plan("*", fault);
    let written = write(bench, account, patience).await.unwrap_err();
    (asked, written)
}

/// The same, of a CRM that plays `step`.
async fn scripted(bench: &Bench, step: &Step) -> (Failure, Failure, Vec<Seen>) {
    let stub = Stub::start("/under/a/path", vec![step.clone(), step.clone()]).await;
    let account = (bench.about.account)(stub.base_url.clone(), &FieldSettings::default());
    let patience = crate::crm::UNATTENDED;
    let asked = ask(bench, &account, patience).await.unwrap_err();
    let written = write(bench, &account, patience).await.unwrap_err();
    let seen = stub.seen();
    assert!(seen.iter().all(|seen| seen.path.starts_with("/under/a/path/")), "{}: the base address keeps its path", bench.kind);
    assert_eq!(seen.len(), 2, "{}: an adapter never asks twice by itself", bench.kind);
    (asked, written, seen)
}

fn is_retry(failure: &Failure) -> bool {
    matches!(failure.class, Class::Retry { .. })
}

/// Whether nothing can have been done, or nobody knows.
fn is_open(failure: &Failure) -> bool {
    is_retry(failure) || failure.class == Class::Unknown
}

fn answer(status: u16, body: &str) -> Step {
    Step::Answer { status, headers: Vec::new(), body: body.to_owned() }
}

/// With 403 some refuse one record only, which is no reason to stop the account; nothing refuses with 401 but the door.
pub(super) async fn a_refused_credential_is_a_persons_to_mend(bench: &Bench) -> Cell {
    let (asked, written) = failures(bench, &Fault::Status { code: 401 }).await;
    assert_eq!((asked.class, written.class), (Class::Credential, Class::Credential), "{}", bench.kind);
    let (asked, written) = failures(bench, &Fault::Status { code: 403 }).await;
    for failure in [asked, written] {
        assert!(matches!(failure.class, Class::Credential | Class::Permanent), "{}: {failure:?}", bench.kind);
    }
    Cell::Ok
}

pub(super) async fn a_refused_value_is_refused_for_good(bench: &Bench) -> Cell {
    let (step, code) = &bench.about.invalid;
    let (asked, written, _) = scripted(bench, step).await;
    for failure in [asked, written] {
        assert_eq!(failure, Failure::permanent(*code), "{}", bench.kind);
    }
    Cell::Ok
}

/// A proxy that is being deployed must not make every record look deleted.
pub(super) async fn a_page_for_a_404_is_no_deletion(bench: &Bench) -> Cell {
    let id = bench.made(&client(1)).await;
    bench.plan("*", &Fault::Html { code: 404 });
    let read = bench.adapter().read(&bench.call(), Entity::Client, &id).await;
    assert!(read.as_ref().is_err_and(is_retry), "{}: {read:?}", bench.kind);
    bench.plan("*", &Fault::Html { code: 404 });
    let known = crate::crm::ClientCard { known: Some(id), ..client(1) };
    let told = bench.ensure(&known).await;
    assert!(told.as_ref().is_err_and(is_retry), "{}: {told:?}", bench.kind);
    Cell::Ok
}

pub(super) async fn a_wait_that_is_named_is_kept(bench: &Bench) -> Cell {
    let limited = answer(429, "{}");
    let (asked, written, _) = scripted(bench, &limited.clone().with_header("retry-after", "7")).await;
    for failure in [asked, written] {
        assert_eq!(failure.class, Class::Retry { after: Some(Duration::from_secs(7)) }, "{}", bench.kind);
    }
    let (asked, written, _) = scripted(bench, &limited).await;
    assert!(is_retry(&asked) && is_retry(&written), "{}: {asked:?} {written:?}", bench.kind);
    // The vendor's own way of saying so.
    let (asked, written) = failures(bench, &Fault::RateLimit { retry_after: 7 }).await;
    for failure in [asked, written] {
        let Class::Retry { after } = failure.class else { panic!("{}: {failure:?}", bench.kind) };
        assert!(after.is_none_or(|after| (6..=10).contains(&after.as_secs())), "{}: {after:?}", bench.kind);
    }
    Cell::Ok
}

pub(super) async fn server_errors_are_retried_or_unknown(bench: &Bench) -> Cell {
    for code in [500, 502, 503, 504] {
        let (asked, written) = failures(bench, &Fault::Status { code }).await;
        assert!(is_retry(&asked), "{}: {code}: {asked:?}", bench.kind);
        assert!(is_open(&written), "{}: {code}: {written:?}", bench.kind);
        let (asked, written, _) = scripted(bench, &answer(code, "<html>upstream</html>")).await;
        assert!(is_retry(&asked), "{}: {code}: {asked:?}", bench.kind);
        assert!(is_open(&written), "{}: {code}: {written:?}", bench.kind);
    }
    Cell::Ok
}

/// Nobody knows whether anything was done; a question can be asked again.
fn unread(bench: &Bench, asked: &Failure, written: &Failure) {
    assert!(is_retry(asked), "{}: {asked:?}", bench.kind);
    assert_eq!(written.class, Class::Unknown, "{}: {written:?}", bench.kind);
}

pub(super) async fn a_page_is_no_answer(bench: &Bench) -> Cell {
    let (asked, written) = failures(bench, &Fault::Html { code: 200 }).await;
    unread(bench, &asked, &written);
    for body in ["", "null", "[]", "{}", "\u{feff}{}", "true"] {
        let (asked, written, _) = scripted(bench, &answer(200, body)).await;
        unread(bench, &asked, &written);
    }
    Cell::Ok
}

/// What a firewall says is nothing that the CRM says of our credential.
pub(super) async fn a_page_is_no_refusal(bench: &Bench) -> Cell {
    for code in [401, 403] {
        let (asked, written) = failures(bench, &Fault::Html { code }).await;
        assert!(is_retry(&asked) && is_retry(&written), "{}: {code} {asked:?} {written:?}", bench.kind);
    }
    Cell::Ok
}

pub(super) async fn half_an_answer_is_none(bench: &Bench) -> Cell {
    bench.made(&client(1)).await;
    let (asked, written, _) = scripted(bench, &Step::CutOff).await;
    unread(bench, &asked, &written);
    bench.plan("*", &Fault::Truncated);
    let asked = ask(bench, &bench.account, crate::crm::UNATTENDED).await.unwrap_err();
    assert!(is_retry(&asked), "{}: {asked:?}", bench.kind);
    Cell::Ok
}

pub(super) async fn an_error_told_with_200_is_one(bench: &Bench) -> Cell {
    let (asked, written) = failures(bench, &Fault::ErrorInOk).await;
    unread(bench, &asked, &written);
    assert_eq!(bench.count(Kept::Note), 0, "{}", bench.kind);
    Cell::Ok
}

pub(super) async fn silence_is_no_answer(bench: &Bench) -> Cell {
    for fault in [Fault::Hang, Fault::Drop] {
        let (asked, written) = failures(bench, &fault).await;
        unread(bench, &asked, &written);
    }
    Cell::Ok
}

/// Where it leads is nobody's who was asked: neither our secrets nor our clients go there.
pub(super) async fn a_redirect_is_not_followed(bench: &Bench) -> Cell {
    for status in [301, 302, 307, 308] {
        let step = answer(status, "").with_header("location", "http://127.0.0.1:1/elsewhere");
        let (asked, written, _) = scripted(bench, &step).await;
        for failure in [asked, written] {
            assert!(
                is_retry(&failure) && failure.code == "redirected",
                "{}: {} {failure:?}",
                bench.kind,
                StatusCode::from_u16(status).unwrap()
            );
        }
    }
    Cell::Ok
}

pub(super) async fn an_endless_answer_is_cut(bench: &Bench) -> Cell {
    let (asked, written, _) = scripted(bench, &answer(200, &" ".repeat(5 * 1024 * 1024))).await;
    unread(bench, &asked, &written);
    assert_eq!((asked.code, written.code), ("answer_too_large".into(), "answer_too_large".into()), "{}", bench.kind);
    Cell::Ok
}

pub(super) async fn nobody_there_took_nothing(bench: &Bench) -> Cell {
    let nobody = (bench.about.account)("http://127.0.0.1:1/".parse().unwrap(), &FieldSettings::default());
    for told in [ask(bench, &nobody, crate::crm::UNATTENDED).await, write(bench, &nobody, crate::crm::UNATTENDED).await] {
        assert_eq!(told, Err(Failure::retry("not_sent")), "{}", bench.kind);
    }
    Cell::Ok
}

pub(super) async fn secrets_are_in_nothing_that_is_printed(bench: &Bench) -> Cell {
    let account = &bench.account;
    let exposed = account.secrets.token.as_ref().map(|token| secrecy::ExposeSecret::expose_secret(token).to_owned());
    assert!(exposed.is_some_and(|token| token.contains(LEAK)), "{}: the account has no secret to be looked for", bench.kind);
    let mut printed = format!("{account:?} {:?}", bench.call());
    for fault in [Fault::Status { code: 401 }, Fault::Status { code: 500 }, Fault::Html { code: 200 }, Fault::Hang] {
        let (asked, written) = failures(bench, &fault).await;
        printed.push_str(&format!("{asked} {asked:?} {written} {written:?}"));
    }
    let echo = answer(400, &format!("{{\"error\": \"{LEAK}\", \"message\": \"{LEAK}\", \"error_description\": \"{LEAK}\"}}"));
    let (asked, written, _) = scripted(bench, &echo).await;
    printed.push_str(&format!("{asked} {asked:?} {written} {written:?}"));
    printed.push_str(&format!("{:?}", bench.adapter().inspect(&bench.call()).await));
    let (client, enquiry, booking) = (client(1), enquiry(1, "1"), booking(1, "1"));
    let client_preview = bench.adapter().preview(account, Card::Client(&client));
    assert!(client_preview.to_string().contains(&client.id.to_string()), "{}: {client_preview}", bench.kind);
    printed.push_str(&client_preview.to_string());
    for card in [Card::Enquiry(&enquiry), Card::Booking(&booking)] {
        printed.push_str(&bench.adapter().preview(account, card).to_string());
    }
    assert!(!printed.contains(LEAK), "{}: {printed}", bench.kind);
    Cell::Ok
}
