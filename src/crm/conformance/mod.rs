//! What every adapter of the CRM port must do, run over each of them against its stand-in, over loopback and with the stand-in's faults. An
//! adapter brings a description of its stand-in and nothing else: a new CRM is one line in [`conformance`]. Each case is a test of its own;
//! `cases::table` prints them all as a table (`make conformance`). That the stand-in counted no violation of the vendor's rules is a part
//! of every case.

mod bench;
mod cards;
mod cases;
mod changes;
mod clients;
mod errors;
mod fields;
mod lost;
mod notes;
mod records;
mod webhooks;

use chrono::{DateTime, Utc};
use http::HeaderMap;
use salon_sandbox::Sandbox;
use serde_json::Value;
use url::Url;

use super::{CrmAccount, CrmKind, Entity, FieldKind, FieldSettings, bitrix24, erxes, espocrm};
use crate::vendor::stub::Step;

/// Stands in every secret of an account: what is printed must not hold it.
pub(super) const LEAK: &str = "must-not-leak";

/// An adapter's stand-in, as far as the suite has to know it.
pub(super) struct Conformance {
    /// The name in faults and in the sandbox's seed.
    pub(super) vendor: &'static str,
    /// What stands after the sandbox's address.
    pub(super) path: &'static str,
    /// A CRM in which nobody is but us, with these fields of ours.
    pub(super) seed: fn(&[Planted]) -> Value,
    /// An account for it. [`LEAK`] is in each of its secrets.
    pub(super) account: fn(Url, &FieldSettings) -> CrmAccount,
    /// Makes the account one that may make fields; none where people make them by hand.
    pub(super) administrator: Option<fn(&mut CrmAccount)>,
    /// Whether a list of its own takes our words; else a choice of ours is kept as text.
    pub(super) lists: bool,
    /// Everything it holds.
    pub(super) snapshot: fn(&Sandbox) -> Value,
    /// How much of it there is of this kind.
    pub(super) count: fn(&Value, Kept) -> usize,
    /// The texts of all notes.
    pub(super) notes: fn(&Value) -> Vec<String>,
    /// The value of a record's field.
    pub(super) value: fn(&Value, Entity, &str, &str) -> Value,
    /// By when its only task is to be done.
    pub(super) due: fn(&Value) -> Option<DateTime<Utc>>,
    /// The operation that makes each.
    pub(super) writes: &'static [(Kept, &'static str)],
    /// The operation that changes a client's record.
    pub(super) change: &'static str,
    /// The answer that refuses a value, and the code it has with us: the field's name is in it where the vendor tells it.
    pub(super) invalid: (Step, &'static str),
    /// Something that people do in its own screens; the id of what they made.
    pub(super) staff: fn(&Sandbox, Staff<'_>) -> String,
    /// So many records of clients that were there before us, as a seed: `Seed 0`, `Seed 1`, ... from the first number to before the second.
    pub(super) crowd: fn(usize, usize) -> Value,
    /// How many changes it lists at once.
    pub(super) page: usize,
    /// Its webhooks.
    pub(super) hooks: Hooks,
}

/// What a CRM keeps of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    Client,
    Enquiry,
    Booking,
    Task,
    /// About a client.
    Note,
    /// What a client said, in a conversation it opens; only where there is an inbox.
    Message,
    /// What the salon said in a conversation that is there; only where there is an inbox.
    Reply,
}

/// A field of ours, made in the stand-in.
#[derive(Debug, Clone)]
pub(super) struct Planted {
    pub(super) entity: Entity,
    pub(super) name: String,
    pub(super) kind: FieldKind,
    /// The words it takes, if it is a list.
    pub(super) options: Vec<String>,
}

/// What people do.
#[derive(Debug, Clone, Copy)]
pub(super) enum Staff<'a> {
    /// Makes a client's record.
    Add { name: &'a str, phone: Option<&'a str> },
    /// Gives a client's record another name.
    Rename { record: &'a str, name: &'a str },
    /// Puts another number beside those a client's record has.
    AddPhone { record: &'a str, phone: &'a str },
    /// Deletes a record.
    Delete { entity: Entity, record: &'a str },
    /// Merges one client's record into another.
    Merge { into: &'a str, from: &'a str },
}

/// A delivery: its headers and its body.
pub(super) type Post = (HeaderMap, Vec<u8>);

/// A CRM's webhooks.
pub(super) struct Hooks {
    /// Has the stand-in post to this address, where the adapter can't ask for that itself.
    pub(super) by_hand: fn(&Sandbox, &Url),
    /// What the stand-in would post about a client's record; none where it posts by itself.
    pub(super) post: Option<fn(&Sandbox, &str) -> Post>,
    /// Where the proof stands.
    pub(super) proof: Proof,
    /// Whether the proof is of the body, too.
    pub(super) covers_body: bool,
    /// A delivery made into one of several events, and how many; none where one comes at a time.
    pub(super) batch: Option<fn(Post) -> (Post, usize)>,
    /// A delivery made into one of a kind that does not exist yet.
    pub(super) unknown: fn(Post) -> Post,
}

/// Where a CRM puts the proof of a webhook.
#[derive(Debug, Clone, Copy)]
pub(super) enum Proof {
    /// In the first of these headers; the others say the same in an older way.
    Headers(&'static [&'static str]),
    /// In this member of a form, whole.
    Form(&'static str),
}

fn conformance(kind: CrmKind) -> Conformance {
    match kind {
        CrmKind::Erxes => erxes::tests::conformance(),
        CrmKind::EspoCrm => espocrm::tests::conformance(),
        CrmKind::Bitrix24 => bitrix24::tests::conformance(),
    }
}
