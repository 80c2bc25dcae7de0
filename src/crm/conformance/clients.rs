//! Who is who.

use super::{
    Kept, Staff,
    bench::Bench,
    cards::{client, phone, stranger},
    cases::Cell,
};
use crate::{
    crm::{ClientCard, Ensured, Entity, Fact, GONE},
    vendor::Failure,
};

/// The link may be lost, or not made yet: the second call finds what the first one made.
pub(super) async fn a_client_is_made_once(bench: &Bench) -> Cell {
    for card in [client(1), stranger(2), ClientCard { name: None, ..client(3) }] {
        let (before, id) = (bench.count(Kept::Client), bench.made(&card).await);
        assert_eq!(bench.made(&card).await, id, "{}", bench.kind);
        assert_eq!(bench.adapter().find_client(&bench.call(), &card).await.unwrap(), [id], "{}", bench.kind);
        assert_eq!(bench.count(Kept::Client), before + 1, "{}", bench.kind);
    }
    Cell::Ok
}

pub(super) async fn our_id_is_in_a_field_of_theirs(bench: &Bench) -> Cell {
    let id = bench.made(&client(1)).await;
    let read = bench.read(Entity::Client, &id).await;
    assert_eq!(read.external_id, Some(client(1).id.to_string()), "{}", bench.kind);
    assert_eq!(read.record, id, "{}", bench.kind);
    Cell::Ok
}

pub(super) async fn a_linked_client_is_brought_up_to_date(bench: &Bench) -> Cell {
    let id = bench.made(&client(1)).await;
    let now = ClientCard { known: Some(id.clone()), no_shows: 4, phone: Some(phone(77)), ..client(1) };
    assert_eq!(bench.made(&now).await, id, "{}", bench.kind);
    assert!(bench.read(Entity::Client, &id).await.contacts.contains(&phone(77)), "{}: a new number is added", bench.kind);
    let before = bench.snapshot();
    assert_eq!(bench.made(&now).await, id, "{}", bench.kind);
    assert_eq!(bench.snapshot(), before, "{}: nobody sees a record change that says everything already", bench.kind);
    assert_eq!(bench.count(Kept::Client), 1, "{}", bench.kind);
    let missed = bench.adapter().fields().iter().find(|spec| spec.fact == Fact::NoShows).unwrap();
    assert_eq!(number(&bench.value(Entity::Client, &id, missed.theirs)), Some(4), "{}", bench.kind);
    Cell::Ok
}

/// A number, or a number as text.
fn number(value: &serde_json::Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

pub(super) async fn nothing_of_theirs_is_blanked(bench: &Bench) -> Cell {
    let id = bench.made(&client(1)).await;
    let facts = || -> Vec<_> {
        let specs = bench.adapter().fields().iter().filter(|spec| spec.entity == Entity::Client);
        specs.map(|spec| bench.value(Entity::Client, &id, spec.theirs)).collect()
    };
    let (read, kept) = (bench.read(Entity::Client, &id).await, facts());
    let nothing = ClientCard { known: Some(id.clone()), ..stranger(1) };
    for card in [stranger(1), nothing] {
        assert_eq!(bench.made(&card).await, id, "{}", bench.kind);
        let now = bench.read(Entity::Client, &id).await;
        assert_eq!(
            (now.name, now.contacts, now.external_id),
            (read.name.clone(), read.contacts.clone(), read.external_id.clone())
        );
        assert_eq!(facts(), kept, "{}", bench.kind);
    }
    Cell::Ok
}

pub(super) async fn what_people_curated_stays(bench: &Bench) -> Cell {
    let id = bench.made(&client(1)).await;
    bench.staff(Staff::Rename { record: &id, name: "Anna-Maria from next door" });
    bench.staff(Staff::AddPhone { record: &id, phone: &phone(88) });
    for known in [Some(id.clone()), None] {
        let card = ClientCard { known, phone: Some(phone(99)), no_shows: 2, ..client(1) };
        assert_eq!(bench.made(&card).await, id, "{}", bench.kind);
    }
    let read = bench.read(Entity::Client, &id).await;
    assert!(read.name.as_ref().is_some_and(|name| name.contains("Anna-Maria from next door")), "{}: {:?}", bench.kind, read.name);
    for kept in [phone(1), phone(88), phone(99)] {
        assert!(read.contacts.contains(&kept), "{}: {kept} is not in {:?}", bench.kind, read.contacts);
    }
    Cell::Ok
}

/// A name proves nothing (EspoCRM/Bitrix24 note, finding 1).
pub(super) async fn namesakes_are_two(bench: &Bench) -> Cell {
    let namesake = |number| ClientCard { name: Some("Anna".to_owned()), ..stranger(number) };
    let (one, two) = (bench.made(&namesake(1)).await, bench.made(&namesake(2)).await);
    assert_ne!(one, two, "{}", bench.kind);
    let nameless = (bench.made(&stranger(3)).await, bench.made(&stranger(4)).await);
    assert_ne!(nameless.0, nameless.1, "{}", bench.kind);
    assert_eq!(bench.made(&namesake(1)).await, one, "{}", bench.kind);
    assert_eq!(bench.count(Kept::Client), 4, "{}", bench.kind);
    Cell::Ok
}

pub(super) async fn one_of_a_number_is_linked(bench: &Bench) -> Cell {
    let theirs = bench.staff(Staff::Add { name: "Anna", phone: Some(&phone(1)) });
    bench.staff(Staff::Add { name: "Anna Nr1", phone: Some(&phone(11)) });
    assert_eq!(
        bench.adapter().find_client(&bench.call(), &client(1)).await.unwrap(),
        std::slice::from_ref(&theirs),
        "{}",
        bench.kind
    );
    assert_eq!(bench.made(&client(1)).await, theirs, "{}", bench.kind);
    assert_eq!(bench.count(Kept::Client), 2, "{}", bench.kind);
    let read = bench.read(Entity::Client, &theirs).await;
    assert_eq!(read.contacts.iter().filter(|contact| **contact == phone(1)).count(), 1, "{}: {:?}", bench.kind, read.contacts);
    Cell::Ok
}

pub(super) async fn several_of_a_number_are_ambiguous(bench: &Bench) -> Cell {
    let mut theirs = [
        bench.staff(Staff::Add { name: "Anna", phone: Some(&phone(1)) }),
        bench.staff(Staff::Add { name: "Berta", phone: Some(&phone(1)) }),
    ];
    theirs.sort();
    let before = bench.snapshot();
    let Ok(Ensured::Ambiguous(mut several)) = bench.ensure(&client(1)).await else { panic!("{}: they are two", bench.kind) };
    several.sort();
    assert_eq!(several, theirs, "{}", bench.kind);
    assert_eq!(bench.snapshot(), before, "{}: nothing is written", bench.kind);
    Cell::Ok
}

/// Two clients of ours are never made one by a number alone.
pub(super) async fn the_number_of_another_client_is_ambiguous(bench: &Bench) -> Cell {
    let first = bench.made(&client(1)).await;
    let before = bench.snapshot();
    let second = ClientCard { phone: Some(phone(1)), email: None, ..client(2) };
    assert_eq!(bench.ensure(&second).await, Ok(Ensured::Ambiguous(vec![first])), "{}", bench.kind);
    assert_eq!(bench.snapshot(), before, "{}: nothing is written", bench.kind);
    Cell::Ok
}

/// Nobody vouches for what is typed into a form.
pub(super) async fn a_claimed_number_joins_nobody(bench: &Bench) -> Cell {
    let theirs = bench.staff(Staff::Add { name: "Anna", phone: Some(&phone(1)) });
    let card = ClientCard { phone: None, claimed_phone: Some(phone(1)), email: None, ..client(2) };
    let made = bench.made(&card).await;
    assert_ne!(made, theirs, "{}", bench.kind);
    assert_eq!(bench.made(&card).await, made, "{}", bench.kind);
    assert_eq!(bench.count(Kept::Client), 2, "{}", bench.kind);
    Cell::Ok
}

pub(super) async fn a_deleted_client_is_gone(bench: &Bench) -> Cell {
    let id = bench.made(&client(1)).await;
    bench.staff(Staff::Delete { entity: Entity::Client, record: &id });
    let known = ClientCard { known: Some(id.clone()), ..client(1) };
    assert_eq!(bench.ensure(&known).await, Err(Failure::permanent(GONE)), "{}", bench.kind);
    let anew = bench.made(&client(1)).await;
    assert_ne!(anew, id, "{}", bench.kind);
    assert_eq!(bench.count(Kept::Client), 1, "{}", bench.kind);
    Cell::Ok
}

pub(super) async fn a_merged_client_leads_to_the_survivor(bench: &Bench) -> Cell {
    let id = bench.made(&client(1)).await;
    let survivor = bench.staff(Staff::Add { name: "Anna", phone: Some(&phone(11)) });
    bench.staff(Staff::Merge { into: &survivor, from: &id });
    let known = ClientCard { known: Some(id), ..client(1) };
    assert_eq!(bench.ensure(&known).await, Err(Failure::permanent(GONE)), "{}", bench.kind);
    assert_eq!(bench.made(&client(1)).await, survivor, "{}", bench.kind);
    assert_eq!(bench.count(Kept::Client), 1, "{}", bench.kind);
    Cell::Ok
}
