//! Which of a CRM's fields hold our facts. Both EspoCRM and Bitrix24 drop a field they don't know without a word (EspoCRM/Bitrix24 note,
//! finding 2), so what is mapped is compared with what the CRM describes: when the tenant file is applied, and by `doctor`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CrmKind, Entity, crm};

macro_rules! facts {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// A fact of ours that a field of theirs can hold.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Fact { $($(#[$doc])* $name),+ }

        impl Fact {
            /// Every fact.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name in the tenant file.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

facts! {
    /// Our id of the client, the enquiry or the visit.
    ExternalId = "external_id",
    /// The messenger.
    Channel = "channel",
    /// The client's language.
    Language = "language",
    /// Who sent them first.
    Referral = "referral",
    /// When they first came.
    FirstTouch = "first_touch",
    /// Who sent them last.
    LastReferral = "last_referral",
    /// How many visits they did not come to.
    NoShows = "no_shows",
    /// The code shown to who filled in a form.
    Tracking = "tracking",
    /// How a visit stands.
    State = "state",
    /// The service.
    Service = "service",
    /// The master.
    Master = "master",
    /// The price.
    Price = "price",
    /// Why a visit was called off.
    Reason = "reason",
    /// When a visit begins, where the CRM's record has no such field of its own.
    Start = "start",
    /// When it ends.
    End = "end",
}

/// What kind of value a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// A line of text.
    Text,
    /// One of a fixed set of words.
    Choice,
    /// A moment.
    Moment,
    /// A whole number.
    Number,
    /// Something else, which holds none of our facts.
    Other,
}

/// A field as an adapter would have it.
#[derive(Debug, Clone, Copy)]
pub struct FieldSpec {
    /// On which record.
    pub entity: Entity,
    /// What of ours it holds.
    pub fact: Fact,
    /// Its name there unless the tenant file says another.
    pub theirs: &'static str,
    /// Its kind.
    pub kind: FieldKind,
    /// Our words, for a choice.
    pub options: &'static [&'static str],
    /// False if the CRM has it already; true if it has to be made.
    pub custom: bool,
    /// Without it nothing can be found again: it can't be left out.
    pub required: bool,
    /// What people read beside it.
    pub label: &'static str,
}

/// What the tenant file says of the fields of one CRM.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldSettings {
    /// By record and fact: their name of the field; none for a fact that is not written.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<Entity, BTreeMap<Fact, Option<String>>>,
    /// By record and fact: their word for each of ours.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<Entity, BTreeMap<Fact, BTreeMap<String, String>>>,
}

/// The fields in use for one connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldMap {
    names: BTreeMap<(Entity, Fact), String>,
    values: BTreeMap<(Entity, Fact), BTreeMap<String, String>>,
}

impl FieldMap {
    /// The adapter's own names, and over them what the tenant file says. A fact that can't be left out keeps its field.
    pub fn new(specs: &[FieldSpec], settings: &FieldSettings) -> Self {
        let mut names: BTreeMap<(Entity, Fact), String> =
            specs.iter().map(|spec| ((spec.entity, spec.fact), spec.theirs.to_owned())).collect();
        for (entity, facts) in &settings.fields {
            for (fact, theirs) in facts {
                let Some(spec) = specs.iter().find(|spec| (spec.entity, spec.fact) == (*entity, *fact)) else { continue };
                match theirs {
                    Some(theirs) => _ = names.insert((*entity, *fact), theirs.clone()),
                    None if !spec.required => _ = names.remove(&(*entity, *fact)),
                    None => {}
                }
            }
        }
        let values = settings
            .values
            .iter()
            .flat_map(|(entity, facts)| facts.iter().map(|(fact, words)| ((*entity, *fact), words.clone())));
        Self { names, values: values.collect() }
    }

    /// Their name of the field that holds this fact; none if it is not written.
    pub fn name(&self, entity: Entity, fact: Fact) -> Option<&str> {
        self.names.get(&(entity, fact)).map(String::as_str)
    }

    /// Their word for one of ours.
    pub fn value<'a>(&'a self, entity: Entity, fact: Fact, ours: &'a str) -> &'a str {
        self.values.get(&(entity, fact)).and_then(|words| words.get(ours)).map_or(ours, String::as_str)
    }

    /// Our word for one of theirs.
    pub fn ours<'a>(&'a self, entity: Entity, fact: Fact, theirs: &'a str) -> &'a str {
        let words = self.values.get(&(entity, fact));
        words.and_then(|words| words.iter().find(|(_, word)| *word == theirs)).map_or(theirs, |(ours, _)| ours.as_str())
    }
}

/// A field as the CRM describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TheirField {
    /// Its kind.
    pub kind: FieldKind,
    /// The words it takes, if it is a choice of fixed ones.
    pub options: Option<Vec<String>>,
}

/// What a CRM says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Described {
    /// By record: its fields.
    pub fields: BTreeMap<Entity, BTreeMap<String, TheirField>>,
    /// What else does not fit: a default user who is not there, a source that is not on the list. Each a sentence.
    pub problems: Vec<String>,
}

/// Something of the mapping that the CRM would refuse, or drop without a word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldProblem {
    /// There is no such field.
    #[error("{entity}.{fact}: there is no field {theirs}", entity = .0.as_str(), fact = .1.as_str(), theirs = .2)]
    Missing(Entity, Fact, String),
    /// It holds something else.
    #[error("{entity}.{fact}: the field {theirs} holds something else", entity = .0.as_str(), fact = .1.as_str(), theirs = .2)]
    Kind(Entity, Fact, String),
    /// It does not take one of our words.
    #[error("{entity}.{fact}: the field {theirs} does not take {word:?}", entity = .0.as_str(), fact = .1.as_str(), theirs = .2, word = .3)]
    Word(Entity, Fact, String, String),
    /// Anything else, in the adapter's words.
    #[error("{0}")]
    Other(String),
}

/// What of the mapping does not fit what the CRM describes. Of a kind of record that it describes nothing of, nothing is known.
pub fn check(kind: CrmKind, map: &FieldMap, described: &Described) -> Vec<FieldProblem> {
    let mut problems: Vec<FieldProblem> = described.problems.iter().cloned().map(FieldProblem::Other).collect();
    for spec in crm(kind).fields() {
        let (Some(name), Some(fields)) = (map.name(spec.entity, spec.fact), described.fields.get(&spec.entity)) else { continue };
        problems.extend(misfit(spec, name, map, fields.get(name)));
    }
    problems
}

/// The fields that have to be made: not there, and under the name we would give them.
pub fn missing(kind: CrmKind, map: &FieldMap, described: &Described) -> Vec<&'static FieldSpec> {
    let lacks = |spec: &FieldSpec| described.fields.get(&spec.entity).is_some_and(|fields| !fields.contains_key(spec.theirs));
    let ours = |spec: &FieldSpec| map.name(spec.entity, spec.fact) == Some(spec.theirs);
    crm(kind).fields().iter().filter(|spec| spec.custom && ours(spec) && lacks(spec)).collect()
}

fn misfit(spec: &FieldSpec, name: &str, map: &FieldMap, theirs: Option<&TheirField>) -> Vec<FieldProblem> {
    let (entity, fact) = (spec.entity, spec.fact);
    let Some(theirs) = theirs else { return vec![FieldProblem::Missing(entity, fact, name.to_owned())] };
    // A choice may be kept as text; text can't be kept as a choice.
    let fits = theirs.kind == spec.kind || (spec.kind == FieldKind::Choice && theirs.kind == FieldKind::Text);
    if !fits {
        return vec![FieldProblem::Kind(entity, fact, name.to_owned())];
    }
    let Some(options) = &theirs.options else { return Vec::new() };
    let words = spec.options.iter().map(|ours| map.value(entity, fact, ours));
    words
        .filter(|word| options.iter().all(|option| option != word))
        .map(|word| FieldProblem::Word(entity, fact, name.to_owned(), word.to_owned()))
        .collect()
}
