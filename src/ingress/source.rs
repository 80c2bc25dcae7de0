//! Who posts to us: the first part of a webhook's address.

use crate::{
    channel::{ChannelKind, adapter},
    crm::CrmKind,
};

/// cal.com's largest payloads are some tens of kilobytes.
const CALENDAR_BODY_LIMIT: usize = 1024 * 1024;

/// EspoCRM posts up to 50 records at once, with all their fields.
const CRM_BODY_LIMIT: usize = 4 * 1024 * 1024;

/// A vendor that sends webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A messenger.
    Channel(ChannelKind),
    /// The calendar.
    Calendar,
    /// A CRM.
    Crm(CrmKind),
}

impl Source {
    /// The source of that name, as in addresses and in `endpoint.source`.
    pub(super) fn named(name: &str) -> Option<Self> {
        if name == Self::Calendar.as_str() {
            return Some(Self::Calendar);
        }
        name.parse().map(Self::Channel).or_else(|_| name.parse().map(Self::Crm)).ok()
    }

    /// Its name, everywhere.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Channel(kind) => kind.as_str(),
            Self::Calendar => "calcom",
            Self::Crm(kind) => kind.as_str(),
        }
    }

    /// The seconds after which it should repeat what could not be stored; none where its own schedule is better.
    pub(super) fn come_back(self) -> Option<u16> {
        match self {
            Self::Channel(kind) => adapter(kind).come_back(),
            Self::Calendar | Self::Crm(_) => None,
        }
    }

    /// The largest body it sends, in bytes.
    pub(super) fn body_limit(self) -> usize {
        match self {
            Self::Channel(kind) => adapter(kind).body_limit(),
            Self::Calendar => CALENDAR_BODY_LIMIT,
            Self::Crm(_) => CRM_BODY_LIMIT,
        }
    }
}
