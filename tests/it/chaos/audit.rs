//! The books of every side, compared: the clients' memories, the product's tables, cal.com, erxes, Telegram.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt,
};

use chrono::{DateTime, Utc};
use salon_core::{lang::Lang, schedule::visit_when};
use serde_json::Value;
use sqlx::{FromRow, PgConnection};

use super::{
    client::Client,
    system::{SALONS, System, bot},
};

/// What is left when the queues have run dry.
pub(super) struct Audit {
    clients: usize,
    confirmed: usize,
    cancelled: usize,
    nudges: usize,
    bookings: i64,
    events: i64,
    messages: i64,
    intents: i64,
    /// Messages whose row says that they were sent again after an unknown outcome.
    pub(super) resends: i64,
    /// Messages that the client's phone really shows twice.
    doubles: usize,
    dead: Vec<String>,
    faults: Vec<String>,
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} clients, {} visits confirmed and {} of them cancelled, {} bookings, {} events, {} messages, {} CRM records, \
             {} resends of which {} arrived twice, {} dead letters, {} reminders by the clients",
            self.clients,
            self.confirmed,
            self.cancelled,
            self.bookings,
            self.events,
            self.messages,
            self.intents,
            self.resends,
            self.doubles,
            self.dead.len(),
            self.nudges,
        )
    }
}

#[derive(FromRow)]
struct OurBooking {
    booking_key: String,
    origin: String,
    status: String,
    phone: Option<String>,
    linked: bool,
}

/// A message of the log, as it concerns the other sides.
#[derive(FromRow)]
struct OurMessage {
    slug: String,
    chat_id: String,
    phone: Option<String>,
    direction: String,
    state: String,
    text: Option<String>,
    resends: i32,
    vendor_message_id: Option<String>,
}

/// Copies of a text on a phone whose ids we never learned: the answers were lost.
#[derive(Default)]
struct Unnamed {
    /// Of messages that ended as unknown: one each.
    first: i32,
    /// Of messages that were sent again: one more each.
    again: i32,
}

/// An accepted or cancelled booking at cal.com.
struct TheirBooking {
    key: String,
    host: i64,
    host_name: String,
    phone: String,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
}

impl Audit {
    pub(super) async fn of(system: &System, clients: &[Client]) -> Self {
        let mut owner = system.world.owner().await;
        let sum = |of: fn(&Client) -> usize| clients.iter().map(of).sum();
        let mut audit = Self {
            clients: clients.len(),
            confirmed: sum(|client| client.memory.confirmed),
            cancelled: sum(|client| client.memory.cancelled),
            nudges: sum(|client| client.memory.nudges),
            bookings: count(&mut owner, "select count(*) from booking").await,
            events: count(&mut owner, "select count(*) from inbound_event").await,
            messages: count(&mut owner, "select count(*) from message").await,
            intents: count(&mut owner, "select count(*) from crm_intent").await,
            resends: count(&mut owner, "select coalesce(sum(resends), 0)::bigint from message").await,
            doubles: 0,
            dead: Vec::new(),
            faults: Vec::new(),
        };
        for (what, count) in system.world.db.unaccounted().await.unwrap() {
            audit.fault(format!("{count} {what} unaccounted for"));
        }
        for violation in system.sandbox.world.ledger.violations() {
            audit.fault(format!("a vendor forbids {} {}: {:?}", violation.vendor, violation.operation, violation.violations));
        }
        audit.dead_letters(&mut owner).await;
        audit.nothing_is_open(&mut owner).await;
        audit.events(&mut owner, clients).await;
        let messages = our_messages(&mut owner).await;
        audit.phones(system, clients, &messages);
        audit.calendar(system, &mut owner, clients).await;
        audit.crm(system, &mut owner, clients, &messages).await;
        audit
    }

    pub(super) fn must_be_clean(&self) {
        for dead in &self.dead {
            println!("chaos: dead letter: {dead}");
        }
        assert!(self.confirmed > 0 && self.cancelled > 0, "the story did not get far enough to prove anything");
        assert!(self.faults.is_empty(), "{} faults:\n{}", self.faults.len(), self.faults.join("\n"));
    }

    fn fault(&mut self, what: String) {
        self.faults.push(what);
    }

    fn same<T: PartialEq + fmt::Debug>(&mut self, what: &str, left: T, right: T) {
        if left != right {
            self.fault(format!("{what}: {left:?} against {right:?}"));
        }
    }

    /// A press whose acknowledgement twice met its worker's death only leaves a spinner turning; anything else is a fault here.
    async fn dead_letters(&mut self, owner: &mut PgConnection) {
        let sql = "select kind, attempt, reason from job_dead where resolved_at is null order by died_at";
        let rows: Vec<(String, i32, String)> = sqlx::query_as(sql).fetch_all(owner).await.unwrap();
        for (kind, attempt, reason) in rows {
            let dead = format!("{kind}, attempt {attempt}: {reason}");
            if kind != "attend" {
                self.fault(format!("a dead letter: {dead}"));
            }
            self.dead.push(dead);
        }
    }

    async fn nothing_is_open(&mut self, owner: &mut PgConnection) {
        for (what, sql) in [
            ("events not ended", "select count(*) from inbound_event where state = 'received'"),
            ("messages not ended", "select count(*) from message where state in ('queued', 'sending')"),
            ("bookings not ended", "select count(*) from booking where status in ('pending', 'cancelling', 'unclear')"),
            ("CRM records not made", "select count(*) from crm_intent where state <> 'done'"),
            ("reminders stuck", "select count(*) from reminder where state = 'queued'"),
        ] {
            match count(owner, sql).await {
                0 => {}
                open => self.fault(format!("{open} {what}")),
            }
        }
    }

    /// What the clients did and Telegram delivered is what we have, each once.
    async fn events(&mut self, owner: &mut PgConnection, clients: &[Client]) {
        for (slug, salon) in SALONS {
            let done = clients.iter().filter(|client| client.person.salon == salon).flat_map(|client| &client.memory.updates);
            let done: BTreeSet<String> = done.map(ToString::to_string).collect();
            let sql = "select e.vendor_event_id from inbound_event e join tenant t on t.id = e.tenant_id where e.source = 'telegram' and t.slug = $1";
            let ours: Vec<String> = sqlx::query_scalar(sql).bind(slug).fetch_all(&mut *owner).await.unwrap();
            self.same(&format!("{slug}: each update is one event"), ours.len(), done.len());
            let ours: BTreeSet<String> = ours.into_iter().collect();
            let lost: Vec<_> = done.difference(&ours).collect();
            self.same(&format!("{slug}: lost updates"), lost, Vec::new());
        }
    }

    /// Each message on a phone is a row of the log; what is there twice is on record as sent again.
    fn phones(&mut self, system: &System, clients: &[Client], messages: &[OurMessage]) {
        for client in clients {
            let person = &client.person;
            let shown = system.sandbox.telegram.bot_messages(bot(person.salon), person.id);
            let out = messages.iter().filter(|message| {
                message.direction == "out" && message.chat_id == person.id.to_string() && number(&message.slug) == person.salon
            });
            let mut known = HashSet::new();
            let mut unnamed: HashMap<&str, Unnamed> = HashMap::new();
            for message in out {
                if !matches!(message.state.as_str(), "sent" | "unknown") {
                    self.fault(format!("a message to {} ended as {}", person.id, message.state));
                }
                let unnamed = unnamed.entry(message.text.as_deref().unwrap_or_default()).or_default();
                unnamed.again += message.resends;
                match &message.vendor_message_id {
                    Some(id) => _ = known.insert(id.clone()),
                    None => unnamed.first += 1,
                }
            }
            let ids: HashSet<String> = shown.iter().map(|message| message["message_id"].to_string()).collect();
            self.same("rows sent that are on no phone", known.difference(&ids).count(), 0);
            for message in shown.iter().filter(|message| !known.contains(&message["message_id"].to_string())) {
                let text = message["text"].as_str().unwrap_or_default();
                match unnamed.entry(text).or_default() {
                    Unnamed { first, .. } if *first > 0 => *first -= 1,
                    Unnamed { again, .. } if *again > 0 => {
                        *again -= 1;
                        self.doubles += 1;
                    }
                    _ => self.fault(format!("{} got a message that no row explains: {text:?}", person.id)),
                }
            }
        }
    }

    async fn calendar(&mut self, system: &System, owner: &mut PgConnection, clients: &[Client]) {
        let ours: Vec<OurBooking> = sqlx::query_as(
            "select b.booking_key, b.origin, b.status, c.phone,
               exists (select from crm_link l where l.entity = 'booking' and l.our_id = b.id) as linked
             from booking b left join client c on c.id = b.client_id",
        )
        .fetch_all(owner)
        .await
        .unwrap();
        let snapshot = system.sandbox.calcom.snapshot();
        let with = |status: &str| their_bookings(&snapshot, status);
        let accepted = with("accepted");
        let keys = |bookings: &[TheirBooking]| bookings.iter().map(|one| one.key.clone()).collect::<BTreeSet<_>>();
        let all: Vec<TheirBooking> = accepted.iter().map(TheirBooking::again).chain(with("cancelled")).collect();
        self.same("each wish is one booking at cal.com", keys(&all).len(), all.len());
        let status = |status: &str| ours.iter().filter(|one| one.status == status).map(|one| one.booking_key.clone()).collect();
        self.same("booked with us and accepted at cal.com", status("booked"), keys(&accepted));
        self.same("cancelled with us and at cal.com", status("cancelled"), keys(&with("cancelled")));
        self.same("bookings taken for the salon's own", ours.iter().filter(|one| one.origin != "dialogue").count(), 0);
        let untold = ours.iter().filter(|one| matches!(one.status.as_str(), "booked" | "cancelled") && !one.linked).count();
        self.same("visits the CRM was not told of", untold, 0);
        for (n, one) in accepted.iter().enumerate() {
            for other in accepted[..n].iter().filter(|other| other.host == one.host) {
                if one.start < other.end && other.start < one.end {
                    self.fault(format!("booked twice: {} at {} and {}", one.host_name, one.start, other.start));
                }
            }
        }
        for client in clients {
            let phone = format!("+{}", client.person.phone);
            let theirs = accepted.iter().filter(|one| one.phone == phone);
            let theirs: BTreeSet<String> = theirs.map(TheirBooking::in_words).collect();
            let ours = ours.iter().filter(|one| one.status == "booked" && one.phone.as_ref() == Some(&phone)).count();
            self.same(&format!("visits of {}", client.person.id), &client.memory.standing, &theirs);
            self.same(&format!("number of visits of {}", client.person.id), ours, theirs.len());
        }
    }

    async fn crm(&mut self, system: &System, owner: &mut PgConnection, clients: &[Client], messages: &[OurMessage]) {
        let snapshot = system.sandbox.erxes.snapshot();
        let list = |name: &str| snapshot[name].as_array().cloned().unwrap_or_default();
        let phones: Vec<String> = list("customers").iter().map(|one| text(&one["primaryPhone"])).collect();
        let people: BTreeSet<String> = clients.iter().map(|client| format!("+{}", client.person.phone)).collect();
        self.same("customers at erxes", phones.len(), people.len());
        self.same("their numbers", phones.into_iter().collect(), people);
        self.same("conversations at erxes", list("conversations").len(), clients.len());
        let phone_of = |conversation: &Value| {
            let customer =
                list("conversations").iter().find(|one| one["_id"] == *conversation).map(|one| one["customerId"].clone());
            let customer = list("customers").into_iter().find(|one| Some(&one["_id"]) == customer.as_ref());
            customer.map(|one| text(&one["primaryPhone"])).unwrap_or_default()
        };
        let owners: HashMap<String, String> =
            list("conversations").iter().map(|one| (text(&one["_id"]), phone_of(&one["_id"]))).collect();
        let mut balance: BTreeMap<(String, String), i64> = BTreeMap::new();
        let mut of_visits = 0;
        for message in list("messages") {
            let content = text(&message["content"]);
            let said = content.strip_prefix("[salon] ").unwrap_or(&content).trim().to_owned();
            if ["Запись: ", "Запись отменена клиентом: ", "Запись отменена салоном: "].iter().any(|of| said.starts_with(of))
            {
                of_visits += 1;
            } else {
                *balance.entry((owners[&text(&message["conversationId"])].clone(), said)).or_default() += 1;
            }
        }
        for message in messages.iter().filter(|message| matches!(message.state.as_str(), "received" | "sent")) {
            let said = message.text.as_deref().unwrap_or_default().trim();
            if !said.is_empty() {
                *balance.entry((message.phone.clone().unwrap_or_default(), said.to_owned())).or_default() -= 1;
            }
        }
        for ((phone, said), count) in balance.iter().filter(|(_, count)| **count != 0) {
            self.fault(format!("erxes has {count:+} messages of {phone} against the log: {said:?}"));
        }
        let told = count(owner, "select count(*) from crm_intent where kind = 'record_booking' and state = 'done'").await;
        if of_visits > told {
            self.fault(format!("erxes has {of_visits} records of visits, and was told {told} times"));
        }
    }
}

impl TheirBooking {
    fn again(&self) -> Self {
        Self { key: self.key.clone(), host_name: self.host_name.clone(), phone: self.phone.clone(), ..*self }
    }

    /// As the chat confirms it.
    fn in_words(&self) -> String {
        format!("{} {}", self.host_name, visit_when(self.start, chrono_tz::Europe::Moscow, Lang::Ru))
    }
}

fn their_bookings(snapshot: &Value, status: &str) -> Vec<TheirBooking> {
    let bookings = snapshot["bookings"].as_array().into_iter().flatten().filter(|one| one["status"] == status);
    bookings
        .map(|one| TheirBooking {
            key: text(&one["metadata"]["salonBooking"]),
            host: one["hosts"][0]["id"].as_i64().unwrap(),
            host_name: text(&one["hosts"][0]["name"]),
            phone: text(&one["attendees"][0]["phoneNumber"]),
            start: text(&one["start"]).parse().unwrap(),
            end: text(&one["end"]).parse().unwrap(),
        })
        .collect()
}

async fn our_messages(owner: &mut PgConnection) -> Vec<OurMessage> {
    sqlx::query_as(
        "select t.slug, v.chat_id, c.phone, m.direction, m.state, m.content ->> 'text' as text, m.resends, m.vendor_message_id
         from message m join tenant t on t.id = m.tenant_id join conversation v on v.id = m.conversation_id
         left join client c on c.id = v.client_id",
    )
    .fetch_all(owner)
    .await
    .unwrap()
}

async fn count(owner: &mut PgConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(owner).await.unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn number(slug: &str) -> i64 {
    SALONS.iter().find(|(name, _)| *name == slug).map(|(_, n)| *n).unwrap()
}
