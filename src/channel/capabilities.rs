//! What a channel can do, as data. The core branches on these fields and never on a vendor's name; each adapter
//! declares one constant of them.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use unicode_segmentation::UnicodeSegmentation;

/// The unit in which a vendor counts the length of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes of UTF-8. Instagram counts its 1,000 so: 500 Cyrillic letters.
    Utf8Bytes,
    /// UTF-16 code units, as Telegram counts. Never fewer than characters, so it is also the safe reading
    /// of a vendor who says "characters" without saying which.
    Utf16Units,
    /// Unicode scalar values.
    Chars,
    /// User-perceived characters (extended grapheme clusters).
    Graphemes,
}

/// The most text that fits somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The largest allowed length, in `unit`.
    pub max: usize,
    /// What `max` counts.
    pub unit: Unit,
}

impl Limit {
    /// A limit of `max` times `unit`.
    pub const fn new(max: usize, unit: Unit) -> Self {
        Self { max, unit }
    }

    /// The length of `text` in this limit's unit.
    pub fn measure(self, text: &str) -> usize {
        match self.unit {
            Unit::Utf8Bytes => text.len(),
            Unit::Utf16Units => text.encode_utf16().count(),
            Unit::Chars => text.chars().count(),
            Unit::Graphemes => text.graphemes(true).count(),
        }
    }

    /// Whether `text` is within the limit.
    pub fn fits(self, text: &str) -> bool {
        self.measure(text) <= self.max
    }

    /// `text` itself, or its longest prefix of whole grapheme clusters that fits together with an ellipsis.
    pub fn cut(self, text: &str) -> String {
        self.cut_with(text, "")
    }

    /// Like [`Limit::cut`], with `suffix` always kept at the end.
    pub fn cut_with(self, text: &str, suffix: &str) -> String {
        let whole = format!("{text}{suffix}");
        if self.fits(&whole) {
            return whole;
        }
        let room = self.max.saturating_sub(self.measure(suffix) + self.measure(ELLIPSIS));
        let mut used = 0;
        let kept = text.graphemes(true).take_while(|cluster| {
            used += self.measure(cluster);
            used <= room
        });
        let mut out: String = kept.collect();
        out.truncate(out.trim_end().len());
        out.push_str(ELLIPSIS);
        out.push_str(suffix);
        out
    }
}

const ELLIPSIS: &str = "…";

/// How many buttons one message may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ButtonBudget {
    /// Rows of the keyboard.
    pub rows: usize,
    /// Buttons in one row.
    pub per_row: usize,
    /// Buttons in all; may be less than `rows * per_row` (VK inline: 10 of 6 x 5).
    pub total: usize,
    /// The longest label; `None` where the vendor states none.
    pub label: Option<Limit>,
    /// Bytes of the hidden payload. The dialogue's tokens never need more than 64.
    pub payload_bytes: usize,
}

/// A list of rows behind one button, for a channel that has it beside plain buttons (WhatsApp: 10 rows).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListBudget {
    /// Rows in all sections together.
    pub rows: usize,
    /// The longest row title.
    pub label: Limit,
    /// The longest label of the button that opens the list.
    pub open_label: Limit,
}

/// What the vendor tells us of a sent message's fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipts {
    /// Nothing after the answer to the send.
    None,
    /// That the client has read it.
    Read,
    /// That it was delivered, and that it was read.
    DeliveredAndRead,
}

/// One channel's abilities and limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The longest text of one message that carries a keyboard (the smaller of the limits, where there are two).
    pub text_limit: Limit,
    /// Buttons on a message; `None`: the client types the number of a choice.
    pub buttons: Option<ButtonBudget>,
    /// A list for more choices than `buttons` holds.
    pub list: Option<ListBudget>,
    /// The client can share the number of their own account with a button.
    pub contact_request: bool,
    /// A reply keyboard stays on the client's screen until it is removed by a message.
    pub sticky_keyboard: bool,
    /// A "typing" sign can be shown.
    pub typing: bool,
    /// A press of a button waits for an answer of its own (a spinner turns until it comes).
    pub callback_answer: bool,
    /// A sent message's text and keyboard can be changed.
    pub edits: bool,
    /// Delivery states the vendor reports.
    pub receipts: Receipts,
    /// How long after the client's last message free text is allowed; `None`: always.
    pub session_window: Option<Duration>,
    /// For how long after the first try the vendor recognises a repeated send by our key, so that an unknown outcome may be retried safely;
    /// `None`: never.
    pub deduplicates_for: Option<Duration>,
    /// How long to wait for a report or an echo that proves a send whose answer was lost, before it is sent again; `None`: nothing would tell.
    pub reports_unknown_within: Option<Duration>,
    /// Messages outside the window can be sent as approved templates.
    pub templates: bool,
    /// Events carry the person's name; where they don't, it is asked for.
    pub names_in_events: bool,
    /// How long a credential lives; it is renewed half-way. `None`: until somebody revokes it.
    pub credential_life: Option<Duration>,
}

/// Closed a little early: the message must be there before the vendor closes it.
const WINDOW_MARGIN: TimeDelta = TimeDelta::minutes(5);

impl Capabilities {
    /// Whether the vendor takes a message in our own words at `now` from a client who last wrote at `last_inbound_at`.
    pub fn takes_free_text(&self, last_inbound_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
        let Some(window) = self.session_window.and_then(|window| TimeDelta::from_std(window).ok()) else { return true };
        last_inbound_at.is_some_and(|wrote| now < wrote + window - WINDOW_MARGIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_keeps_clusters_whole_in_every_unit() {
        let family = "👨‍👩‍👧‍👦";
        let text = format!("Анна {family}{family}");
        for (unit, max) in [(Unit::Utf8Bytes, 20), (Unit::Utf16Units, 10), (Unit::Chars, 8), (Unit::Graphemes, 6)] {
            let limit = Limit::new(max, unit);
            let cut = limit.cut(&text);
            assert!(limit.fits(&cut), "{unit:?}: {cut}");
            assert_eq!(cut, "Анна…", "{unit:?}");
        }
    }

    #[test]
    fn cut_leaves_a_fitting_text_alone_and_keeps_the_suffix() {
        let limit = Limit::new(10, Unit::Chars);
        assert_eq!(limit.cut("0123456789"), "0123456789");
        assert_eq!(limit.cut("0123456789a"), "012345678…");
        assert_eq!(limit.cut_with("0123456789", " 2"), "0123456… 2");
    }
}
