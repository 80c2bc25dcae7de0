//! Who asks, from the headers the erxes gateway sends (erxes note, sections 2.2 and 2.5).
//!
//! The `user` header is unsigned base64 JSON, and the gateway passes on whatever the client put there when it knows no user itself.
//! `userid` it always overwrites. Hence the three rules: the network keeps others away from this address (point 1, deployment),
//! `user` counts only next to an equal, non-empty `userid` (point 3), and, where configured, only next to the router's secret
//! (point 4). What fails them is nobody.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use subtle::ConstantTimeEq;

/// The action every salon field needs.
pub const READ: &str = "salonTenantsRead";
/// The action that also shows clients' phone numbers in full.
pub const MANAGE: &str = "salonTenantsManage";

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A user of erxes. Only what decides about access is kept: the header also carries the caller's live token.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Principal {
    /// The user's id.
    #[serde(rename = "_id")]
    pub id: String,
    /// True for the owner of the erxes organisation.
    #[serde(default)]
    pub is_owner: Option<bool>,
    /// The brands the user works for.
    #[serde(default)]
    pub brand_ids: Option<Vec<String>>,
    /// Groups of permissions; ours are `salon:admin` and `salon:viewer`.
    #[serde(default)]
    pub permission_group_ids: Option<Vec<String>>,
    /// Permissions given to this user alone.
    #[serde(default)]
    pub custom_permissions: Option<Vec<CustomPermission>>,
    /// What an OAuth client was allowed to do in the user's name. None for a user's own session.
    #[serde(default)]
    pub oauth_scopes: Option<Vec<String>>,
    /// The OAuth client that acts for the user.
    #[serde(default)]
    pub oauth_client_id: Option<String>,
}

/// Permissions of one module, given to one user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CustomPermission {
    /// The actions allowed.
    #[serde(default)]
    pub actions: Option<Vec<String>>,
}

impl Principal {
    /// True if the user may look at salons at all.
    pub fn may_read(&self) -> bool {
        self.holds(READ, &["salon:admin", "salon:viewer"], "salon:read")
    }

    /// True if the user manages salons.
    pub fn may_manage(&self) -> bool {
        self.holds(MANAGE, &["salon:admin"], "salon:manage")
    }

    /// True for the owner of the organisation.
    pub fn is_owner(&self) -> bool {
        self.is_owner == Some(true)
    }

    /// The rule of erxes (section 1.8): owner, or a group, or a permission of one's own; an OAuth token also needs the scope.
    fn holds(&self, action: &str, groups: &[&str], scope: &str) -> bool {
        let contains = |list: &Option<Vec<String>>, wanted: &str| list.iter().flatten().any(|one| one == wanted);
        let in_group = groups.iter().any(|group| contains(&self.permission_group_ids, group));
        let custom = self.custom_permissions.iter().flatten().any(|permission| contains(&permission.actions, action));
        let is_oauth = self.oauth_client_id.is_some() || self.oauth_scopes.is_some();
        (self.is_owner() || in_group || custom) && (!is_oauth || contains(&self.oauth_scopes, scope))
    }
}

/// The user who asks; none when there is none, when the headers contradict each other, or when the request did not come through
/// the router.
pub fn identify(headers: &HeaderMap, router_secret: Option<&SecretString>) -> Option<Principal> {
    if router_secret.is_some_and(|secret| !came_through_router(headers, secret)) {
        return None;
    }
    let user_id = single(headers, "userid")?.to_str().ok()?;
    // With an erxes-core token the gateway invents a user of this very id and leaves the client's `user` header in place.
    if user_id.is_empty() || user_id == "userId" {
        return None;
    }
    let user = BASE64.decode(single(headers, "user")?.as_bytes()).ok()?;
    let principal: Principal = serde_json::from_slice(&user).ok()?;
    (principal.id == user_id).then_some(principal)
}

fn came_through_router(headers: &HeaderMap, secret: &SecretString) -> bool {
    let secret = secret.expose_secret().as_bytes();
    let given = single(headers, "router-authorization").map(HeaderValue::as_bytes).unwrap_or_default();
    !secret.is_empty() && bool::from(secret.ct_eq(given))
}

/// The header's value, if it is there exactly once: of two, nobody could say which one the gateway wrote.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;
    use serde_json::{Value, json};

    use super::*;

    fn headers(user_id: &str, user: &Value) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("userid", user_id.parse().unwrap());
        headers.insert("user", BASE64_STANDARD.encode(user.to_string()).parse().unwrap());
        headers
    }

    fn principal(user: Value) -> Principal {
        let mut user = user;
        user["_id"] = json!("u1");
        identify(&headers("u1", &user), None).unwrap()
    }

    #[test]
    fn a_user_that_the_gateway_vouches_for_is_taken() {
        let user =
            json!({ "_id": "u1", "isOwner": true, "brandIds": ["b1"], "loginToken": "live", "details": { "fullName": "Anna" } });
        let who = identify(&headers("u1", &user), None).unwrap();
        assert!(who.is_owner());
        assert_eq!(who.brand_ids, Some(vec!["b1".to_owned()]));
        assert!(!format!("{who:?}").contains("live"));
    }

    #[test]
    fn forged_and_broken_headers_are_nobody() {
        let owner = json!({ "_id": "evil", "isOwner": true });
        assert_eq!(identify(&headers("", &owner), None), None, "what the gateway sends for nobody");
        assert_eq!(identify(&headers("u1", &owner), None), None, "another user's header");
        let invented = json!({ "_id": "userId", "isOwner": true });
        assert_eq!(identify(&headers("userId", &invented), None), None, "the user that erxes invents");
        let mut without = headers("evil", &owner);
        without.remove("userid");
        assert_eq!(identify(&without, None), None);
        let mut twice = headers("evil", &owner);
        twice.append("userid", "evil".parse().unwrap());
        assert_eq!(identify(&twice, None), None, "two values");
        let mut noise = headers("evil", &owner);
        noise.insert("user", "%%%".parse().unwrap());
        assert_eq!(identify(&noise, None), None);
        assert_eq!(identify(&headers("u1", &json!({ "_id": "u1", "isOwner": "yes" })), None), None);
    }

    #[test]
    fn the_router_secret_is_required_when_there_is_one() {
        let secret = SecretString::from("s3cret");
        let mut headers = headers("u1", &json!({ "_id": "u1", "isOwner": true }));
        assert_eq!(identify(&headers, Some(&secret)), None);
        headers.insert("router-authorization", "guess".parse().unwrap());
        assert_eq!(identify(&headers, Some(&secret)), None);
        headers.insert("router-authorization", "s3cret".parse().unwrap());
        assert!(identify(&headers, Some(&secret)).is_some());
        headers.insert("router-authorization", "".parse().unwrap());
        assert_eq!(identify(&headers, Some(&SecretString::from(""))), None, "an empty secret opens nothing");
    }

    #[test]
    fn permissions_follow_the_rule_of_erxes() {
        let may = |user: Value| (principal(user.clone()).may_read(), principal(user).may_manage());
        assert_eq!(may(json!({})), (false, false));
        assert_eq!(may(json!({ "isOwner": true })), (true, true));
        assert_eq!(may(json!({ "permissionGroupIds": ["salon:viewer"] })), (true, false));
        assert_eq!(may(json!({ "permissionGroupIds": ["salon:admin"] })), (true, true));
        assert_eq!(may(json!({ "permissionGroupIds": ["sales:admin", "salon"] })), (false, false));
        assert_eq!(
            may(json!({ "customPermissions": [{ "module": "salonTenants", "actions": ["salonTenantsRead"] }] })),
            (true, false)
        );
        assert_eq!(may(json!({ "isOwner": true, "oauthClientId": "c", "oauthScopes": ["salon:read"] })), (true, false));
        assert_eq!(may(json!({ "isOwner": true, "oauthClientId": "c" })), (false, false));
        assert_eq!(may(json!({ "username": "app", "isOwner": false, "brandIds": null })), (false, false));
    }
}
