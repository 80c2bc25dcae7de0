//! Every offset change of every IANA zone from 2020 to 2037, found by asking chrono-tz and by nothing under test.

use std::{sync::OnceLock, thread};

use chrono::{DateTime, Offset, TimeZone, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};

use super::at;

const DAY: i64 = 86_400;

/// The changes of one zone, as Unix times of the first second under the new offset.
pub(super) struct Changes {
    pub(super) tz: Tz,
    pub(super) at: Vec<i64>,
}

/// All zones, those without a change included.
pub(super) fn all() -> &'static [Changes] {
    static ALL: OnceLock<Vec<Changes>> = OnceLock::new();
    ALL.get_or_init(|| in_parallel(&TZ_VARIANTS, |&tz| Changes { tz, at: of_zone(tz) }))
}

/// Maps over a slice on a few threads, in order.
pub(super) fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    const THREADS: usize = 4;
    let work = &work;
    thread::scope(|scope| {
        let chunks = items.chunks(items.len().div_ceil(THREADS));
        let running: Vec<_> = chunks.map(|chunk| scope.spawn(move || chunk.iter().map(work).collect::<Vec<_>>())).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

fn offset(unix: i64, tz: Tz) -> i32 {
    let utc = DateTime::<Utc>::from_timestamp(unix, 0).unwrap().naive_utc();
    tz.offset_from_utc_datetime(&utc).fix().local_minus_utc()
}

fn of_zone(tz: Tz) -> Vec<i64> {
    let (first, last) = (at("2020-01-01T00:00:00Z").timestamp(), at("2038-01-01T00:00:00Z").timestamp());
    let mut found = Vec::new();
    let (mut day, mut old) = (first, offset(first, tz));
    while day < last {
        let new = offset(day + DAY, tz);
        if new != old {
            let (mut before, mut after) = (day, day + DAY);
            while after - before > 1 {
                let middle = before + (after - before) / 2;
                if offset(middle, tz) == old { before = middle } else { after = middle }
            }
            found.push(after);
        }
        (day, old) = (day + DAY, new);
    }
    found
}

#[test]
fn the_database_holds_the_changes_that_everyone_knows() {
    let of = |tz| &all().iter().find(|changes| changes.tz == tz).unwrap().at;
    assert_eq!(of(Tz::Europe__Berlin).len(), 36);
    assert!(of(Tz::Europe__Berlin).contains(&at("2026-03-29T01:00:00Z").timestamp()));
    assert!(of(Tz::Asia__Almaty).contains(&at("2024-02-29T18:00:00Z").timestamp()), "Kazakhstan became one zone");
    assert!(of(Tz::Europe__Moscow).is_empty());
    assert!(all().iter().map(|changes| changes.at.len()).sum::<usize>() > 5_000);
}

#[test]
fn no_zone_changes_its_offset_twice_within_a_day_and_a_half() {
    in_parallel(all(), |changes| {
        for &change in &changes.at {
            for hour in 0..36 {
                assert_eq!(
                    offset(change + hour * 3_600, changes.tz),
                    offset(change, changes.tz),
                    "{} after {change}",
                    changes.tz
                );
                assert_eq!(
                    offset(change - 1 - hour * 3_600, changes.tz),
                    offset(change - 1, changes.tz),
                    "{} before {change}",
                    changes.tz
                );
            }
        }
    });
}
