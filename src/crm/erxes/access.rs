//! As whom erxes is called, and the one way a document gets there. Values go in as variables, so that nothing a person wrote becomes part of
//! a document.

use http::{HeaderName, header};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use url::Url;

use super::{
    error,
    operations::Operation,
    wire::{Answer, Call},
};
use crate::{
    crm::{CrmAccount, CrmCall, EXPIRED},
    vendor::{Class, Failure, Request},
};

const APP_TOKEN: HeaderName = HeaderName::from_static("erxes-app-token");

/// As whom.
#[derive(Clone, Copy)]
pub(super) enum Access<'a> {
    /// Nobody: the public widget operations only.
    Widget,
    /// An application's token (`sk_…`): a principal that may log in and has no permission at all (erxes note, 2.3).
    App(&'a SecretString),
    /// A person's access token (OAuth): may do what that person may.
    User(&'a SecretString),
}

impl<'a> Access<'a> {
    /// What the account's secrets make us. With an OAuth client, the token is the access token it got.
    pub(super) const fn of(account: &'a CrmAccount) -> Self {
        match (&account.secrets.token, &account.secrets.oauth) {
            (None, _) => Self::Widget,
            (Some(token), None) => Self::App(token),
            (Some(token), Some(_)) => Self::User(token),
        }
    }

    pub(super) const fn is_user(self) -> bool {
        matches!(self, Self::User(_))
    }

    fn sign(self, request: Request) -> Request {
        match self {
            Self::Widget => request,
            Self::App(token) => request.secret_header(APP_TOKEN, token.expose_secret()),
            Self::User(token) => request.secret_header(header::AUTHORIZATION, &format!("Bearer {}", token.expose_secret())),
        }
    }
}

/// Calls an operation; `None` is a null result. A result that is there counts, whatever the errors beside it say.
pub(super) async fn ask<T: DeserializeOwned>(
    crm: &CrmCall<'_>,
    operation: &Operation,
    variables: &impl Serialize,
) -> Result<Option<T>, Failure> {
    let access = Access::of(crm.account);
    let body = Call { query: operation.document, variables };
    let request = access.sign(Request::post_json(endpoint(crm.account, &["graphql"])?, &body, crm.patience));
    let reply = crm.send(request).await.map_err(|unsent| operation.effect.unanswered(unsent))?;
    let unreadable = || operation.effect.unreadable().quoting(&reply);
    let refused = || renewable(error::classify(&reply, operation.effect), access);
    if !reply.is_success() {
        return Err(refused());
    }
    let answer: Answer = reply.json().ok_or_else(unreadable)?;
    let result = answer.data.and_then(|mut data| data.get_mut(operation.field).map(Value::take));
    match result {
        Some(result) if !result.is_null() => serde_json::from_value(result).map(Some).map_err(|_| unreadable()),
        _ if answer.errors.is_some_and(|errors| !errors.is_empty()) || answer.error.is_some() => Err(refused()),
        Some(_) => Ok(None),
        None => Err(unreadable()),
    }
}

/// An access token that has run out is no error of the gateway's: the request goes on as nobody's (erxes note, 2.1), and the resolver asks
/// for a login. With a person's token that says: renew it.
fn renewable(failure: Failure, access: Access<'_>) -> Failure {
    if access.is_user() && failure.code == error::LOGIN_REQUIRED { expired() } else { failure }
}

/// The failure that a renewal mends.
pub(super) fn expired() -> Failure {
    Failure::new(Class::Credential, EXPIRED)
}

/// `<base>/<path>`. The base may have a path: behind the usual ingress the gateway is `<domain>/gateway`.
pub(super) fn endpoint(account: &CrmAccount, path: &[&str]) -> Result<Url, Failure> {
    let mut url = account.base_url.clone();
    url.path_segments_mut().map_err(|()| Failure::permanent("base_url"))?.pop_if_empty().extend(path);
    Ok(url)
}
