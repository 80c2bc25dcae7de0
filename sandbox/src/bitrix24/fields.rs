//! The fields of leads, deals and contacts, and how a call's `fields` are read: what the portal does not know, it drops.

use serde_json::{Map, Value};

use super::{
    answer::Refusal,
    camel,
    state::{Kind, State, UserField},
    values,
};

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Integer,
    Double,
    Text,
    /// `Y` or `N`.
    Flag,
    User,
    Date,
    Datetime,
    /// A row of this directory.
    Status(&'static str),
    /// A contact.
    Contact,
    /// A lead.
    Lead,
    /// A company; companies are not played, so any number will do.
    Company,
    /// Phones, addresses and messengers.
    Multifield,
}

impl Type {
    /// As `crm.item.fields` names it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Double => "double",
            Self::Text => "string",
            Self::Flag => "boolean",
            Self::User => "user",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::Status(_) => "crm_status",
            Self::Contact => "crm_contact",
            Self::Lead => "crm_lead",
            Self::Company => "crm_company",
            Self::Multifield => "crm_multifield",
        }
    }
}

/// A standard field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) of: Type,
    pub(super) multiple: bool,
    pub(super) read_only: bool,
}

const fn field(name: &'static str, of: Type) -> Field {
    Field { name, of, multiple: false, read_only: false }
}

const fn list(name: &'static str, of: Type) -> Field {
    Field { name, of, multiple: true, read_only: false }
}

const fn fixed(name: &'static str, of: Type) -> Field {
    Field { name, of, multiple: false, read_only: true }
}

const COMMON: &[Field] = &[
    fixed("id", Type::Integer),
    fixed("createdTime", Type::Datetime),
    fixed("updatedTime", Type::Datetime),
    fixed("createdBy", Type::User),
    fixed("updatedBy", Type::User),
    fixed("lastActivityBy", Type::User),
    fixed("lastActivityTime", Type::Datetime),
    field("assignedById", Type::User),
    field("opened", Type::Flag),
    field("companyId", Type::Company),
    field("sourceId", Type::Status("SOURCE")),
    field("sourceDescription", Type::Text),
    field("comments", Type::Text),
    field("webformId", Type::Integer),
    field("originatorId", Type::Text),
    field("originId", Type::Text),
    list("observers", Type::User),
    field("utmSource", Type::Text),
    field("utmMedium", Type::Text),
    field("utmCampaign", Type::Text),
    field("utmContent", Type::Text),
    field("utmTerm", Type::Text),
];

/// Of leads and contacts.
const PERSON: &[Field] = &[
    field("honorific", Type::Status("HONORIFIC")),
    field("name", Type::Text),
    field("secondName", Type::Text),
    field("lastName", Type::Text),
    field("birthdate", Type::Date),
    field("post", Type::Text),
    list("fm", Type::Multifield),
    fixed("hasPhone", Type::Flag),
    fixed("hasEmail", Type::Flag),
    fixed("hasImol", Type::Flag),
    fixed("phone", Type::Text),
    fixed("phoneWork", Type::Text),
    fixed("phoneMobile", Type::Text),
    fixed("email", Type::Text),
    fixed("emailWork", Type::Text),
    fixed("emailHome", Type::Text),
];

/// Of leads and deals.
const SALE: &[Field] = &[
    field("title", Type::Text),
    field("contactId", Type::Contact),
    list("contactIds", Type::Contact),
    field("opportunity", Type::Double),
    field("isManualOpportunity", Type::Flag),
    field("currencyId", Type::Text),
    fixed("stageSemanticId", Type::Text),
    fixed("isReturnCustomer", Type::Flag),
    fixed("movedBy", Type::User),
    fixed("movedTime", Type::Datetime),
];

const LEAD: &[Field] = &[
    field("stageId", Type::Status("STATUS")),
    field("statusDescription", Type::Text),
    field("companyTitle", Type::Text),
    fixed("dateClosed", Type::Datetime),
];

const DEAL: &[Field] = &[
    field("stageId", Type::Status("DEAL_STAGE")),
    field("typeId", Type::Status("DEAL_TYPE")),
    field("categoryId", Type::Integer),
    field("probability", Type::Integer),
    field("taxValue", Type::Double),
    field("begindate", Type::Date),
    field("closedate", Type::Date),
    field("leadId", Type::Lead),
    field("additionalInfo", Type::Text),
    fixed("closed", Type::Flag),
];

const CONTACT: &[Field] = &[
    field("typeId", Type::Status("CONTACT_TYPE")),
    field("export", Type::Flag),
    list("companyIds", Type::Company),
    field("leadId", Type::Lead),
    field("originVersion", Type::Text),
];

/// The standard fields of a kind of record.
pub(super) fn standard(kind: Kind) -> impl Iterator<Item = &'static Field> {
    let parts: [&'static [Field]; 4] = match kind {
        Kind::Lead => [COMMON, PERSON, SALE, LEAD],
        Kind::Deal => [COMMON, SALE, DEAL, &[]],
        Kind::Contact => [COMMON, PERSON, CONTACT, &[]],
    };
    parts.into_iter().flatten()
}

/// A field of either sort.
#[derive(Debug, Clone)]
pub(super) enum Known {
    Standard(Field),
    Custom(UserField),
}

/// A field by the name a call uses.
pub(super) fn known(state: &State, kind: Kind, name: &str, original: bool) -> Option<(String, Known)> {
    let custom = state.user_fields(kind).find(|field| if original { field.name == name } else { camel::of(&field.name) == name });
    if let Some(field) = custom {
        return Some((camel::of(&field.name), Known::Custom(field.clone())));
    }
    let field = standard(kind).find(|field| field.name == name)?;
    Some((name.to_owned(), Known::Standard(*field)))
}

/// What a call's `fields` want.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// By camel-case name, as the portal keeps them.
    pub(super) values: Map<String, Value>,
    pub(super) multifields: Option<Value>,
    /// What the vendor drops in silence.
    pub(super) ignored: Vec<String>,
}

/// Reads a call's `fields`.
pub(super) fn read(state: &State, kind: Kind, fields: &Map<String, Value>, original: bool) -> Result<Change, Refusal> {
    let mut change = Change::default();
    for (name, value) in fields {
        if is_parent(name) {
            change.values.insert(name.clone(), value.clone());
            continue;
        }
        match known(state, kind, name, original) {
            None => change.ignored.push(format!("field \"{name}\" is not known and ignored")),
            Some((_, Known::Standard(Field { read_only: true, .. }))) => {
                change.ignored.push(format!("field \"{name}\" is read-only and ignored"));
            }
            Some((_, Known::Standard(Field { of: Type::Multifield, .. }))) => change.multifields = Some(value.clone()),
            Some((camel, field)) => {
                let value = values::read(state, &field, name, value, &mut change.ignored)?;
                change.values.insert(camel, value);
            }
        }
    }
    // The list and its first member are one fact.
    if let Some(first) = change.values.get("contactIds").map(|list| list.get(0).cloned().unwrap_or_default()) {
        change.values.insert("contactId".to_owned(), first);
    } else if let Some(one) = change.values.get("contactId").cloned() {
        let list: Vec<Value> = Some(one).filter(|one| !one.is_null()).into_iter().collect();
        change.values.insert("contactIds".to_owned(), list.into());
    }
    Ok(change)
}

/// `parentId1220`: a link to a record of another type.
pub(super) fn is_parent(name: &str) -> bool {
    name.strip_prefix("parentId").is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()))
}
