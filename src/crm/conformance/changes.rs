//! What was changed there.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use salon_sandbox::Scenario;

use super::{
    Staff,
    bench::Bench,
    cards::{booking, client, enquiry},
    cases::Cell,
};
use crate::crm::{Entity, Keeps, RemotePage};

const NO_LIST: Cell = Cell::No("it lists no changes: a webhook's hint is all there is");

async fn page(bench: &Bench, since: DateTime<Utc>, page: Option<&str>) -> RemotePage {
    bench.adapter().changes_since(&bench.call(), Entity::Client, since, page).await.unwrap()
}

pub(super) async fn what_people_changed_is_listed(bench: &Bench) -> Cell {
    if bench.adapter().capabilities().changes.is_empty() {
        return NO_LIST;
    }
    let (id, other) = (bench.made(&client(1)).await, bench.made(&client(2)).await);
    bench.sandbox.world.advance(TimeDelta::seconds(10));
    let since = bench.now();
    bench.sandbox.world.advance(TimeDelta::seconds(2));
    bench.staff(Staff::Rename { record: &id, name: "Anna-Maria" });
    let listed = page(bench, since, None).await;
    let records: Vec<&str> = listed.records.iter().map(|state| state.record.as_str()).collect();
    assert_eq!(records, [id.as_str()], "{}: and not {other}", bench.kind);
    let state = &listed.records[0];
    assert!(state.name.as_ref().is_some_and(|name| name.contains("Anna-Maria")), "{}: {:?}", bench.kind, state.name);
    assert_eq!(state.external_id, Some(client(1).id.to_string()), "{}", bench.kind);
    let changed = state.changed_at.unwrap();
    assert!(changed >= since && changed <= bench.now(), "{}: {since} {changed}", bench.kind);
    assert_eq!(listed.next, None, "{}", bench.kind);
    assert!(page(bench, bench.now() + TimeDelta::seconds(5), None).await.records.is_empty(), "{}", bench.kind);
    Cell::Ok
}

/// Some pages full, one second with more changes than a page holds, and people who change records that were read already while the rest is
/// read.
pub(super) async fn pages_skip_nothing(bench: &Bench) -> Cell {
    if bench.adapter().capabilities().changes.is_empty() {
        return NO_LIST;
    }
    let (size, since) = (bench.about.page, bench.now());
    let mut planted = 0;
    for part in [size / 2, size + size / 3, size / 2] {
        bench.sandbox.world.advance(TimeDelta::seconds(2));
        let seed = (bench.about.crowd)(planted, planted + part);
        bench.sandbox.plant(&Scenario { seed: [(bench.about.vendor.to_owned(), seed)].into() }).unwrap();
        planted += part;
    }
    bench.sandbox.world.advance(TimeDelta::seconds(2));
    let (mut seen, mut next, mut pages) = (BTreeSet::new(), None, 0);
    loop {
        let listed = page(bench, since, next.as_deref()).await;
        let times: Vec<_> = listed.records.iter().map(|state| state.changed_at.unwrap()).collect();
        assert!(times.is_sorted(), "{}: oldest first", bench.kind);
        if let (0 | 1, Some(state)) = (pages, listed.records.first()) {
            bench.staff(Staff::Rename { record: &state.record, name: "Somebody else" });
        }
        seen.extend(listed.records.into_iter().map(|state| state.record));
        next = listed.next;
        pages += 1;
        assert!(pages < 20, "{}: no end of pages", bench.kind);
        if next.is_none() {
            break;
        }
    }
    assert!(pages > 2, "{}: {pages} pages", bench.kind);
    assert_eq!(seen.len(), planted, "{}", bench.kind);
    Cell::Ok
}

pub(super) async fn a_gone_record_reads_as_none(bench: &Bench) -> Cell {
    let (adapter, call) = (bench.adapter(), bench.call());
    let them = bench.made(&client(1)).await;
    let mut there = Vec::new();
    if adapter.capabilities().enquiries == Keeps::Records {
        there.push((Entity::Enquiry, adapter.record_enquiry(&call, &enquiry(1, &them)).await.unwrap()));
    }
    if adapter.capabilities().bookings == Keeps::Records {
        there.push((Entity::Booking, adapter.upsert_booking(&call, &booking(1, &them)).await.unwrap()));
    }
    there.push((Entity::Client, them));
    for (entity, record) in there {
        assert_eq!(bench.read(entity, &record).await.record, record, "{}", bench.kind);
        bench.staff(Staff::Delete { entity, record: &record });
        assert_eq!(adapter.read(&call, entity, &record).await, Ok(None), "{}: {entity:?}", bench.kind);
    }
    Cell::Ok
}
