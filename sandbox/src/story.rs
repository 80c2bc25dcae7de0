//! The demo's story without a browser: a client books, the CRM record appears, the clock moves, reminders arrive, the client cancels,
//! the slot is free again. Each step prints its evidence, taken from the vendors' side and from the product's own API.
#![allow(clippy::print_stdout, reason = "the story is told on standard output")]

mod player;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use player::Player;

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

/// Tells the story. Returns whether every step had its evidence.
pub async fn tell(places: Places) -> bool {
    let mut teller = Teller { player: Player::new(places), passed: 0 };
    match teller.chapters().await {
        Ok(()) => {
            println!("\n{} passed, 0 failed", teller.passed);
            true
        }
        Err(broken) => {
            println!("  MISSING  {broken}");
            println!("\n{} passed, 1 failed", teller.passed);
            false
        }
    }
}

struct Teller {
    player: Player,
    passed: usize,
}

impl Teller {
    fn seen(&mut self, step: &str, evidence: &str) {
        self.passed += 1;
        println!("  {:>2}. {step}\n      {}", self.passed, evidence.replace('\n', "\n      "));
    }

    async fn chapters(&mut self) -> Result<(), Broken> {
        self.forged().await?;
        let start = self.booking().await?;
        self.records(start).await?;
        self.reminders(start).await?;
        self.cancellation(start).await?;
        self.honesty().await
    }

    async fn forged(&mut self) -> Result<(), Broken> {
        let status = self.player.forge().await?;
        if status != 401 {
            return Err(format!("a forged webhook was answered {status} instead of 401"));
        }
        self.seen("a forged webhook is refused", "POST with a wrong secret token: 401");
        Ok(())
    }

    /// From the first word to the confirmation. Returns when the visit begins.
    async fn booking(&mut self) -> Result<DateTime<Utc>, Broken> {
        self.player.act(json!({ "do": "start" })).await?;
        let screen = self.player.press("Русский").await?;
        self.seen("the client opens the chat and picks a language", &screen);
        let screen = self.player.share_contact().await?;
        self.seen("the client shares the number by the contact button", &screen);
        let mut shown = String::new();
        for label in ["Записаться", "Стрижка", "Ольга"] {
            shown = self.player.press(label).await?;
        }
        self.seen("service and master are picked", &shown);
        let day = self.player.press_nth(2).await?;
        let slot = self.player.press_nth(1).await?;
        self.seen("day and time are picked", &format!("{day} / {slot}"));
        self.player.press("Подтвердить").await?;
        let confirmation = self.player.bot_says("Готово, вы записаны").await?;
        self.seen("the confirmation arrives", &confirmation);
        let booking = self.player.calendar_booking("accepted").await?;
        let start =
            booking["start"].as_str().and_then(|start| start.parse().ok()).ok_or("the calendar's booking has no start")?;
        let attendee = &booking["attendees"][0];
        let evidence =
            format!("cal.com: {} {} for {} ({})", booking["status"], booking["start"], attendee["name"], attendee["phoneNumber"]);
        self.seen("the booking stands in cal.com", &evidence);
        Ok(start)
    }

    async fn records(&mut self, start: DateTime<Utc>) -> Result<(), Broken> {
        let crm = self.player.crm_knows("Готово, вы записаны").await?;
        self.seen("the CRM has the client and the talk", &crm);
        let status = self.player.product_booking(start, "booked").await?;
        self.seen("the subgraph tells the same", &status);
        Ok(())
    }

    async fn reminders(&mut self, start: DateTime<Utc>) -> Result<(), Broken> {
        let before = self.player.reminders().await?;
        self.player.clock_to(start - TimeDelta::days(1) - TimeDelta::minutes(2)).await?;
        self.player.settle().await?;
        if self.player.reminders().await? != before {
            return Err("the day-before reminder came too early".to_owned());
        }
        self.player.clock_to(start - TimeDelta::days(1) + TimeDelta::seconds(30)).await?;
        let first = self.player.reminder_number(before + 1).await?;
        self.seen("the clock moves to the visit's hour on the day before: the first reminder arrives", &first);
        self.player.clock_to(start - TimeDelta::hours(2) + TimeDelta::seconds(30)).await?;
        let second = self.player.reminder_number(before + 2).await?;
        self.seen("two hours before the visit: the second reminder arrives", &second);
        Ok(())
    }

    async fn cancellation(&mut self, start: DateTime<Utc>) -> Result<(), Broken> {
        if self.player.slot_is_free(start).await? {
            return Err("the slot was never taken".to_owned());
        }
        self.player.press("Мои записи").await?;
        self.player.press_nth(0).await?;
        self.player.press("Отменить визит").await?;
        self.player.press("Да, отменить").await?;
        let said = self.player.bot_says("Визит отменён").await?;
        let booking = self.player.calendar_booking("cancelled").await?;
        self.seen("the client cancels in the chat", &format!("{said}\ncal.com: {} {}", booking["status"], booking["start"]));
        if !self.player.slot_is_free(start).await? {
            return Err("the slot is still taken".to_owned());
        }
        self.seen("the slot is free again", &format!("cal.com offers {start}"));
        let status = self.player.product_booking(start, "cancelled").await?;
        self.seen("the subgraph tells the same", &status);
        let crm = self.player.crm_knows("отменена").await?;
        self.seen("the CRM knows of the cancellation", &crm);
        Ok(())
    }

    async fn honesty(&mut self) -> Result<(), Broken> {
        let ledger = self.player.get("/control/ledger").await?;
        let violations = self.player.get("/control/violations").await?;
        if violations != Value::Array(Vec::new()) {
            return Err(format!("requests that a vendor's specification forbids: {violations}"));
        }
        self.seen("every request keeps to the vendors' specifications", &format!("{} requests, 0 violations", ledger["total"]));
        Ok(())
    }
}
