//! Five channels' budgets, as public documents give them; the adapters declare their own.

use std::time::Duration;

use crate::channel::capabilities::{ButtonBudget, Capabilities, Limit, ListBudget, Receipts, Unit};

const fn chars(max: usize) -> Limit {
    Limit::new(max, Unit::Utf16Units)
}

pub(super) const TELEGRAM: Capabilities = Capabilities {
    text_limit: chars(4_096),
    buttons: Some(ButtonBudget { rows: 13, per_row: 8, total: 100, label: None, payload_bytes: 64 }),
    list: None,
    contact_request: true,
    sticky_keyboard: true,
    typing: true,
    callback_answer: true,
    edits: true,
    receipts: Receipts::None,
    session_window: None,
    deduplicates_for: None,
    reports_unknown_within: None,
    templates: false,
    names_in_events: true,
    credential_life: None,
};

pub(super) const MAX: Capabilities = Capabilities {
    text_limit: chars(4_000),
    buttons: Some(ButtonBudget { rows: 30, per_row: 7, total: 210, label: Some(chars(128)), payload_bytes: 1_024 }),
    sticky_keyboard: false,
    receipts: Receipts::Read,
    ..TELEGRAM
};

pub(super) const VK: Capabilities = Capabilities {
    buttons: Some(ButtonBudget { rows: 6, per_row: 5, total: 10, label: Some(chars(40)), payload_bytes: 255 }),
    contact_request: false,
    sticky_keyboard: false,
    deduplicates_for: Some(Duration::from_secs(55 * 60)),
    ..TELEGRAM
};

pub(super) const WHATSAPP: Capabilities = Capabilities {
    text_limit: chars(1_024),
    buttons: Some(ButtonBudget { rows: 1, per_row: 3, total: 3, label: Some(chars(20)), payload_bytes: 256 }),
    list: Some(ListBudget { rows: 10, label: chars(24), open_label: chars(20) }),
    contact_request: false,
    sticky_keyboard: false,
    typing: true,
    callback_answer: false,
    edits: false,
    receipts: Receipts::DeliveredAndRead,
    session_window: Some(Duration::from_secs(24 * 3_600)),
    deduplicates_for: None,
    reports_unknown_within: Some(Duration::from_secs(150)),
    templates: true,
    names_in_events: true,
    credential_life: None,
};

pub(super) const INSTAGRAM: Capabilities = Capabilities {
    text_limit: Limit::new(1_000, Unit::Utf8Bytes),
    buttons: Some(ButtonBudget { rows: 1, per_row: 13, total: 13, label: Some(chars(20)), payload_bytes: 1_000 }),
    list: None,
    contact_request: true,
    templates: false,
    ..WHATSAPP
};

/// A channel with nothing but text.
pub(super) const BARE: Capabilities = Capabilities { buttons: None, contact_request: false, ..INSTAGRAM };

pub(super) const ALL: [(&str, Capabilities); 6] =
    [("telegram", TELEGRAM), ("max", MAX), ("vk", VK), ("whatsapp", WHATSAPP), ("instagram", INSTAGRAM), ("bare", BARE)];
