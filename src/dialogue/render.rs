//! What a screen becomes on a channel.

use serde::{Deserialize, Serialize};

/// A message ready for an adapter: within the channel's limits already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendered {
    /// Text.
    pub text: String,
    /// Buttons.
    pub keyboard: Keyboard,
}

/// The buttons under a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Keyboard {
    /// None.
    None,
    /// Rows of buttons.
    Inline(Vec<Vec<Button>>),
    /// One button that shares the client's own number.
    RequestContact {
        /// Its label.
        label: String,
    },
    /// Takes away a keyboard that an earlier message left on the screen.
    Remove,
}

/// A button.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    /// What the client reads.
    pub label: String,
    /// What comes back.
    pub payload: String,
}
