use serde_json::json;

use super::*;

/// The values of the EspoCRM note, 2.1.
const SIGNED: &str = "YXBpa2V5MTIzOjJiNTdiOGI5MDgwNWEzMWY4YzZhYjg0ZWVhOWRjZjA1Yjk5NjIxMDJmOWIwNjIzYTY5Y2EwN2JhNmZiMjUzY2U=";

#[tokio::test]
async fn a_signature_is_of_the_method_and_the_path() {
    let user = json!({"api_users": [{"id": "api2", "userName": "signer", "key": "apikey123", "secret": "secret456"}]});
    let salon = Salon::with(user).await;
    let signed = [("x-hmac-authorization", SIGNED)];
    let made = salon.call("POST", "Lead?x=1", &signed, Some(json!({"lastName": "Anna"}))).await.unwrap();
    assert_eq!(made.json()["createdById"], "api2", "the query is not signed");
    assert_eq!(salon.call("POST", "Contact", &signed, Some(json!({"lastName": "Anna"}))).await.unwrap().status, 401);
    assert_eq!(salon.call("GET", "Lead", &signed, None).await.unwrap().status, 401);
    let key_alone = salon.call("GET", "Lead", &[("x-api-key", "apikey123")], None).await.unwrap();
    assert_eq!(key_alone.status, 401, "a user that signs has no plain key");
}

#[tokio::test]
async fn a_key_is_needed_and_is_not_in_the_ledger() {
    let salon = Salon::open().await;
    assert_eq!(salon.call("GET", "Lead", &[], None).await.unwrap().status, 401);
    assert_eq!(salon.blame(), ["no key"]);
    assert_eq!(salon.get("Lead").await.status, 200);
    assert_eq!(salon.call("GET", "App/user", &[("x-api-key", "wrong")], None).await.unwrap().status, 401);
    let entries = serde_json::to_string(&salon.sandbox.world.ledger.entries()).unwrap();
    assert!(!entries.contains(KEY) && !entries.contains("wrong"), "{entries}");
    assert_eq!(salon.last().operation, "GET App/user");
    let snapshot = salon.sandbox.espocrm.snapshot().to_string();
    assert!(!snapshot.contains(KEY) && !snapshot.contains(ADMIN_PASSWORD));
}

#[tokio::test]
async fn wrong_keys_lock_everybody_out_for_a_minute() {
    let salon = Salon::open().await;
    for _ in 0..11 {
        assert_eq!(salon.call("GET", "Lead", &[("x-api-key", "wrong")], None).await.unwrap().status, 401);
    }
    let locked = salon.get("Lead").await;
    assert_eq!((locked.status, locked.reason.as_str()), (403, "Max failed login attempts exceeded"));
    salon.advance(61);
    assert_eq!(salon.get("Lead").await.status, 200);
}

#[tokio::test]
async fn a_role_may_forbid_scopes_and_assignments() {
    let user = json!({"api_users": [{"id": "api2", "userName": "weak", "key": "weak", "scopes": {"Lead": "no", "Contact": "read"},
        "assignable": []}]});
    let salon = Salon::with(user).await;
    let weak = [("x-api-key", "weak")];
    let lead = salon.call("POST", "Lead", &weak, Some(json!({}))).await.unwrap();
    assert_eq!((lead.status, lead.reason.as_str()), (403, "No create access for Lead"));
    assert_eq!(salon.call("GET", "Contact", &weak, None).await.unwrap().status, 200);
    assert_eq!(salon.call("POST", "Contact", &weak, Some(json!({"lastName": "A"}))).await.unwrap().status, 403);
    let anna = salon.contact(json!({"lastName": "Anna"})).await;
    let refused = salon.call("POST", "Meeting", &weak, Some(meeting(&anna))).await.unwrap();
    assert_eq!((refused.status, refused.reason.as_str()), (403, "Assignment failure"));
    let me = salon.call("GET", "App/user", &weak, None).await.unwrap().json();
    assert_eq!(me["acl"]["assignmentPermission"], "no");
    assert_eq!(me["acl"]["table"]["Lead"]["create"], "no");
    assert_eq!(me["acl"]["table"]["Contact"]["read"], "all");
    assert_eq!((me["user"]["type"].clone(), me["settings"]["version"].clone()), (json!("api"), json!("9.3.10")));
}

#[tokio::test]
async fn users_may_be_read_and_are_kept_by_administrators() {
    let salon = Salon::open().await;
    let olga = salon.get("User/u1").await.json();
    assert_eq!(
        (olga["name"].clone(), olga["type"].clone(), olga["isActive"].clone()),
        (json!("Olga"), json!("regular"), json!(true))
    );
    assert_eq!(salon.get("User/nobody").await.status, 404);
    assert_eq!(salon.post("User", json!({"userName": "x"})).await.status, 403);
    let made = salon.admin("POST", "User", Some(json!({"userName": "x", "lastName": "X"}))).await.id();
    assert_eq!(salon.get(&format!("User/{made}")).await.json()["type"], "regular");
}

#[tokio::test]
async fn what_may_not_be_read_is_not_found_and_is_no_double() {
    let user = json!({"api_users": [{"id": "api2", "userName": "narrow", "key": "narrow", "scopes": {"Contact": "own"}}]});
    let salon = Salon::with(user).await;
    let narrow = [("x-api-key", "narrow")];
    let theirs = salon.contact(json!({"lastName": "Anna", "cExternalId": "7"})).await;
    let (path, condition) =
        (format!("Contact/{theirs}"), "where[0][type]=equals&where[0][attribute]=cExternalId&where[0][value]=7");
    assert_eq!(salon.call("GET", &path, &narrow, None).await.unwrap().status, 403);
    let found = salon.call("GET", &format!("Contact?{condition}"), &narrow, None).await.unwrap();
    assert_eq!(found.json()["total"], 0);
    let body = json!({"lastName": "Anna", "cExternalId": "7"});
    let own = salon.call("POST", "Contact", &narrow, Some(body.clone())).await.unwrap().id();
    assert_eq!(salon.call("POST", "Contact", &narrow, Some(body)).await.unwrap().status, 409, "it sees its own");
    for (method, sent) in [("PATCH", Some(json!({"firstName": "A"}))), ("DELETE", None)] {
        assert_eq!(salon.call(method, &path, &narrow, sent.clone()).await.unwrap().status, 403);
        assert_eq!(salon.call(method, &format!("Contact/{own}"), &narrow, sent).await.unwrap().status, 200);
    }
    let me = salon.call("GET", "App/user", &narrow, None).await.unwrap().json();
    assert_eq!(me["acl"]["table"]["Contact"]["read"], "own");
}
