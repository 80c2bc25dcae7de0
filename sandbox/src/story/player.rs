//! The client's hands and eyes: presses buttons, moves the clock, looks at every side.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{Broken, Places};

const BOT: i64 = 6_100_000_001;
const PERSON: i64 = 700_100_200;
/// Real time, whatever the clock shows: a step that takes longer is broken.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Player {
    http: reqwest::Client,
    places: Places,
    /// Messages of the bot that are already behind us.
    read: usize,
}

/// A message of the bot.
struct Shown(Value);

impl Shown {
    fn text(&self) -> &str {
        self.0["text"].as_str().unwrap_or_default()
    }

    fn buttons(&self) -> Vec<(String, String)> {
        let rows = self.0["reply_markup"]["inline_keyboard"].as_array().cloned().unwrap_or_default();
        let buttons = rows.iter().filter_map(Value::as_array).flatten();
        buttons
            .filter_map(|button| Some((button["text"].as_str()?.to_owned(), button["callback_data"].as_str()?.to_owned())))
            .collect()
    }
}

impl Player {
    pub(super) fn new(places: Places) -> Self {
        Self { http: reqwest::Client::new(), places, read: 0 }
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, Broken> {
        let reply = self.http.get(format!("{}{path}", self.places.sandbox)).send().await.map_err(|error| error.to_string())?;
        reply.json().await.map_err(|error| error.to_string())
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, Broken> {
        let call = self.http.post(format!("{}{path}", self.places.sandbox)).json(body);
        let reply = call.send().await.map_err(|error| error.to_string())?;
        let good = reply.status().is_success();
        let answer: Value = reply.json().await.map_err(|error| error.to_string())?;
        if good { Ok(answer) } else { Err(format!("{path}: {answer}")) }
    }

    /// Looks until `see` finds something.
    async fn until<T>(&self, what: &str, mut see: impl AsyncFnMut() -> Result<Option<T>, Broken>) -> Result<T, Broken> {
        let begun = Instant::now();
        loop {
            if let Some(seen) = see().await? {
                return Ok(seen);
            }
            if begun.elapsed() > PATIENCE {
                let last = self.bot_messages().await?.last().map(|shown| shown.text().to_owned()).unwrap_or_default();
                return Err(format!("{what}; the bot last said: {last:?}"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn bot_messages(&self) -> Result<Vec<Shown>, Broken> {
        let chat = self.get(&format!("/control/telegram/bots/{BOT}/people/{PERSON}")).await.unwrap_or_default();
        let messages = chat["messages"].as_array().cloned().unwrap_or_default();
        Ok(messages.into_iter().filter(|one| one["by_bot"] == true).map(|mut one| Shown(one["message"].take())).collect())
    }

    pub(super) async fn act(&self, action: Value) -> Result<(), Broken> {
        self.post(&format!("/control/telegram/bots/{BOT}/people/{PERSON}"), &action).await.map(|_| ())
    }

    /// A webhook with a wrong secret, as anybody on the internet could send it.
    pub(super) async fn forge(&self) -> Result<u16, Broken> {
        let update = json!({ "update_id": 1, "message": { "message_id": 1, "date": 1, "chat": { "id": 1, "type": "private" }, "text": "forged" } });
        let answer =
            self.post(&format!("/control/telegram/bots/{BOT}/forge"), &json!({ "update": update, "secret": "wrong" })).await?;
        Ok(answer["status"].as_u64().and_then(|status| status.try_into().ok()).unwrap_or_default())
    }

    /// The next message that carries buttons and has not been answered yet.
    async fn screen(&self, wanted: &str, fits: impl Fn(&Shown) -> bool) -> Result<(usize, Shown), Broken> {
        self.until(&format!("no screen with {wanted}"), async || {
            let shown = self.bot_messages().await?.into_iter().enumerate().skip(self.read);
            Ok(shown.filter(|(_, shown)| fits(shown)).last())
        })
        .await
    }

    /// Presses the button whose label begins with `label`. Returns what the screen said.
    pub(super) async fn press(&mut self, label: &str) -> Result<String, Broken> {
        let begins = |(text, _): &(String, String)| text.starts_with(label);
        let (n, shown) = self.screen(&format!("a button {label:?}"), |shown| shown.buttons().iter().any(begins)).await?;
        let (_, data) = shown.buttons().into_iter().find(begins).unwrap_or_default();
        self.read = n + 1;
        self.act(json!({ "do": "press", "message_id": shown.0["message_id"], "data": data })).await?;
        Ok(shown.text().to_owned())
    }

    /// Presses the n-th button of the next screen. Returns its label.
    pub(super) async fn press_nth(&mut self, wanted: usize) -> Result<String, Broken> {
        let (n, shown) = self.screen("buttons", |shown| !shown.buttons().is_empty()).await?;
        let buttons = shown.buttons();
        let (label, data) = buttons.into_iter().nth(wanted).ok_or_else(|| format!("{:?} has too few buttons", shown.text()))?;
        self.read = n + 1;
        self.act(json!({ "do": "press", "message_id": shown.0["message_id"], "data": data })).await?;
        Ok(label)
    }

    /// Presses the button under the text field that shares the client's own number.
    pub(super) async fn share_contact(&mut self) -> Result<String, Broken> {
        self.until("no contact button", async || {
            let chat = self.get(&format!("/control/telegram/bots/{BOT}/people/{PERSON}")).await?;
            Ok(chat["keyboard"].to_string().contains("\"request_contact\":true").then_some(()))
        })
        .await?;
        let shown = self.bot_messages().await?;
        self.read = shown.len();
        self.act(json!({ "do": "contact" })).await?;
        Ok(shown.last().map(|shown| shown.text().to_owned()).unwrap_or_default())
    }

    pub(super) async fn bot_says(&self, text: &str) -> Result<String, Broken> {
        self.until(&format!("the bot never said {text:?}"), async || {
            let messages = self.bot_messages().await?;
            Ok(messages.iter().skip(self.read).find(|shown| shown.text().contains(text)).map(|shown| shown.text().to_owned()))
        })
        .await
    }

    pub(super) async fn calendar_booking(&self, status: &str) -> Result<Value, Broken> {
        self.until(&format!("cal.com has no {status} booking"), async || {
            let calendar = self.get("/control/vendors/calcom").await?;
            let bookings = calendar["bookings"].as_array().cloned().unwrap_or_default();
            let mut ours = bookings.into_iter().filter(|booking| booking["metadata"]["salonBooking"].is_string());
            Ok(ours.find(|booking| booking["status"] == status))
        })
        .await
    }

    /// The client's record and a message of the talk that contains `text`.
    pub(super) async fn crm_knows(&self, text: &str) -> Result<String, Broken> {
        self.until(&format!("the CRM has no customer with a message {text:?}"), async || {
            let crm = self.get("/control/vendors/erxes").await?;
            let all = |name: &str| crm[name].as_array().cloned().unwrap_or_default();
            let customers = all("customers");
            let messages = all("messages");
            let told = messages.iter().any(|message| message["content"].as_str().is_some_and(|content| content.contains(text)));
            let known = customers.iter().find(|customer| customer["primaryPhone"].is_string());
            Ok(known.filter(|_| told && customers.len() == 1).map(|customer| {
                let talks = all("conversations").len();
                format!(
                    "erxes: {} {}, {talks} conversation, {} messages",
                    customer["firstName"],
                    customer["primaryPhone"],
                    messages.len()
                )
            }))
        })
        .await
    }

    /// Asks the subgraph as the gateway would: with the owner's identity and the router's secret.
    pub(super) async fn product_booking(&self, start: DateTime<Utc>, status: &str) -> Result<String, Broken> {
        let tenants = self.graphql("{ salonTenants { list { _id name } } }", &json!({})).await?;
        let tenant = tenants["salonTenants"]["list"][0]["_id"].clone();
        let query = "query($t: String!) { salonBookings(tenantId: $t) { list { startAt status serviceTitle staffName } } }";
        self.until(&format!("the subgraph shows no booking that is {status}"), async || {
            let answer = self.graphql(query, &json!({ "t": tenant })).await?;
            let list = answer["salonBookings"]["list"].as_array().cloned().unwrap_or_default();
            let same =
                |booking: &&Value| booking["startAt"].as_str().and_then(|at| at.parse::<DateTime<Utc>>().ok()) == Some(start);
            let found = list.iter().filter(|booking| booking["status"] == status).find(same);
            Ok(found.map(|booking| format!("salonBookings: {booking}")))
        })
        .await
    }

    async fn graphql(&self, query: &str, variables: &Value) -> Result<Value, Broken> {
        use base64::{Engine, prelude::BASE64_STANDARD};
        let user = BASE64_STANDARD.encode(json!({ "_id": "story-owner", "isOwner": true }).to_string());
        let mut call = self.http.post(&self.places.graphql).header("userid", "story-owner").header("user", user);
        if let Some(secret) = &self.places.router_secret {
            call = call.header("router-authorization", secret);
        }
        let reply =
            call.json(&json!({ "query": query, "variables": variables })).send().await.map_err(|error| error.to_string())?;
        let mut answer: Value = reply.json().await.map_err(|error| error.to_string())?;
        if answer["errors"].is_array() { Err(format!("GraphQL: {}", answer["errors"])) } else { Ok(answer["data"].take()) }
    }

    pub(super) async fn clock_to(&self, moment: DateTime<Utc>) -> Result<(), Broken> {
        self.post("/control/clock/advance", &json!({ "to": moment })).await.map(|_| ())
    }

    /// Waits until the product has seen the clock and had time to act on it: a reminder that came too early would be here by then.
    pub(super) async fn settle(&self) -> Result<(), Broken> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(())
    }

    pub(super) async fn reminders(&self) -> Result<usize, Broken> {
        Ok(self.bot_messages().await?.iter().filter(|shown| shown.text().contains("Напоминаем")).count())
    }

    pub(super) async fn reminder_number(&mut self, number: usize) -> Result<String, Broken> {
        let (text, read) = self
            .until(&format!("reminder number {number} never came"), async || {
                let messages = self.bot_messages().await?;
                let reminders: Vec<_> =
                    messages.iter().enumerate().filter(|(_, shown)| shown.text().contains("Напоминаем")).collect();
                Ok((reminders.len() == number)
                    .then(|| reminders.last().map(|(n, shown)| (shown.text().to_owned(), *n)))
                    .flatten())
            })
            .await?;
        self.read = read;
        Ok(text)
    }

    /// Asks cal.com as anybody may.
    pub(super) async fn slot_is_free(&self, start: DateTime<Utc>) -> Result<bool, Broken> {
        let day = start.format("%Y-%m-%d").to_string();
        let call = self.http.get(format!("{}/v2/slots", self.places.sandbox)).header("cal-api-version", "2024-09-04");
        let reply = call
            .query(&[("eventTypeId", "101"), ("start", &day), ("end", &day)])
            .send()
            .await
            .map_err(|error| error.to_string())?;
        let answer: Value = reply.json().await.map_err(|error| error.to_string())?;
        let days = answer["data"].as_object().cloned().unwrap_or_default();
        let mut starts = days.values().filter_map(Value::as_array).flatten().filter_map(|slot| slot["start"].as_str());
        Ok(starts.any(|free| free.parse::<DateTime<Utc>>().ok() == Some(start)))
    }
}
