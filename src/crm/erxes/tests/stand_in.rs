//! The adapter against the stand-in, which checks every document by the vendor's schema and every caller by their permissions.

use std::sync::Arc;

use chrono::TimeDelta;
use http::{HeaderMap, header};
use salon_sandbox::{
    erxes::{Automation, Erxes as StandIn, router},
    world::World,
};
use serde_json::{Value, json};

use super::client;
use crate::{
    channel::ChannelKind,
    crm::{
        Author, ClientCard, Crm, CrmAccount, CrmCall, CrmSecrets, EXPIRED, Ensured, Entity, FieldMap, FieldSettings, GONE,
        InboxReply, Login, NoteCard, UNATTENDED, erxes::Erxes,
    },
    vendor::{Class, Failure, Http, stub::http},
};

struct Salon {
    world: Arc<World>,
    erxes: Arc<StandIn>,
    http: Http,
    account: CrmAccount,
}

/// A salon's erxes, and nobody logged in. `robot` may what a user for us should, `clerk` nothing.
async fn salon() -> Salon {
    let world = World::new();
    let erxes = StandIn::new(world.clone());
    let robot = ["contactsCreate", "contactsUpdate", "internalNotesManage"];
    erxes
        .seed(&json!({
            "users": [{"_id": "op", "email": "op@salon.example", "token": "x1"},
                      {"_id": "robot", "email": "robot@salon.example", "token": "x2", "permissions": robot},
                      {"_id": "clerk", "email": "clerk@salon.example", "token": "x3"}],
            "oauthClients": [{"clientId": "salon-core", "clientSecret": "shared"}],
            "properties": ["salonChannel", "salonNoShows", "bonus"],
            "channels": [{"_id": "ch1", "name": "Salon"}],
            "integrations": [{"_id": "int1", "kind": "messenger", "name": "Telegram", "channelId": "ch1", "brandId": "b1"}],
            "customers": [{"_id": "old", "status": "active", "state": "lead", "firstName": "Olga", "primaryPhone": "+79005550000",
                           "phones": ["+79005550000"], "emails": [], "propertiesData": {"bonus": 5},
                           "searchText": "Olga +79005550000", "relatedIntegrationIds": []}],
        }))
        .unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let app = router(erxes.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let secrets = json!({"oauth": {"client_id": "salon-core", "client_secret": "shared"}, "webhook_secret": "hook"});
    let account = CrmAccount {
        base_url,
        settings: json!({"integration_id": "int1"}),
        fields: FieldMap::new(Erxes.fields(), &FieldSettings::default()),
        secrets: serde_json::from_value(secrets).unwrap(),
    };
    Salon { world, erxes, http: http(), account }
}

impl Salon {
    fn call(&self) -> CrmCall<'_> {
        CrmCall::new(&self.http, &self.account, UNATTENDED)
    }

    /// Takes tokens as the core does: stored before they are used.
    fn keep(&mut self, tokens: crate::crm::Tokens) {
        self.account.secrets.token = Some(tokens.access);
        self.account.secrets.oauth.as_mut().unwrap().refresh_token = Some(tokens.refresh);
    }

    async fn log_in(&mut self, user: &str) {
        let prompt = Erxes.begin_login(&self.call()).await.unwrap();
        let code = prompt.device_code.unwrap();
        assert!(matches!(Erxes.finish_login(&self.call(), &code).await.unwrap(), Login::Pending { interval: 5 }));
        self.erxes.approve(&prompt.user_code.unwrap(), user).unwrap();
        assert!(matches!(Erxes.finish_login(&self.call(), &code).await.unwrap(), Login::Pending { interval: 10 }), "too soon");
        self.world.advance(TimeDelta::seconds(10));
        let Login::Done(tokens) = Erxes.finish_login(&self.call(), &code).await.unwrap() else { panic!("it was approved") };
        self.keep(tokens);
    }

    async fn ensure(&self, card: &ClientCard) -> Result<Ensured, Failure> {
        Erxes.ensure_client(&self.call(), card).await
    }

    fn customer(&self, id: &str) -> Value {
        let all = self.erxes.snapshot()["customers"].clone();
        all.as_array().unwrap().iter().find(|one| one["_id"] == id).unwrap().clone()
    }

    fn is_clean(&self) {
        assert!(self.world.ledger.violations().is_empty(), "{:?}", self.world.ledger.violations());
    }
}

fn made(ensured: Result<Ensured, Failure>) -> String {
    match ensured {
        Ok(Ensured::Is(id)) => id,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_user_keeps_clients_with_their_properties_and_makes_none_twice() {
    let mut salon = salon().await;
    salon.log_in("robot").await;
    let card =
        ClientCard { channel: Some(ChannelKind::Telegram), no_shows: 1, email: Some("a@x.example".to_owned()), ..client(None) };
    let id = made(salon.ensure(&card).await);
    let record = salon.customer(&id);
    assert_eq!((&record["firstName"], &record["lastName"], &record["state"]), (&json!("Anna"), &json!("K"), &json!("customer")));
    assert_eq!(
        record["propertiesData"],
        json!({"salonChannel": "telegram", "salonNoShows": 1}),
        "the others have no field there"
    );
    assert_eq!(record["relatedIntegrationIds"], json!(["int1"]));
    assert_eq!(made(salon.ensure(&card).await), id, "found by our id, though the link is lost");
    assert_eq!(made(salon.ensure(&ClientCard { known: Some(id.clone()), ..card }).await), id);
    assert_eq!(salon.erxes.snapshot()["customers"].as_array().unwrap().len(), 2);
    salon.is_clean();
}

#[tokio::test]
async fn a_record_that_was_there_is_joined_by_its_number_and_keeps_what_is_not_ours() {
    let mut salon = salon().await;
    salon.log_in("robot").await;
    let card = ClientCard { phone: Some("+79005550000".to_owned()), no_shows: 2, ..client(None) };
    assert_eq!(made(salon.ensure(&card).await), "old");
    let record = salon.customer("old");
    assert_eq!((&record["firstName"], &record["code"]), (&json!("Olga"), &json!(card.id.to_string())));
    assert_eq!(record["propertiesData"], json!({"bonus": 5, "salonNoShows": 2}));
    assert_eq!(record["state"], "customer");
    let read = Erxes.read(&salon.call(), Entity::Client, "old").await.unwrap().unwrap();
    assert_eq!((read.contacts, read.external_id), (vec!["+79005550000".to_owned()], Some(card.id.to_string())));
    assert_eq!(Erxes.find_client(&salon.call(), &card).await.unwrap(), ["old"]);
    let lost = ClientCard { known: Some("nobody".to_owned()), ..card };
    assert_eq!(salon.ensure(&lost).await, Err(Failure::permanent(GONE)));
    salon.is_clean();
}

#[tokio::test]
async fn a_user_who_may_nothing_costs_properties_and_no_client() {
    let mut salon = salon().await;
    salon.log_in("clerk").await;
    let id = made(salon.ensure(&client(None)).await);
    assert_eq!(salon.customer(&id)["firstName"], "Anna K", "by the widget");
    assert_eq!(made(salon.ensure(&client(Some(&id))).await), id);
    assert_eq!(Erxes.inspect(&salon.call()).await.unwrap().remarks.len(), 2);
    let note = note(&id, false);
    assert!(Erxes.append_note(&salon.call(), &note).await.unwrap().conversation.is_some());
    salon.is_clean();
}

#[tokio::test]
async fn a_login_that_ran_out_is_renewed_and_the_old_one_is_dead() {
    let mut salon = salon().await;
    salon.log_in("robot").await;
    assert_eq!(Erxes.inspect(&salon.call()).await.unwrap().remarks, Vec::<String>::new());
    salon.erxes.expire_tokens();
    let expired = Failure::new(Class::Credential, EXPIRED);
    assert_eq!(salon.ensure(&client(None)).await, Err(expired.clone()));
    assert_eq!(Erxes.inspect(&salon.call()).await, Err(expired));
    let old = salon.account.secrets.oauth.clone().unwrap();
    let renewed = Erxes.renew(&salon.call()).await.unwrap();
    salon.keep(renewed);
    made(salon.ensure(&client(None)).await);
    salon.account.secrets.oauth = Some(old);
    assert_eq!(Erxes.renew(&salon.call()).await.unwrap_err(), Failure::new(Class::Credential, "invalid_grant"));
    salon.is_clean();
}

fn note(client: &str, in_talk: bool) -> NoteCard {
    let (conversation, text, at) = (None, "Запись: стрижка".to_owned(), super::at(0));
    NoteCard { client: client.to_owned(), conversation, author: Author::Salon, text, at, in_talk }
}

#[tokio::test]
async fn a_note_is_one_and_an_operators_answer_is_heard_and_ours_is_not() {
    let mut salon = salon().await;
    salon.log_in("robot").await;
    let begun = salon.world.now();
    let id = made(salon.ensure(&client(None)).await);
    let noted = Erxes.append_note(&salon.call(), &note(&id, false)).await.unwrap();
    assert_eq!(salon.erxes.snapshot()["notes"][0]["contentTypeId"], id.as_str());
    assert_eq!(Erxes.find_note(&salon.call(), &note(&id, false), begun, &[]).await.unwrap(), Some(noted.clone()));
    assert_eq!(Erxes.find_note(&salon.call(), &note(&id, false), begun, &[noted.note]).await.unwrap(), None);

    let opened = NoteCard { author: Author::Client, ..note(&id, true) };
    let talk = Erxes.append_note(&salon.call(), &opened).await.unwrap().conversation.unwrap();
    let ours = NoteCard { conversation: Some(talk.clone()), ..note(&id, true) };
    Erxes.append_note(&salon.call(), &ours).await.unwrap();
    let mut said = Vec::new();
    for number in 0..150 {
        said.push(salon.erxes.operator_reply(&talk, &format!("<p>{number}</p>")).unwrap());
    }
    let replies = Erxes.replies_since(&salon.call(), &talk, begun).await.unwrap();
    let mut heard: Vec<&InboxReply> = replies.iter().collect();
    // Within one millisecond their order is not theirs to tell.
    heard.sort_by_key(|reply| reply.text.parse::<u32>().unwrap());
    assert_eq!(heard.iter().map(|reply| reply.id.clone()).collect::<Vec<_>>(), said, "two pages, and nothing of ours");
    salon.is_clean();
}

#[tokio::test]
async fn an_automation_proves_itself_and_is_understood() {
    let salon = salon().await;
    let automation = Automation {
        body: r#"{"type":"customer","customerId":"{{ trigger._id }}"}"#.to_owned(),
        secret: "hook".to_owned(),
        audience: "salon-core".to_owned(),
        expires_in: 60,
    };
    let posted = |automation: &Automation| {
        let (proof, body) = salon.erxes.automation(automation, "old").unwrap();
        (HeaderMap::from_iter([(header::AUTHORIZATION, proof.parse().unwrap())]), body)
    };
    let secrets: &CrmSecrets = &salon.account.secrets;
    let (headers, body) = posted(&automation);
    assert!(Erxes.verify(&headers, body.as_bytes(), secrets, salon.world.now()).is_ok());
    let hints = Erxes.parse(&headers, body.as_bytes(), secrets).unwrap();
    assert_eq!(hints[0].about, Some((Entity::Client, "old".to_owned())));
    let late = salon.world.now() + TimeDelta::seconds(61);
    assert!(Erxes.verify(&headers, body.as_bytes(), secrets, late).is_err());
    for wrong in [
        Automation { secret: "other".to_owned(), ..automation.clone() },
        Automation { audience: "other".to_owned(), ..automation.clone() },
        Automation { expires_in: 3600, ..automation.clone() },
    ] {
        assert!(Erxes.verify(&posted(&wrong).0, b"", secrets, salon.world.now()).is_err());
    }
    let unfilled = Automation { body: r#"{"type":"customer","customerId":"{{ trigger.nothing }}"}"#.to_owned(), ..automation };
    let (headers, body) = posted(&unfilled);
    assert!(Erxes.parse(&headers, body.as_bytes(), secrets).is_err(), "{body}");
}
