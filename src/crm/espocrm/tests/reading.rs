use super::*;
use crate::crm::{BookingState, RemoteState};

async fn read(entity: Entity, there: Value) -> RemoteState {
    let (result, _) = run(vec![record(there)], async |call: &CrmCall<'_>| EspoCrm.read(call, entity, "r1").await).await;
    result.unwrap().unwrap()
}

#[tokio::test]
async fn a_contact_is_read_as_far_as_it_concerns_us() {
    let there = json!({
        "id": "r1", "cExternalId": OURS, "name": "Anna Berg", "modifiedAt": "2026-11-20 18:00:00", "phoneNumber": "+7 (900) 123-45-67",
        "phoneNumberData": [{"phoneNumber": "+7 (900) 123-45-67", "primary": true}, {"phoneNumber": "8 800 200", "optOut": false}],
        "emailAddress": "Anna@Example.Test", "description": "VIP",
    });
    let expected = RemoteState {
        record: "r1".to_owned(),
        external_id: Some(OURS.to_owned()),
        changed_at: "2026-11-20T18:00:00Z".parse().ok(),
        name: Some("Anna Berg".to_owned()),
        contacts: vec!["+79001234567".to_owned(), "8 800 200".to_owned(), "anna@example.test".to_owned()],
        ..RemoteState::default()
    };
    assert_eq!(read(Entity::Client, there).await, expected);
}

#[tokio::test]
async fn who_must_not_be_written_to_is_told() {
    let cases = [
        (json!({"doNotCall": true}), true),
        (json!({"phoneNumberIsOptedOut": true}), true),
        (json!({"phoneNumberData": [{"phoneNumber": "+1", "optOut": false}, {"phoneNumber": "+2", "optOut": true}]}), true),
        (json!({"doNotCall": false, "emailAddressIsOptedOut": true}), false),
        (json!({}), false),
    ];
    for (mut there, no_contact) in cases {
        there["id"] = json!("r1");
        assert_eq!(read(Entity::Client, there.clone()).await.no_contact, no_contact, "{there}");
    }
}

#[tokio::test]
async fn a_meeting_is_read_by_our_field_and_then_by_what_staff_set() {
    let cases = [
        ("planned", "Planned", Some(BookingState::Planned)),
        ("planned", "Held", Some(BookingState::Completed)),
        ("planned", "Not Held", Some(BookingState::CancelledBySalon)),
        ("", "Held", Some(BookingState::Completed)),
        ("", "Not Held", Some(BookingState::CancelledBySalon)),
        ("something new", "Planned", Some(BookingState::Planned)),
        ("no_show", "Not Held", Some(BookingState::NoShow)),
        ("no_show", "Planned", Some(BookingState::NoShow)),
        ("cancelled_by_client", "Not Held", Some(BookingState::CancelledByClient)),
        ("completed", "Held", Some(BookingState::Completed)),
        ("planned", "Postponed", Some(BookingState::Planned)),
        ("", "Postponed", None),
    ];
    for (word, status, expected) in cases {
        let there = json!({
            "id": "r1", "cBookingStatus": word, "status": status, "name": "Haircut, Maria", "dateStart": "2026-11-20 18:40:00",
            "dateEnd": "2026-11-20 19:40", "cExternalId": OURS,
        });
        let state = read(Entity::Booking, there).await;
        assert_eq!(state.booking, expected, "{word} {status}");
        assert_eq!(state.name, None, "a meeting's name is nobody's");
        assert_eq!(state.start, "2026-11-20T18:40:00Z".parse().ok());
        assert_eq!(state.end, "2026-11-20T19:40:00Z".parse().ok());
    }
}

#[tokio::test]
async fn a_state_in_the_salons_words_is_ours_again() {
    let words = [("no_show".to_owned(), "Не пришла".to_owned())].into();
    let values = [(Entity::Booking, [(Fact::State, words)].into())].into();
    let fields = FieldSettings { values, ..FieldSettings::default() };
    let there = record(json!({"id": "r1", "cBookingStatus": "Не пришла", "status": "Not Held"}));
    let ask = async |call: &CrmCall<'_>| EspoCrm.read(call, Entity::Booking, "r1").await;
    let (result, _) = run_as(vec![there], |stub| account_with(stub, &fields), ask).await;
    assert_eq!(result.unwrap().unwrap().booking, Some(BookingState::NoShow));
}

#[tokio::test]
async fn a_record_that_is_gone_is_none_and_a_fault_is_not() {
    let gone = Step::Answer { status: 404, headers: vec![], body: String::new() };
    let ask = async |call: &CrmCall<'_>| EspoCrm.read(call, Entity::Client, "r1").await;
    assert_eq!(run(vec![gone], ask).await.0, Ok(None));
    for fault in [Step::Close, record(json!({"error": "x"})), record(json!({"id": "another"})), record(json!(null))] {
        assert_eq!(run(vec![fault], ask).await.0.unwrap_err().class, RETRY);
    }
}

fn changed(id: usize, at: &str) -> Value {
    json!({"id": format!("r{id}"), "modifiedAt": at})
}

#[tokio::test]
async fn changes_are_asked_for_from_a_moment_on_and_end_with_a_short_page() {
    let cases = [
        (Entity::Client, "Contact", "id,modifiedAt,name,phoneNumber,emailAddress,doNotCall,phoneNumberIsOptedOut,cExternalId"),
        (Entity::Enquiry, "Lead", "id,modifiedAt,name,phoneNumber,emailAddress,doNotCall,phoneNumberIsOptedOut,cExternalId"),
        (Entity::Booking, "Meeting", "id,modifiedAt,status,dateStart,dateEnd,cExternalId,cBookingStatus"),
    ];
    for (entity, scope, select) in cases {
        let ask = async |call: &CrmCall<'_>| EspoCrm.changes_since(call, entity, at(0), None).await;
        let (page, seen) = run(vec![listed(json!([changed(1, "2026-11-20 18:00:00")]))], ask).await;
        let page = page.unwrap();
        assert_eq!((page.records.len(), page.next), (1, None));
        let condition = [
            ("where[0][type]", "greaterThanOrEquals"),
            ("where[0][attribute]", "modifiedAt"),
            ("where[0][value]", "2026-11-20 18:40:00"),
        ];
        assert_asked(&seen[0], &format!("GET /crm/api/v1/{scope}"), &condition);
        let others = [("orderBy", "modifiedAt"), ("order", "asc"), ("maxSize", "200"), ("offset", "0"), ("select", select)];
        assert_asked(&seen[0], &format!("GET /crm/api/v1/{scope}"), &others);
    }
}

#[tokio::test]
async fn a_page_begins_where_the_last_one_ended_in_time() {
    let full =
        |last: &str| -> Value { (0..200).map(|n| changed(n, if n < 199 { "2026-11-20 18:40:00" } else { last })).collect() };
    let ask = async |call: &CrmCall<'_>| EspoCrm.changes_since(call, Entity::Client, at(0), None).await;
    let (page, _) = run(vec![listed(full("2026-11-20 18:50:00"))], ask).await;
    let next = page.unwrap().next.unwrap();
    let ask = async |call: &CrmCall<'_>| EspoCrm.changes_since(call, Entity::Client, at(0), Some(&next)).await;
    let (page, seen) = run(vec![listed(json!([changed(1, "2026-11-20 18:50:00")]))], ask).await;
    assert_asked(&seen[0], "GET /crm/api/v1/Contact", &[("where[0][value]", "2026-11-20 18:50:00"), ("offset", "0")]);
    assert_eq!(page.unwrap().next, None);
}

#[tokio::test]
async fn more_changes_in_a_second_than_a_page_holds_are_all_read() {
    let second: Value = (0..200).map(|n| changed(n, "2026-11-20 18:40:00")).collect();
    let mut page: Option<String> = None;
    for offset in ["0", "100", "200"] {
        let ask = async |call: &CrmCall<'_>| EspoCrm.changes_since(call, Entity::Client, at(0), page.as_deref()).await;
        let (read, seen) = run(vec![listed(second.clone())], ask).await;
        assert_asked(&seen[0], "GET /crm/api/v1/Contact", &[("where[0][value]", "2026-11-20 18:40:00"), ("offset", offset)]);
        page = read.unwrap().next;
    }
}

#[tokio::test]
async fn a_page_that_is_none_of_ours_is_refused() {
    for page in ["", "2026-11-20 18:40:00", "yesterday|0", "2026-11-20 18:40:00|-1"] {
        let ask = async |call: &CrmCall<'_>| EspoCrm.changes_since(call, Entity::Client, at(0), Some(page)).await;
        assert_eq!(run(vec![], ask).await.0, Err(Failure::permanent("page")), "{page}");
    }
}
