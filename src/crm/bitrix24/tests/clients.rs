use serde_json::{Value, json};

use super::*;
use crate::{
    channel::ChannelKind,
    crm::{ClientCard, Crm, Ensured, GONE, Touched},
    ids::ClientId,
    lang::Lang,
    vendor::stub::http,
};

pub(super) fn client(known: Option<&str>) -> ClientCard {
    ClientCard {
        id: ClientId(ours()),
        known: known.map(str::to_owned),
        name: Some("Anna K".to_owned()),
        phone: Some("+79001234567".to_owned()),
        claimed_phone: Some("+79007654321".to_owned()),
        email: Some("anna@example.com".to_owned()),
        language: Some(Lang::Ru),
        channel: Some(ChannelKind::Telegram),
        handle: Some("@anna".to_owned()),
        first_touch: Some(Touched { referral: Some("blog".to_owned()), at: at(0) }),
        last_referral: Some("friend".to_owned()),
        no_shows: 2,
    }
}

fn nobody() -> ClientCard {
    ClientCard {
        name: None,
        phone: None,
        claimed_phone: None,
        email: None,
        language: None,
        channel: None,
        handle: None,
        first_touch: None,
        last_referral: None,
        ..client(None)
    }
}

/// A contact that holds all that we would write.
fn contact() -> Value {
    json!({"id": 275, "name": "Anna", "lastName": "K.", "originatorId": "salon-core", "originId": OURS,
        "UF_CRM_SALON_CHANNEL": "telegram", "UF_CRM_SALON_LANGUAGE": "ru", "UF_CRM_SALON_REFERRAL": "blog",
        "UF_CRM_SALON_FIRST_TOUCH": "2026-11-20T21:40:00+03:00", "UF_CRM_SALON_LAST_REFERRAL": "friend", "UF_CRM_SALON_NO_SHOWS": "2",
        "fm": [{"id": 1, "typeId": "PHONE", "valueType": "WORK", "value": "8 (900) 123-45-67"},
               {"id": 2, "typeId": "EMAIL", "valueType": "HOME", "value": "Anna@Example.com"},
               {"id": 3, "typeId": "IM", "valueType": "TELEGRAM", "value": "@anna"}]})
}

fn nothing() -> Step {
    batched(&[Ok(json!({"items": []})), Ok(json!([])), Ok(json!({}))])
}

async fn ensure(stub: &Stub, client: &ClientCard) -> Result<Ensured, Failure> {
    Bitrix24.ensure_client(&call(&http(), &account(stub)), client).await
}

#[tokio::test]
async fn a_new_client_is_looked_for_by_every_proof_and_then_made() {
    let stub = Stub::start("", vec![nothing(), good(&json!({"item": {"id": 275}}))]).await;
    assert_eq!(ensure(&stub, &client(None)).await, Ok(Ensured::Is("275".to_owned())));
    let seen = stub.seen();
    assert_eq!(seen[0].body["halt"], 0);
    let looked = commands(&seen[0]);
    let by_id = json!({"entityTypeId": "3", "select[0]": "id", "filter[originatorId]": "salon-core", "filter[originId]": OURS});
    let by_phone = json!({"type": "PHONE", "values[0]": "+79001234567", "entity_type": "CONTACT"});
    let by_email = json!({"type": "EMAIL", "values[0]": "anna@example.com", "entity_type": "CONTACT"});
    let find = "crm.duplicate.findbycomm".to_owned();
    assert_eq!(looked, [("crm.item.list".to_owned(), by_id), (find.clone(), by_phone), (find, by_email)]);
    assert_eq!(method(&seen[1]), "crm.item.add");
    let expected = json!({
        "entityTypeId": 3,
        "useOriginalUfNames": "Y",
        "fields": {
            "name": "Anna K", "sourceId": "WEB", "assignedById": 1, "originatorId": "salon-core", "originId": OURS,
            "fm": [
                {"typeId": "PHONE", "valueType": "MOBILE", "value": "+79001234567"},
                {"typeId": "PHONE", "valueType": "MOBILE", "value": "+79007654321"},
                {"typeId": "EMAIL", "valueType": "WORK", "value": "anna@example.com"},
                {"typeId": "IM", "valueType": "TELEGRAM", "value": "@anna"},
            ],
            "UF_CRM_SALON_CHANNEL": "telegram", "UF_CRM_SALON_LANGUAGE": "ru", "UF_CRM_SALON_REFERRAL": "blog",
            "UF_CRM_SALON_FIRST_TOUCH": "2026-11-20T18:40:00+00:00", "UF_CRM_SALON_LAST_REFERRAL": "friend",
            "UF_CRM_SALON_NO_SHOWS": 2,
        },
    });
    assert_eq!(seen[1].body, expected);
    let preview = Bitrix24.preview(&account(&stub), crate::crm::Card::Client(&client(None)));
    assert_eq!(preview, expected, "what is shown is what is sent");
}

#[tokio::test]
async fn a_claimed_number_is_never_searched_by_and_what_is_not_known_is_not_sent() {
    let stub = Stub::start("", vec![batched(&[Ok(json!({"items": []}))]), good(&json!({"item": {"id": "9"}}))]).await;
    let stranger = ClientCard { claimed_phone: Some("+79007654321".to_owned()), ..nobody() };
    assert_eq!(ensure(&stub, &stranger).await, Ok(Ensured::Is("9".to_owned())));
    let seen = stub.seen();
    assert_eq!(commands(&seen[0]).len(), 1);
    let expected = json!({"name": "Client", "sourceId": "WEB", "assignedById": 1, "originatorId": "salon-core", "originId": OURS,
        "UF_CRM_SALON_NO_SHOWS": 2, "fm": [{"typeId": "PHONE", "valueType": "MOBILE", "value": "+79007654321"}]});
    assert_eq!(seen[1].body["fields"], expected);
}

#[tokio::test]
async fn a_known_client_gets_only_what_is_not_there() {
    let steps = vec![good(&json!({"item": contact()}))];
    let stub = Stub::start("", steps).await;
    assert_eq!(ensure(&stub, &client(Some("275"))).await, Ok(Ensured::Is("275".to_owned())));
    let seen = stub.seen();
    assert_eq!(seen.len(), 1, "nothing has changed, so nothing is written");
    assert_eq!(method(&seen[0]), "crm.item.get");
    assert_eq!(seen[0].body, json!({"entityTypeId": 3, "id": 275, "useOriginalUfNames": "Y"}));

    let mut poorer = contact();
    poorer["fm"] = json!([{"id": 4, "typeId": "PHONE", "valueType": "WORK", "value": "+7 495 000-00-00"}]);
    poorer["UF_CRM_SALON_NO_SHOWS"] = json!(1);
    let stub = Stub::start("", vec![good(&json!({"item": poorer})), good(&json!({"item": {"id": 275}}))]).await;
    ensure(&stub, &client(Some("275"))).await.unwrap();
    let update = &stub.seen()[1];
    assert_eq!(method(update), "crm.item.update");
    let fm = json!({
        "n0": {"typeId": "PHONE", "valueType": "MOBILE", "value": "+79001234567"},
        "n1": {"typeId": "EMAIL", "valueType": "WORK", "value": "anna@example.com"},
        "n2": {"typeId": "IM", "valueType": "TELEGRAM", "value": "@anna"},
    });
    let fields = json!({"fm": fm, "UF_CRM_SALON_NO_SHOWS": 2});
    assert_eq!(update.body, json!({"entityTypeId": 3, "id": 275, "fields": fields, "useOriginalUfNames": "Y"}));
}

#[tokio::test]
async fn a_name_is_given_once_and_then_is_theirs() {
    for (there, written) in [
        (json!({"name": "Client"}), true),
        (json!({"name": null, "lastName": ""}), true),
        (json!({"name": "Аня"}), false),
        (json!({"name": "Client", "lastName": "K."}), false),
    ] {
        let mut contact = contact();
        contact["name"] = there["name"].clone();
        contact["lastName"] = there["lastName"].clone();
        let stub = Stub::start("", vec![good(&json!({"item": contact})), good(&json!({"item": {"id": 275}}))]).await;
        ensure(&stub, &client(Some("275"))).await.unwrap();
        let name = stub.seen().get(1).map(|update| update.body["fields"].clone());
        assert_eq!(name, written.then(|| json!({"name": "Anna K"})), "{there}");
    }
}

#[tokio::test]
async fn a_known_client_who_is_gone_is_said_to_be() {
    let stub = Stub::start("", vec![bad(400, "NOT_FOUND")]).await;
    assert_eq!(ensure(&stub, &client(Some("275"))).await, Err(refused(GONE)));
    assert_eq!(ensure(&stub, &client(Some("x275"))).await, Err(refused("record_id")));
}

#[tokio::test]
async fn one_who_is_found_is_adopted_without_taking_anything_away() {
    for (outcomes, why) in [
        ([Ok(json!({"items": [{"id": 275}]})), Ok(json!({"CONTACT": [1, 2]})), Ok(json!([]))], "our id is the strongest proof"),
        (
            [Ok(json!({"items": []})), Ok(json!({"CONTACT": [275, 275]})), Ok(json!({"CONTACT": [1, 2]}))],
            "a number before an e-mail",
        ),
        ([Ok(json!({"items": []})), Ok(json!([])), Ok(json!({"CONTACT": ["275"]}))], "an e-mail"),
    ] {
        let mut unsigned = contact();
        unsigned["originatorId"] = json!("");
        unsigned["originId"] = json!(null);
        let steps = vec![batched(&outcomes), good(&json!({"item": unsigned})), good(&json!({"item": {"id": 275}}))];
        let stub = Stub::start("", steps).await;
        assert_eq!(ensure(&stub, &client(None)).await, Ok(Ensured::Is("275".to_owned())), "{why}");
        assert_eq!(stub.seen()[2].body["fields"], json!({"originatorId": "salon-core", "originId": OURS}), "{why}");
    }
    let mut somebody_elses = contact();
    somebody_elses["originatorId"] = json!("1C");
    somebody_elses["originId"] = json!("42");
    let steps = vec![
        batched(&[Ok(json!({"items": []})), Ok(json!({"CONTACT": [275]})), Ok(json!([]))]),
        good(&json!({"item": somebody_elses})),
    ];
    let stub = Stub::start("", steps).await;
    assert_eq!(ensure(&stub, &client(None)).await, Ok(Ensured::Is("275".to_owned())));
    assert_eq!(stub.seen().len(), 2, "another system's origin stays");
}

#[tokio::test]
async fn who_could_be_several_is_left_to_a_person() {
    let several = [
        [Ok(json!({"items": [{"id": 1}, {"id": 2}]})), Ok(json!([])), Ok(json!([]))],
        [Ok(json!({"items": []})), Ok(json!({"CONTACT": [1, 2]})), Ok(json!({"CONTACT": [1]}))],
        [Ok(json!({"items": []})), Ok(json!([])), Ok(json!({"CONTACT": {"0": 1, "1": 2}}))],
    ];
    for outcomes in several {
        let stub = Stub::start("", vec![batched(&outcomes)]).await;
        assert_eq!(ensure(&stub, &client(None)).await, Ok(Ensured::Ambiguous(vec!["1".to_owned(), "2".to_owned()])));
        assert_eq!(stub.seen().len(), 1, "nothing is written");
    }
    let mut another = contact();
    another["originId"] = json!("00000000-0000-0000-0000-000000000008");
    let found = batched(&[Ok(json!({"items": []})), Ok(json!({"CONTACT": [275]})), Ok(json!([]))]);
    let stub = Stub::start("", vec![found, good(&json!({"item": another}))]).await;
    assert_eq!(ensure(&stub, &client(None)).await, Ok(Ensured::Ambiguous(vec!["275".to_owned()])), "another client of ours");
    assert_eq!(stub.seen().len(), 2);
}

#[tokio::test]
async fn a_look_up_that_fails_makes_nothing() {
    let partial = |outcomes: [Result<Value, Option<&'static str>>; 3]| vec![batched(&outcomes)];
    let none = || Ok(json!({"items": []}));
    let cases = [
        (partial([Err(Some("INTERNAL_SERVER_ERROR")), Ok(json!([])), Ok(json!([]))]), RETRY),
        (partial([none(), Err(Some("ACCESS_DENIED")), Ok(json!([]))]), Class::Permanent),
        (partial([none(), Ok(json!([])), Err(None)]), RETRY),
        (vec![Step::Close], RETRY),
        (vec![Step::CutOff], RETRY),
        (vec![bad(401, "expired_token")], Class::Credential),
    ];
    for (steps, class) in cases {
        let stub = Stub::start("", steps).await;
        assert_eq!(ensure(&stub, &client(None)).await.unwrap_err().class, class);
        assert_eq!(stub.seen().len(), 1);
    }
    // What stands behind a proof that holds is not asked about.
    let found = batched(&[Ok(json!({"items": [{"id": 275}]})), Err(Some("INTERNAL_SERVER_ERROR")), Err(None)]);
    let stub = Stub::start("", vec![found, good(&json!({"item": contact()}))]).await;
    assert_eq!(ensure(&stub, &client(None)).await, Ok(Ensured::Is("275".to_owned())));
}

#[tokio::test]
async fn making_a_client_may_be_repeated_so_no_fault_of_it_is_unknown() {
    for step in [Step::Close, Step::CutOff, bad(500, "INTERNAL_SERVER_ERROR"), good(&json!(null)), good(&json!({"item": []}))] {
        let stub = Stub::start("", vec![nothing(), step]).await;
        assert_eq!(ensure(&stub, &client(None)).await.unwrap_err().class, RETRY);
    }
    let vanished = batched(&[Ok(json!({"items": []})), Ok(json!({"CONTACT": [275]})), Ok(json!([]))]);
    let stub = Stub::start("", vec![vanished, bad(400, "NOT_FOUND")]).await;
    assert_eq!(ensure(&stub, &client(None)).await, Err(Failure::retry("found_and_gone")), "no link to forget");
}

#[tokio::test]
async fn a_salons_own_field_and_words_are_used() {
    let settings: crate::crm::FieldSettings = serde_json::from_value(json!({
        "fields": {"client": {"channel": "UF_CRM_MESSENGER", "referral": null}},
        "values": {"client": {"channel": {"telegram": "45"}}},
    }))
    .unwrap();
    let stub = Stub::start("", vec![]).await;
    let mut account = account(&stub);
    account.fields = FieldMap::new(FIELDS, &settings);
    let preview = Bitrix24.preview(&account, crate::crm::Card::Client(&client(None)));
    assert_eq!(preview["fields"]["UF_CRM_MESSENGER"], "45");
    assert!(preview["fields"].get("UF_CRM_SALON_REFERRAL").is_none());
}
