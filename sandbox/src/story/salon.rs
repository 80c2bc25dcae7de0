//! The salon's side of the story: the clock, cal.com, the CRM and the product's own API.

use std::time::{Duration, Instant};

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    Broken, Places,
    channels::{Channel, Late, Number},
};

/// Real time, whatever the clock shows: a step that takes longer is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// Everything but the chats.
#[derive(Clone)]
pub(super) struct Salon {
    http: reqwest::Client,
    places: Places,
}

impl Salon {
    pub(super) fn new(places: Places) -> Self {
        Self { http: reqwest::Client::builder().no_proxy().build().unwrap_or_default(), places }
    }

    /// Asks the sandbox.
    pub(super) async fn get(&self, path: &str) -> Result<Value, Broken> {
        answer(path, self.http.get(format!("{}{path}", self.places.sandbox))).await
    }

    /// Tells the sandbox.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Broken> {
        answer(path, self.http.post(format!("{}{path}", self.places.sandbox)).json(body)).await
    }

    /// Looks until `see` finds something.
    pub(super) async fn until<T>(
        &self,
        missing: &str,
        mut see: impl AsyncFnMut() -> Result<Option<T>, Broken>,
    ) -> Result<T, Broken> {
        let begun = Instant::now();
        loop {
            if let Some(seen) = see().await? {
                return Ok(seen);
            }
            if begun.elapsed() > PATIENCE {
                return Err(missing.to_owned());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(super) async fn clock_to(&self, moment: DateTime<Utc>) -> Result<(), Broken> {
        self.post("/control/clock/advance", &json!({"to": moment})).await.map(|_| ())
    }

    /// Gives the product time to do what it must not do: a reminder that came too early would be here by then.
    pub(super) async fn settle(&self) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    /// The visit that was booked through us under a number, if it stands like this.
    pub(super) async fn calendar_booking(&self, phone: &str, status: &str) -> Result<Value, Broken> {
        self.until(&format!("cal.com has no {status} booking of {phone}"), async || {
            let calendar = self.get("/control/vendors/calcom").await?;
            let ours = |booking: &&Value| {
                let of_client = booking["attendees"][0]["phoneNumber"] == phone;
                booking["metadata"]["salonBooking"].is_string() && of_client && booking["status"] == status
            };
            Ok(list(&calendar, "bookings").find(ours).cloned())
        })
        .await
    }

    /// Asks cal.com as anybody may.
    pub(super) async fn slot_is_free(&self, start: DateTime<Utc>) -> Result<bool, Broken> {
        let day = start.format("%Y-%m-%d").to_string();
        let call = self.http.get(format!("{}/v2/slots", self.places.sandbox)).header("cal-api-version", "2024-09-04");
        let free = answer("/v2/slots", call.query(&[("eventTypeId", "101"), ("start", &day), ("end", &day)])).await?;
        let days = free["data"].as_object().into_iter().flat_map(|days| days.values());
        let mut starts = days.filter_map(Value::as_array).flatten().filter_map(|slot| slot["start"].as_str());
        Ok(starts.any(|free| free.parse::<DateTime<Utc>>().ok() == Some(start)))
    }

    /// The client's record, and in its talks a message that contains `text`. A number that nobody vouches for is not told to the CRM,
    /// which would join its owner's record with the record of whoever typed it. Who came by two messengers before the number joined
    /// them has a record of each.
    pub(super) async fn crm_knows(&self, channel: &Channel, text: &str) -> Result<String, Broken> {
        let Channel { client, phone, number, late, .. } = channel;
        let known_by = if *number == Number::Typed { "no number, as it was only typed" } else { phone };
        let most = if matches!(late, Late::Elsewhere(_)) { 2 } else { 1 };
        self.until(&format!("the CRM has no record of {client} ({known_by}) with a message {text:?}"), async || {
            let crm = self.get("/control/vendors/erxes").await?;
            let records: Vec<&Value> = list(&crm, "customers").filter(|customer| customer["firstName"] == *client).collect();
            let phones: Vec<&str> = records.iter().filter_map(|customer| customer["primaryPhone"].as_str()).collect();
            let vouched = if *number == Number::Typed { phones.is_empty() } else { phones == [*phone] };
            if !vouched || records.is_empty() || records.len() > most {
                return Ok(None);
            }
            let of_client = |talk: &&Value| records.iter().any(|customer| talk["customerId"] == customer["_id"]);
            let talks: Vec<&Value> = list(&crm, "conversations").filter(of_client).collect();
            let in_talks = |message: &&Value| talks.iter().any(|talk| talk["_id"] == message["conversationId"]);
            let messages: Vec<&Value> = list(&crm, "messages").filter(in_talks).collect();
            let told = messages.iter().any(|message| message["content"].as_str().is_some_and(|content| content.contains(text)));
            let counted = format!("records: {}, conversations: {}, messages: {}", records.len(), talks.len(), messages.len());
            Ok(told.then(|| format!("erxes: {client} ({known_by}); {counted}")))
        })
        .await
    }

    /// The messengers of the one salon there is, as the product knows them.
    pub(super) async fn channels(&self) -> Result<Vec<String>, Broken> {
        let query = "{ salonTenants { list { channelAccounts { kind status } } } }";
        let salons = self.graphql(query, &json!({})).await?;
        let accounts = list(&salons["salonTenants"]["list"][0], "channelAccounts");
        let active = accounts.filter(|account| account["status"] == "active");
        Ok(active.filter_map(|account| account["kind"].as_str().map(str::to_owned)).collect())
    }

    /// The visit as the subgraph tells it.
    pub(super) async fn product_booking(&self, phone: &str, start: DateTime<Utc>, status: &str) -> Result<String, Broken> {
        let tenants = self.graphql("{ salonTenants { list { _id } } }", &json!({})).await?;
        let tenant = tenants["salonTenants"]["list"][0]["_id"].clone();
        let query = "query($t: String!, $from: Date) { salonBookings(tenantId: $t, from: $from, limit: 100) {
            list { startAt status serviceTitle staffName client { name phone } } } }";
        self.until(&format!("the subgraph shows no booking of {phone} that is {status}"), async || {
            let shown = self.graphql(query, &json!({"t": tenant, "from": start})).await?;
            let same = |booking: &&Value| {
                let begins = booking["startAt"].as_str().and_then(|at| at.parse::<DateTime<Utc>>().ok());
                begins == Some(start) && booking["status"] == status && booking["client"]["phone"] == phone
            };
            Ok(list(&shown["salonBookings"], "list").find(same).map(|booking| format!("salonBookings: {booking}")))
        })
        .await
    }

    /// Asks the subgraph as the gateway would: with the owner's identity and the router's secret.
    async fn graphql(&self, query: &str, variables: &Value) -> Result<Value, Broken> {
        let user = BASE64_STANDARD.encode(json!({"_id": "story-owner", "isOwner": true}).to_string());
        let mut call = self.http.post(&self.places.graphql).header("userid", "story-owner").header("user", user);
        if let Some(secret) = &self.places.router_secret {
            call = call.header("router-authorization", secret);
        }
        let mut answer = answer("/graphql", call.json(&json!({"query": query, "variables": variables}))).await?;
        if answer["errors"].is_array() { Err(format!("GraphQL: {}", answer["errors"])) } else { Ok(answer["data"].take()) }
    }
}

async fn answer(what: &str, call: reqwest::RequestBuilder) -> Result<Value, Broken> {
    let reply = call.send().await.map_err(|error| error.to_string())?;
    let good = reply.status().is_success();
    let answer: Value = reply.json().await.map_err(|error| format!("{what}: {error}"))?;
    if good { Ok(answer) } else { Err(format!("{what}: {answer}")) }
}

fn list<'a>(of: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    of[name].as_array().into_iter().flatten()
}
