//! One turn of a dialogue: the pure step, then its effects, in the transaction that stores both.

use std::collections::VecDeque;

use salon_core::{
    booking::{Wish, Wished},
    channel::Account,
    client::Contact,
    crm,
    crypto::hmac_sha256,
    dialogue::{Effect, Input, Refusal, Session, SystemEvent, TokenSealer, step},
    job::{Job, NewJob, lane},
    message::NewOutgoing,
    store::Tx,
    tenant::{ChannelAccount, channel_account, load_catalogue},
};
use secrecy::ExposeSecret;

use super::salon::Salon;
use crate::{ctx::Ctx, queue::JobError};

/// A step may lead to another at once (a slot that our own books already hold), but never in a circle.
const MAX_STEPS: usize = 8;

/// What a turn runs on.
pub(super) struct Turn<'a> {
    pub(super) tx: &'a mut Tx,
    pub(super) contact: Contact,
    /// True if the number in this input is vouched for by the channel.
    pub(super) vouched: bool,
    pub(super) account: &'a Account,
}

/// The account a conversation goes through.
pub(super) async fn own_account(ctx: &Ctx, tx: &mut Tx, contact: &Contact) -> Result<ChannelAccount, JobError> {
    let found = channel_account(tx, contact.channel_account_id, &ctx.keyring).await?;
    found.ok_or_else(|| JobError::Dead("the channel account is gone".into()))
}

/// Buttons are sealed under a key that only this account's processes know, and for this chat only.
pub(super) fn sealer(account: &Account, contact: &Contact) -> Result<TokenSealer, JobError> {
    let key = hmac_sha256(account.secrets.webhook_secret.expose_secret().as_bytes(), b"dialogue tokens");
    TokenSealer::new(&key, contact.conversation_id.0.as_bytes()).map_err(|error| JobError::Dead(error.to_string().into()))
}

impl Turn<'_> {
    /// Steps the dialogue and carries out what follows. The caller commits. True if the client has to wait for an answer from elsewhere.
    pub(super) async fn take(mut self, input: Input) -> Result<bool, JobError> {
        let mut session = Session::restore(self.contact.session.clone());
        let (mut inputs, mut waits) = (VecDeque::from([input]), false);
        for _ in 0..MAX_STEPS {
            let Some(input) = inputs.pop_front() else { break };
            let salon = Salon::read(self.tx, &self.contact, sealer(self.account, &self.contact)?).await?;
            let turn = step(session, &input, &salon.facts(self.tx));
            session = turn.session;
            for effect in turn.effects {
                waits |= matches!(effect, Effect::LoadSlots { .. } | Effect::Book { .. } | Effect::Cancel { .. });
                inputs.extend(self.carry_out(effect).await?);
            }
        }
        self.tx.save_session(self.contact.conversation_id, &session.store()).await?;
        Ok(waits)
    }

    /// Carries out one effect. What it leads to at once comes back as the next input.
    async fn carry_out(&mut self, effect: Effect) -> Result<Option<Input>, JobError> {
        match effect {
            Effect::Show(screen) => {
                let new =
                    NewOutgoing { screen: &screen, kind: "answer", booking: None, reminder: None, expires_at: None, hop: None };
                self.tx.say(&self.contact, new).await?;
                Ok(None)
            }
            Effect::LoadSlots { request, service, staff, from, to } => {
                let conversation = self.contact.conversation_id;
                let job = Job::LoadSlots { conversation, request, service, staff, from, to };
                self.tx.enqueue(NewJob::new(job).in_lane(lane("slots", conversation.0, ""))).await?;
                Ok(None)
            }
            Effect::Book { attempt_key, service, staff, start } => self.book(attempt_key, service, staff, start).await,
            Effect::Cancel { booking, .. } => {
                let asked = self.tx.ask_cancel(booking, self.contact.client_id).await?;
                Ok((!asked).then_some(Input::System(SystemEvent::CancelFailed { booking })))
            }
            Effect::SetLanguage(lang) => {
                self.tx.set_language(self.contact.client_id, lang).await?;
                Ok(None)
            }
            Effect::SetPhone(phone) => {
                self.contact.client_id = self.tx.set_phone(&self.contact, phone.as_str(), self.vouched).await?;
                let client = self.contact.client_id;
                self.tx.tell_crm(crm::Wish::EnsureClient, client.0, self.tx.now().timestamp_millis(), client).await?;
                Ok(None)
            }
        }
    }

    async fn book(
        &mut self,
        attempt: u64,
        service: salon_core::ids::ServiceId,
        staff: salon_core::ids::StaffId,
        start: chrono::DateTime<chrono::Utc>,
    ) -> Result<Option<Input>, JobError> {
        let catalogue = load_catalogue(self.tx).await?;
        let refused = |reason| Ok(Some(Input::System(SystemEvent::BookingRefused { attempt, reason })));
        let Some(wanted) = catalogue.service(service) else { return refused(Refusal::ServiceGone) };
        let Some(event_type_id) = catalogue.masters_of(service).find_map(|(master, id)| (master.id == staff).then_some(id))
        else {
            return refused(Refusal::StaffGone);
        };
        let minutes = i32::try_from(wanted.minutes).unwrap_or(i32::MAX);
        let wish = Wish { attempt, service, staff, event_type_id, start, minutes };
        match self.tx.wish(&self.contact, &wish).await? {
            Wished::Asked(_) | Wished::Known(_) => Ok(None),
            Wished::Taken => Ok(Some(Input::System(SystemEvent::SlotTaken { attempt, slots: Vec::new() }))),
        }
    }
}
