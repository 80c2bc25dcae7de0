//! What the portal keeps.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, FixedOffset, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    answer::stamp,
    booking::Bookings,
    form::number,
    limits::Limits,
    seed::{App, Portal, Right, User, Webhook},
    statuses::Status,
};

/// Deliveries remembered.
const REMEMBERED: usize = 2_000;

/// The CRM's kinds of records that are played, by `entityTypeId`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Lead = 1,
    Deal = 2,
    Contact = 3,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Lead, Self::Deal, Self::Contact];

    pub(super) fn by_id(id: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.id() == id)
    }

    pub(super) const fn id(self) -> i64 {
        self as i64
    }

    /// `LEAD`, as in events, `crm.duplicate.findbycomm` and `CRM_LEAD`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Lead => "LEAD",
            Self::Deal => "DEAL",
            Self::Contact => "CONTACT",
        }
    }

    /// By `lead`, as in the timeline's `ENTITY_TYPE` and in methods' names.
    pub(super) fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
}

/// A record of the CRM, with the names `crm.item.*` uses.
pub(super) type Item = Map<String, Value>;

/// A custom field.
#[derive(Debug, Clone)]
pub(super) struct UserField {
    pub(super) id: i64,
    pub(super) kind: Kind,
    /// `UF_CRM_...`
    pub(super) name: String,
    /// `string`, `enumeration`, ...
    pub(super) user_type: String,
    pub(super) multiple: bool,
    pub(super) mandatory: bool,
    /// The options of an enumeration, with their ids.
    pub(super) options: Vec<(i64, String)>,
    pub(super) label: Value,
    pub(super) xml_id: Value,
    pub(super) sort: i64,
}

/// Who hears an event.
#[derive(Debug, Clone)]
pub(super) struct Handler {
    pub(super) id: i64,
    pub(super) event: String,
    pub(super) url: String,
    /// The application that bound it; none for an outgoing webhook.
    pub(super) app: Option<String>,
    /// The user whose tokens it gets; 0 for whoever made the change.
    pub(super) auth_type: i64,
    /// What the receiver knows the portal by.
    pub(super) token: String,
}

/// One attempt to hand an event over.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Delivery {
    pub(super) at: DateTime<Utc>,
    pub(super) handler: i64,
    pub(super) event: String,
    pub(super) id: i64,
    /// HTTP status of the answer; 0 when there was none.
    pub(super) status: u16,
}

/// Whose a token is, and for how long.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    pub(super) client_id: String,
    pub(super) user: i64,
    pub(super) until: DateTime<Utc>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) portal: Portal,
    pub(super) users: BTreeMap<i64, User>,
    pub(super) webhooks: Vec<Webhook>,
    pub(super) apps: Vec<App>,
    pub(super) access_tokens: BTreeMap<String, Grant>,
    pub(super) refresh_tokens: BTreeMap<String, Grant>,
    /// Codes with which an application gets its first tokens.
    pub(super) codes: BTreeMap<String, Grant>,
    /// How often the OAuth server renewed tokens.
    pub(super) renewals: u64,
    pub(super) user_fields: Vec<UserField>,
    pub(super) statuses: Vec<Status>,
    pub(super) limits: Limits,
    pub(super) items: BTreeMap<Kind, BTreeMap<i64, Item>>,
    /// With the upper-case names `crm.activity.*` uses.
    pub(super) activities: BTreeMap<i64, Item>,
    /// With the upper-case names `crm.timeline.comment.*` uses.
    pub(super) comments: BTreeMap<i64, Item>,
    pub(super) log_messages: BTreeMap<i64, Item>,
    pub(super) bookings: Bookings,
    pub(super) handlers: Vec<Handler>,
    pub(super) deliveries: VecDeque<Delivery>,
    pub(super) last_ids: BTreeMap<&'static str, i64>,
}

impl State {
    /// The next id of a sequence.
    pub(super) fn next_id(&mut self, sequence: &'static str) -> i64 {
        let last = self.last_ids.entry(sequence).or_default();
        *last += 1;
        *last
    }

    /// Ids of a sequence begin above `id` from now on.
    pub(super) fn skip_ids(&mut self, sequence: &'static str, id: i64) {
        let last = self.last_ids.entry(sequence).or_default();
        *last = (*last).max(id);
    }

    pub(super) fn zone(&self) -> FixedOffset {
        self.portal.utc_offset
    }

    pub(super) fn stamp(&self, at: DateTime<Utc>) -> Value {
        Value::String(stamp(at, self.zone()))
    }

    pub(super) fn item(&self, kind: Kind, id: i64) -> Option<&Item> {
        self.items.get(&kind)?.get(&id)
    }

    pub(super) fn item_mut(&mut self, kind: Kind, id: i64) -> Option<&mut Item> {
        self.items.get_mut(&kind)?.get_mut(&id)
    }

    pub(super) fn app(&self, client_id: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.client_id == client_id)
    }

    pub(super) fn may_write(&self, user: i64) -> bool {
        self.users.get(&user).is_some_and(|user| user.crm == Right::All)
    }

    pub(super) fn may_read(&self, user: i64) -> bool {
        self.users.get(&user).is_some_and(|user| user.crm != Right::None)
    }

    pub(super) fn is_admin(&self, user: i64) -> bool {
        self.users.get(&user).is_some_and(|user| user.admin)
    }

    pub(super) fn status(&self, entity: &str, id: &str) -> Option<&Status> {
        self.statuses.iter().find(|status| status.entity == entity && status.id == id)
    }

    /// The custom fields of a kind of record.
    pub(super) fn user_fields(&self, kind: Kind) -> impl Iterator<Item = &UserField> {
        self.user_fields.iter().filter(move |field| field.kind == kind)
    }

    pub(super) fn remember(&mut self, delivery: Delivery) {
        if self.deliveries.len() == REMEMBERED {
            self.deliveries.pop_front();
        }
        self.deliveries.push_back(delivery);
    }
}

/// Whether an activity is of this record.
pub(super) fn is_owned(activity: &Item, kind: Kind, id: i64) -> bool {
    activity.get("OWNER_TYPE_ID").and_then(number) == Some(kind.id()) && activity.get("OWNER_ID").and_then(number) == Some(id)
}

/// Whether a comment is on this record.
pub(super) fn is_about(comment: &Item, kind: Kind, id: i64) -> bool {
    let of = comment.get("ENTITY_TYPE").and_then(Value::as_str).and_then(Kind::by_name);
    of == Some(kind) && comment.get("ENTITY_ID").and_then(number) == Some(id)
}

/// A secret as the vendor's tokens look.
pub(super) fn secret() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
