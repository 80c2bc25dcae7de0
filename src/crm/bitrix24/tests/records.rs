use serde_json::{Value, json};

use super::*;
use crate::{
    channel::ChannelKind,
    crm::{BookingCard, BookingState, Card, Crm, EnquiryCard, GONE},
    ids::BookingId,
    lead::Utm,
    vendor::stub::http,
};

pub(super) fn enquiry(known: Option<&str>) -> EnquiryCard {
    EnquiryCard {
        id: ours(),
        known: known.map(str::to_owned),
        client: "275".to_owned(),
        name: Some("Anna".to_owned()),
        phone: Some("+79001234567".to_owned()),
        email: Some("anna@example.com".to_owned()),
        title: "Haircut".to_owned(),
        message: Some("Is [tomorrow] free?".to_owned()),
        tracking_code: "SAL-7".to_owned(),
        channel: Some(ChannelKind::Vk),
        referral: Some("blog".to_owned()),
        utm: Utm { source: Some("ya".to_owned()), campaign: Some("autumn".to_owned()), ..Utm::default() },
        page: Some("https://salon.example/prices".to_owned()),
        at: at(0),
    }
}

pub(super) fn booking(known: Option<&str>, state: BookingState) -> BookingCard {
    BookingCard {
        id: BookingId(ours()),
        known: known.map(str::to_owned),
        client: "275".to_owned(),
        title: "Haircut, Olga".to_owned(),
        service: Some("Haircut".to_owned()),
        master: Some("Olga".to_owned()),
        master_key: Some("olga".to_owned()),
        price: Some("1 500 ₽".to_owned()),
        start: at(0),
        end: at(3600),
        zone: chrono_tz::Europe::Moscow,
        state,
        reason: None,
    }
}

fn looked(mode: u8, leads: &Value, deals: &Value) -> Step {
    batched(&[Ok(json!(mode)), Ok(json!({"items": leads})), Ok(json!({"items": deals}))])
}

async fn record(stub: &Stub, enquiry: &EnquiryCard) -> Result<String, Failure> {
    Bitrix24.record_enquiry(&call(&http(), &account(stub)), enquiry).await
}

#[tokio::test]
async fn an_enquiry_is_a_lead() {
    let stub = Stub::start("", vec![looked(1, &json!([]), &json!([])), good(&json!({"item": {"id": 12}}))]).await;
    assert_eq!(record(&stub, &enquiry(None)).await, Ok("lead:12".to_owned()));
    let seen = stub.seen();
    let methods: Vec<String> = commands(&seen[0]).into_iter().map(|(method, _)| method).collect();
    assert_eq!(methods, ["crm.settings.mode.get", "crm.item.list", "crm.item.list"]);
    let expected = json!({
        "entityTypeId": 1,
        "useOriginalUfNames": "Y",
        "fields": {
            "title": "Haircut", "name": "Anna", "comments": "Is [\u{200b}tomorrow] free?", "sourceId": "WEB",
            "sourceDescription": "https://salon.example/prices", "assignedById": 1, "contactIds": [275],
            "utmSource": "ya", "utmCampaign": "autumn", "originatorId": "salon-core", "originId": OURS,
            "fm": [{"typeId": "PHONE", "valueType": "MOBILE", "value": "+79001234567"},
                   {"typeId": "EMAIL", "valueType": "WORK", "value": "anna@example.com"}],
            "UF_CRM_SALON_CHANNEL": "vk", "UF_CRM_SALON_REFERRAL": "blog", "UF_CRM_SALON_TRACKING": "SAL-7",
        },
    });
    assert_eq!((method(&seen[1]), &seen[1].body), ("crm.item.add", &expected));
    assert_eq!(Bitrix24.preview(&account(&stub), Card::Enquiry(&enquiry(None))), expected);
}

#[tokio::test]
async fn in_the_simple_mode_an_enquiry_is_a_deal() {
    let stub = Stub::start("", vec![looked(2, &json!([]), &json!([])), good(&json!({"item": {"id": 5}}))]).await;
    assert_eq!(record(&stub, &enquiry(None)).await, Ok("deal:5".to_owned()));
    let body = &stub.seen()[1].body;
    assert_eq!(body["entityTypeId"], 2);
    assert_eq!(body["fields"]["comments"], "Anna\n+79001234567\nanna@example.com\nIs [\u{200b}tomorrow] free?");
    assert!(body["fields"].get("fm").is_none() && body["fields"].get("name").is_none(), "a deal has neither");
}

#[tokio::test]
async fn an_enquiry_that_is_there_is_brought_up_to_date_whatever_the_mode_is_now() {
    let facts = json!({"contactIds": [275], "utmSource": "ya", "utmCampaign": "autumn", "UF_CRM_SALON_CHANNEL": "vk",
        "UF_CRM_SALON_REFERRAL": "blog", "UF_CRM_SALON_TRACKING": "SAL-7"});
    let cases = [
        (None, vec![looked(2, &json!([{"id": 12}]), &json!([]))], "lead:12", json!({"entityTypeId": 1, "id": 12})),
        (None, vec![looked(1, &json!([]), &json!([{"id": 5}]))], "deal:5", json!({"entityTypeId": 2, "id": 5})),
        (Some("deal:5"), vec![], "deal:5", json!({"entityTypeId": 2, "id": 5})),
    ];
    for (known, mut steps, expected, mut update) in cases {
        steps.push(good(&json!({"item": {"id": 1}})));
        let stub = Stub::start("", steps).await;
        assert_eq!(record(&stub, &enquiry(known)).await, Ok(expected.to_owned()));
        update["fields"] = facts.clone();
        update["useOriginalUfNames"] = json!("Y");
        assert_eq!(stub.seen().last().unwrap().body, update, "its title, name and text are theirs now");
    }
    let stub = Stub::start("", vec![bad(400, "NOT_FOUND")]).await;
    assert_eq!(record(&stub, &enquiry(Some("lead:12"))).await, Err(refused(GONE)));
    for wrong in ["12", "contact:12", "lead:x", "lead:"] {
        assert_eq!(record(&stub, &enquiry(Some(wrong))).await, Err(refused("record_id")), "{wrong}");
    }
}

async fn upsert(stub: &Stub, booking: &BookingCard) -> Result<String, Failure> {
    Bitrix24.upsert_booking(&call(&http(), &account(stub)), booking).await
}

#[tokio::test]
async fn a_visit_is_a_deal_with_a_todo_in_one_request() {
    let made = batched(&[Ok(json!({"item": {"id": 5}})), Ok(json!({"id": 31}))]);
    let stub = Stub::start("", vec![good(&json!({"items": []})), made]).await;
    assert_eq!(upsert(&stub, &booking(None, BookingState::Planned)).await, Ok("5".to_owned()));
    let seen = stub.seen();
    let by_id = json!({"entityTypeId": 2, "select": ["id"], "filter": {"originatorId": "salon-core", "originId": OURS}});
    assert_eq!((method(&seen[0]), &seen[0].body), ("crm.item.list", &by_id));
    assert_eq!(seen[1].body["halt"], 1);
    let deal = json!({
        "entityTypeId": "2", "useOriginalUfNames": "Y", "fields[title]": "Haircut, Olga", "fields[contactIds][0]": "275",
        "fields[sourceId]": "WEB", "fields[assignedById]": "5", "fields[originatorId]": "salon-core", "fields[originId]": OURS,
        "fields[UF_CRM_SALON_STATUS]": "planned", "fields[UF_CRM_SALON_SERVICE]": "Haircut", "fields[UF_CRM_SALON_MASTER]": "Olga",
        "fields[UF_CRM_SALON_PRICE]": "1 500 ₽", "fields[UF_CRM_SALON_START]": "2026-11-20T21:40:00+03:00",
        "fields[UF_CRM_SALON_END]": "2026-11-20T22:40:00+03:00",
    });
    let todo = json!({
        "ownerTypeId": "2", "ownerId": "$result[0][item][id]", "deadline": "2026-11-20T21:40:00+03:00", "title": "Haircut, Olga",
        "description": format!("1 500 ₽\n\nsalon-core {OURS}"), "responsibleId": "5",
    });
    let expected = [("crm.item.add".to_owned(), deal), ("crm.activity.todo.add".to_owned(), todo)];
    assert_eq!(commands(&seen[1]), expected);
}

#[tokio::test]
async fn nobodys_words_become_another_commands_result() {
    let made = || batched(&[Ok(json!({"item": {"id": 5}})), Ok(json!({"id": 31}))]);
    let stub = Stub::start("", vec![good(&json!({"items": []})), made()]).await;
    let sly = BookingCard { title: "$result[0][item][id] $$result[x]".to_owned(), ..booking(None, BookingState::Planned) };
    upsert(&stub, &sly).await.unwrap();
    for (_, parameters) in commands(&stub.seen()[1]) {
        let parameters = parameters.as_object().unwrap();
        for (name, value) in parameters.iter().filter(|(name, _)| *name != "ownerId") {
            assert!(!value.as_str().unwrap().contains("$result["), "{name}: {value}");
        }
    }
}

#[tokio::test]
async fn a_visit_that_is_told_late_has_no_todo_and_a_mapped_stage() {
    let stub = Stub::start("", vec![good(&json!({"items": []})), batched(&[Ok(json!({"item": {"id": 5}}))])]).await;
    let mut account = account(&stub);
    account.settings["stages"] = json!({"no_show": "C3:LOSE"});
    account.settings["category_id"] = json!(3);
    Bitrix24.upsert_booking(&call(&http(), &account), &booking(None, BookingState::NoShow)).await.unwrap();
    let commands = commands(&stub.seen()[1]);
    assert_eq!(commands.len(), 1);
    assert_eq!(commands[0].1["fields[stageId]"], "C3:LOSE");
    assert_eq!(commands[0].1["fields[categoryId]"], "3");
    assert_eq!(commands[0].1["fields[UF_CRM_SALON_STATUS]"], "no_show");
}

fn deal(state: &str, start: &str) -> Value {
    json!({"item": {
        "id": 5, "title": "Haircut, Olga", "contactIds": ["275"], "assignedById": 5, "stageId": "C3:WORK", "UF_CRM_SALON_STATUS": state,
        "UF_CRM_SALON_SERVICE": "Haircut", "UF_CRM_SALON_MASTER": "Olga", "UF_CRM_SALON_PRICE": "1 500 ₽",
        "UF_CRM_SALON_START": start, "UF_CRM_SALON_END": "2026-11-20T19:40:00+00:00",
    }})
}

fn todo(deadline: &str, completed: &str) -> Value {
    json!([{"ID": "40", "DESCRIPTION": "call her", "DEADLINE": deadline, "COMPLETED": "N"},
           {"ID": "31", "DESCRIPTION": format!("salon-core {OURS}"), "DEADLINE": deadline, "COMPLETED": completed}])
}

const START: &str = "2026-11-20T18:40:00+00:00";
const EARLIER: &str = "2026-11-20T15:40:00+00:00";

/// What is written for a visit that is there as `deal` and `todo`.
async fn written(state: BookingState, deal: Value, todo: Value) -> Vec<(String, Value)> {
    let answer = batched(&[Ok(json!({"item": {"id": 5}})), Ok(json!(true))]);
    let stub = Stub::start("", vec![batched(&[Ok(deal), Ok(todo)]), answer]).await;
    let mut account = account(&stub);
    account.settings["stages"] = json!({"planned": "C3:NEW", "completed": "C3:WON", "cancelled_by_client": "C3:LOSE"});
    Bitrix24.set_booking_state(&call(&http(), &account), &booking(None, state), "5").await.unwrap();
    let seen = stub.seen();
    assert_eq!(seen[0].body["halt"], 1);
    seen.get(1).map(commands).unwrap_or_default()
}

fn update(fields: &Value) -> (String, Value) {
    let mut parameters = json!({"entityTypeId": "2", "id": "5", "useOriginalUfNames": "Y"});
    for (name, value) in fields.as_object().unwrap() {
        parameters[format!("fields[{name}]")] = value.clone();
    }
    ("crm.item.update".to_owned(), parameters)
}

#[tokio::test]
async fn a_todo_follows_its_visit() {
    let nothing: Vec<(String, Value)> = Vec::new();
    assert_eq!(written(BookingState::Planned, deal("planned", START), todo(START, "N")).await, nothing);
    assert_eq!(
        written(BookingState::Planned, deal("planned", START), todo(EARLIER, "Y")).await,
        nothing,
        "ticked off by somebody"
    );

    let postponed = json!({"ownerTypeId": "2", "ownerId": "5", "id": "31", "value": "2026-11-20T21:40:00+03:00"});
    let moved = [
        update(&json!({"UF_CRM_SALON_START": "2026-11-20T21:40:00+03:00"})),
        ("crm.activity.todo.updateDeadline".to_owned(), postponed),
    ];
    assert_eq!(written(BookingState::Planned, deal("planned", EARLIER), todo(EARLIER, "N")).await, moved);

    let added = written(BookingState::Planned, deal("planned", START), json!([])).await;
    assert_eq!(added[0].0, "crm.activity.todo.add");
    assert_eq!(added[0].1["ownerId"], "5");

    let ended = [
        update(&json!({"UF_CRM_SALON_STATUS": "completed", "stageId": "C3:WON"})),
        ("crm.activity.update".to_owned(), json!({"id": "31", "fields[COMPLETED]": "Y"})),
    ];
    assert_eq!(written(BookingState::Completed, deal("planned", START), todo(START, "N")).await, ended);

    let missed = written(BookingState::NoShow, deal("planned", START), todo(START, "Y")).await;
    assert_eq!(missed, [update(&json!({"UF_CRM_SALON_STATUS": "no_show"}))], "no stage is named for it");
}

#[tokio::test]
async fn cancellations_are_kept_apart() {
    for (state, word) in
        [(BookingState::CancelledByClient, "cancelled_by_client"), (BookingState::CancelledBySalon, "cancelled_by_salon")]
    {
        let written = written(state, deal("planned", START), todo(START, "N")).await;
        assert_eq!(written[0].1["fields[UF_CRM_SALON_STATUS]"], word);
        assert_eq!(written[1].0, "crm.activity.update");
    }
}

#[tokio::test]
async fn a_visits_faults_say_what_they_prove() {
    let none = || good(&json!({"items": []}));
    let planned = booking(None, BookingState::Planned);
    let cases = [
        (vec![none(), Step::Close], Failure::retry("no_answer")),
        (vec![none(), batched(&[Err(Some("CRM_FIELD_ERROR_VALUE_NOT_VALID")), Err(None)])], refused("field_value")),
        // The deal is there and the todo is not: telling it again finds the one and adds the other.
        (
            vec![none(), batched(&[Ok(json!({"item": {"id": 5}})), Err(Some("INTERNAL_SERVER_ERROR"))])],
            Failure::retry("internal_server_error"),
        ),
        (vec![good(&json!({"items": [{"id": 5}]})), batched(&[Err(Some("NOT_FOUND")), Err(None)])], refused(GONE)),
        (
            vec![good(&json!({"items": [{"id": 5}]})), batched(&[Ok(deal("planned", START)), Err(None)])],
            Failure::retry("not_run"),
        ),
    ];
    for (steps, expected) in cases {
        let count = steps.len();
        let stub = Stub::start("", steps).await;
        assert_eq!(upsert(&stub, &planned).await, Err(expected));
        assert_eq!(stub.seen().len(), count);
    }
    let stub = Stub::start("", vec![batched(&[Err(Some("NOT_FOUND")), Err(None)])]).await;
    assert_eq!(upsert(&stub, &booking(Some("5"), BookingState::Planned)).await, Err(refused(GONE)));
}
