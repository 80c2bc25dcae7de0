//! Who may call what, the table of resolvers, and erxes' errors.

use async_graphql_parser::types::{Field, Selection, SelectionSet};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::{contacts, inbox, state::State};

/// Who the gateway took the caller for.
#[derive(Debug, Clone)]
pub(super) enum Principal {
    Anonymous,
    /// `_id` is `app:<id>`.
    App {
        id: String,
        owner: bool,
    },
    User {
        id: String,
        owner: bool,
        permissions: Vec<String>,
        /// What an OAuth token is limited to; empty for no limit.
        scopes: Vec<String>,
    },
}

impl Principal {
    pub(super) fn id(&self) -> Option<&str> {
        match self {
            Self::Anonymous => None,
            Self::App { id, .. } | Self::User { id, .. } => Some(id),
        }
    }

    /// Whether the caller may do this: whoever they are, and then by what their token was granted.
    fn check(&self, action: &str) -> Result<(), Failure> {
        let (may, scopes) = match self {
            Self::Anonymous => (false, &[] as &[String]),
            Self::App { owner, .. } => (*owner, &[] as &[String]),
            Self::User { owner, permissions, scopes, .. } => {
                (*owner || permissions.iter().any(|one| one == action), scopes.as_slice())
            }
        };
        if !may {
            return Err(Failure::expected("Permission required"));
        }
        // An action without a scope is refused to every limited token (erxes note, 2.4).
        let needed = SCOPES.iter().find(|(known, _)| *known == action).map(|(_, scope)| *scope);
        let granted = scopes.is_empty() || scopes.iter().any(|scope| Some(scope.as_str()) == needed);
        if granted { Ok(()) } else { Err(Failure::expected("OAuth scope required")) }
    }
}

/// An error that arrives with HTTP 200.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) message: String,
    pub(super) expected: bool,
}

impl Failure {
    /// The caller's fault: not to be tried again.
    pub(super) fn expected(message: impl Into<String>) -> Self {
        Self { message: message.into(), expected: true }
    }

    /// A bug or the database.
    pub(super) fn system(message: impl Into<String>) -> Self {
        Self { message: message.into(), expected: false }
    }

    /// A page that nobody hands out.
    fn limit() -> Self {
        Self::expected("Limit must be between 1 and 100")
    }

    pub(super) fn body(&self, path: &str) -> Value {
        let (category, status) = if self.expected { ("EXPECTED", 200) } else { ("SYSTEM", 500) };
        json!({"message": self.message, "path": [path], "extensions": {
            "code": "INTERNAL_SERVER_ERROR", "category": category, "isExpected": self.expected, "statusCode": status}})
    }
}

/// One root field, ready to run.
pub(super) struct Request<'a> {
    pub(super) name: &'a str,
    pub(super) arguments: Map<String, Value>,
    pub(super) principal: &'a Principal,
    pub(super) now: DateTime<Utc>,
    /// The planned internal error that `widgetsMessengerConnect` swallows.
    pub(super) broken: bool,
}

impl Request<'_> {
    pub(super) fn argument(&self, name: &str) -> &Value {
        self.arguments.get(name).unwrap_or(&Value::Null)
    }

    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.argument(name).as_u64().and_then(|number| usize::try_from(number).ok())
    }
}

/// The scopes that actions need.
const SCOPES: &[(&str, &str)] = &[("contactsCreate", "contacts:create"), ("contactsUpdate", "contacts:update")];

#[derive(Clone, Copy)]
enum Access {
    Public,
    Login,
    Permission(&'static str),
}

/// A root field that is played here.
struct Played {
    name: &'static str,
    access: Access,
    /// The arguments that have an effect; none where all are stored.
    reads: Option<&'static [&'static str]>,
}

const fn played(name: &'static str, access: Access, reads: &'static [&'static str]) -> Played {
    Played { name, access, reads: Some(reads) }
}

const fn stored(name: &'static str, access: Access) -> Played {
    Played { name, access, reads: None }
}

#[rustfmt::skip]
const PLAYED: &[Played] = {
    use Access::{Login, Permission, Public};
    &[
    played("currentUser", Public, &[]),
    played("customers", Login, &["ids", "searchValue", "limit"]),
    played("customerDetail", Login, &["_id"]),
    played("allBrands", Login, &[]),
    played("brands", Login, &["limit"]),
    played("brandDetail", Login, &["_id"]),
    played("internalNotes", Login, &["contentType", "contentTypeId"]),
    played("getChannels", Login, &[]),
    played("integrations", Public, &["channelId", "kind", "limit"]),
    played("integrationDetail", Public, &["_id"]),
    played("widgetsConversations", Public, &["integrationId", "customerId"]),
    played("widgetsMessages", Public, &["conversationId"]),
    played("conversations", Public, &["ids", "customerId", "integrationId", "status", "skip", "limit"]),
    played("conversationDetail", Public, &["_id"]),
    played("conversationMessage", Public, &["_id"]),
    played("conversationMessages", Public, &["conversationId", "skip", "limit", "getFirst"]),
    played("conversationMessagesTotalCount", Public, &["conversationId"]),
    stored("customersAdd", Permission("contactsCreate")),
    stored("customersEdit", Permission("contactsUpdate")),
    played("customersChangeState", Permission("contactsUpdate"), &["_id", "value"]),
    played("internalNotesAdd", Permission("internalNotesManage"), &["contentType", "contentTypeId", "content"]),
    played("channelAdd", Login, &["name", "description", "scope"]),
    played("integrationsCreateMessengerIntegration", Login, &["channelId", "name", "languageCode", "brandId"]),
    played("widgetsMessengerConnect", Public,
           &["integrationId", "email", "phone", "code", "isUser", "data", "visitorId", "cachedCustomerId"]),
    played("widgetsInsertMessage", Public,
           &["integrationId", "customerId", "conversationId", "message", "attachments", "contentType"]),
    played("conversationMessageAdd", Public, &["conversationId", "content", "internal", "attachments", "contentType"]),
    played("conversationsChangeStatus", Public, &["_ids", "status"]),
]};

/// The arguments that were given and have no effect: the vendor drops many without a word (erxes note, 3.2), and this stand-in a few
/// that the vendor reads. A product must not rely on either.
pub(super) fn unread(request: &Request<'_>) -> Vec<String> {
    let reads = PLAYED.iter().find(|played| played.name == request.name).and_then(|played| played.reads);
    let given = request
        .arguments
        .iter()
        .filter(|(name, value)| !value.is_null() && reads.is_some_and(|reads| !reads.contains(&name.as_str())));
    given.map(|(name, _)| format!("{}: argument {name} is not read", request.name)).collect()
}

/// Runs one root field.
pub(super) fn resolve(state: &mut State, request: &Request<'_>) -> Result<Value, Failure> {
    let played = PLAYED.iter().find(|played| played.name == request.name);
    match played.map(|played| played.access) {
        None => return Err(Failure::system(format!("{} is not modelled by this stand-in", request.name))),
        Some(Access::Public) => {}
        Some(_) if request.principal.id().is_none() => return Err(Failure::expected("Login required")),
        Some(Access::Permission(action)) => request.principal.check(action)?,
        Some(Access::Login) => {}
    }
    match request.name {
        "currentUser" => Ok(contacts::current_user(state, request)),
        "customers" => contacts::search(state, request),
        "customerDetail" => contacts::detail(state, request),
        "allBrands" => Ok(state.brands.clone().into()),
        "brands" => listed(state.brands.clone(), request),
        "brandDetail" => Ok(super::state::by_id(&state.brands, request.argument("_id")).cloned().unwrap_or_default()),
        "customersAdd" => contacts::add(state, request),
        "customersEdit" => contacts::edit(state, request),
        "customersChangeState" => contacts::change_state(state, request),
        "internalNotes" => Ok(contacts::notes(state, request)),
        "internalNotesAdd" => Ok(contacts::add_note(state, request)),
        _ => inbox::resolve(state, request),
    }
}

/// A `{ list totalCount pageInfo }` answer; a page has 20 unless told otherwise, and 100 at most (erxes note, 1.7).
pub(super) fn listed(all: Vec<Value>, request: &Request<'_>) -> Result<Value, Failure> {
    let total = all.len();
    let limit = match request.argument("limit") {
        Value::Null => 20,
        _ => request.number("limit").filter(|limit| (1..=100).contains(limit)).ok_or_else(Failure::limit)?,
    };
    let list: Vec<Value> = all.into_iter().take(limit).collect();
    Ok(json!({"totalCount": total, "pageInfo": {"hasNextPage": total > list.len(), "hasPreviousPage": false,
              "startCursor": null, "endCursor": null}, "list": list}))
}

/// The selected fields of a value; a field that a document lacks is null.
pub(super) fn project(value: &Value, selection: &SelectionSet) -> Value {
    match value {
        Value::Array(list) => list.iter().map(|one| project(one, selection)).collect(),
        Value::Object(fields) if !selection.items.is_empty() => selected(selection)
            .map(|field| {
                let inner = fields.get(field.name.node.as_str()).unwrap_or(&Value::Null);
                (field.name.node.to_string(), project(inner, &field.selection_set.node))
            })
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// The fields of a selection; the schema check has refused everything else.
pub(super) fn selected(selection: &SelectionSet) -> impl Iterator<Item = &Field> {
    selection.items.iter().filter_map(|item| match &item.node {
        Selection::Field(field) => Some(&field.node),
        _ => None,
    })
}
