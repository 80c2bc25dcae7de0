//! The demo's story without a browser, told on each messenger in turn: a client books, the CRM record appears, the clock moves,
//! reminders arrive, the client cancels, the slot is free again. Each step prints its evidence, taken from the vendors' side and from
//! the product's own API.
#![allow(clippy::print_stdout, reason = "the story is told on standard output")]

mod channels;
mod client;
mod salon;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use self::{
    channels::{CHANNELS, Channel, Number},
    client::Client,
    salon::Salon,
};

/// Among the days offered, the one picked: far enough ahead that the first reminder comes more than a day after the client's last word.
const DAY: usize = 3;

/// Where everything is.
#[derive(Debug, Clone, clap::Args)]
pub struct Places {
    /// The sandbox's address.
    #[arg(long)]
    pub sandbox: String,
    /// The product's webhook address.
    #[arg(long)]
    pub ingress: String,
    /// The product's GraphQL endpoint.
    #[arg(long)]
    pub graphql: String,
    /// What the federation gateway proves itself with, if the product wants it.
    #[arg(long, env = "SALON_ROUTER_SECRET", hide_env_values = true)]
    pub router_secret: Option<String>,
}

/// Why the story broke off: the step, and what was seen instead.
type Broken = String;

/// Tells the story on every messenger. Returns whether every step had its evidence.
pub async fn tell(places: Places) -> bool {
    let mut teller = Teller { salon: Salon::new(places), passed: 0, failed: 0 };
    let known = teller.cast().await;
    teller.note("the salon", known);
    for channel in CHANNELS {
        println!("\n{}", channel.name);
        let told = teller.chapters(channel).await;
        teller.note(channel.name, told);
    }
    println!("\nAfterwards");
    let honest = teller.honesty().await;
    teller.note("the product", honest);
    println!("\n{} passed, {} failed", teller.passed, teller.failed);
    teller.failed == 0
}

struct Teller {
    salon: Salon,
    passed: usize,
    failed: usize,
}

impl Teller {
    fn seen(&mut self, who: &str, step: &str, evidence: &str) {
        self.passed += 1;
        println!("  {:>2}. {who}: {step}\n      {}", self.passed, evidence.replace('\n', "\n      "));
    }

    fn note(&mut self, who: &str, told: Result<(), Broken>) {
        if let Err(broken) = told {
            self.failed += 1;
            println!("  MISSING  {who}: {broken}");
        }
    }

    /// A messenger that the product speaks and the story does not would be left out without a word.
    async fn cast(&mut self) -> Result<(), Broken> {
        let mut known = self.salon.channels().await?;
        let mut played: Vec<String> = CHANNELS.iter().map(|channel| channel.vendor.to_owned()).collect();
        known.sort();
        played.sort();
        if known != played {
            return Err(format!("the product speaks {known:?} there, and the story is told on {played:?}"));
        }
        self.seen("the salon", "the product knows its messengers", &known.join(", "));
        Ok(())
    }

    async fn chapters(&mut self, channel: &'static Channel) -> Result<(), Broken> {
        let salon = self.salon.clone();
        let mut client = Client::new(&salon, channel);
        self.forged(&client).await?;
        let start = self.booking(&mut client).await?;
        self.records(channel, start).await?;
        self.reminders(&mut client, start).await?;
        self.cancellation(&mut client, start).await
    }

    async fn forged(&mut self, client: &Client<'_>) -> Result<(), Broken> {
        let status = client.forge().await?;
        if status != 401 {
            return Err(format!("a forged webhook was answered {status} instead of 401"));
        }
        self.seen(client.channel.name, "a forged webhook is refused", "POST with a wrong proof: 401");
        Ok(())
    }

    /// From the first word to the confirmation. Returns when the visit begins.
    async fn booking(&mut self, client: &mut Client<'_>) -> Result<DateTime<Utc>, Broken> {
        let Channel { name, phone, number, .. } = client.channel;
        client.act(json!({"do": "open"})).await?;
        let screen = client.press("Русский").await?;
        self.seen(name, "the client opens the chat and picks a language", &screen);
        let (how, screen) = match number {
            Number::Shared => ("the client shares the number by the contact button", client.share_number().await?),
            Number::Typed => ("the client types the number", client.type_number().await?),
            Number::Known => ("the channel vouches for the number: nobody asks for it", client.says("Чем помочь").await?),
        };
        self.seen(name, how, &format!("{screen}\n{phone}"));
        let mut shown = String::new();
        for label in ["Записаться", "Стрижка", "Ольга"] {
            shown = client.press(label).await?;
        }
        self.seen(name, "service and master are picked", &shown);
        let day = client.press_nth("Выберите день", DAY).await?;
        let slot = client.press_nth("Свободное время", 1).await?;
        self.seen(name, "day and time are picked", &format!("{day} / {slot}"));
        client.press("Подтвердить").await?;
        let confirmation = client.says("Готово, вы записаны").await?;
        self.seen(name, "the confirmation arrives", &confirmation);
        let booking = self.salon.calendar_booking(phone, "accepted").await?;
        let start = booking["start"].as_str().and_then(|start| start.parse().ok());
        let attendee = &booking["attendees"][0];
        let evidence =
            format!("cal.com: {} {} for {} ({})", booking["status"], booking["start"], attendee["name"], attendee["phoneNumber"]);
        self.seen(name, "the booking stands in cal.com", &evidence);
        start.ok_or_else(|| "the calendar's booking has no start".to_owned())
    }

    async fn records(&mut self, channel: &Channel, start: DateTime<Utc>) -> Result<(), Broken> {
        let crm = self.salon.crm_knows(channel, "Готово, вы записаны").await?;
        self.seen(channel.name, "the CRM has the client and the talk", &crm);
        let status = self.salon.product_booking(channel.phone, start, "booked").await?;
        self.seen(channel.name, "the subgraph tells the same", &status);
        Ok(())
    }

    async fn reminders(&mut self, client: &mut Client<'_>, start: DateTime<Utc>) -> Result<(), Broken> {
        let before = client.reminders().await?;
        self.salon.clock_to(start - TimeDelta::days(1) - TimeDelta::minutes(2)).await?;
        self.salon.settle().await;
        if client.reminders().await? != before {
            return Err("the day-before reminder came too early".to_owned());
        }
        let moments = [
            (TimeDelta::days(1), "the clock moves to the visit's hour on the day before: the first reminder arrives"),
            (TimeDelta::hours(2), "two hours before the visit: the second reminder arrives"),
        ];
        for ((ahead, step), before) in moments.into_iter().zip(before..) {
            self.salon.clock_to(start - ahead + TimeDelta::seconds(30)).await?;
            let reminder = client.reminder_after(before).await?;
            let evidence = client.channel.late.evidence(&reminder)?;
            self.seen(client.channel.name, step, &evidence);
        }
        Ok(())
    }

    async fn cancellation(&mut self, client: &mut Client<'_>, start: DateTime<Utc>) -> Result<(), Broken> {
        let Channel { name, phone, .. } = client.channel;
        if self.salon.slot_is_free(start).await? {
            return Err("the slot was never taken".to_owned());
        }
        client.press("Мои записи").await?;
        client.press_nth("Ваши визиты", 0).await?;
        client.press("Отменить визит").await?;
        client.press("Да, отменить").await?;
        let said = client.says("Визит отменён").await?;
        let booking = self.salon.calendar_booking(phone, "cancelled").await?;
        let evidence = format!("{said}\ncal.com: {} {}", booking["status"], booking["start"]);
        self.seen(name, "the client cancels in the chat", &evidence);
        if !self.salon.slot_is_free(start).await? {
            return Err("the slot is still taken".to_owned());
        }
        self.seen(name, "the slot is free again", &format!("cal.com offers {start}"));
        let status = self.salon.product_booking(phone, start, "cancelled").await?;
        self.seen(name, "the subgraph tells the same", &status);
        let crm = self.salon.crm_knows(client.channel, "отменена").await?;
        self.seen(name, "the CRM knows of the cancellation", &crm);
        Ok(())
    }

    async fn honesty(&mut self) -> Result<(), Broken> {
        let ledger = self.salon.get("/control/ledger").await?;
        let violations = self.salon.get("/control/violations").await?;
        if violations != Value::Array(Vec::new()) {
            return Err(format!("requests that a vendor's specification forbids: {violations}"));
        }
        let evidence = format!("{} requests, 0 violations", ledger["total"]);
        self.seen("the product", "every request keeps to the vendors' specifications", &evidence);
        Ok(())
    }
}
