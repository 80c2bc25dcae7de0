//! What the tenant file says of Bitrix24 alone.

use std::collections::BTreeMap;

use serde::Deserialize;
use url::Url;

use crate::{
    crm::{BookingState, CrmAccount},
    vendor::Failure,
};

/// The settings of one connection. Ids are the portal's.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Settings {
    /// Whose webhook it is: a part of its address. Not needed by an application.
    #[serde(default)]
    pub(super) user_id: Option<u64>,
    /// The user who gets what no master is mapped for.
    pub(super) responsible_id: u64,
    /// By the master's key in the tenant file: their user.
    #[serde(default)]
    pub(super) staff: BTreeMap<String, u64>,
    /// A row of the directory SOURCE. Without one Bitrix24 takes the directory's first (Bitrix24 note, 3.2), so one is always sent.
    #[serde(default = "web")]
    pub(super) source_id: String,
    /// The deals' pipeline; none for the common one.
    #[serde(default)]
    pub(super) category_id: Option<u64>,
    /// The deals' stages. What is not named is not written.
    #[serde(default)]
    pub(super) stages: Stages,
    /// Where tokens are exchanged.
    #[serde(default = "oauth_server")]
    oauth_url: String,
}

/// Which stage a deal is moved to when its visit comes to stand so.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Stages {
    #[serde(default)]
    planned: Option<String>,
    #[serde(default)]
    completed: Option<String>,
    #[serde(default)]
    cancelled_by_client: Option<String>,
    #[serde(default)]
    cancelled_by_salon: Option<String>,
    #[serde(default)]
    no_show: Option<String>,
}

impl Settings {
    /// The settings of this account.
    pub(super) fn of(account: &CrmAccount) -> Result<Self, Failure> {
        account.settings()
    }

    /// The user a master is in the portal.
    pub(super) fn user(&self, master_key: Option<&str>) -> u64 {
        master_key.and_then(|key| self.staff.get(key)).copied().unwrap_or(self.responsible_id)
    }

    /// Every user who is named, once.
    pub(super) fn users(&self) -> Vec<u64> {
        let mut users: Vec<u64> = self.staff.values().copied().chain([self.responsible_id]).collect();
        users.sort_unstable();
        users.dedup();
        users
    }

    /// Where tokens are exchanged. Guarded like every address when it is called.
    pub(super) fn oauth_url(&self) -> Result<Url, Failure> {
        self.oauth_url.parse().map_err(|_| Failure::permanent("settings"))
    }

    /// The directory that holds the deals' stages.
    pub(super) fn stage_directory(&self) -> String {
        match self.category_id {
            None | Some(0) => "DEAL_STAGE".to_owned(),
            Some(category) => format!("DEAL_STAGE_{category}"),
        }
    }
}

impl Stages {
    /// The stage of a state.
    pub(super) fn of(&self, state: BookingState) -> Option<&str> {
        let stage = match state {
            BookingState::Planned => &self.planned,
            BookingState::Completed => &self.completed,
            BookingState::CancelledByClient => &self.cancelled_by_client,
            BookingState::CancelledBySalon => &self.cancelled_by_salon,
            BookingState::NoShow => &self.no_show,
        };
        stage.as_deref()
    }

    /// The state of a stage; none where two states share it, or none has it.
    pub(super) fn state(&self, stage: &str) -> Option<BookingState> {
        let mut states = BookingState::ALL.into_iter().filter(|state| self.of(*state) == Some(stage));
        let first = states.next()?;
        states.next().is_none().then_some(first)
    }

    /// Every stage that is named.
    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        BookingState::ALL.into_iter().filter_map(|state| self.of(state))
    }
}

fn web() -> String {
    "WEB".to_owned()
}

fn oauth_server() -> String {
    "https://oauth.bitrix.info/".to_owned()
}
