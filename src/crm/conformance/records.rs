//! Enquiries, visits and things to do. Where a CRM keeps one of them as a note, its adapter says so, and the core writes a note.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Kept, Staff,
    bench::Bench,
    cards::{booking, client, enquiry, moved, task},
    cases::Cell,
};
use crate::{
    crm::{BookingCard, BookingState, EnquiryCard, Entity, GONE, Keeps},
    vendor::Failure,
};

pub(super) const AS_NOTES: Cell = Cell::No("it keeps these as notes (its capabilities say so, and its adapter refuses)");

pub(super) async fn an_enquiry_is_made_once(bench: &Bench) -> Cell {
    let client = bench.made(&client(1)).await;
    let (call, card) = (bench.call(), enquiry(1, &client));
    if bench.adapter().capabilities().enquiries == Keeps::Notes {
        assert_eq!(bench.adapter().record_enquiry(&call, &card).await, Err(Failure::permanent("enquiries_are_notes")));
        return AS_NOTES;
    }
    let record = bench.adapter().record_enquiry(&call, &card).await.unwrap();
    let linked = EnquiryCard { known: Some(record.clone()), ..card.clone() };
    for again in [&card, &linked] {
        assert_eq!(bench.adapter().record_enquiry(&call, again).await, Ok(record.clone()), "{}", bench.kind);
    }
    assert_eq!((bench.count(Kept::Enquiry), bench.count(Kept::Client)), (1, 1), "{}", bench.kind);
    assert_eq!(bench.read(Entity::Enquiry, &record).await.external_id, Some(card.id.to_string()), "{}", bench.kind);
    let another = bench.adapter().record_enquiry(&call, &enquiry(2, &client)).await.unwrap();
    assert_ne!(another, record, "{}: another enquiry of the same person", bench.kind);
    Cell::Ok
}

fn visits(bench: &Bench) -> bool {
    bench.adapter().capabilities().bookings == Keeps::Records
}

pub(super) async fn a_visit_is_made_once_and_moved(bench: &Bench) -> Cell {
    let client = bench.made(&client(1)).await;
    let (call, card) = (bench.call(), booking(1, &client));
    if !visits(bench) {
        assert_eq!(bench.adapter().upsert_booking(&call, &card).await, Err(Failure::permanent("bookings_are_notes")));
        return AS_NOTES;
    }
    let record = bench.adapter().upsert_booking(&call, &card).await.unwrap();
    assert_eq!(bench.adapter().upsert_booking(&call, &card).await, Ok(record.clone()), "{}: without the link", bench.kind);
    let moved = moved(&card, &record);
    for _ in 0..2 {
        assert_eq!(bench.adapter().upsert_booking(&call, &moved).await, Ok(record.clone()), "{}", bench.kind);
    }
    let read = bench.read(Entity::Booking, &record).await;
    assert_eq!((read.start, read.end), (Some(moved.start), Some(moved.end)), "{}", bench.kind);
    assert_eq!(read.external_id, Some(card.id.to_string()), "{}", bench.kind);
    assert_eq!((bench.count(Kept::Booking), bench.count(Kept::Enquiry)), (1, 0), "{}", bench.kind);
    Cell::Ok
}

/// Not come is not called off, and it matters by whom.
pub(super) async fn a_visit_ends_in_five_ways(bench: &Bench) -> Cell {
    if !visits(bench) {
        return AS_NOTES;
    }
    let (client, call) = (bench.made(&client(1)).await, bench.call());
    for (number, state) in (0..).zip(BookingState::ALL) {
        let planned = booking(number, &client);
        let record = bench.adapter().upsert_booking(&call, &planned).await.unwrap();
        let reason = (state != BookingState::Planned).then(|| "because".to_owned());
        let ended = BookingCard { known: Some(record.clone()), state, reason, ..planned };
        for _ in 0..2 {
            bench.adapter().set_booking_state(&call, &ended, &record).await.unwrap();
            assert_eq!(bench.read(Entity::Booking, &record).await.booking, Some(state), "{}", bench.kind);
        }
        // The whole card says the same, also when it is all that is ever told.
        let at_once = BookingCard { id: booking(100 + number, &client).id, known: None, ..ended };
        let record = bench.adapter().upsert_booking(&call, &at_once).await.unwrap();
        assert_eq!(bench.read(Entity::Booking, &record).await.booking, Some(state), "{}", bench.kind);
    }
    assert_eq!(bench.count(Kept::Booking), 2 * BookingState::ALL.len(), "{}", bench.kind);
    Cell::Ok
}

pub(super) async fn a_deleted_visit_is_gone(bench: &Bench) -> Cell {
    if !visits(bench) {
        return AS_NOTES;
    }
    let (client, call, gone) = (bench.made(&client(1)).await, bench.call(), Err(Failure::permanent(GONE)));
    let visit = booking(1, &client);
    let record = bench.adapter().upsert_booking(&call, &visit).await.unwrap();
    bench.staff(Staff::Delete { entity: Entity::Booking, record: &record });
    assert_eq!(bench.adapter().upsert_booking(&call, &moved(&visit, &record)).await, gone, "{}", bench.kind);
    let cancelled = BookingCard { state: BookingState::CancelledByClient, ..moved(&visit, &record) };
    let told = bench.adapter().set_booking_state(&call, &cancelled, &record).await;
    assert_eq!(told, Err(Failure::permanent(GONE)), "{}", bench.kind);
    assert_ne!(bench.adapter().upsert_booking(&call, &visit).await, Ok(record), "{}: made anew", bench.kind);

    let asked = enquiry(1, &client);
    let record = bench.adapter().record_enquiry(&call, &asked).await.unwrap();
    bench.staff(Staff::Delete { entity: Entity::Enquiry, record: &record });
    let known = EnquiryCard { known: Some(record.clone()), ..asked.clone() };
    assert_eq!(bench.adapter().record_enquiry(&call, &known).await, gone, "{}", bench.kind);
    assert_ne!(bench.adapter().record_enquiry(&call, &asked).await, Ok(record), "{}: made anew", bench.kind);
    assert_eq!((bench.count(Kept::Booking), bench.count(Kept::Enquiry)), (1, 1), "{}", bench.kind);
    Cell::Ok
}

/// Both sides of a change to winter time, and both of the hour that comes twice. The salon's zone is Berlin's, the CRM's another.
pub(super) async fn instants_come_back(bench: &Bench) -> Cell {
    if !visits(bench) {
        return AS_NOTES;
    }
    let (client, call) = (bench.made(&client(1)).await, bench.call());
    let mut card = booking(1, &client);
    for begins in
        ["2027-01-15T07:00:00Z", "2027-07-15T06:15:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2027-03-28T00:59:00Z"]
    {
        card.start = begins.parse::<DateTime<Utc>>().unwrap();
        card.end = card.start + TimeDelta::minutes(45);
        let record = bench.adapter().upsert_booking(&call, &card).await.unwrap();
        let read = bench.read(Entity::Booking, &record).await;
        assert_eq!((read.start, read.end), (Some(card.start), Some(card.end)), "{}: {begins}", bench.kind);
        let changed = read.changed_at.unwrap();
        assert!((bench.now() - changed).abs() < TimeDelta::minutes(5), "{}: changed at {changed}", bench.kind);
        card.known = Some(record);
    }
    Cell::Ok
}

pub(super) async fn a_task_is_made_once(bench: &Bench) -> Cell {
    let client = bench.made(&client(1)).await;
    let (call, card) = (bench.call(), task(1, &client));
    if bench.adapter().capabilities().tasks == Keeps::Notes {
        assert_eq!(bench.adapter().create_task(&call, &card).await, Err(Failure::permanent("tasks_are_notes")));
        return AS_NOTES;
    }
    let record = bench.adapter().create_task(&call, &card).await.unwrap();
    assert_eq!(bench.adapter().create_task(&call, &card).await, Ok(record), "{}", bench.kind);
    assert_eq!(bench.count(Kept::Task), 1, "{}", bench.kind);
    assert_eq!((bench.about.due)(&bench.snapshot()), Some(card.due), "{}", bench.kind);
    Cell::Ok
}
