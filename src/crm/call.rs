//! How a CRM is called: at whose pace, and for how long.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use super::CrmAccount;
use crate::{
    ids::ConnectionId,
    vendor::{Class, Failure, Http, HttpError, Pacer, Rate, Reply, Request},
};

/// How often an account is called, by all our processes together.
#[derive(Debug, Clone)]
pub struct Pace<'a> {
    pacer: &'a Pacer,
    account: String,
    limits: Vec<(String, Rate)>,
}

impl<'a> Pace<'a> {
    /// The pace of a connection's account.
    pub fn of(pacer: &'a Pacer, connection: ConnectionId, rate: Rate) -> Self {
        let account = pace_key(connection);
        Self { pacer, limits: vec![(account.clone(), rate)], account }
    }

    /// And so often for one thing that it is called for.
    #[must_use]
    pub fn and(mut self, purpose: String, rate: Rate) -> Self {
        self.limits.push((purpose, rate));
        self
    }

    /// Counts one call.
    ///
    /// # Errors
    /// The time until the same question may be answered with yes.
    pub async fn take_turn(&self) -> Result<(), Duration> {
        self.pacer.acquire(&self.limits).await
    }

    /// Takes a turn, and waits for it if it is near.
    async fn wait_for_turn(&self, patience: Duration) -> Result<(), Unsent> {
        let mut waited = Duration::ZERO;
        while let Err(after) = self.take_turn().await {
            waited += after;
            if waited > patience {
                return Err(Unsent::Paced(after));
            }
            tokio::time::sleep(after).await;
        }
        Ok(())
    }
}

/// Under which name the calls of a connection's account are counted.
pub fn pace_key(connection: ConnectionId) -> String {
    format!("crm:{connection}")
}

/// The code of a failure that says: the call was not made, its turn comes only later. No news to whoever keeps the pace.
pub const PACED: &str = "paced";

/// How long a person who waits for the answer waits for one call.
pub const INTERACTIVE: Duration = Duration::from_secs(3);
/// How long a worker waits for one call.
pub const UNATTENDED: Duration = Duration::from_secs(15);

/// A way to call one account: every request of an adapter goes through [`CrmCall::send`].
#[derive(Debug)]
pub struct CrmCall<'a> {
    http: &'a Http,
    /// As whom.
    pub account: &'a CrmAccount,
    /// How long one request may take.
    pub patience: Duration,
    pace: Option<Pace<'a>>,
    prepaid: AtomicBool,
    answered: AtomicBool,
}

impl<'a> CrmCall<'a> {
    /// Calls without a pace: for what a person does once.
    pub fn new(http: &'a Http, account: &'a CrmAccount, patience: Duration) -> Self {
        Self { http, account, patience, pace: None, prepaid: AtomicBool::new(false), answered: AtomicBool::new(false) }
    }

    /// Calls that keep a pace.
    #[must_use]
    pub fn paced(self, pace: Pace<'a>) -> Self {
        Self { pace: Some(pace), ..self }
    }

    /// The turn of the first request was taken already.
    #[must_use]
    pub fn prepaid(self) -> Self {
        Self { prepaid: AtomicBool::new(true), ..self }
    }

    /// Waits for its turn and sends. The request's own time-out should be [`CrmCall::patience`].
    ///
    /// # Errors
    /// [`HttpError`], or the time until its turn if that is too far off to wait for here.
    pub async fn send(&self, request: Request) -> Result<Reply, Unsent> {
        if let Some(pace) = &self.pace
            && !self.prepaid.swap(false, Ordering::Relaxed)
        {
            pace.wait_for_turn(self.patience).await?;
        }
        let reply = self.http.send(request).await?;
        if reply.is_success() {
            self.answered.store(true, Ordering::Relaxed);
        }
        Ok(reply)
    }

    /// Whether any request was answered well: whatever failed after that, the CRM is there.
    pub fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    /// Keeps everybody from calling this account for a while: the answer said that a limit is near.
    pub async fn ease(&self, wait: Duration) {
        if let Some(pace) = &self.pace {
            pace.pacer.pause(&pace.account, wait).await;
        }
    }
}

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// It was not sent, or not answered.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Its turn comes only after this long: it was not sent.
    #[error("too many calls of this account")]
    Paced(Duration),
}

impl From<Unsent> for Failure {
    fn from(unsent: Unsent) -> Self {
        match unsent {
            Unsent::Http(error) => error.into(),
            Unsent::Paced(after) => Self::new(Class::Retry { after: Some(after) }, PACED),
        }
    }
}
