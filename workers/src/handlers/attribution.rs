//! By which link a client came. A token or a code of ours claims the touch it names; one that is over, forged, another salon's or somebody
//! else's claims nothing, and the chat goes on as if it had not been there.

use salon_core::{client::Contact, crypto::KeyRing, lead::attribution, store::Tx};

use crate::queue::JobError;

/// Notes the payload of a link.
pub(super) async fn payload(ring: &KeyRing, tx: &mut Tx, contact: &Contact, payload: &str) -> Result<(), JobError> {
    match attribution::read_token(ring, tx.tenant(), payload) {
        Some(touch) => _ = tx.claim_touch(contact, touch).await?,
        // Somebody's own link, or an advertisement's number.
        None => tx.set_referral(contact.conversation_id, payload).await?,
    }
    Ok(())
}

/// Notes a code that stands in a text, as where a link can carry nothing else.
pub(super) async fn text(tx: &mut Tx, contact: &Contact, text: &str) -> Result<(), JobError> {
    if let Some(code) = attribution::Code::in_text(text) {
        tx.claim_code(contact, &code).await?;
    }
    Ok(())
}
