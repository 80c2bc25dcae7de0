use serde_json::{Value, json};

use super::{ADMIN, Salon, message};

#[tokio::test]
async fn lists_and_people_conform() {
    let salon = Salon::open().await;
    for (operation, path) in [
        ("GET /v2/me", "/v2/me"),
        ("GET /v2/teams/{teamId}", "/v2/teams/7"),
        ("GET /v2/teams/{teamId}/memberships", "/v2/teams/7/memberships"),
        ("GET /v2/teams/{teamId}/event-types", "/v2/teams/7/event-types"),
        ("GET /v2/teams/{teamId}/event-types/{eventTypeId}", "/v2/teams/7/event-types/101"),
        ("GET /v2/event-types", "/v2/event-types?username=olga"),
        ("GET /v2/bookings", "/v2/bookings"),
    ] {
        let (status, body) = salon.get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        salon.conforms(operation, status, &body);
    }
    let (_, types) = salon.get("/v2/teams/7/event-types").await;
    assert_eq!(types["data"].as_array().unwrap().len(), 4);
    let (_, mine) = salon.get("/v2/event-types?username=olga").await;
    assert_eq!(mine["data"][0]["slug"], "talk");
    assert_eq!(salon.violations(), [""; 0]);
}

#[tokio::test]
async fn webhooks_are_managed() {
    let salon = Salon::open().await;
    for (base, name) in [
        ("/v2/teams/7/event-types/101/webhooks", "/v2/teams/{teamId}/event-types/{eventTypeId}/webhooks"),
        ("/v2/webhooks", "/v2/webhooks"),
    ] {
        let body = json!({"active": true, "subscriberUrl": "https://core.example/h", "secret": "s3cret", "triggers": ["BOOKING_CREATED"]});
        let (status, made) = salon.post(base, body.clone()).await;
        assert_eq!(status, 201, "{made}");
        salon.conforms(&format!("POST {name}"), 201, &made);
        let (status, again) = salon.post(base, body).await;
        assert_eq!(status, 409);
        assert!(message(&again).starts_with("Webhook with this subscriber url already exists for this"), "{again}");
        let one = format!("{base}/{}", made["data"]["id"].as_str().unwrap());
        let (_, read) = salon.get(&one).await;
        salon.conforms(&format!("GET {name}/{{webhookId}}"), 200, &read);
        let (_, changed) = salon.send(salon.request("PATCH", &one).json(&json!({"active": false}))).await;
        salon.conforms(&format!("PATCH {name}/{{webhookId}}"), 200, &changed);
        assert_eq!((&changed["data"]["active"], &changed["data"]["secret"]), (&json!(false), &json!("s3cret")));
        let (_, list) = salon.get(base).await;
        salon.conforms(&format!("GET {name}"), 200, &list);
        assert_eq!(list["data"].as_array().unwrap().len(), 1);
        let (_, gone) = salon.send(salon.request("DELETE", &one)).await;
        salon.conforms(&format!("DELETE {name}/{{webhookId}}"), 200, &gone);
        assert_eq!(salon.get(&one).await.0, 404);
    }
    let (_, all) = salon.send(salon.request("DELETE", "/v2/teams/7/event-types/101/webhooks")).await;
    assert_eq!(all["data"], "0 webhooks deleted");
    let logged = serde_json::to_string(&salon.world.ledger.entries()).unwrap();
    assert!(!logged.contains("s3cret") && !logged.contains(ADMIN), "credentials stay out of the ledger");
}

#[tokio::test]
async fn a_masters_own_type_has_webhooks_of_its_own() {
    let salon = Salon::open().await;
    let body = json!({"active": true, "subscriberUrl": salon.receiver, "triggers": ["BOOKING_CREATED"]});
    let path = "/v2/event-types/103/webhooks";
    let (status, refused) = salon.post(path, body.clone()).await;
    assert_eq!((status, &refused["error"]["code"]), (403, &json!("ForbiddenException")));
    let own = reqwest::Client::new().post(format!("{}{path}", salon.base)).bearer_auth("cal_live_olga").json(&body);
    let (status, made) = salon.send(own).await;
    assert_eq!(status, 201, "{made}");
    salon.conforms("POST /v2/event-types/{eventTypeId}/webhooks", 201, &made);
    salon.book(103, salon.at(0), "anna").await;
    assert_eq!(salon.hooks().len(), 1);
}

#[tokio::test]
async fn triggers_that_exist_in_the_documents_examples_only_are_refused() {
    let salon = Salon::open().await;
    for trigger in ["BOOKING_CONFIRMED", "BOOKING_COMPLETED", "BOOKING_NO_SHOW", "BOOKING_REOPENED"] {
        let body = json!({"active": true, "subscriberUrl": "https://core.example/h", "triggers": [trigger]});
        assert_eq!(salon.post("/v2/webhooks", body).await.0, 400, "{trigger}");
    }
    assert_eq!(salon.world.ledger.violations().len(), 4);
}

#[tokio::test]
async fn keys_and_roles_are_checked() {
    let salon = Salon::open().await;
    let bare = |path: &str| reqwest::Client::new().get(format!("{}{path}", salon.base)).header("cal-api-version", "2024-08-13");
    let (status, none) = salon.send(bare("/v2/me")).await;
    assert_eq!(status, 401);
    assert!(message(&none).starts_with("ApiAuthStrategy - No authentication method provided."), "{none}");
    let (status, unknown) = salon.send(bare("/v2/me").bearer_auth("cal_live_stolen")).await;
    assert_eq!((status, message(&unknown)), (401, "CustomThrottlerGuard - Invalid API Key"));
    let (status, low) = salon.send(bare("/v2/teams/7/bookings").bearer_auth("cal_live_olga")).await;
    assert_eq!(status, 403);
    assert!(
        message(&low).starts_with("RolesGuard - user with id=11 does not have the minimum required role=TEAM_ADMIN"),
        "{low}"
    );
    assert_eq!(low["error"]["code"], "ForbiddenException");
}

#[tokio::test]
async fn expired_keys_and_types_for_the_signed_in_are_refused() {
    let salon = Salon::open().await;
    let past = salon.world.now() - chrono::TimeDelta::days(1);
    let user = json!({"id": 13, "name": "Ex", "email": "ex@salon.example", "username": "ex", "apiKey": "cal_live_ex",
                      "apiKeyExpiresAt": past});
    let closed = json!({"id": 106, "teamId": 7, "title": "Closed", "slug": "closed", "lengthInMinutes": 60,
                        "hosts": [{"userId": 11}], "requiresAuthentication": true});
    salon.calcom.seed(&json!({"users": [user], "eventTypes": [closed]})).unwrap();
    let url = |path: &str| format!("{}{path}", salon.base);
    let expired = reqwest::Client::new().get(url("/v2/me")).bearer_auth("cal_live_ex");
    let (status, body) = salon.send(expired).await;
    assert_eq!((status, message(&body)), (401, "ApiAuthStrategy - api key - Your api key is expired"));
    let anonymous = reqwest::Client::new().post(url("/v2/bookings")).header("cal-api-version", "2024-08-13");
    let (status, body) = salon.send(anonymous.json(&salon.body(106, salon.at(0), "anna"))).await;
    assert_eq!(status, 401);
    assert!(message(&body).starts_with("checkBookingRequiresAuthentication - "), "{body}");
    salon.book(106, salon.at(0), "anna").await;
}

#[tokio::test]
async fn a_body_has_its_limit() {
    let salon = Salon::open().await;
    let mut body = salon.body(101, salon.at(0), "anna");
    body["attendee"]["name"] = "a".repeat(110 * 1024).into();
    assert_eq!(salon.post("/v2/bookings", body).await.0, 413);
    assert_eq!(salon.violations(), ["the body is larger than 100 KB"]);
}

#[tokio::test]
async fn versions_are_checked_by_family() {
    let salon = Salon::open().await;
    let ask = async |path: &str, version: Option<&str>| {
        let mut request = reqwest::Client::new().get(format!("{}{path}", salon.base)).bearer_auth(ADMIN);
        if let Some(version) = version {
            request = request.header("cal-api-version", version);
        }
        salon.send(request).await
    };
    let cannot = |body: &Value| message(body).starts_with("Cannot GET /v2/");
    let day = "eventTypeId=101&start=2027-01-01&end=2027-01-02";
    let (status, body) = ask(&format!("/v2/slots?{day}"), None).await;
    assert!(status == 404 && cannot(&body), "{body}");
    let (status, body) = ask("/v2/bookings", Some("2024-09-04")).await;
    assert!(status == 404 && cannot(&body), "{body}");
    let (status, body) = ask("/v2/event-types", Some("2024-08-13")).await;
    assert!(status == 404 && cannot(&body), "{body}");
    assert_eq!(ask("/v2/bookings", None).await.0, 500);
    assert_eq!(ask("/v2/bookings", Some("2026-05-01")).await.0, 500, "unknown means the oldest");
    assert_eq!(salon.world.ledger.violations().len(), 5);
    assert_eq!(ask("/v2/me", None).await.0, 200);
    assert_eq!(salon.world.ledger.violations().len(), 5, "a family of any version forgives");
}
