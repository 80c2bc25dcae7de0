use super::*;
use crate::{
    channel::ChannelKind,
    crm::{BookingCard, BookingState, Card, EnquiryCard, GONE, TaskCard},
    ids::{BookingId, IntentId},
    lead::Utm,
};

fn enquiry() -> EnquiryCard {
    EnquiryCard {
        id: Uuid::from_u128(7),
        known: None,
        client: "c1".to_owned(),
        name: Some("Anna".to_owned()),
        phone: Some("+79001234567".to_owned()),
        email: Some("anna@example.test".to_owned()),
        title: "Colouring *new*".to_owned(),
        message: Some("# Hello\n- how much?".to_owned()),
        tracking_code: "T-42".to_owned(),
        channel: Some(ChannelKind::WhatsApp),
        referral: Some("maria10".to_owned()),
        utm: Utm { source: Some("vk_ads".to_owned()), campaign: Some("autumn".to_owned()), ..Utm::default() },
        page: Some("https://salon.test/price_list".to_owned()),
        at: at(0),
    }
}

fn booking(state: BookingState) -> BookingCard {
    BookingCard {
        id: BookingId(Uuid::from_u128(7)),
        known: None,
        client: "c1".to_owned(),
        title: "Haircut, Maria".to_owned(),
        service: Some("Haircut".to_owned()),
        master: Some("Maria".to_owned()),
        master_key: Some("maria".to_owned()),
        price: Some("1 500 ₽".to_owned()),
        start: at(0),
        end: at(3600),
        zone: chrono_tz::Europe::Moscow,
        state,
        reason: None,
    }
}

fn gone() -> Step {
    Step::Answer { status: 404, headers: vec![], body: String::new() }
}

fn base(seen: &Seen) -> String {
    format!("http://{}", seen.headers["host"].to_str().unwrap())
}

#[tokio::test]
async fn a_new_enquiry_is_looked_for_and_then_a_lead() {
    let script = vec![none(), record(json!({"id": "l1"}))];
    let (result, seen) = run(script, async |call: &CrmCall<'_>| EspoCrm.record_enquiry(call, &enquiry()).await).await;
    assert_eq!(result.unwrap(), "l1");
    assert_asked(&seen[0], "GET /crm/api/v1/Lead", &equals("cExternalId", OURS));
    assert_asked(&seen[1], "POST /crm/api/v1/Lead", &[]);
    assert_eq!(seen[1].headers["x-skip-duplicate-check"], "true");
    let description = format!(
        "Colouring \\*new\\*\n\n\\# Hello\n\\- how much?\n\nPage: <https://salon.test/price_list>\n\nUTM: source=vk\\_ads, campaign=autumn\n\n\
         Contact: <{}/crm/#Contact/view/c1>",
        base(&seen[1])
    );
    let expected = json!({
        "cExternalId": OURS, "cChannel": "whatsapp", "cReferralCode": "maria10", "cTrackingCode": "T-42",
        "firstName": "Anna", "lastName": "(no surname)", "phoneNumber": "+79001234567", "emailAddress": "anna@example.test",
        "source": "Web Site", "description": description, "assignedUserId": "owner", "teamsIds": ["team"],
    });
    assert_eq!(seen[1].body, expected);
}

#[tokio::test]
async fn an_enquiry_that_is_there_is_only_marked_again() {
    let marks = json!({"cExternalId": OURS, "cChannel": "whatsapp", "cReferralCode": "maria10", "cTrackingCode": "T-42"});
    let found = vec![listed(json!([{"id": "l1"}])), record(json!({"id": "l1"}))];
    let (result, seen) = run(found, async |call: &CrmCall<'_>| EspoCrm.record_enquiry(call, &enquiry()).await).await;
    assert_eq!(result.unwrap(), "l1");
    assert_asked(&seen[1], "PATCH /crm/api/v1/Lead/l1", &[]);
    assert_eq!(seen[1].body, marks);
    let known = EnquiryCard { known: Some("l1".to_owned()), ..enquiry() };
    let (result, _) = run(vec![gone()], async |call: &CrmCall<'_>| EspoCrm.record_enquiry(call, &known).await).await;
    assert_eq!(result, Err(Failure::permanent(GONE)));
}

/// A meeting that is changed, and read because of who takes part.
fn changed() -> Vec<Step> {
    vec![record(json!({"id": "m1"})), record(json!({"id": "m1", "contactsIds": ["c0", "c1"]}))]
}

#[tokio::test]
async fn a_client_who_does_not_take_part_is_put_in_and_nobody_is_put_out() {
    let read = record(json!({"id": "m1", "contactsIds": ["c0"]}));
    let script = vec![record(json!({"id": "m1"})), read, record(json!(true))];
    let visit = booking(BookingState::CancelledByClient);
    let (result, seen) = run(script, async |call: &CrmCall<'_>| EspoCrm.set_booking_state(call, &visit, "m1").await).await;
    result.unwrap();
    assert_asked(&seen[1], "GET /crm/api/v1/Meeting/m1", &[]);
    assert_asked(&seen[2], "POST /crm/api/v1/Meeting/m1/contacts", &[]);
    assert_eq!(seen[2].body, json!({"id": "c1"}));
}

#[tokio::test]
async fn a_new_visit_is_looked_for_and_then_a_meeting() {
    let script = vec![none(), record(json!({"id": "m1"}))];
    let visit = booking(BookingState::Planned);
    let (result, seen) = run(script, async |call: &CrmCall<'_>| EspoCrm.upsert_booking(call, &visit).await).await;
    assert_eq!(result.unwrap(), "m1");
    assert_asked(&seen[0], "GET /crm/api/v1/Meeting", &equals("cExternalId", OURS));
    assert_asked(&seen[1], "POST /crm/api/v1/Meeting", &[]);
    let expected = json!({
        "cExternalId": OURS, "cBookingStatus": "planned", "cService": "Haircut", "cMaster": "Maria", "cPrice": "1 500 ₽",
        "name": "Haircut, Maria", "dateStart": "2026-11-20 18:40:00", "dateEnd": "2026-11-20 19:40:00", "status": "Planned",
        "parentType": "Contact", "parentId": "c1", "contactsIds": ["c1"], "assignedUserId": "user_maria", "teamsIds": ["team"],
    });
    assert_eq!(seen[1].body, expected);
    let preview = run(vec![], async |call: &CrmCall<'_>| EspoCrm.preview(call.account, Card::Booking(&visit))).await.0;
    assert_eq!(preview, expected);
}

#[tokio::test]
async fn a_master_without_a_user_has_the_owners() {
    let visit = BookingCard { master_key: Some("olga".to_owned()), title: " ".to_owned(), ..booking(BookingState::Planned) };
    let script = vec![none(), record(json!({"id": "m1"}))];
    let (_, seen) = run(script, async |call: &CrmCall<'_>| EspoCrm.upsert_booking(call, &visit).await).await;
    assert_eq!(seen[1].body["assignedUserId"], "owner");
    assert_eq!(seen[1].body["name"], "Visit", "a meeting must have a name");
    let known = BookingCard { known: Some("m1".to_owned()), ..visit };
    let (_, seen) = run(changed(), async |call: &CrmCall<'_>| EspoCrm.upsert_booking(call, &known).await).await;
    assert!(seen[0].body.get("assignedUserId").is_none(), "whom a person gave it to stays");
}

#[tokio::test]
async fn a_visit_that_is_there_is_changed_and_stays_with_whom_it_is() {
    let visit =
        BookingCard { known: Some("m1".to_owned()), reason: Some("ill".to_owned()), ..booking(BookingState::CancelledByClient) };
    let (result, seen) = run(changed(), async |call: &CrmCall<'_>| EspoCrm.upsert_booking(call, &visit).await).await;
    assert_eq!(result.unwrap(), "m1");
    assert_asked(&seen[0], "PATCH /crm/api/v1/Meeting/m1", &[]);
    let expected = json!({
        "cExternalId": OURS, "cBookingStatus": "cancelled_by_client", "cService": "Haircut", "cMaster": "Maria",
        "cPrice": "1 500 ₽", "cCancelReason": "ill", "name": "Haircut, Maria", "dateStart": "2026-11-20 18:40:00",
        "dateEnd": "2026-11-20 19:40:00", "status": "Not Held", "assignedUserId": "user_maria",
    });
    assert_eq!(seen[0].body, expected);
}

#[tokio::test]
async fn each_state_is_one_of_espocrms_three_and_itself_in_our_field() {
    let states = [
        (BookingState::Planned, "Planned", "planned"),
        (BookingState::Completed, "Held", "completed"),
        (BookingState::CancelledByClient, "Not Held", "cancelled_by_client"),
        (BookingState::CancelledBySalon, "Not Held", "cancelled_by_salon"),
        (BookingState::NoShow, "Not Held", "no_show"),
    ];
    assert_eq!(states.map(|(state, ..)| state), BookingState::ALL);
    for (state, status, word) in states {
        let visit = booking(state);
        let ask = async |call: &CrmCall<'_>| EspoCrm.set_booking_state(call, &visit, "m1").await;
        let (result, seen) = run(changed(), ask).await;
        result.unwrap();
        assert_asked(&seen[0], "PATCH /crm/api/v1/Meeting/m1", &[]);
        assert_eq!(seen[0].body, json!({"status": status, "cBookingStatus": word}));
        let left_out = |stub: &Stub| account_with(stub, &without(Entity::Booking, Fact::State));
        let (_, seen) = run_as(changed(), left_out, ask).await;
        assert_eq!(seen[0].body, json!({"status": status}));
    }
}

#[tokio::test]
async fn a_visit_that_is_gone_is_told_from_a_client_who_is() {
    let visit = booking(BookingState::NoShow);
    let (result, _) = run(vec![gone()], async |call: &CrmCall<'_>| EspoCrm.set_booking_state(call, &visit, "m1").await).await;
    assert_eq!(result, Err(Failure::permanent(GONE)));
    // Whether the contact is gone is for who reads it to say: `GONE` would be about the visit.
    let ask = async |call: &CrmCall<'_>| EspoCrm.upsert_booking(call, &visit).await;
    let (result, _) = run(vec![none(), Step::json(403, &json!({}))], ask).await;
    assert_eq!(result, Err(Failure::permanent("forbidden")));
    let (result, _) = run(vec![none(), gone()], ask).await;
    assert_eq!(result, Err(Failure::permanent("not_found")));
}

#[tokio::test]
async fn a_lost_answer_to_a_visit_makes_no_second_one() {
    let visit = booking(BookingState::Planned);
    let ask = async |call: &CrmCall<'_>| EspoCrm.upsert_booking(call, &visit).await;
    let (result, _) = run(vec![none(), Step::CutOff], ask).await;
    assert_eq!(result.unwrap_err().class, RETRY);
    let again = [vec![listed(json!([{"id": "m1"}]))], changed()].concat();
    let (result, seen) = run(again, ask).await;
    assert_eq!(result.unwrap(), "m1");
    assert!(seen.iter().all(|seen| seen.method != "POST"));
}

#[tokio::test]
async fn a_task_is_found_by_our_id_in_its_text() {
    let task = TaskCard {
        id: IntentId(Uuid::from_u128(7)),
        client: "c1".to_owned(),
        title: "Call Anna".to_owned(),
        text: "she asked *twice*".to_owned(),
        due: at(60),
    };
    let ask = async |call: &CrmCall<'_>| EspoCrm.create_task(call, &task).await;
    let (result, seen) = run(vec![none(), record(json!({"id": "t1"}))], ask).await;
    assert_eq!(result.unwrap(), "t1");
    assert_asked(&seen[0], "GET /crm/api/v1/Task", &equals("parentId", "c1"));
    let second = [("where[1][type]", "contains"), ("where[1][attribute]", "description"), ("where[1][value]", OURS)];
    assert_asked(&seen[0], "GET /crm/api/v1/Task", &second);
    assert_asked(&seen[1], "POST /crm/api/v1/Task", &[]);
    let expected = json!({
        "name": "Call Anna", "description": format!("she asked \\*twice\\*\n\n{OURS}"), "priority": "Urgent",
        "dateEnd": "2026-11-20 18:41:00", "parentType": "Contact", "parentId": "c1", "assignedUserId": "owner",
        "teamsIds": ["team"],
    });
    assert_eq!(seen[1].body, expected);
    let (result, _) = run(vec![listed(json!([{"id": "t1"}]))], ask).await;
    assert_eq!(result.unwrap(), "t1");
}
