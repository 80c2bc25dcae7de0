//! A client by the contacts' way.

use chrono::Utc;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{RETRY, TOKEN, account, at, client, data, graph_error, users_account};
use crate::{
    channel::ChannelKind,
    crm::{
        ClientCard, Crm, CrmAccount, CrmCall, Ensured, Entity, Fact, FieldMap, FieldSettings, GONE, RemoteState, Touched,
        UNATTENDED,
        erxes::{
            Erxes, contacts, operations,
            wire::{Customer, CustomerFields},
        },
    },
    vendor::{
        Class, Failure,
        stub::{Seen, Step, Stub, http},
    },
};

const CODE: &str = "00000000-0000-0000-0000-000000000007";

fn found(records: Value) -> Step {
    data("customers", json!({"list": records}))
}

fn added(id: &str) -> Step {
    data("customersAdd", json!({"_id": id}))
}

fn edited() -> Step {
    data("customersEdit", json!({"_id": "cus1"}))
}

fn related() -> Step {
    data("widgetsMessengerConnect", json!({"customerId": "cus1"}))
}

fn refused(message: &str) -> Step {
    Step::json(200, &graph_error(message, "EXPECTED"))
}

/// A record to which there is nothing to add.
fn complete() -> Value {
    json!({"_id": "cus1", "state": "customer", "status": "active", "firstName": "Anna", "lastName": "K", "code": CODE,
           "primaryPhone": "+79001234567", "phones": ["+79001234567"], "emails": [], "propertiesData": null})
}

fn is(id: &str) -> Result<Ensured, Failure> {
    Ok(Ensured::Is(id.to_owned()))
}

async fn ensured(card: &ClientCard, script: Vec<Step>) -> (Result<Ensured, Failure>, Vec<Seen>) {
    let steps = script.len();
    let stub = Stub::start("", script).await;
    let account = users_account(&stub);
    let result = Erxes.ensure_client(&CrmCall::new(&http(), &account, UNATTENDED), card).await;
    let seen = stub.seen();
    assert_eq!(seen.len(), steps, "{result:?}");
    (result, seen)
}

#[tokio::test]
async fn a_new_client_is_looked_up_in_order_made_once_and_related() {
    let card = ClientCard {
        email: Some("a+b@x.example".to_owned()),
        channel: Some(ChannelKind::Telegram),
        first_touch: Some(Touched { referral: Some("flyer".to_owned()), at: at(0) }),
        ..client(None)
    };
    let none = || found(json!([]));
    let (result, seen) = ensured(&card, vec![none(), none(), none(), added("cus1"), related()]).await;
    assert_eq!(result, is("cus1"));
    let searched: Vec<&Value> = seen[..3].iter().map(|seen| &seen.body["variables"]["searchValue"]).collect();
    assert_eq!(searched, [CODE, r"\+79001234567", r"a\+b@x\.example"]);
    let made = json!({
        "state": "customer", "firstName": "Anna", "lastName": "K", "primaryEmail": "a+b@x.example",
        "primaryPhone": "+79001234567", "code": CODE,
        "propertiesData": {"salonChannel": "telegram", "salonReferral": "flyer", "salonFirstTouch": at(0).to_rfc3339(), "salonNoShows": 0},
    });
    assert_eq!(seen[3].body, json!({"query": operations::CUSTOMER_ADD.document, "variables": made}));
    let by_id_alone = json!({"integrationId": "int1", "isUser": true, "data": {}, "cachedCustomerId": "cus1"});
    assert_eq!(seen[4].body["variables"], by_id_alone);
    assert!(seen.iter().all(|seen| seen.headers["authorization"] == format!("Bearer {TOKEN}")));
}

/// The search is a regular expression over many fields: what it finds is compared here.
#[tokio::test]
async fn only_what_is_equal_is_found() {
    let longer = json!({"_id": "x1", "primaryPhone": "+790012345678"});
    let deleted = json!({"_id": "x2", "primaryPhone": "+79001234567", "status": "deleted"});
    let second = json!({"_id": "x3", "phones": ["+79001234567"]});
    let mentions = json!({"_id": "x4", "firstName": CODE});
    let stub = Stub::start("", vec![found(json!([mentions])), found(json!([longer, deleted, null, second]))]).await;
    let ids = Erxes.find_client(&CrmCall::new(&http(), &account(&stub, Some(TOKEN)), UNATTENDED), &client(None)).await;
    assert_eq!(ids.unwrap(), ["x3"]);
    let nobody = account(&stub, None);
    let failure = Erxes.find_client(&CrmCall::new(&http(), &nobody, UNATTENDED), &client(None)).await.unwrap_err();
    assert_eq!(failure, Failure::permanent("no_search"));
}

#[tokio::test]
async fn several_with_the_number_are_left_to_a_person_unless_one_has_our_id() {
    let two = json!([{"_id": "a", "primaryPhone": "+79001234567"}, {"_id": "b", "phones": ["+79001234567"]}]);
    let (result, seen) = ensured(&client(None), vec![found(json!([])), found(two)]).await;
    assert_eq!(result, Ok(Ensured::Ambiguous(vec!["a".to_owned(), "b".to_owned()])));
    assert!(seen.iter().all(|seen| seen.body["query"] == operations::SEARCH.document), "nothing was written");
    let (result, _) = ensured(&client(None), vec![found(json!([complete()])), related()]).await;
    assert_eq!(result, is("cus1"));
}

#[tokio::test]
async fn a_known_record_is_read_first_and_one_that_is_gone_is_said_to_be() {
    let (result, _) = ensured(&client(Some("cus1")), vec![data("customerDetail", complete())]).await;
    assert_eq!(result, is("cus1"), "and nothing is written, for nothing is new");
    let mut merged = complete();
    merged["status"] = json!("deleted");
    for gone in [refused("Customer not found"), data("customerDetail", json!(null)), data("customerDetail", merged)] {
        let (result, _) = ensured(&client(Some("cus1")), vec![gone]).await;
        assert_eq!(result, Err(Failure::permanent(GONE)));
    }
}

#[tokio::test]
async fn the_state_is_changed_by_an_operation_of_its_own() {
    let mut lead = complete();
    lead["state"] = json!("lead");
    let changed = data("customersChangeState", json!({"_id": "cus1"}));
    let (result, seen) = ensured(&client(Some("cus1")), vec![data("customerDetail", lead), changed]).await;
    assert_eq!(result, is("cus1"));
    assert_eq!(seen[1].body["variables"], json!({"_id": "cus1", "value": "customer"}));
}

#[tokio::test]
async fn what_the_user_may_not_goes_by_the_widget() {
    for message in ["Permission required", "OAuth scope required: contacts:create"] {
        let script = vec![found(json!([])), found(json!([])), refused(message), related()];
        let (result, seen) = ensured(&client(None), script).await;
        assert_eq!(result, is("cus1"));
        assert_eq!(seen[3].body["variables"]["code"], CODE, "all we know");
        assert_eq!(seen[3].body["variables"]["data"], json!({"firstName": "Anna K"}));
    }
}

#[tokio::test]
async fn somebody_who_has_the_number_meanwhile_is_found_and_a_claim_gives_way() {
    let none = || found(json!([]));
    let race = vec![none(), none(), refused("Duplicated phone"), none(), found(json!([complete()])), related()];
    assert_eq!(ensured(&client(None), race).await.0, is("cus1"));
    let claims = ClientCard { phone: None, claimed_phone: Some("+79990000000".to_owned()), ..client(None) };
    let script = vec![none(), refused("Duplicated phone"), none(), added("cus1"), related()];
    let (result, seen) = ensured(&claims, script).await;
    assert_eq!(result, is("cus1"));
    assert_eq!(seen[1].body["variables"]["primaryPhone"], "+79990000000");
    assert_eq!(seen[3].body["variables"].get("primaryPhone"), None);
    // The search does not see who has it, the widget does.
    let script =
        vec![none(), none(), refused("Duplicated code"), none(), none(), refused("Duplicated code"), related(), related()];
    assert_eq!(ensured(&client(None), script).await.0, is("cus1"));
}

#[tokio::test]
async fn an_email_of_somebody_else_is_left_to_them() {
    let card = ClientCard { email: Some("a@x.example".to_owned()), name: Some("Anna K".to_owned()), ..client(Some("cus1")) };
    let bare = json!({"_id": "cus1", "state": "customer", "propertiesData": {"bonus": 5}});
    let (result, seen) = ensured(&card, vec![data("customerDetail", bare), refused("Duplicated email"), edited()]).await;
    assert_eq!(result, is("cus1"));
    assert_eq!(seen[1].body["variables"]["primaryEmail"], "a@x.example");
    assert_eq!(seen[2].body["variables"], json!({"_id": "cus1", "firstName": "Anna", "lastName": "K"}));
}

#[tokio::test]
async fn no_fault_of_making_a_client_is_unknown() {
    let none = || found(json!([]));
    for fault in [Step::CutOff, Step::Close, Step::json(200, &graph_error("db", "SYSTEM")), data("customersAdd", json!(null))] {
        let failure = ensured(&client(None), vec![none(), none(), fault]).await.0.unwrap_err();
        assert_eq!(failure.class, RETRY, "{failure}");
    }
    let expired = refused("Login required");
    assert_eq!(ensured(&client(None), vec![expired]).await.0.unwrap_err().class, Class::Credential);
}

fn map() -> FieldMap {
    FieldMap::new(Erxes.fields(), &FieldSettings::default())
}

fn record(value: Value) -> Customer {
    serde_json::from_value(value).unwrap()
}

fn written(card: &ClientCard, value: Value) -> Value {
    json!(contacts::changes(card, &record(value), &map()))
}

#[test]
fn what_people_wrote_stays_and_properties_of_others_are_given_back() {
    assert_eq!(written(&client(None), complete()), json!(null));
    let named = json!({"_id": "c", "firstName": "Анна", "lastName": "Петрова", "code": "VIP-1", "primaryPhone": "+71",
                       "phones": ["+71", "+72"], "primaryEmail": "old@x.example", "propertiesData": {"bonus": 5, "salonNoShows": 1}});
    let card = ClientCard { email: Some("new@x.example".to_owned()), no_shows: 2, ..client(None) };
    let expected =
        json!({"_id": "c", "phones": ["+71", "+72", "+79001234567"], "propertiesData": {"bonus": 5, "salonNoShows": 2}});
    assert_eq!(written(&card, named), expected);
    let by_the_widget = json!({"_id": "c", "firstName": "Anna K", "code": CODE, "phones": ["+79001234567"]});
    assert_eq!(written(&client(None), by_the_widget), json!({"_id": "c", "firstName": "Anna", "lastName": "K"}));
    let nameless = ClientCard { name: None, phone: None, ..client(None) };
    assert_eq!(written(&nameless, json!({"_id": "c", "firstName": "X", "code": CODE})), json!(null));
}

#[test]
fn properties_go_under_the_salons_codes_and_words() {
    let settings: FieldSettings = serde_json::from_value(json!({
        "fields": {"client": {"channel": "messenger", "no_shows": null, "first_touch": null}},
        "values": {"client": {"channel": {"telegram": "TG"}}},
    }))
    .unwrap();
    let card = ClientCard { channel: Some(ChannelKind::Telegram), no_shows: 3, ..client(None) };
    let fields = contacts::fresh(&card, &FieldMap::new(Erxes.fields(), &settings));
    assert_eq!(json!(fields.properties_data), json!({"messenger": "TG"}));
}

#[tokio::test]
async fn a_record_is_read_as_far_as_it_concerns_us() {
    let mut theirs = complete();
    theirs["primaryEmail"] = json!("a@x.example");
    theirs["phones"] = json!(["+79001234567", "+72"]);
    theirs["updatedAt"] = json!(at(5).to_rfc3339());
    let stub = Stub::start("", vec![data("customerDetail", theirs), refused("Customer not found")]).await;
    let (http, account) = (http(), users_account(&stub));
    let call = CrmCall::new(&http, &account, UNATTENDED);
    let expected = RemoteState {
        record: "cus1".to_owned(),
        external_id: Some(CODE.to_owned()),
        changed_at: Some(at(5).with_timezone(&Utc)),
        name: Some("Anna K".to_owned()),
        contacts: ["+79001234567", "+72", "a@x.example"].map(str::to_owned).to_vec(),
        ..RemoteState::default()
    };
    assert_eq!(Erxes.read(&call, Entity::Client, "cus1").await, Ok(Some(expected)));
    assert_eq!(Erxes.read(&call, Entity::Client, "cus1").await, Ok(None));
    assert!(Erxes.read(&call, Entity::Booking, "x").await.is_err());
}

#[test]
fn a_fact_has_one_property_and_one_code() {
    let mut codes: Vec<&str> = Erxes.fields().iter().map(|spec| spec.theirs).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), Erxes.fields().len());
    assert!(Erxes.fields().iter().all(|spec| spec.custom && !spec.required && spec.entity == Entity::Client));
    assert!(Erxes.fields().iter().all(|spec| spec.fact != Fact::ExternalId), "that is the record's code");
}

#[test]
fn a_preview_shows_the_record_that_would_be_made() {
    let account = |oauth| CrmAccount {
        base_url: "https://erxes.example".parse().unwrap(),
        settings: json!({"integration_id": "int1"}),
        fields: map(),
        secrets: serde_json::from_value(json!({"token": "t", "oauth": oauth})).unwrap(),
    };
    let shown = Erxes.preview(&account(json!({"client_id": "c"})), crate::crm::Card::Client(&client(None)));
    assert_eq!((&shown["lastName"], &shown["state"]), (&json!("K"), &json!("customer")));
    let shown = Erxes.preview(&account(json!(null)), crate::crm::Card::Client(&client(None)));
    assert_eq!(shown["data"], json!({"firstName": "Anna K"}));
}

proptest! {
    /// Whatever people are called, their text as an expression is that text.
    #[test]
    fn an_escaped_text_finds_itself_and_nothing_longer_or_shorter(text in "[ -~а-я]{1,24}") {
        let pattern = contacts::escaped(&text);
        let mut plain = String::new();
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => plain.push(chars.next().unwrap()),
                c => {
                    prop_assert!(!r"^$.|?*+()[]{}".contains(c), "{c} has a meaning of its own in {pattern}");
                    plain.push(c);
                }
            }
        }
        prop_assert_eq!(plain, text);
    }

    /// What was written once is there: told again, nothing is written. And nothing that was there is gone.
    #[test]
    fn telling_twice_writes_once(first in "[a-zA-Z]{0,5}", last in "[a-zA-Z]{0,5}", code in "[a-z]{0,3}", no_shows in 0_u32..3,
                                 phones in proptest::collection::vec("\\+7[0-9]{2}", 0..3), email in proptest::option::of("[a-z]{2}@x.y")) {
        let card = ClientCard { no_shows, email, phone: Some("+700".to_owned()), ..client(None) };
        let before = json!({"_id": "c", "firstName": first, "lastName": last, "code": code, "phones": phones, "propertiesData": {"bonus": 5}});
        let mut after = before.clone();
        if let Some(CustomerFields { properties_data, .. }) = contacts::changes(&card, &record(before.clone()), &map()) {
            let changes = written(&card, before.clone());
            for (name, value) in changes.as_object().unwrap() {
                after[name] = value.clone();
            }
            prop_assert!(properties_data.is_empty() || properties_data["bonus"] == 5);
        }
        prop_assert_eq!(written(&card, after.clone()), json!(null), "{}", after);
        for phone in &phones {
            prop_assert!(after["phones"].as_array().unwrap().contains(&json!(phone)));
        }
    }
}

/// Their number is the same, and their ids are ours: a person must say whether they are one.
#[tokio::test]
async fn the_record_of_another_client_is_not_taken() {
    let mut theirs = complete();
    theirs["code"] = json!("00000000-0000-0000-0000-000000000008");
    let (result, _) = ensured(&client(None), vec![found(json!([])), found(json!([theirs]))]).await;
    assert_eq!(result, Ok(Ensured::Ambiguous(vec!["cus1".to_owned()])));
    // The salon's own code says nothing of whose it is.
    let mut coded = complete();
    coded["code"] = json!("VIP-8");
    let (result, _) = ensured(&client(None), vec![found(json!([])), found(json!([coded])), related()]).await;
    assert_eq!(result, is("cus1"));
}
