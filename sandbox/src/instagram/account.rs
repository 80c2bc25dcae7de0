//! Accounts, people, subscriptions and tokens, as the API shows them.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    Instagram, spec,
    state::{Token, igsid},
};
use crate::meta::{
    graph::{Outcome, Refusal, pick},
    http::Call,
};

impl Instagram {
    /// The account whose token it is.
    pub(super) fn account_of(&self, token: Option<&str>) -> Result<String, Refusal> {
        let token = token.ok_or_else(Refusal::no_token)?;
        let now = self.platform.world.now();
        let state = self.state();
        let found = state.accounts.values().find_map(|account| {
            let token = account.tokens.iter().find(|known| known.value == token)?;
            Some((account.id.clone(), token.expires))
        });
        match found {
            None => Err(Refusal::bad_token()),
            Some((_, expires)) if expires <= now => Err(Refusal::expired_token()),
            Some((account, _)) => Ok(account),
        }
    }

    /// `GET /{IG-ID}` or `/me`, and `GET /{IGSID}` for a person who wrote to the account.
    pub(super) fn show(&self, account: &str, call: &Call) -> Outcome {
        let state = self.state();
        let of_account = state.accounts.get(account).ok_or_else(Refusal::bad_token)?;
        if [account, "me"].contains(&call.node.as_str()) {
            // Instagram API with Instagram Login: `id` is the account's id for the app; `user_id` is the one in webhooks.
            let shown = json!({
                "id": of_account.app_scoped_id(), "user_id": account, "username": of_account.username, "name": of_account.name,
                "account_type": "BUSINESS", "profile_picture_url": null, "followers_count": 0, "follows_count": 0, "media_count": 0,
            });
            return pick(&shown, call.text("fields"), &[], "IGUser");
        }
        let person = state.known(account, &call.node).ok_or_else(|| Refusal::no_such_object("get", &call.node))?;
        let shown = json!({
            "id": igsid(account, &person.username), "name": person.name, "username": person.username, "profile_pic": null,
            "follower_count": 0, "is_user_follow_business": false, "is_business_follow_user": false, "is_verified_user": false,
        });
        pick(&shown, call.text("fields"), &["name", "username", "profile_pic"], "IGBusinessScopedID")
    }

    /// `POST /{IG-ID}/subscribed_apps`: the app hears the account. Which fields it hears is the app's own setting: an account can't
    /// choose among them.
    pub(super) fn subscribe(&self, account: &str, call: &Call) -> Outcome {
        let fields: Vec<String> = match call.parameters.get("subscribed_fields") {
            Some(Value::String(fields)) => fields.split(',').map(|field| field.trim().to_owned()).collect(),
            Some(Value::Array(fields)) => fields.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        if fields.is_empty() {
            return Err(spec::invalid("The parameter subscribed_fields is required."));
        }
        if let Some(odd) = fields.iter().find(|field| !spec::has_field(field)) {
            return Err(spec::invalid(format!("Param subscribed_fields has an unknown field {odd}")));
        }
        let app = {
            let mut state = self.state();
            let of_account = state.accounts.get_mut(account).ok_or_else(Refusal::bad_token)?;
            of_account.subscribed_fields = fields;
            of_account.app.clone()
        };
        self.platform.subscribe(account, &app, None);
        Ok(json!({"success": true}))
    }

    /// `GET /{IG-ID}/subscribed_apps`.
    pub(super) fn list_subscribed(&self, account: &str) -> Outcome {
        let fields = self.state().accounts.get(account).map(|account| account.subscribed_fields.clone()).unwrap_or_default();
        let subscribed = self.platform.subscribed(account).into_iter();
        let data: Vec<Value> = subscribed
            .map(|subscribed| json!({"id": subscribed.app, "name": subscribed.name, "subscribed_fields": fields}))
            .collect();
        Ok(json!({"data": data}))
    }

    /// `DELETE /{IG-ID}/subscribed_apps`.
    pub(super) fn unsubscribe(&self, account: &str) -> Outcome {
        let app = self.state().accounts.get(account).map(|account| account.app.clone()).unwrap_or_default();
        self.platform.unsubscribe(account, &app);
        Ok(json!({"success": true}))
    }

    /// `GET /refresh_access_token`: another 60 days for a token that is a day old and not yet over. The old one stays valid.
    pub(super) fn refresh(&self, account: &str, call: &Call) -> Outcome {
        let now = self.platform.world.now();
        let (life, youngest) = spec::token_life();
        let mut state = self.state();
        let tokens = &mut state.accounts.get_mut(account).ok_or_else(Refusal::bad_token)?.tokens;
        let old = tokens.iter().find(|token| Some(token.value.as_str()) == call.text("access_token"));
        let old = old.ok_or_else(Refusal::bad_token)?;
        if now - old.issued < youngest {
            return Err(spec::invalid("The access token is not old enough to be refreshed"));
        }
        let fresh = new_token(now);
        tokens.push(fresh.clone());
        Ok(json!({"access_token": fresh.value, "token_type": "bearer", "expires_in": life.num_seconds()}))
    }
}

fn new_token(now: DateTime<Utc>) -> Token {
    Token { value: format!("IGAA{}", hex::encode(rand::random::<[u8; 24]>())), issued: now, expires: now + spec::token_life().0 }
}
