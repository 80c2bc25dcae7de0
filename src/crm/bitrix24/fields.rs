//! Which fields hold our facts. Custom fields are named as the portal itself names them (`useOriginalUfNames`), and nowhere in camel
//! case. A choice of ours is kept as text: a list of the portal's would be written by its options' numbers, which differ from portal to
//! portal. A salon that has such a list maps its words to those numbers in the tenant file.

use serde_json::Value;

use super::wire::Fields;
use crate::{
    crm::{Entity, Fact, FieldKind, FieldMap, FieldSpec},
    lang::Lang,
};

/// What `originatorId` says of records that are ours; `originId` is then our id.
pub(super) const ORIGINATOR: &str = "salon-core";
/// The field that holds our id.
pub(super) const ORIGIN: &str = "originId";

const CHANNELS: &[&str] = &["telegram", "max", "vk", "whatsapp", "instagram"];
const LANGUAGES: &[&str] = &[Lang::Ru.code(), Lang::En.code()];
const STATES: &[&str] = &["planned", "completed", "cancelled_by_client", "cancelled_by_salon", "no_show"];

const fn custom(entity: Entity, fact: Fact, theirs: &'static str, kind: FieldKind, label: &'static str) -> FieldSpec {
    FieldSpec { entity, fact, theirs, kind, options: &[], custom: true, required: false, label }
}

const fn choice(
    entity: Entity,
    fact: Fact,
    theirs: &'static str,
    options: &'static [&'static str],
    label: &'static str,
) -> FieldSpec {
    FieldSpec { options, ..custom(entity, fact, theirs, FieldKind::Choice, label) }
}

const fn origin(entity: Entity) -> FieldSpec {
    FieldSpec {
        custom: false,
        required: true,
        ..custom(entity, Fact::ExternalId, ORIGIN, FieldKind::Text, "Id in another system")
    }
}

/// `crm.*.userfield.add` refuses names of more than 50 characters. (Its page also speaks of 20, which older boxes may hold to.)
#[rustfmt::skip]
pub(super) const FIELDS: &[FieldSpec] = &[
    origin(Entity::Client),
    choice(Entity::Client, Fact::Channel, "UF_CRM_SALON_CHANNEL", CHANNELS, "Messenger"),
    choice(Entity::Client, Fact::Language, "UF_CRM_SALON_LANGUAGE", LANGUAGES, "Language"),
    custom(Entity::Client, Fact::Referral, "UF_CRM_SALON_REFERRAL", FieldKind::Text, "First referral"),
    custom(Entity::Client, Fact::FirstTouch, "UF_CRM_SALON_FIRST_TOUCH", FieldKind::Moment, "First came"),
    custom(Entity::Client, Fact::LastReferral, "UF_CRM_SALON_LAST_REFERRAL", FieldKind::Text, "Last referral"),
    custom(Entity::Client, Fact::NoShows, "UF_CRM_SALON_NO_SHOWS", FieldKind::Number, "Visits missed"),
    origin(Entity::Enquiry),
    choice(Entity::Enquiry, Fact::Channel, "UF_CRM_SALON_CHANNEL", CHANNELS, "Messenger"),
    custom(Entity::Enquiry, Fact::Referral, "UF_CRM_SALON_REFERRAL", FieldKind::Text, "Referral"),
    custom(Entity::Enquiry, Fact::Tracking, "UF_CRM_SALON_TRACKING", FieldKind::Text, "Tracking code"),
    origin(Entity::Booking),
    choice(Entity::Booking, Fact::State, "UF_CRM_SALON_STATUS", STATES, "Visit"),
    custom(Entity::Booking, Fact::Service, "UF_CRM_SALON_SERVICE", FieldKind::Text, "Service"),
    custom(Entity::Booking, Fact::Master, "UF_CRM_SALON_MASTER", FieldKind::Text, "Master"),
    custom(Entity::Booking, Fact::Price, "UF_CRM_SALON_PRICE", FieldKind::Text, "Price"),
    custom(Entity::Booking, Fact::Reason, "UF_CRM_SALON_REASON", FieldKind::Text, "Why called off"),
    custom(Entity::Booking, Fact::Start, "UF_CRM_SALON_START", FieldKind::Moment, "Begins"),
    custom(Entity::Booking, Fact::End, "UF_CRM_SALON_END", FieldKind::Moment, "Ends"),
];

/// The facts of one record, under the names of one connection.
pub(super) struct Facts<'a> {
    map: &'a FieldMap,
    entity: Entity,
}

impl<'a> Facts<'a> {
    pub(super) const fn new(map: &'a FieldMap, entity: Entity) -> Self {
        Self { map, entity }
    }

    /// Writes a value, if there is one and a field for it.
    pub(super) fn set<V: Into<Value>>(&self, fields: &mut Fields, fact: Fact, value: Option<V>) {
        if let Some(name) = self.map.name(self.entity, fact) {
            fields.set(name, value);
        }
    }

    /// Writes one of our words in the connection's own.
    pub(super) fn set_word(&self, fields: &mut Fields, fact: Fact, ours: Option<&str>) {
        self.set(fields, fact, ours.map(|ours| self.map.value(self.entity, fact, ours)));
    }

    /// Their name of a fact's field.
    pub(super) fn name(&self, fact: Fact) -> Option<&'a str> {
        self.map.name(self.entity, fact)
    }

    /// Our word in a record's field.
    pub(super) fn word(&self, record: &Value, fact: Fact) -> Option<String> {
        let theirs = super::wire::field(record, self.name(fact)?)?;
        Some(self.map.ours(self.entity, fact, &theirs).to_owned())
    }
}

/// One line without control characters, at most so many characters; none if nothing is left.
pub(super) fn line(text: &str, longest: usize) -> Option<String> {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    let line: String = words.join(" ").chars().take(longest).collect();
    Some(line.trim_end().to_owned()).filter(|line| !line.is_empty())
}

/// A text that is read as BBCode. There is no way to quote a bracket, so what could open a tag gets a space of no width after it.
pub(super) fn plain(text: &str) -> String {
    text.replace('[', "[\u{200b}")
}
