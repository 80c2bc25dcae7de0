//! The fields we keep our facts in. EspoCRM puts a `c` before the name of a field that is made in its Entity Manager (since 8.2), and
//! drops a value for a field it doesn't know without a word (EspoCRM note, finding 2).

use crate::crm::{BookingState, Entity, Fact, FieldKind, FieldSpec};

const CHANNELS: &[&str] = &["telegram", "max", "vk", "whatsapp", "instagram", "web"];
const LANGUAGES: &[&str] = &["ru", "en", "kk", "uz"];
const STATES: &[&str] = &[
    BookingState::Planned.as_str(),
    BookingState::Completed.as_str(),
    BookingState::CancelledByClient.as_str(),
    BookingState::CancelledBySalon.as_str(),
    BookingState::NoShow.as_str(),
];

const fn text(entity: Entity, fact: Fact, theirs: &'static str, label: &'static str) -> FieldSpec {
    FieldSpec { entity, fact, theirs, kind: FieldKind::Text, options: &[], custom: true, required: false, label }
}

const fn ours(entity: Entity) -> FieldSpec {
    FieldSpec { required: true, ..text(entity, Fact::ExternalId, "cExternalId", "Salon ID") }
}

const fn choice(spec: FieldSpec, options: &'static [&'static str]) -> FieldSpec {
    FieldSpec { kind: FieldKind::Choice, options, ..spec }
}

const fn of(kind: FieldKind, spec: FieldSpec) -> FieldSpec {
    FieldSpec { kind, ..spec }
}

#[rustfmt::skip]
pub(super) const FIELDS: &[FieldSpec] = &[
    ours(Entity::Client),
    choice(text(Entity::Client, Fact::Channel, "cChannel", "Messenger"), CHANNELS),
    choice(text(Entity::Client, Fact::Language, "cLanguage", "Language"), LANGUAGES),
    text(Entity::Client, Fact::Referral, "cReferralCode", "First referral"),
    of(FieldKind::Moment, text(Entity::Client, Fact::FirstTouch, "cFirstTouchAt", "First came")),
    text(Entity::Client, Fact::LastReferral, "cLastReferralCode", "Last referral"),
    of(FieldKind::Number, text(Entity::Client, Fact::NoShows, "cNoShowCount", "Visits not come to")),
    ours(Entity::Enquiry),
    choice(text(Entity::Enquiry, Fact::Channel, "cChannel", "Messenger"), CHANNELS),
    text(Entity::Enquiry, Fact::Referral, "cReferralCode", "Referral"),
    text(Entity::Enquiry, Fact::Tracking, "cTrackingCode", "Tracking code"),
    ours(Entity::Booking),
    choice(text(Entity::Booking, Fact::State, "cBookingStatus", "State of the visit"), STATES),
    text(Entity::Booking, Fact::Service, "cService", "Service"),
    text(Entity::Booking, Fact::Master, "cMaster", "Master"),
    text(Entity::Booking, Fact::Price, "cPrice", "Price"),
    text(Entity::Booking, Fact::Reason, "cCancelReason", "Why called off"),
];

/// What a record of ours is called there.
pub(super) const fn scope(entity: Entity) -> &'static str {
    match entity {
        Entity::Client => "Contact",
        Entity::Enquiry => "Lead",
        Entity::Booking => "Meeting",
    }
}
