//! How a message is put for its channel: in our own words, or, outside the window in which the vendor takes those, as a template.

use salon_core::{
    channel::{self, Body, TemplateCall},
    client::Contact,
    dialogue::{Message, Rendered, Screen, ScreenId, TokenSealer, render},
    store::Tx,
    tenant::{ChannelAccount, Purpose, template_call},
    vendor::{Class, Failure},
};

use crate::queue::JobError;

/// A message ready to be sent.
pub(super) enum Wording {
    /// In our own words.
    Free(Rendered),
    /// As a template.
    Template(TemplateCall),
}

impl Wording {
    pub(super) const fn body(&self) -> Body<'_> {
        match self {
            Self::Free(rendered) => Body::Free(rendered),
            Self::Template(call) => Body::Template(call),
        }
    }

    pub(super) const fn free(&self) -> Option<&Rendered> {
        match self {
            Self::Free(rendered) => Some(rendered),
            Self::Template(_) => None,
        }
    }
}

/// Puts a screen into words for a chat. The inner result says why this channel can't take it now.
pub(super) async fn put(
    tx: &mut Tx,
    account: &ChannelAccount,
    contact: &Contact,
    screen: &Screen,
    sealer: &TokenSealer,
) -> Result<Result<Wording, Failure>, JobError> {
    let capabilities = channel::adapter(account.kind).capabilities();
    if capabilities.takes_free_text(contact.last_inbound_at, tx.now()) {
        return Ok(Ok(Wording::Free(render(screen, capabilities, sealer))));
    }
    let closed = |code: &'static str| Ok(Err(Failure::new(Class::NeedsTemplate, code)));
    let (true, Some(facts), Some(purpose)) = (capabilities.templates, &screen.visit, purpose(screen.id)) else {
        return closed("window_closed");
    };
    let payloads: Vec<String> = screen.choices.iter().map(|choice| sealer.seal(&choice.token)).collect();
    match template_call(tx, account.id, purpose, screen.lang, facts, &payloads).await? {
        Ok(call) => Ok(Ok(Wording::Template(call))),
        Err(none) => closed(none.code()),
    }
}

fn purpose(screen: ScreenId) -> Option<Purpose> {
    match screen {
        ScreenId::Message(Message::Confirmation) => Some(Purpose::Confirmation),
        ScreenId::Message(Message::Reminder) => Some(Purpose::Reminder),
        ScreenId::Message(Message::Moved) => Some(Purpose::Moved),
        ScreenId::Message(Message::CancelledBySalon) => Some(Purpose::Cancelled),
        ScreenId::Message(Message::Late | Message::PhoneNoted | Message::Operator) | ScreenId::State(_) => None,
    }
}
