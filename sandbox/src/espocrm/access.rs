//! Who calls, what they may do, and the lock-out after wrong keys (EspoCRM note, 2.1).

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::{
    answer::Refusal,
    state::{Record, State},
};
use crate::wire::hmac_sha256;

/// More refused keys than this within the period lock everybody out who comes from that address.
const MOST_DENIED: usize = 10;
const DENIED_PERIOD: TimeDelta = TimeDelta::seconds(60);

/// What a role allows in a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    No,
    /// Everything, but only with records that the user made or is assigned to.
    Own,
    Read,
    All,
}

/// What a user proves itself with.
#[derive(Debug, Clone)]
pub(super) enum Proof {
    Key(String),
    /// A signature, and no longer the key alone.
    Signature {
        key: String,
        secret: String,
    },
    /// A person's, by `Authorization: Basic`.
    Password {
        user: String,
        password: String,
    },
}

/// A user that may call, and its role.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) proof: Proof,
    /// Never true of an API user.
    pub(super) admin: bool,
    /// By scope; what is not named is allowed.
    pub(super) scopes: BTreeMap<String, Level>,
    /// Users it may assign records to; none for all.
    pub(super) assignable: Option<Vec<String>>,
}

impl Account {
    pub(super) fn level(&self, scope: &str) -> Level {
        if self.admin { Level::All } else { self.scopes.get(scope).copied().unwrap_or(Level::All) }
    }

    /// Whether the role allows `action` (`create`, `read`, `edit`, `delete`) in a scope.
    pub(super) fn check(&self, scope: &str, action: &str) -> Result<(), Refusal> {
        let allowed = match self.level(scope) {
            Level::No => false,
            Level::Read => action == "read",
            Level::Own | Level::All => true,
        };
        // Only administrators keep users and teams.
        let reserved = action != "read" && matches!(scope, "User" | "Team") && !self.admin;
        if allowed && !reserved {
            return Ok(());
        }
        Err(Refusal::happens(403, format!("No {action} access for {scope}")))
    }

    /// Whether the role lets `user`, whose account it is, at this record.
    pub(super) fn sees(&self, user: &str, scope: &str, record: &Record) -> bool {
        let is = |name: &str| record.get(name).and_then(Value::as_str) == Some(user);
        self.level(scope) != Level::Own || is("createdById") || is("assignedUserId")
    }

    pub(super) fn must_be_admin(&self) -> Result<(), Refusal> {
        if self.admin { Ok(()) } else { Err(Refusal::happens(403, "Access denied")) }
    }

    pub(super) fn may_assign(&self, user: &str) -> bool {
        self.admin || self.assignable.as_ref().is_none_or(|users| users.iter().any(|known| known == user))
    }
}

/// Finds who calls. `path` is what comes after `/api/v1`, with its slash and without a query.
///
/// All callers of a sandbox come from one address, so refused keys are counted together.
pub(super) fn authenticate(
    state: &mut State,
    headers: &HeaderMap,
    method: &str,
    path: &str,
    now: DateTime<Utc>,
) -> Result<(String, Account), Refusal> {
    state.denied.retain(|at| now - *at < DENIED_PERIOD);
    if state.denied.len() > MOST_DENIED {
        return Err(Refusal::happens(403, "Max failed login attempts exceeded"));
    }
    let given = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let found = match (given("x-hmac-authorization"), given("x-api-key"), given("authorization")) {
        (Some(proof), ..) => by_signature(state, proof, method, path),
        (None, Some(given), _) => {
            state.accounts.iter().find(|(_, account)| matches!(&account.proof, Proof::Key(key) if key == given))
        }
        (None, None, Some(basic)) => by_password(state, basic),
        // Not an attempt to log in, so not counted.
        (None, None, None) => return Err(Refusal { violation: Some("no key".to_owned()), ..Refusal::happens(401, "") }),
    };
    let is_active = |id: &String| state.record("User", id).is_some_and(|user| user.get("isActive") == Some(&true.into()));
    match found.filter(|(id, _)| is_active(id)) {
        Some((id, account)) => Ok((id.clone(), account.clone())),
        None => {
            state.denied.push_back(now);
            Err(Refusal::happens(401, ""))
        }
    }
}

/// `base64(key ":" mac)`, the mac in hexadecimal (since 8.4.1) or, as before, as it is.
fn by_signature<'a>(state: &'a State, proof: &str, method: &str, path: &str) -> Option<(&'a String, &'a Account)> {
    let decoded = STANDARD.decode(proof).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let (key, mac) = (&decoded[..colon], &decoded[colon + 1..]);
    state.accounts.iter().find(|(_, account)| {
        let Proof::Signature { key: known, secret } = &account.proof else { return false };
        if known.as_bytes() != key {
            return false;
        }
        let expected = hmac_sha256(secret, format!("{method} {path}").as_bytes());
        mac == hex::encode(&expected).as_bytes() || mac == expected
    })
}

/// RFC 7617.
fn by_password<'a>(state: &'a State, basic: &str) -> Option<(&'a String, &'a Account)> {
    let decoded = STANDARD.decode(basic.strip_prefix("Basic ")?).ok()?;
    state.accounts.iter().find(|(_, account)| {
        matches!(&account.proof, Proof::Password { user, password } if format!("{user}:{password}").as_bytes() == decoded)
    })
}
