use super::*;
use crate::crm::{Card, Ensured, GONE};

fn new_contact() -> Value {
    json!({
        "cExternalId": OURS, "cChannel": "telegram", "cLanguage": "ru", "cReferralCode": "maria10",
        "cFirstTouchAt": "2026-11-20 18:40:00", "cLastReferralCode": "olga5", "cNoShowCount": 2,
        "firstName": "Anna", "lastName": "von Berg", "emailAddress": "anna@example.test",
        "phoneNumberData": [{"phoneNumber": "+79001234567", "primary": true, "type": "Mobile"}],
        "description": "telegram: @anna\\_b", "teamsIds": ["team"],
    })
}

/// The record that the body of [`new_contact`] made, as it is read back.
fn stored() -> Value {
    let mut stored = new_contact();
    stored["id"] = json!("c1");
    stored["phoneNumber"] = json!("+79001234567");
    stored
}

async fn ensure(client: &ClientCard, script: Vec<Step>) -> (Result<Ensured, Failure>, Vec<Seen>) {
    run(script, async |call: &CrmCall<'_>| EspoCrm.ensure_client(call, client).await).await
}

#[tokio::test]
async fn a_new_person_is_looked_for_by_every_key_and_then_made() {
    let (result, seen) = ensure(&client(), vec![none(), none(), none(), record(json!({"id": "c1"}))]).await;
    assert_eq!(result.unwrap(), Ensured::Is("c1".to_owned()));
    let keys = [("cExternalId", OURS), ("phoneNumber", "+79001234567"), ("emailAddress", "anna@example.test")];
    for (seen, (attribute, value)) in seen.iter().zip(keys) {
        assert_asked(seen, "GET /crm/api/v1/Contact", &equals(attribute, value));
        assert_asked(seen, "GET /crm/api/v1/Contact", &[("select", "id,cExternalId"), ("maxSize", "20")]);
        assert_eq!(seen.headers["x-no-total"], "true");
        assert_eq!(seen.headers["x-api-key"], KEY);
    }
    assert!(seen[1].path.contains("%2B7900"), "a plus in a query is a blank: {}", seen[1].path);
    assert_asked(&seen[3], "POST /crm/api/v1/Contact", &[]);
    assert_eq!(seen[3].headers["x-skip-duplicate-check"], "true");
    assert_eq!(seen[3].headers["content-type"], "application/json");
    assert_eq!(seen[3].body, new_contact());
}

#[tokio::test]
async fn what_is_not_known_is_not_sent() {
    let stranger = ClientCard {
        name: None,
        phone: None,
        email: None,
        language: None,
        channel: None,
        handle: None,
        first_touch: None,
        last_referral: None,
        no_shows: 0,
        ..client()
    };
    let (result, seen) = ensure(&stranger, vec![none(), record(json!({"id": "c1"}))]).await;
    assert_eq!(result.unwrap(), Ensured::Is("c1".to_owned()));
    let expected = json!({
        "cExternalId": OURS, "cChannel": "web", "cNoShowCount": 0, "lastName": "(no surname)", "teamsIds": ["team"],
    });
    assert_eq!(seen[1].body, expected);
}

#[tokio::test]
async fn a_claimed_number_is_written_and_never_searched_by() {
    let claims = ClientCard { phone: None, claimed_phone: Some("+79007654321".to_owned()), email: None, ..client() };
    let (_, seen) = ensure(&claims, vec![none(), record(json!({"id": "c1"}))]).await;
    let number = json!([{"phoneNumber": "+79007654321", "primary": true, "type": "Mobile"}]);
    assert_eq!(seen[1].body["phoneNumberData"], number);
    let both = ClientCard { claimed_phone: Some("+79007654321".to_owned()), ..client() };
    let preview = run(vec![], async |call: &CrmCall<'_>| EspoCrm.preview(call.account, Card::Client(&both))).await.0;
    let numbers = json!([
        {"phoneNumber": "+79001234567", "primary": true, "type": "Mobile"},
        {"phoneNumber": "+79007654321", "primary": false, "type": "Mobile"},
    ]);
    assert_eq!(preview["phoneNumberData"], numbers);
}

#[tokio::test]
async fn a_person_found_by_number_is_linked_and_keeps_what_others_made_of_them() {
    let theirs = json!({
        "id": "c9", "firstName": "Anna-Maria", "lastName": "Berg", "phoneNumber": "+79000000000", "cExternalId": null,
        "emailAddress": "curated@example.test", "description": "VIP",
        "phoneNumberData": [
            {"phoneNumber": "+79000000000", "primary": true, "type": "Home", "optOut": true, "invalid": false},
            {"phoneNumber": "+79111111111", "primary": false, "type": "Office", "optOut": false, "invalid": false},
        ],
    });
    let found = listed(json!([{"id": "c9", "cExternalId": null}]));
    let (result, seen) = ensure(&client(), vec![none(), found, record(theirs.clone()), record(json!({"id": "c9"}))]).await;
    assert_eq!(result.unwrap(), Ensured::Is("c9".to_owned()));
    assert_asked(&seen[2], "GET /crm/api/v1/Contact/c9", &[]);
    assert_asked(&seen[3], "PATCH /crm/api/v1/Contact/c9", &[]);
    let mut numbers = theirs["phoneNumberData"].as_array().unwrap().clone();
    numbers.push(json!({"phoneNumber": "+79001234567", "primary": false, "type": "Mobile"}));
    let expected = json!({
        "cExternalId": OURS, "cChannel": "telegram", "cLanguage": "ru", "cReferralCode": "maria10",
        "cFirstTouchAt": "2026-11-20 18:40:00", "cLastReferralCode": "olga5", "cNoShowCount": 2, "phoneNumberData": numbers,
    });
    assert_eq!(seen[3].body, expected);
}

#[tokio::test]
async fn a_record_of_another_client_of_ours_is_never_taken() {
    let anothers = || listed(json!([{"id": "c9", "cExternalId": "00000000-0000-0000-0000-000000000008"}]));
    let (result, _) = ensure(&client(), vec![none(), anothers()]).await;
    assert_eq!(result.unwrap(), Ensured::Ambiguous(vec!["c9".to_owned()]));
    let (result, _) = ensure(&client(), vec![none(), none(), anothers()]).await;
    assert_eq!(result.unwrap(), Ensured::Ambiguous(vec!["c9".to_owned()]), "found by e-mail");
}

#[tokio::test]
async fn several_are_for_a_person_to_choose_from_and_nothing_is_written() {
    let two = || listed(json!([{"id": "a"}, {"id": "b", "cExternalId": ""}]));
    for script in [vec![two()], vec![none(), two()], vec![none(), none(), two()]] {
        let (result, seen) = ensure(&client(), script).await;
        assert_eq!(result.unwrap(), Ensured::Ambiguous(vec!["a".to_owned(), "b".to_owned()]));
        assert!(seen.iter().all(|seen| seen.method == "GET"));
    }
    let found = run(vec![none(), two()], async |call: &CrmCall<'_>| EspoCrm.find_client(call, &client()).await).await.0;
    assert_eq!(found.unwrap(), ["a", "b"]);
}

#[tokio::test]
async fn a_conflict_is_not_the_same_person() {
    let twins = Step::json(409, &json!([{"id": "c3", "name": "Anna von Berg"}])).with_header("x-status-reason", "duplicate");
    let (result, _) = ensure(&client(), vec![none(), none(), none(), twins]).await;
    assert_eq!(result, Err(Failure::permanent("duplicate")));
}

#[tokio::test]
async fn a_record_that_says_it_all_is_left_alone() {
    let known = ClientCard { known: Some("c1".to_owned()), ..client() };
    let (result, seen) = ensure(&known, vec![record(stored())]).await;
    assert_eq!(result.unwrap(), Ensured::Is("c1".to_owned()));
    assert_asked(&seen[0], "GET /crm/api/v1/Contact/c1", &[]);
}

#[tokio::test]
async fn only_what_is_new_is_written_to_a_known_record() {
    let known = ClientCard { known: Some("c1".to_owned()), no_shows: 3, ..client() };
    let (_, seen) = ensure(&known, vec![record(stored()), record(json!({"id": "c1"}))]).await;
    assert_eq!(seen[1].body, json!({"cNoShowCount": 3}));
    let fading = ClientCard { phone: None, email: None, language: None, name: None, last_referral: None, ..known };
    let (_, seen) = ensure(&fading, vec![record(stored()), record(json!({"id": "c1"}))]).await;
    assert_eq!(seen[1].body, json!({"cNoShowCount": 3}), "what we don't know blanks nothing");
}

/// What is written of a name over what is there.
async fn renamed(first: Option<&str>, last: &str, name: &str) -> (Value, Value) {
    let known = ClientCard { known: Some("c1".to_owned()), name: Some(name.to_owned()), no_shows: 9, ..client() };
    let mut there = stored();
    there["firstName"] = json!(first);
    there["lastName"] = json!(last);
    let (_, seen) = ensure(&known, vec![record(there), record(json!({"id": "c1"}))]).await;
    (seen[1].body["firstName"].clone(), seen[1].body["lastName"].clone())
}

#[tokio::test]
async fn a_name_fills_a_gap_and_never_replaces_one_that_somebody_set() {
    let untouched = (Value::Null, Value::Null);
    assert_eq!(renamed(Some("Anna"), "(no surname)", "Anna Berg").await, (Value::Null, json!("Berg")));
    assert_eq!(renamed(None, "(no surname)", "Anna Berg").await, (json!("Anna"), json!("Berg")));
    assert_eq!(renamed(Some("Anna-Maria"), "(no surname)", "Anna Berg").await, untouched);
    assert_eq!(renamed(Some("Anna"), "Bergova", "Anna Berg").await, untouched);
    assert_eq!(renamed(Some("Anna"), "Berg", "Anna").await, untouched, "a surname is never taken away");
}

#[tokio::test]
async fn a_number_is_added_where_there_is_room() {
    let known = ClientCard { known: Some("c1".to_owned()), no_shows: 9, ..client() };
    let numbers_after = async |there: Value| {
        let (_, seen) = ensure(&known, vec![record(there), record(json!({"id": "c1"}))]).await;
        seen[1].body["phoneNumberData"].clone()
    };
    let mut there = stored();
    let full: Vec<Value> = (0..10).map(|n| json!({"phoneNumber": format!("+7900000000{n}"), "primary": n == 0})).collect();
    there["phoneNumberData"] = json!(full);
    there["phoneNumber"] = json!("+79000000000");
    assert_eq!(numbers_after(there.clone()).await, Value::Null, "ten are all it takes");
    there["phoneNumberData"] = Value::Null;
    let both = json!([
        {"phoneNumber": "+79000000000", "primary": true, "type": "Mobile"},
        {"phoneNumber": "+79001234567", "primary": false, "type": "Mobile"},
    ]);
    assert_eq!(numbers_after(there.clone()).await, both, "the one that is there stays the first");
    there["phoneNumber"] = Value::Null;
    assert_eq!(numbers_after(there).await, new_contact()["phoneNumberData"]);
}

#[tokio::test]
async fn the_mark_of_the_client_who_was_there_first_stays() {
    let known = ClientCard { known: Some("c1".to_owned()), no_shows: 3, ..client() };
    let mut merged = stored();
    merged["cExternalId"] = json!("00000000-0000-0000-0000-000000000008");
    let (_, seen) = ensure(&known, vec![record(merged), record(json!({"id": "c1"}))]).await;
    assert_eq!(seen[1].body, json!({"cNoShowCount": 3}));
}

#[tokio::test]
async fn a_known_record_that_is_no_more_is_gone_and_a_proxys_page_is_not() {
    let known = ClientCard { known: Some("c1".to_owned()), ..client() };
    let gone = Step::Answer { status: 404, headers: vec![], body: String::new() };
    let (result, _) = ensure(&known, vec![gone.clone()]).await;
    assert_eq!(result, Err(Failure::permanent(GONE)));
    let (result, _) = ensure(&known, vec![record(json!({"id": "c1"})), gone]).await;
    assert_eq!(result, Err(Failure::permanent(GONE)), "between two requests");
    let page = Step::Answer { status: 404, headers: vec![], body: "<html>nginx</html>".to_owned() };
    let (result, _) = ensure(&known, vec![page]).await;
    assert_eq!(result, Err(Failure::retry("not_found_page")));
}

#[tokio::test]
async fn the_tenant_file_names_the_fields_and_their_words() {
    let fields = FieldSettings {
        fields: [(
            Entity::Client,
            [(Fact::ExternalId, Some("salonId".to_owned())), (Fact::Language, None), (Fact::Channel, Some("origin".to_owned()))]
                .into(),
        )]
        .into(),
        values: [(Entity::Client, [(Fact::Channel, [("telegram".to_owned(), "Telegramm".to_owned())].into())].into())].into(),
    };
    let script = vec![none(), none(), none(), record(json!({"id": "c1"}))];
    let ask = async |call: &CrmCall<'_>| EspoCrm.ensure_client(call, &client()).await;
    let (_, seen) = run_as(script, |stub| account_with(stub, &fields), ask).await;
    assert_asked(&seen[0], "GET /crm/api/v1/Contact", &equals("salonId", OURS));
    let body = &seen[3].body;
    assert_eq!((&body["salonId"], &body["origin"]), (&json!(OURS), &json!("Telegramm")));
    for absent in ["cExternalId", "cChannel", "cLanguage"] {
        assert!(body.get(absent).is_none(), "{absent}");
    }
}

#[tokio::test]
async fn making_a_contact_may_be_repeated_so_no_fault_of_it_is_unknown() {
    for fault in [Step::Close, Step::CutOff, Step::json(500, &json!({})), record(json!({})), record(json!({"error": "x"}))] {
        let (result, _) = ensure(&client(), vec![none(), none(), none(), fault]).await;
        assert_eq!(result.unwrap_err().class, RETRY);
        // And the next attempt finds it.
        let found = listed(json!([{"id": "c1", "cExternalId": OURS}]));
        let (result, seen) = ensure(&client(), vec![found, record(stored())]).await;
        assert_eq!(result.unwrap(), Ensured::Is("c1".to_owned()));
        assert!(seen.iter().all(|seen| seen.method == "GET"));
    }
}

#[tokio::test]
async fn a_preview_is_the_body_itself() {
    let preview = run(vec![], async |call: &CrmCall<'_>| EspoCrm.preview(call.account, Card::Client(&client()))).await.0;
    assert_eq!(preview, new_contact());
}

#[tokio::test]
async fn a_mailbox_that_espocrm_refuses_is_for_people_to_read() {
    let stub = Stub::start("", vec![]).await;
    let of = |email: &str| {
        let card = ClientCard { email: Some(email.to_owned()), handle: None, ..client() };
        EspoCrm.preview(&account(&stub), Card::Client(&card))
    };
    assert_eq!(of("anna@example.com")["emailAddress"], "anna@example.com");
    let other = of("анна@xn--e1afmkfd.xn--p1ai");
    assert_eq!((other.get("emailAddress"), &other["description"]), (None, &json!("E-mail: анна@xn--e1afmkfd.xn--p1ai")));
}
