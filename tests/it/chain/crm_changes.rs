//! The salon's staff work in the CRM itself.

use chrono::TimeDelta;
use salon_core::{
    crm::{UNATTENDED, Wish},
    ids::ClientId,
};
use salon_sandbox::Scenario;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Chain, RU, crm_storm, minutes};

/// A salon with EspoCRM, whose webhooks are registered.
async fn with_espocrm() -> Chain {
    let seed = [("espocrm".to_owned(), crm_storm::espocrm_seed())].into_iter().collect();
    Chain::with_crm(UNATTENDED, &Scenario { seed }, |salon| crm_storm::with_section(salon, &crm_storm::ESPOCRM)).await
}

impl Chain {
    fn espo(&self, kind: &str) -> Vec<Value> {
        self.sandbox.espocrm.snapshot()["records"][kind].as_array().cloned().unwrap_or_default()
    }

    async fn staff(&self, action: Value) {
        self.sandbox.espocrm.act(&action).unwrap();
        self.pass(minutes(1)).await;
    }

    /// The neighbour has the same EspoCRM, so its own webhooks tell of these records too: they are none of its own.
    async fn finish_beside(self) {
        let [_events, traces @ ..] = self.traces_of(&self.roza).await;
        assert_eq!(traces, [0; 7], "the neighbour takes nothing of it");
        self.finish_both().await;
    }

    async fn drift(&self) -> Vec<(String, String, String)> {
        self.rows(&self.lotos, "select entity, what, repair from crm_drift where tenant_id = $1 order by id").await
    }
}

fn drift(entity: &str, what: &str, repair: &str) -> (String, String, String) {
    (entity.to_owned(), what.to_owned(), repair.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visit_moved_or_deleted_in_the_crm_is_put_right_and_one_not_come_to_is_believed() {
    let chain = with_espocrm().await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    anna.books(RU).await;
    chain.pass(minutes(1)).await;
    let (contacts, meetings) = (chain.espo("Contact"), chain.espo("Meeting"));
    assert_eq!((contacts.len(), meetings.len()), (1, 1));
    assert_eq!((&contacts[0]["phoneNumber"], &contacts[0]["cChannel"]), (&json!("+79161234567"), &json!("telegram")));
    assert_eq!((&meetings[0]["status"], &meetings[0]["cBookingStatus"]), (&json!("Planned"), &json!("planned")));
    assert_eq!(chain.drift().await, [], "what we wrote ourselves differs in nothing");
    let first = meetings[0]["id"].clone();

    let moved = json!({"dateStart": "2031-01-01 10:00:00", "dateEnd": "2031-01-01 11:00:00"});
    chain.staff(json!({"do": "edit", "type": "Meeting", "id": first, "fields": moved})).await;
    let put_right = chain.espo("Meeting");
    assert_eq!((put_right.len(), &put_right[0]["dateStart"]), (1, &meetings[0]["dateStart"]));
    assert_eq!(chain.drift().await, [drift("booking", "time", "told_again")]);

    chain.staff(json!({"do": "delete", "type": "Meeting", "id": first})).await;
    let again = chain.espo("Meeting");
    assert_eq!((again.len(), &again[0]["dateStart"]), (1, &meetings[0]["dateStart"]));
    assert_ne!(again[0]["id"], first);

    let starts: chrono::DateTime<chrono::Utc> = chain.value("select start_at from booking where tenant_id = $1").await;
    chain.go_to(starts + TimeDelta::minutes(20));
    let missed = json!({"status": "Not Held", "cBookingStatus": "no_show"});
    chain.staff(json!({"do": "edit", "type": "Meeting", "id": again[0]["id"], "fields": missed})).await;
    assert_eq!(
        chain.value::<Option<String>>("select outcome from booking where tenant_id = $1").await.as_deref(),
        Some("no_show")
    );
    assert_eq!(chain.espo("Contact")[0]["cNoShowCount"], 1);
    let seen = [("booking", "time", "told_again"), ("booking", "gone", "told_again"), ("booking", "outcome", "taken_over")];
    assert_eq!(chain.drift().await, seen.map(|(entity, what, repair)| drift(entity, what, repair)));
    chain.finish_beside().await;
}

/// Anybody can type anybody's number into a form: whoever has it is told of all the same, and nobody is made one with anybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_another_clients_form_named_keeps_nobody_from_being_told_of() {
    // Linked, or made by a call whose answer is not here yet.
    for linked in [true, false] {
        told_of_all_the_same(linked).await;
    }
}

async fn told_of_all_the_same(linked: bool) {
    let chain = with_espocrm().await;
    let form = ClientId(Uuid::now_v7());
    sqlx::query("insert into client (id, tenant_id, name, phone, created_at, updated_at) values ($1, $2, 'Кто-то', '+79161234567', now(), now())")
        .bind(form)
        .bind(chain.lotos.tenant)
        .execute(&mut chain.world.owner().await)
        .await
        .unwrap();
    let mut tx = chain.db.tenant(chain.lotos.tenant).await.unwrap();
    tx.tell_crm(Wish::EnsureClient, form.0, 1, form).await.unwrap();
    tx.commit().await.unwrap();
    chain.pass(minutes(1)).await;
    let theirs = chain.espo("Contact")[0]["id"].clone();
    if !linked {
        sqlx::query("delete from crm_link").execute(&mut chain.world.owner().await).await.unwrap();
    }
    let mut anna = chain.anna();
    anna.enters(RU).await;
    anna.books(RU).await;
    chain.pass(minutes(1)).await;
    let open: i64 = chain
        .value("select count(*) from crm_intent where tenant_id = $1 and state <> 'done' and kind <> 'append_transcript'")
        .await;
    assert_eq!(open, 0, "nobody has to decide anything");
    let (contacts, meetings) = (chain.espo("Contact"), chain.espo("Meeting"));
    let annas = contacts.iter().find(|contact| contact["id"] != theirs).unwrap();
    assert_eq!((contacts.len(), meetings.len()), (2, 1));
    assert_eq!((&annas["phoneNumber"], &meetings[0]["contactsIds"]), (&json!("+79161234567"), &json!([annas["id"]])));
    chain.finish_beside().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_merged_in_the_crm_is_found_again_and_nobody_is_doubled() {
    let chain = with_espocrm().await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    let booked = anna.books(RU).await;
    chain.pass(minutes(1)).await;
    let ours = chain.espo("Contact")[0]["id"].clone();
    let curated = json!({"firstName": "Анна", "lastName": "Петрова", "phoneNumber": "+79161234567"});
    chain.staff(json!({"do": "create", "type": "Contact", "fields": curated})).await;
    let survivor = chain.espo("Contact").iter().find(|contact| contact["id"] != ours).unwrap()["id"].clone();
    chain.staff(json!({"do": "merge", "into": survivor, "from": ours})).await;
    anna.cancels(&booked, RU).await;
    chain.pass(minutes(30)).await;
    let contacts = chain.espo("Contact");
    assert_eq!(contacts.len(), 1, "{contacts:#?}");
    assert_eq!((&contacts[0]["id"], &contacts[0]["lastName"]), (&survivor, &json!("Петрова")));
    let meeting = &chain.espo("Meeting")[0];
    assert_eq!((&meeting["status"], &meeting["cBookingStatus"]), (&json!("Not Held"), &json!("cancelled_by_client")));
    chain.finish_beside().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visit_goes_with_its_client_to_another_contact() {
    let chain = with_espocrm().await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    let booked = anna.books(RU).await;
    chain.pass(minutes(1)).await;
    let first = chain.espo("Contact")[0]["id"].clone();
    chain.staff(json!({"do": "delete", "type": "Contact", "id": first})).await;
    anna.cancels(&booked, RU).await;
    chain.pass(minutes(30)).await;
    let (contacts, meetings) = (chain.espo("Contact"), chain.espo("Meeting"));
    assert_eq!((contacts.len(), meetings.len()), (1, 1));
    assert_ne!(contacts[0]["id"], first);
    assert_eq!((&meetings[0]["contactsIds"], &meetings[0]["status"]), (&json!([contacts[0]["id"]]), &json!("Not Held")));
    chain.finish_beside().await;
}

/// Linked, and then the process died before the rest was told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_whom_it_is_not_known_what_was_told_is_told_of_with_the_next_thing() {
    let chain = with_espocrm().await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    let booked = anna.books(RU).await;
    chain.pass(minutes(1)).await;
    let contact = chain.espo("Contact")[0].clone();
    chain.staff(json!({"do": "edit", "type": "Contact", "id": contact["id"], "fields": {"cChannel": null}})).await;
    sqlx::query("update crm_link set told = null where entity = 'client'").execute(&mut chain.world.owner().await).await.unwrap();
    anna.cancels(&booked, RU).await;
    chain.pass(minutes(1)).await;
    assert_eq!((&chain.espo("Contact")[0]["cChannel"], chain.espo("Contact").len()), (&json!("telegram"), 1));
    chain.finish_beside().await;
}
