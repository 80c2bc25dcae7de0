//! The adapter against the stand-in, which records what Bitrix24 would drop without a word.

use chrono::TimeDelta;
use salon_sandbox::{
    Options, Sandbox, Scenario,
    fault::{Fault, Target},
};
use serde_json::json;

use super::{
    clients::client,
    records::{booking, enquiry},
    *,
};
use crate::{
    crm::{Author, BookingState, Crm, CrmKind, Ensured, Entity, NoteCard, TaskCard, fields},
    ids::IntentId,
    vendor::stub::http,
};

async fn portal(mode: &str) -> Sandbox {
    let seed = json!({
        "portal": {"mode": mode},
        "users": [{"id": 1, "name": "Olga", "admin": true}, {"id": 5, "name": "Vera"}],
        "webhooks": [{"user": 1, "code": CODE, "scopes": ["crm", "user_brief"]}],
        "apps": [{"client_id": "app.1", "client_secret": "app_secret", "user": 1, "scopes": ["crm", "user_brief"],
                  "access_token": "access_1", "refresh_token": "refresh_1"}],
    });
    let scenario = Scenario { seed: [("bitrix24".to_owned(), seed)].into() };
    Sandbox::start(Options { scenario, ..Options::default() }).await.unwrap()
}

fn on(portal: &Sandbox) -> CrmAccount {
    let settings = json!({"user_id": 1, "responsible_id": 1, "staff": {"olga": 5}, "stages": {"no_show": "LOSE"},
        "oauth_url": format!("{}/bitrix24", portal.base_url)});
    CrmAccount {
        base_url: format!("{}/bitrix24", portal.base_url).parse().unwrap(),
        settings,
        fields: FieldMap::new(FIELDS, &FieldSettings::default()),
        secrets: CrmSecrets { token: Some(CODE.into()), ..CrmSecrets::default() },
    }
}

fn violations(portal: &Sandbox) -> Vec<String> {
    portal.world.ledger.violations().into_iter().flat_map(|entry| entry.violations).collect()
}

/// Makes every field that is missing, and makes sure that nothing is left to say.
async fn set_up(account: &CrmAccount) {
    let http = http();
    let call = call(&http, account);
    let described = Bitrix24.describe(&call).await.unwrap();
    let missing = fields::missing(CrmKind::Bitrix24, &account.fields, &described);
    assert_eq!(missing.len(), 16);
    assert_eq!(Bitrix24.create_fields(&call, &missing).await.unwrap().len(), 16);
    let described = Bitrix24.describe(&call).await.unwrap();
    assert_eq!(fields::check(CrmKind::Bitrix24, &account.fields, &described), []);
}

#[tokio::test]
async fn a_visit_goes_through_a_portal_without_a_word_lost() {
    for mode in ["classic", "simple"] {
        let portal = portal(mode).await;
        let account = on(&portal);
        set_up(&account).await;
        let http = http();
        let call = call(&http, &account);
        let begun = portal.world.now() - TimeDelta::seconds(1);
        let Ensured::Is(contact) = Bitrix24.ensure_client(&call, &client(None)).await.unwrap() else { panic!("ambiguous") };
        assert_eq!(Bitrix24.ensure_client(&call, &client(None)).await, Ok(Ensured::Is(contact.clone())), "found by our id");
        assert_eq!(Bitrix24.ensure_client(&call, &client(Some(&contact))).await, Ok(Ensured::Is(contact.clone())));
        let read = Bitrix24.read(&call, Entity::Client, &contact).await.unwrap().unwrap();
        assert_eq!(read.external_id.as_deref(), Some(OURS));
        assert_eq!(read.contacts, ["+79001234567", "+79007654321", "anna@example.com"]);

        let asked = crate::crm::EnquiryCard { client: contact.clone(), ..enquiry(None) };
        let lead = Bitrix24.record_enquiry(&call, &asked).await.unwrap();
        assert!(lead.starts_with(if mode == "classic" { "lead:" } else { "deal:" }));
        assert_eq!(Bitrix24.record_enquiry(&call, &asked).await, Ok(lead.clone()));
        assert!(Bitrix24.read(&call, Entity::Enquiry, &lead).await.unwrap().is_some());

        let mut visit = booking(None, BookingState::Planned);
        visit.id = crate::ids::BookingId(Uuid::from_u128(8));
        visit.client = contact.clone();
        let deal = Bitrix24.upsert_booking(&call, &visit).await.unwrap();
        assert_eq!(Bitrix24.upsert_booking(&call, &visit).await, Ok(deal.clone()));
        visit.known = Some(deal.clone());
        (visit.start, visit.end) = (at(7200), at(10_800));
        assert_eq!(Bitrix24.upsert_booking(&call, &visit).await, Ok(deal.clone()));
        visit.state = BookingState::NoShow;
        Bitrix24.set_booking_state(&call, &visit, &deal).await.unwrap();
        let read = Bitrix24.read(&call, Entity::Booking, &deal).await.unwrap().unwrap();
        assert_eq!((read.booking, read.start, read.end), (Some(BookingState::NoShow), Some(at(7200)), Some(at(10_800))));

        let note = NoteCard {
            client: contact.clone(),
            conversation: None,
            author: Author::Client,
            text: "[b]завтра\nв 15".to_owned(),
            at: at(0),
            in_talk: true,
        };
        let noted = Bitrix24.append_note(&call, &note).await.unwrap();
        assert_eq!(Bitrix24.find_note(&call, &note, begun, &[]).await, Ok(Some(noted.clone())));
        assert_eq!(Bitrix24.find_note(&call, &note, begun, &[noted.note]).await, Ok(None));

        let task = TaskCard {
            id: IntentId(Uuid::from_u128(9)),
            client: contact.clone(),
            title: "Call".to_owned(),
            text: "now".to_owned(),
            due: at(0),
        };
        let todo = Bitrix24.create_task(&call, &task).await.unwrap();
        assert_eq!(Bitrix24.create_task(&call, &task).await, Ok(todo));

        for (entity, record) in [(Entity::Client, &contact), (Entity::Enquiry, &lead), (Entity::Booking, &deal)] {
            let page = Bitrix24.changes_since(&call, entity, begun, None).await.unwrap();
            assert!(page.records.iter().any(|theirs| theirs.record == *record), "{mode} {entity:?}");
        }
        assert_eq!(Bitrix24.inspect(&call).await.unwrap().known_as, "an inbound webhook of user 1");
        assert_eq!(violations(&portal), Vec::<String>::new(), "{mode}");
        let snapshot = portal.bitrix24.snapshot();
        let count = |of: &str| snapshot[of].as_array().unwrap().len();
        assert_eq!(
            (count("contacts"), count("leads") + count("deals"), count("activities"), count("comments")),
            (1, 2, 2, 1),
            "{mode}"
        );
        assert_eq!(snapshot["activities"][0]["COMPLETED"], "Y", "the visit's todo is ticked off");
    }
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_record() {
    let portal = portal("classic").await;
    let account = on(&portal);
    set_up(&account).await;
    let http = http();
    let call = call(&http, &account);
    let target = Target { vendor: "bitrix24".to_owned(), operation: "crm.item.add".to_owned() };
    portal.world.faults.plan(target, &Fault::DropAfterCommit, 1);
    assert_eq!(Bitrix24.ensure_client(&call, &client(None)).await, Err(Failure::retry("no_answer")));
    let Ensured::Is(contact) = Bitrix24.ensure_client(&call, &client(None)).await.unwrap() else { panic!("ambiguous") };
    let target = Target { vendor: "bitrix24".to_owned(), operation: "batch".to_owned() };
    let visit = crate::crm::BookingCard { client: contact.clone(), ..booking(None, BookingState::Planned) };
    portal.world.faults.plan(target, &Fault::DropAfterCommit, 1);
    assert_eq!(Bitrix24.upsert_booking(&call, &visit).await, Err(Failure::retry("no_answer")));
    Bitrix24.upsert_booking(&call, &visit).await.unwrap();
    let deals = Bitrix24.changes_since(&call, Entity::Booking, at(-1_000_000_000), None).await.unwrap();
    let contacts = Bitrix24.changes_since(&call, Entity::Client, at(-1_000_000_000), None).await.unwrap();
    assert_eq!((deals.records.len(), contacts.records.len()), (1, 1));
    assert_eq!(violations(&portal), Vec::<String>::new());
}

#[tokio::test]
async fn an_application_binds_its_events_and_renews_its_token() {
    let portal = portal("classic").await;
    let mut account = on(&portal);
    let oauth = OAuth {
        client_id: "app.1".to_owned(),
        client_secret: Some("app_secret".into()),
        refresh_token: Some("refresh_1".into()),
    };
    account.secrets = CrmSecrets {
        token: Some("access_1".into()),
        oauth: Some(oauth),
        webhook_secret: Some("t".into()),
        ..CrmSecrets::default()
    };
    set_up(&account).await;
    let http = http();
    let address = "http://127.0.0.1:9/webhooks/bitrix24/k1".parse().unwrap();
    for _ in 0..2 {
        assert_eq!(Bitrix24.ensure_webhooks(&call(&http, &account), &address).await.unwrap().len(), 6);
    }
    let tokens = Bitrix24.renew(&call(&http, &account)).await.unwrap();
    assert_eq!(Bitrix24.renew(&call(&http, &account)).await.unwrap_err(), Failure::new(Class::Credential, "invalid_grant"));
    account.secrets.token = Some(tokens.access);
    assert_eq!(Bitrix24.inspect(&call(&http, &account)).await.unwrap().known_as, "an application of user 1");
    assert_eq!(violations(&portal), Vec::<String>::new());
}
