//! What vendors report afterwards: what became of a message of ours, and what they say of an account.

use serde::{Deserialize, Serialize};

use crate::vendor::Class;

/// A message of ours as a vendor names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageRef {
    /// By the vendor's id.
    Vendor(String),
    /// By the vendor's id and by the key we gave with the send ([`super::Outbound::key`]): known even if the answer to the send was lost.
    Both {
        /// The vendor's id.
        vendor: String,
        /// Our key.
        key: uuid::Uuid,
    },
}

impl MessageRef {
    /// The vendor's id.
    pub fn vendor(&self) -> &str {
        match self {
            Self::Vendor(id) | Self::Both { vendor: id, .. } => id,
        }
    }

    /// The key we gave with the send, if the vendor repeats it.
    pub const fn key(&self) -> Option<uuid::Uuid> {
        match self {
            Self::Vendor(_) => None,
            Self::Both { key, .. } => Some(*key),
        }
    }
}

/// What a vendor reports of a message of ours. Reports come late, twice and in any order: the furthest counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Delivery {
    /// The vendor sent it on.
    Sent,
    /// It is on the person's phone.
    Delivered,
    /// The person has seen it.
    Read,
    /// It will not arrive.
    Failed {
        /// What that means, by the vendor's table of errors.
        class: FailedClass,
        /// The vendor's code.
        code: String,
    },
}

/// The classes of a failure reported after the send was accepted. As [`Class`], without the times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailedClass {
    /// It may succeed later.
    Retry,
    /// Never.
    Permanent,
    /// This person can't be reached here.
    Unreachable,
    /// As a template it would.
    NeedsTemplate,
    /// The account may not send.
    Credential,
}

impl From<Class> for FailedClass {
    fn from(class: Class) -> Self {
        match class {
            Class::Retry { .. } => Self::Retry,
            // The vendor says that it failed: there is nothing unknown about it.
            Class::Permanent | Class::Unknown => Self::Permanent,
            Class::Unreachable => Self::Unreachable,
            Class::NeedsTemplate => Self::NeedsTemplate,
            Class::Credential => Self::Credential,
        }
    }
}

impl From<FailedClass> for Class {
    fn from(class: FailedClass) -> Self {
        match class {
            FailedClass::Retry => Self::Retry { after: None },
            FailedClass::Permanent => Self::Permanent,
            FailedClass::Unreachable => Self::Unreachable,
            FailedClass::NeedsTemplate => Self::NeedsTemplate,
            FailedClass::Credential => Self::Credential,
        }
    }
}

/// What a vendor tells about an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum AccountNotice {
    /// A template may be sent, or may not.
    Template {
        /// Its name.
        name: String,
        /// Its language, as the vendor writes it.
        language: String,
        /// Whether it may be sent.
        status: TemplateStatus,
    },
    /// Something that a person should look at (quality, limits, restrictions). Never a reason to stop by itself.
    Alert {
        /// The vendor's name or code for it.
        code: String,
    },
}

/// Whether a template may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplateStatus {
    /// It may.
    Approved,
    /// Not yet: the vendor looks at it.
    Pending,
    /// The vendor does not allow it.
    Rejected,
    /// Not for now: clients complained.
    Paused,
    /// Never again.
    Disabled,
}

impl TemplateStatus {
    /// The name in the database and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Pending => "pending",
            Self::Rejected => "rejected",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
        }
    }
}
