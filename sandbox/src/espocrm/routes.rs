//! From a method and a path to what is asked for, and its name for faults and the ledger.

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    List { scope: String },
    Create { scope: String },
    Get { scope: String, id: String },
    Update { scope: String, id: String },
    Delete { scope: String, id: String },
    Stream { scope: String, id: String },
    Linked { scope: String, id: String, link: String },
    Link { scope: String, id: String, link: String },
    Unlink { scope: String, id: String, link: String },
    Convert,
    ConvertAttributes,
    Me,
    Metadata,
    Hooks,
    AddHook,
    Hook { id: String },
    RemoveHook { id: String },
    AddField { scope: String },
    Field { scope: String, name: String },
    EditField { scope: String, name: String },
    RemoveField { scope: String, name: String },
}

/// A route, the operation's name, and its name in our description.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) route: Option<Route>,
    pub(super) operation: String,
    pub(super) described: String,
}

/// Reads a method and the decoded parts of a path below `api/v1`.
pub(super) fn read(method: &str, parts: &[String], is_scope: impl Fn(&str) -> bool) -> Asked {
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let own = |text: &str| text.to_owned();
    let (route, operation, described) = match (method, parts.as_slice()) {
        ("GET", ["App", "user"]) => (Some(Route::Me), "App/user", "App/user"),
        ("GET", ["Metadata"]) => (Some(Route::Metadata), "Metadata", "Metadata"),
        ("GET", ["Webhook"]) => (Some(Route::Hooks), "Webhook", "Webhook"),
        ("POST", ["Webhook"]) => (Some(Route::AddHook), "Webhook", "Webhook"),
        ("GET", ["Webhook", id]) => (Some(Route::Hook { id: own(id) }), "Webhook", "Webhook/{id}"),
        ("DELETE", ["Webhook", id]) => (Some(Route::RemoveHook { id: own(id) }), "Webhook", "Webhook/{id}"),
        ("POST", ["Lead", "action", "convert"]) => (Some(Route::Convert), "Lead/action/convert", "Lead/action/convert"),
        ("POST", ["Lead", "action", "getConvertAttributes"]) => {
            (Some(Route::ConvertAttributes), "Lead/action/getConvertAttributes", "Lead/action/getConvertAttributes")
        }
        (_, ["Admin", "fieldManager", rest @ ..]) => (field(method, rest), "Admin/fieldManager", "Admin/fieldManager"),
        (_, [scope, rest @ ..]) if is_scope(scope) => return records(method, scope, rest),
        // What is no operation may be a secret in the wrong place.
        _ => (None, "unknown", "unknown"),
    };
    Asked { route, operation: format!("{method} {operation}"), described: format!("{method} {described}") }
}

fn field(method: &str, rest: &[&str]) -> Option<Route> {
    match (method, rest) {
        ("POST", [scope]) => Some(Route::AddField { scope: (*scope).to_owned() }),
        (_, [scope, name]) => {
            let (scope, name) = ((*scope).to_owned(), (*name).to_owned());
            match method {
                "GET" => Some(Route::Field { scope, name }),
                "PUT" => Some(Route::EditField { scope, name }),
                "DELETE" => Some(Route::RemoveField { scope, name }),
                _ => None,
            }
        }
        _ => None,
    }
}

fn records(method: &str, scope: &str, rest: &[&str]) -> Asked {
    let scope = scope.to_owned();
    let id = rest.first().map(|id| (*id).to_owned()).unwrap_or_default();
    let link = rest.get(1).map(|link| (*link).to_owned()).unwrap_or_default();
    let (operation, described) = match rest {
        [] => (format!("{method} {scope}"), format!("{method} {{Type}}")),
        [_] => (format!("{method} {scope}"), format!("{method} {{Type}}/{{id}}")),
        [_, "stream"] => (format!("{method} {scope}/stream"), format!("{method} {{Type}}/{{id}}/stream")),
        _ => (format!("{method} {scope}/{link}"), format!("{method} {{Type}}/{{id}}/{{link}}")),
    };
    let route = match (method, rest) {
        ("GET", []) => Some(Route::List { scope }),
        ("POST", []) => Some(Route::Create { scope }),
        ("GET", [_]) => Some(Route::Get { scope, id }),
        ("PUT" | "PATCH", [_]) => Some(Route::Update { scope, id }),
        ("DELETE", [_]) => Some(Route::Delete { scope, id }),
        ("GET", [_, "stream"]) => Some(Route::Stream { scope, id }),
        ("GET", [_, _]) => Some(Route::Linked { scope, id, link }),
        ("POST", [_, _]) => Some(Route::Link { scope, id, link }),
        ("DELETE", [_, _]) => Some(Route::Unlink { scope, id, link }),
        _ => None,
    };
    Asked { route, operation, described }
}
