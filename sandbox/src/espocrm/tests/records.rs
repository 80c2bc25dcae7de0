use serde_json::json;

use super::*;

#[tokio::test]
async fn a_record_is_made_read_changed_and_deleted() {
    let salon = Salon::open().await;
    let made = salon.post("Contact", json!({"firstName": "Anna", "lastName": "Orlova", "cExternalId": "7"})).await;
    let (id, record) = (made.id(), made.json());
    assert_eq!(record["name"], "Anna Orlova");
    assert_eq!((record["cExternalId"].clone(), record["createdById"].clone()), (json!("7"), json!("api1")));
    assert_eq!(record["createdAt"].as_str().unwrap().len(), "2026-05-01 08:00:00".len());
    assert_eq!(salon.get(&format!("Contact/{id}")).await.json(), record);
    assert!(salon.blame().is_empty());
    salon.advance(5);
    for method in ["PUT", "PATCH"] {
        let changed =
            salon.call(method, &format!("Contact/{id}"), &[("x-api-key", KEY)], Some(json!({"lastName": method}))).await;
        let changed = changed.unwrap().json();
        assert_eq!((changed["name"].clone(), changed["firstName"].clone()), (json!(format!("Anna {method}")), json!("Anna")));
        assert!(changed["modifiedAt"].as_str() > record["modifiedAt"].as_str());
    }
    let gone = salon.delete(&format!("Contact/{id}")).await;
    assert_eq!((gone.status, gone.json()), (200, json!(true)));
    for answer in [salon.get(&format!("Contact/{id}")).await, salon.delete(&format!("Contact/{id}")).await] {
        assert_eq!((answer.status, answer.text.as_str()), (404, ""));
    }
    assert_eq!(salon.patch(&format!("Contact/{id}"), json!({"lastName": "B"})).await.status, 404);
}

#[tokio::test]
async fn what_is_not_known_is_dropped_and_blamed() {
    let salon = Salon::open().await;
    let body = json!({"lastName": "Anna", "id": "mine", "createdAt": "2020-01-01 00:00:00", "referralCodeC": "x", "originalLeadId": "l"});
    let made = salon.post("Contact", body).await;
    let record = made.json();
    assert!(made.id() != "mine" && record.get("referralCodeC").is_none() && record["originalLeadId"].is_null());
    assert!(!record["createdAt"].as_str().unwrap().starts_with("2020"));
    let mut blame = salon.blame();
    blame.sort();
    assert_eq!(
        blame,
        [
            "attribute createdAt of Contact is the server's and is dropped",
            "attribute id of Contact is the server's and is dropped",
            "attribute originalLeadId of Contact is read-only and is dropped",
            "attribute referralCodeC of Contact doesn't exist and is dropped",
        ]
    );
}

#[tokio::test]
async fn fields_have_rules() {
    let salon = Salon::open().await;
    let without = |name: &str| {
        let mut body =
            json!({"name": "Cut", "dateStart": "2026-05-01 08:00:00", "dateEnd": "2026-05-01 09:00:00", "assignedUserId": "u1"});
        body.as_object_mut().unwrap().remove(name);
        body
    };
    let with = |name: &str, value: Value| {
        let mut body = without("");
        body[name] = value;
        body
    };
    for (scope, body, field, rule) in [
        ("Contact", json!({"firstName": "Anna"}), "lastName", "required"),
        ("Contact", json!({"lastName": ""}), "lastName", "required"),
        ("Contact", json!({"lastName": "x".repeat(101)}), "lastName", "maxLength"),
        ("Contact", json!({"lastName": "A", "cExternalId": "x".repeat(151)}), "cExternalId", "maxLength"),
        ("Contact", json!({"lastName": "A", "doNotCall": "yes"}), "doNotCall", "valid"),
        ("Lead", json!({"source": "Sait_SEO"}), "source", "valid"),
        ("Lead", json!({"status": "Lost"}), "status", "valid"),
        ("Task", json!({"name": "Call"}), "assignedUser", "required"),
        ("Meeting", without("name"), "name", "required"),
        ("Meeting", without("dateStart"), "dateStart", "required"),
        ("Meeting", without("dateEnd"), "dateEnd", "required"),
        ("Meeting", without("assignedUserId"), "assignedUser", "required"),
        ("Meeting", with("status", json!("Canceled")), "status", "valid"),
        ("Meeting", with("dateStart", json!("2026-05-01T08:00:00.000Z")), "dateStart", "valid"),
        ("Meeting", with("dateEnd", json!("2026-05-01 07:00:00")), "dateEnd", "after"),
        ("Meeting", with("parentType", json!("User")), "parent", "valid"),
    ] {
        let answer = salon.post(scope, body.clone()).await;
        assert_eq!(answer.invalid(), (field.to_owned(), rule.to_owned()), "{scope} {body}");
        assert_eq!(salon.blame().len(), 1);
    }
    assert_eq!(salon.post("Lead", json!({"source": "", "status": "In Process"})).await.status, 200, "nothing is mandatory");
    assert!(salon.records("Contact").is_empty() && salon.records("Meeting").is_empty());
}

#[tokio::test]
async fn a_meeting_keeps_its_duration_and_takes_offsets() {
    let salon = Salon::open().await;
    let anna = salon.contact(json!({"lastName": "Anna"})).await;
    let made = salon.post("Meeting", meeting(&anna)).await;
    let (id, record) = (made.id(), made.json());
    assert_eq!((record["status"].clone(), record["parentName"].clone()), (json!("Planned"), json!("Anna")));
    assert_eq!((record["assignedUserName"].clone(), record["contactsNames"][&anna].clone()), (json!("Olga"), json!("Anna")));
    let moved = salon.patch(&format!("Meeting/{id}"), json!({"dateStart": "2026-05-02T12:30:00+02:00"})).await.json();
    assert_eq!(
        (moved["dateStart"].clone(), moved["dateEnd"].clone()),
        (json!("2026-05-02 10:30:00"), json!("2026-05-02 11:30:00"))
    );
    let body = json!({"dateStart": "2026-05-02 09:00", "dateEnd": "2026-05-02 09:15"});
    let shortened = salon.patch(&format!("Meeting/{id}"), body).await;
    assert_eq!(shortened.json()["dateEnd"], "2026-05-02 09:15:00");
    assert!(salon.blame().is_empty());
}

#[tokio::test]
async fn what_a_record_leads_to_must_be_there() {
    let salon = Salon::open().await;
    let anna = salon.contact(json!({"lastName": "Anna"})).await;
    for user in ["nobody", "u2"] {
        let mut body = meeting(&anna);
        body["assignedUserId"] = user.into();
        let answer = salon.post("Meeting", body).await;
        assert_eq!((answer.status, answer.reason.as_str()), (403, "Assignment failure"), "{user}");
    }
    assert_eq!(salon.post("Meeting", meeting("nobody")).await.status, 403);
    let mut body = meeting(&anna);
    body["teamsIds"] = json!(["t1"]);
    let made = salon.post("Meeting", body).await.json();
    assert_eq!(made["teamsNames"]["t1"], "Salon");
    let id = made["id"].as_str().unwrap();
    salon.delete(&format!("Contact/{anna}")).await;
    let left = salon.patch(&format!("Meeting/{id}"), json!({"status": "Held"})).await;
    assert_eq!((left.status, left.json()["contactsIds"].clone()), (200, json!([])), "{left:?}");
}

#[tokio::test]
async fn notes_are_posts_on_records() {
    let salon = Salon::open().await;
    let anna = salon.contact(json!({"lastName": "Anna"})).await;
    let on = |kind: &str, id: &str, text: &str| json!({"type": kind, "parentType": "Contact", "parentId": id, "post": text});
    let note = salon.post("Note", on("Post", &anna, "hello")).await.id();
    assert_eq!(salon.post("Note", on("Post", "nobody", "hello")).await.status, 403);
    assert_eq!(salon.post("Note", on("Create", &anna, "hello")).await.status, 403);
    assert_eq!(salon.post("Note", on("Post", &anna, "  ")).await.invalid(), ("post".to_owned(), "required".to_owned()));
    salon.post("Meeting", meeting(&anna)).await.id();
    let stream = salon.get(&format!("Contact/{anna}/stream?maxSize=100&offset=0")).await.json();
    let kinds: Vec<&str> = stream["list"].as_array().unwrap().iter().map(|note| note["type"].as_str().unwrap()).collect();
    assert_eq!((kinds, stream["total"].clone()), (vec!["Create", "Post", "Create"], json!(3)), "the newest first, meetings too");
    assert_eq!(stream["list"][1]["id"], note.as_str());
    assert_eq!(stream["list"][1]["createdById"], "api1");
    assert_eq!(salon.get("Contact/nobody/stream").await.status, 404);
}

#[tokio::test]
async fn links_are_listed_made_and_cut() {
    let salon = Salon::open().await;
    let (anna, maria) = (salon.contact(json!({"lastName": "Anna"})).await, salon.contact(json!({"lastName": "Maria"})).await);
    let visit = salon.post("Meeting", meeting(&anna)).await.id();
    let task =
        salon.post("Task", json!({"name": "Call", "assignedUserId": "u1", "parentType": "Contact", "parentId": anna})).await.id();
    assert_eq!(ids(&salon.get(&format!("Contact/{anna}/meetings")).await), std::slice::from_ref(&visit));
    assert_eq!(ids(&salon.get(&format!("Contact/{anna}/tasks")).await), [task]);
    assert_eq!(salon.post(&format!("Meeting/{visit}/contacts"), json!({"id": maria})).await.json(), json!(true));
    assert_eq!(
        ids(&salon.get(&format!("Meeting/{visit}/contacts?orderBy=createdAt&order=asc")).await),
        [anna.clone(), maria.clone()]
    );
    let cut =
        salon.call("DELETE", &format!("Contact/{anna}/meetings"), &[("x-api-key", KEY)], Some(json!({"ids": [visit]}))).await;
    assert_eq!(cut.unwrap().json(), json!(true));
    assert_eq!(salon.get(&format!("Meeting/{visit}")).await.json()["contactsIds"], json!([maria]));
    assert_eq!(salon.get(&format!("Meeting/{visit}/nothing")).await.status, 404);
}

#[tokio::test]
async fn strange_requests_are_refused_and_blamed() {
    let salon = Salon::open().await;
    for (method, path) in [("GET", "Nothing"), ("POST", "Activity"), ("PATCH", "Contact")] {
        assert_eq!(salon.call(method, path, &[("x-api-key", KEY)], None).await.unwrap().status, 404, "{method} {path}");
        assert!(!salon.blame().is_empty(), "{method} {path}");
    }
    assert_eq!(salon.post("Contact", json!(["Anna"])).await.status, 400);
    salon.get("Contact?maxsize=5").await;
    assert_eq!(salon.blame(), ["query parameter maxsize is not read"]);
}

#[tokio::test]
async fn a_flag_in_the_body_does_not_skip_the_look_for_doubles() {
    let salon = Salon::open().await;
    salon.contact(json!({"lastName": "Anna"})).await;
    let body = json!({"lastName": "Anna", "skipDuplicateCheck": true});
    assert_eq!(salon.post("Contact", body.clone()).await.status, 409);
    let header = [("x-api-key", KEY), ("x-skip-duplicate-check", "true")];
    assert_eq!(salon.call("POST", "Contact", &header, Some(body)).await.unwrap().status, 200);
}

#[tokio::test]
async fn parts_of_fields_that_are_not_played_are_told() {
    let salon = Salon::open().await;
    let anna = salon.contact(json!({"lastName": "Anna"})).await;
    salon.blame();
    let mut visit = meeting(&anna);
    visit["contactsColumns"] = json!({"status": "Accepted"});
    visit["contactsNames"] = json!({anna: "Anna"});
    salon.post("Meeting", visit).await.id();
    assert_eq!(salon.blame(), ["attribute contactsColumns of Meeting is not played here and is dropped"]);
}
