//! What was done and is not known to be. Every operation that makes something is struck once, and told again as the core tells it again.

use chrono::{DateTime, Utc};
use salon_sandbox::fault::Fault;

use super::{
    Kept,
    bench::Bench,
    cards::{booking, client, enquiry, note, task},
    cases::Cell,
};
use crate::{
    crm::{Author, ClientCard, CrmCall, Entity, Fact, NoteCard, crm},
    vendor::{Class, Failure},
};

/// Somebody, and a conversation with them.
struct Setting<'a> {
    bench: &'a Bench,
    client: String,
    conversation: Option<String>,
}

impl<'a> Setting<'a> {
    async fn of(bench: &'a Bench) -> Self {
        let client = bench.made(&client(1)).await;
        let mut setting = Self { bench, client, conversation: None };
        if bench.adapter().capabilities().inbox {
            let opened = bench.adapter().append_note(&bench.call(), &setting.said(0, Kept::Message)).await.unwrap();
            setting.conversation = opened.conversation;
        }
        setting
    }

    fn said(&self, number: u128, kept: Kept) -> NoteCard {
        let about = note(&self.client, &format!("words no. {number}"));
        match kept {
            Kept::Message => NoteCard { author: Author::Client, in_talk: true, ..about },
            Kept::Reply => NoteCard { conversation: self.conversation.clone(), in_talk: true, ..about },
            _ => about,
        }
    }

    /// Tells it; `begun` is when an earlier attempt began, of which nobody knows what came of it.
    async fn tell(&self, call: &CrmCall<'_>, kept: Kept, number: u128, begun: Option<DateTime<Utc>>) -> Result<(), Failure> {
        let (adapter, them) = (self.bench.adapter(), self.client.as_str());
        match kept {
            Kept::Client => adapter.ensure_client(call, &client(number)).await.map(drop),
            Kept::Enquiry => adapter.record_enquiry(call, &enquiry(number, them)).await.map(drop),
            Kept::Booking => adapter.upsert_booking(call, &booking(number, them)).await.map(drop),
            Kept::Task => adapter.create_task(call, &task(number, them)).await.map(drop),
            Kept::Note | Kept::Message | Kept::Reply => {
                let card = self.said(number, kept);
                if let Some(begun) = begun
                    && adapter.find_note(call, &card, begun, &[]).await?.is_some()
                {
                    return Ok(());
                }
                adapter.append_note(call, &card).await.map(drop)
            }
        }
    }
}

/// What is a record finds its own earlier result, so it may be told again; of what is not, nobody knows.
fn may_be_told_again(kept: Kept, class: Class) -> bool {
    match kept {
        Kept::Client | Kept::Enquiry | Kept::Booking | Kept::Task => matches!(class, Class::Retry { .. }),
        Kept::Note | Kept::Message | Kept::Reply => class == Class::Unknown,
    }
}

async fn each_write_survives(bench: &Bench, fault: &Fault) -> Cell {
    let setting = Setting::of(bench).await;
    for (number, (kept, operation)) in (10..).zip(bench.about.writes) {
        let (before, struck, begun) = (bench.count(*kept), bench.struck(), bench.now());
        bench.plan(operation, fault);
        let failure = setting.tell(&bench.hurried(), *kept, number, None).await.expect_err(operation);
        assert!(may_be_told_again(*kept, failure.class), "{}: {operation}: {failure:?}", bench.kind);
        assert_eq!(bench.struck(), struck + 1, "{}: {operation} was not asked for", bench.kind);
        setting.tell(&bench.call(), *kept, number, Some(begun)).await.unwrap();
        setting.tell(&bench.call(), *kept, number, Some(begun)).await.unwrap();
        assert_eq!(bench.count(*kept), before + 1, "{}: {operation}", bench.kind);
    }
    Cell::Ok
}

pub(super) async fn an_answer_cut_off_makes_no_double(bench: &Bench) -> Cell {
    each_write_survives(bench, &Fault::DropAfterCommit).await
}

pub(super) async fn an_answer_that_never_comes_makes_no_double(bench: &Bench) -> Cell {
    each_write_survives(bench, &Fault::HangAfterCommit).await
}

/// A CRM of its own for each: the same cards would be found.
pub(super) async fn a_wrong_answer_makes_no_double(bench: &Bench) -> Cell {
    for code in [500, 504] {
        let another = Bench::open(bench.kind).await;
        each_write_survives(&another, &Fault::AnswerAfterCommit { ms: 0, code: Some(code) }).await;
        another.is_clean();
    }
    Cell::Ok
}

pub(super) async fn half_an_answer_makes_no_double(bench: &Bench) -> Cell {
    each_write_survives(bench, &Fault::Truncated).await
}

/// Nobody can tell this from an answer that is lost; and then the work has to be done.
pub(super) async fn work_that_was_not_done_is_done_again(bench: &Bench) -> Cell {
    each_write_survives(bench, &Fault::Drop).await
}

pub(super) async fn a_change_whose_answer_is_lost_is_made_again(bench: &Bench) -> Cell {
    let id = bench.made(&client(1)).await;
    let missed = crm(bench.kind).fields().iter().find(|spec| spec.fact == Fact::NoShows).unwrap();
    for (no_shows, fault) in
        [(5, Fault::DropAfterCommit), (6, Fault::Truncated), (7, Fault::Drop), (8, Fault::Status { code: 500 })]
    {
        let card = ClientCard { known: Some(id.clone()), no_shows, ..client(1) };
        bench.plan(bench.about.change, &fault);
        let failure = bench.ensure(&card).await.unwrap_err();
        assert!(matches!(failure.class, Class::Retry { .. }), "{}: {failure:?}", bench.kind);
        assert_eq!(bench.made(&card).await, id, "{}", bench.kind);
        let value = bench.value(Entity::Client, &id, missed.theirs).to_string();
        assert_eq!(value.trim_matches('"'), no_shows.to_string(), "{}", bench.kind);
    }
    assert_eq!(bench.count(Kept::Client), 1, "{}", bench.kind);
    Cell::Ok
}
