//! Access for an application: the person opens the portal's own page and brings a code back, which lives for 30 s; it is exchanged for
//! tokens at the vendor's server. The refresh token is new with each renewal and the old one is dead (Bitrix24 note, 3.1).

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use super::{
    call::below,
    error::{self, Fault, Waits},
    settings::Settings,
    wire::Body,
};
use crate::{
    crm::{CrmCall, Login, LoginPrompt, OAuth, Tokens, meaning::Effect},
    vendor::{Class, Failure, Reply, Request},
};

#[derive(Deserialize)]
struct Granted {
    access_token: Option<SecretString>,
    refresh_token: Option<SecretString>,
}

fn client<'a>(crm: &CrmCall<'a>) -> Result<&'a OAuth, Failure> {
    crm.account.secrets.oauth.as_ref().ok_or_else(|| Failure::permanent("no_login"))
}

/// The page on which a person gives us access. Nothing is asked here.
pub(super) fn begin(crm: &CrmCall<'_>) -> Result<LoginPrompt, Failure> {
    let mut address = below(&crm.account.base_url, &["oauth", "authorize"])?;
    address.query_pairs_mut().append_pair("client_id", &client(crm)?.client_id);
    Ok(LoginPrompt { address, user_code: None, device_code: None, interval: 0 })
}

/// Exchanges the code that the person brought back.
pub(super) async fn finish(crm: &CrmCall<'_>, code: &SecretString) -> Result<Login, Failure> {
    exchange(crm, "authorization_code", "code", code).await.map(Login::Done)
}

/// Renews the access token.
pub(super) async fn renew(crm: &CrmCall<'_>) -> Result<Tokens, Failure> {
    let refresh = client(crm)?.refresh_token.as_ref().ok_or_else(|| Failure::new(Class::Credential, "no_refresh_token"))?;
    exchange(crm, "refresh_token", "refresh_token", refresh).await
}

/// In a form and not in the address, where secrets would be written into logs. A lost answer is unknown: the grant may be used up.
async fn exchange(crm: &CrmCall<'_>, grant: &str, name: &str, value: &SecretString) -> Result<Tokens, Failure> {
    let url = below(&Settings::of(crm.account)?.oauth_url()?, &["oauth", "token"])?;
    let request = Request::post_form(url, form(client(crm)?, grant, name, value), crm.patience);
    let reply = crm.send(request).await.map_err(|unsent| Effect::Once.unanswered(unsent))?;
    if reply.is_success()
        && let Some(Granted { access_token: Some(access), refresh_token: Some(refresh) }) = reply.json()
    {
        return Ok(Tokens { access, refresh });
    }
    Err(refused(&reply))
}

fn form(client: &OAuth, grant: &str, name: &str, value: &SecretString) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", grant).append_pair("client_id", &client.client_id);
    if let Some(secret) = &client.client_secret {
        form.append_pair("client_secret", secret.expose_secret());
    }
    form.append_pair(name, value.expose_secret());
    form.finish()
}

fn refused(reply: &Reply) -> Failure {
    let Some(body) = Body::of(reply).filter(|body| body.error.is_some()) else {
        let waits = Waits { header: reply.seconds_header("retry-after"), reset: None };
        let failure = if reply.is_success() {
            Effect::Once.unreadable()
        } else {
            error::classify(reply.status, &Fault::wordless(reply), waits, Effect::Once)
        };
        return failure.quoting(reply);
    };
    let fault = Fault::read(body.error.as_ref(), body.error_description.as_ref());
    error::classify(reply.status, &fault, Waits::default(), Effect::Once).quoting(reply)
}
