use serde_json::{Value, json};

use super::*;
use crate::{
    crm::{Crm, CrmKind, Entity, FieldSpec, Health, fields},
    vendor::stub::http,
};

fn described(kind: &str) -> Value {
    json!({"type": kind, "isMultiple": false})
}

/// The fields of a kind of record as `crm.item.fields` lists them.
fn their_fields(entity: Entity) -> Value {
    let mut fields = json!({"id": described("integer"), "originId": described("string"), "fm": described("crm_multifield")});
    for spec in FIELDS.iter().filter(|spec| spec.entity == entity && spec.custom) {
        let kind = match spec.kind {
            crate::crm::FieldKind::Moment => "datetime",
            crate::crm::FieldKind::Number => "integer",
            _ => "string",
        };
        fields[spec.theirs] = described(kind);
    }
    json!({"fields": fields})
}

fn rows(ids: &[&str]) -> Value {
    ids.iter().map(|id| json!({"STATUS_ID": id})).collect()
}

fn portal(change: impl Fn(&mut Vec<Result<Value, Option<&'static str>>>)) -> Step {
    let mut outcomes = vec![
        Ok(json!(1)),
        Ok(json!(["crm", "user_brief"])),
        Ok(their_fields(Entity::Client)),
        Ok(their_fields(Entity::Enquiry)),
        Ok(their_fields(Entity::Booking)),
        Ok(rows(&["CALL", "WEB"])),
        Ok(rows(&["NEW", "WON"])),
        Ok(json!([{"ID": "1", "ACTIVE": true}])),
        Ok(json!([{"ID": "5", "ACTIVE": true}])),
    ];
    change(&mut outcomes);
    batched(&outcomes)
}

async fn problems(stub: &Stub, account: &CrmAccount) -> Vec<String> {
    let described = Bitrix24.describe(&call(&http(), account)).await.unwrap();
    assert_eq!(stub.seen().len(), 1);
    fields::check(CrmKind::Bitrix24, &account.fields, &described).iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_portal_that_fits_has_no_problems() {
    let stub = Stub::start("", vec![portal(|_| ())]).await;
    assert_eq!(problems(&stub, &account(&stub)).await, Vec::<String>::new());
    let asked = commands(&stub.seen()[0]);
    assert_eq!(asked[2].1, json!({"entityTypeId": "3", "useOriginalUfNames": "Y"}));
    assert_eq!(asked[5].1, json!({"filter[ENTITY_ID]": "SOURCE"}));
    assert_eq!(asked[6].1, json!({"filter[ENTITY_ID]": "DEAL_STAGE"}));
    assert_eq!(asked[8], ("user.get".to_owned(), json!({"ID": "5"})));
}

#[tokio::test]
async fn what_would_be_refused_or_dropped_is_said() {
    let stub = Stub::start(
        "",
        vec![portal(|outcomes| {
            outcomes[1] = Ok(json!(["user"]));
            outcomes[2].as_mut().unwrap()["fields"]["UF_CRM_SALON_NO_SHOWS"] = described("string");
            outcomes[3].as_mut().unwrap()["fields"]["UF_CRM_SALON_TRACKING"] = json!({"type": "string", "isMultiple": true});
            outcomes[4].as_mut().unwrap()["fields"].as_object_mut().unwrap().remove("UF_CRM_SALON_PRICE");
            outcomes[4].as_mut().unwrap()["fields"]["UF_CRM_SALON_STATUS"] =
                json!({"type": "enumeration", "items": [{"ID": "45", "VALUE": "planned"}]});
            outcomes[5] = Ok(rows(&["CALL"]));
            outcomes[7] = Ok(json!([]));
            outcomes[8] = Ok(json!([{"ID": "5", "ACTIVE": false}]));
        })],
    )
    .await;
    let mut account = account(&stub);
    account.settings["stages"] = json!({"planned": "NEW", "no_show": "GONE"});
    let problems = problems(&stub, &account).await;
    for expected in [
        "the scope crm is missing",
        "client.no_shows: the field UF_CRM_SALON_NO_SHOWS holds something else",
        "enquiry.tracking: the field UF_CRM_SALON_TRACKING holds something else",
        "booking.price: there is no field UF_CRM_SALON_PRICE",
        "booking.state: the field UF_CRM_SALON_STATUS does not take \"planned\"",
        "there is no source \"WEB\"",
        "there is no stage \"GONE\" in DEAL_STAGE",
        "there is no user 1",
        "the user 5 has left",
    ] {
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{expected}: {problems:#?}");
    }
    assert!(!problems.iter().any(|problem| problem.contains("\"NEW\"")));
}

#[tokio::test]
async fn a_missing_scope_is_a_problem_and_no_failure() {
    let stub = Stub::start(
        "",
        vec![portal(|outcomes| {
            outcomes[1] = Ok(json!(["crm"]));
            outcomes[7] = Err(Some("insufficient_scope"));
            outcomes[8] = Err(Some("insufficient_scope"));
        })],
    )
    .await;
    let problems = problems(&stub, &account(&stub)).await;
    assert_eq!(problems, ["the scope user_brief is missing: whether the users exist can't be seen"]);
    let stub = Stub::start("", vec![portal(|outcomes| outcomes[2] = Err(Some("insufficient_scope")))]).await;
    let failure = Bitrix24.describe(&call(&http(), &account(&stub))).await.unwrap_err();
    assert_eq!(failure, Failure::new(Class::Credential, "insufficient_scope"));
}

#[tokio::test]
async fn in_the_simple_mode_enquiries_have_the_deals_fields() {
    let stub = Stub::start("", vec![portal(|outcomes| outcomes[0] = Ok(json!(2)))]).await;
    let problems = problems(&stub, &account(&stub)).await;
    assert_eq!(problems.len(), 3, "the deal lacks an enquiry's three: {problems:?}");
}

fn specs(theirs: &[&str]) -> Vec<&'static FieldSpec> {
    FIELDS.iter().filter(|spec| theirs.contains(&spec.theirs) && spec.entity != Entity::Enquiry).collect()
}

#[tokio::test]
async fn fields_are_made_and_then_looked_at() {
    let missing = specs(&["UF_CRM_SALON_LANGUAGE", "UF_CRM_SALON_NO_SHOWS", "UF_CRM_SALON_START"]);
    let outcomes = [
        Ok(json!({"field": {}})),
        Err(Some("")),
        Ok(json!({"field": {}})),
        Ok(their_fields(Entity::Client)),
        Ok(their_fields(Entity::Booking)),
    ];
    let stub = Stub::start("", vec![good(&json!(1)), batched(&outcomes)]).await;
    let there = Bitrix24.create_fields(&call(&http(), &account(&stub)), &missing).await.unwrap();
    assert_eq!(there, ["UF_CRM_SALON_LANGUAGE", "UF_CRM_SALON_NO_SHOWS", "UF_CRM_SALON_START"], "one was there already");
    let asked = commands(&stub.seen()[1]);
    let field = |name: &str, of: &str, label: &str| json!({"fields[FIELD_NAME]": name, "fields[USER_TYPE_ID]": of, "fields[LABEL]": label, "fields[SHOW_FILTER]": "Y"});
    let add = |kind: &str| format!("crm.{kind}.userfield.add");
    assert_eq!(asked[0], (add("contact"), field("SALON_LANGUAGE", "string", "Language")));
    assert_eq!(asked[1], (add("contact"), field("SALON_NO_SHOWS", "integer", "Visits missed")));
    assert_eq!(asked[2], (add("deal"), field("SALON_START", "datetime", "Begins")));
    assert_eq!(asked.len(), 5);
}

#[tokio::test]
async fn a_field_that_could_not_be_made_is_an_error() {
    let missing = specs(&["UF_CRM_SALON_LANGUAGE"]);
    for (outcome, expected) in [
        (Err(Some("insufficient_scope")), Failure::new(Class::Credential, "insufficient_scope")),
        (Err(Some("Access denied.")), refused("access_denied")),
        (Ok(json!({"field": {}})), refused("field_not_made")),
    ] {
        let stub = Stub::start("", vec![good(&json!(1)), batched(&[outcome, Ok(json!({"fields": {}}))])]).await;
        assert_eq!(Bitrix24.create_fields(&call(&http(), &account(&stub)), &missing).await, Err(expected));
    }
}

#[test]
fn every_field_can_be_made() {
    for spec in FIELDS.iter().filter(|spec| spec.custom) {
        // Bitrix24's `crm.*.userfield.add`: letters, digits and underscores, at most 50.
        assert!(spec.theirs.starts_with("UF_CRM_") && spec.theirs.len() <= 50, "{}", spec.theirs);
        assert!(spec.theirs.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_'));
    }
    let words: Vec<&str> = crate::crm::BookingState::ALL.iter().map(|state| state.as_str()).collect();
    assert_eq!(FIELDS.iter().find(|spec| spec.theirs == "UF_CRM_SALON_STATUS").unwrap().options, words);
    let channels: Vec<&str> = crate::channel::ChannelKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(FIELDS.iter().find(|spec| spec.theirs == "UF_CRM_SALON_CHANNEL").unwrap().options, channels);
}

#[tokio::test]
async fn an_inspection_says_as_whom_and_what_is_to_be_seen_to() {
    let outcomes = |scopes: Value| [Ok(json!({"ID": "7", "NAME": "Olga"})), Ok(scopes), Ok(json!({"fields": {}}))];
    let stub = Stub::start("", vec![batched(&outcomes(json!(["crm", "user"])))]).await;
    let mut account = account(&stub);
    account.secrets.webhook_secret = Some("t".into());
    let known_as = "an inbound webhook of user 7".to_owned();
    let health = Bitrix24.inspect(&call(&http(), &account)).await;
    assert_eq!(health, Ok(Health { known_as, version: None, remarks: vec![] }), "nobody's name");

    let stub = Stub::start("", vec![batched(&outcomes(json!(["crm"])))]).await;
    let health = Bitrix24.inspect(&call(&http(), &application(&stub))).await.unwrap();
    assert_eq!(health.known_as, "an application of user 7");
    assert_eq!(health.remarks.len(), 2, "{:?}", health.remarks);
}

mod webhooks {
    use super::*;

    fn address() -> url::Url {
        "https://hooks.example/webhooks/bitrix24/k1".parse().unwrap()
    }

    #[tokio::test]
    async fn an_inbound_webhook_needs_an_outgoing_one_made_by_hand() {
        let stub = Stub::start("", vec![]).await;
        let account = account(&stub);
        let failure = Bitrix24.ensure_webhooks(&call(&http(), &account), &address()).await.unwrap_err();
        assert_eq!(failure, refused(crate::crm::BY_HAND));
        assert!(stub.seen().is_empty());
    }

    #[tokio::test]
    async fn an_application_binds_what_is_not_bound() {
        let bound = json!([
            {"event": "ONCRMDEALUPDATE", "handler": address().as_str(), "auth_type": "0", "offline": 0},
            {"event": "ONCRMDEALDELETE", "handler": "https://other.example/", "auth_type": "0", "offline": 0},
            {"event": "ONCRMLEADUPDATE", "handler": address().as_str(), "auth_type": "0", "offline": 1},
        ]);
        let stub = Stub::start("", vec![good(&bound), batched(&[const { Ok(Value::Bool(true)) }; 5])]).await;
        let mut account = application(&stub);
        let failure = Bitrix24.ensure_webhooks(&call(&http(), &account), &address()).await.unwrap_err();
        assert_eq!(failure, refused("application_token_missing"), "nothing could prove a post");
        account.secrets.webhook_secret = Some("t".into());
        let hooks = Bitrix24.ensure_webhooks(&call(&http(), &account), &address()).await.unwrap();
        assert_eq!(hooks.len(), 6);
        let asked = commands(&stub.seen()[1]);
        let names: Vec<&str> = asked.iter().map(|(_, parameters)| parameters["event"].as_str().unwrap()).collect();
        assert_eq!(names, ["ONCRMCONTACTUPDATE", "ONCRMCONTACTDELETE", "ONCRMDEALDELETE", "ONCRMLEADUPDATE", "ONCRMLEADDELETE"]);
        assert_eq!(asked[0], ("event.bind".to_owned(), json!({"event": "ONCRMCONTACTUPDATE", "handler": address().as_str()})));
    }

    #[tokio::test]
    async fn one_that_could_not_be_bound_is_an_error() {
        let stub = Stub::start("", vec![good(&json!([])), batched(&[Ok(json!(true)), Err(Some("ERROR_EVENT_NOT_FOUND"))])]).await;
        let mut account = application(&stub);
        account.secrets.webhook_secret = Some("t".into());
        let failure = Bitrix24.ensure_webhooks(&call(&http(), &account), &address()).await.unwrap_err();
        assert_eq!(failure, refused("event_not_found"));
    }
}
