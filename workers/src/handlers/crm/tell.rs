//! The telling itself: which record, which card, in which order. A client's record comes before what hangs on it.

use chrono::{DateTime, Utc};
use salon_core::{
    crm::{
        Author, BookingFacts, BookingState, Crm, CrmCall, Entity, GONE, Keeps, Link, NoteCard, Noted, Said, crm, digest,
        render as cards,
    },
    ids::{ClientId, ConversationId},
    job::lane,
    lead::EnquiryRecord,
    store::Tx,
    vendor::{Class, Failure},
};
use uuid::Uuid;

use super::{About, Task, render};
use crate::{
    ctx::Ctx,
    queue::{Assignment, JobError},
};

/// Why it is not told.
pub(super) enum Undone {
    /// The CRM did not take it.
    Theirs(Failure),
    /// Ours failed.
    Ours(JobError),
    /// Several of their records could be this client.
    Parked(ClientId, Vec<String>),
}

impl From<Failure> for Undone {
    fn from(failure: Failure) -> Self {
        Self::Theirs(failure)
    }
}

impl From<JobError> for Undone {
    fn from(error: JobError) -> Self {
        Self::Ours(error)
    }
}

impl From<salon_core::store::StoreError> for Undone {
    fn from(error: salon_core::store::StoreError) -> Self {
        Self::Ours(error.into())
    }
}

/// A note to be added, and which row of ours it stands for.
struct Remark {
    entity: &'static str,
    ours: Uuid,
    conversation: Option<ConversationId>,
    author: Author,
    text: String,
    at: DateTime<Utc>,
    in_talk: bool,
}

impl Remark {
    /// Of the salon's, on the client's record.
    fn new(entity: &'static str, ours: Uuid, text: String, at: DateTime<Utc>) -> Self {
        Self { entity, ours, conversation: None, author: Author::Salon, text, at, in_talk: false }
    }

    fn of_message(said: &Said) -> Option<Self> {
        let (author, text) = render::said(said)?;
        let conversation = Some(said.conversation_id);
        Some(Self { conversation, author, in_talk: true, ..Self::new("message", said.id, text, said.at) })
    }
}

/// A record of theirs that stands for a row of ours, and what it should say.
struct Record<'a> {
    entity: Entity,
    ours: Uuid,
    link: Option<Link>,
    /// The client's record.
    client: &'a str,
    told: Vec<u8>,
}

impl Record<'_> {
    fn says_so(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.told.as_ref() == Some(&self.told))
    }
}

/// Tells one thing.
pub(super) struct Teller<'a> {
    ctx: &'a Ctx,
    assignment: &'a Assignment,
    pub(super) task: &'a Task,
    pub(super) adapter: &'static dyn Crm,
    pub(super) call: CrmCall<'a>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(ctx: &'a Ctx, assignment: &'a Assignment, task: &'a Task) -> Self {
        let adapter = crm(task.connection.kind);
        let call = ctx.crm_call(&task.connection).prepaid();
        Self { ctx, assignment, task, adapter, call }
    }

    pub(super) async fn tell(&self) -> Result<(), Undone> {
        match &self.task.about {
            About::Client(client) => _ = self.client(*client).await?,
            About::Message(said) => self.remark(said.client_id, Remark::of_message(said)).await?,
            About::Booking(facts) => self.booking(facts).await?,
            About::Task(facts) => self.chore(facts).await?,
            About::Enquiry(record, service) => self.enquiry(record, service.as_deref()).await?,
            About::Touch(touch) => {
                let text = render::touch_text(touch, &self.task.tenant);
                self.remark(touch.client_id, Some(Remark::new("touch", touch.id.0, text, touch.claimed_at))).await?;
            }
            About::Talk { client, conversation, day, said } => {
                let remarks = render::talk(said, *day, &self.task.tenant, self.adapter.capabilities().note_chars);
                let at = said.first().map_or(self.task.intent.updated_at, |first| first.at);
                let known = self.client(*client).await?;
                for (part, text) in remarks.into_iter().enumerate() {
                    let ours = lane("crm-transcript", conversation.0, &format!("{day}/{part}"));
                    self.note(&known, Remark::new("transcript", ours, text, at)).await?;
                }
            }
        }
        let mut tx = self.tx().await?;
        tx.settle_intent(self.task.intent.id, "done", None).await?;
        Ok(tx.commit().await?)
    }

    /// Whether the CRM has answered anything well.
    pub(super) fn has_answered(&self) -> bool {
        self.call.has_answered()
    }

    pub(super) async fn tx(&self) -> Result<Tx, Undone> {
        Ok(self.ctx.db.tenant(self.assignment.tenant).await?)
    }

    async fn booking(&self, facts: &BookingFacts) -> Result<(), Undone> {
        // What the calendar refused never was a visit; one made in the calendar for nobody we know is nobody's.
        let (Some(state), Some(client)) = (facts.state(), facts.client_id) else { return Ok(()) };
        if self.adapter.capabilities().bookings == Keeps::Notes {
            let text = render::booking_text(facts, state, &self.task.tenant);
            let remark = Remark::new("booking", facts.id.0, text, facts.updated_at);
            return self.remark(client, Some(Remark { conversation: facts.conversation_id, ..remark })).await;
        }
        let theirs = self.client(client).await?;
        let link = self.tx().await?.link(self.task.connection.id, "booking", facts.id.0).await?;
        let card = cards::booking(facts, state, theirs, link.as_ref(), &self.task.tenant);
        let record = Record { entity: Entity::Booking, ours: facts.id.0, client: &card.client, told: digest(&card), link };
        if record.says_so() {
            return Ok(());
        }
        let answer = match &record.link {
            Some(link) if state != BookingState::Planned => {
                self.adapter.set_booking_state(&self.call, &card, &link.their_id).await.map(|()| link.their_id.clone())
            }
            _ => self.adapter.upsert_booking(&self.call, &card).await,
        };
        self.kept(&record, answer).await
    }

    async fn enquiry(&self, enquiry: &EnquiryRecord, service: Option<&str>) -> Result<(), Undone> {
        let theirs = self.client(enquiry.client_id).await?;
        let link = self.tx().await?.link(self.task.connection.id, "enquiry", enquiry.id.0).await?;
        let card = cards::enquiry(enquiry, theirs, link.as_ref(), &self.task.tenant, service);
        if self.adapter.capabilities().enquiries == Keeps::Notes {
            let remark = Remark::new("enquiry", enquiry.id.0, render::enquiry_text(&card), enquiry.created_at);
            return self.note(&card.client, remark).await;
        }
        let record = Record { entity: Entity::Enquiry, ours: enquiry.id.0, client: &card.client, told: digest(&card), link };
        if record.says_so() {
            return Ok(());
        }
        self.kept(&record, self.adapter.record_enquiry(&self.call, &card).await).await
    }

    async fn chore(&self, facts: &BookingFacts) -> Result<(), Undone> {
        // It has come out meanwhile: nobody needs to look any more.
        let Some(client) = facts.client_id.filter(|_| facts.is_unclear()) else { return Ok(()) };
        let theirs = self.client(client).await?;
        let card = render::chore(self.task.intent.id, facts, theirs, &self.task.tenant);
        if self.adapter.capabilities().tasks == Keeps::Notes {
            let text = format!("{}\n{}", card.title, card.text);
            let remark = Remark::new("task", self.task.intent.id.0, text, facts.updated_at);
            return self.note(&card.client, remark).await;
        }
        match self.adapter.create_task(&self.call, &card).await {
            Ok(record) => self.remember("task", self.task.intent.id.0, &record, None).await,
            Err(failure) => Err(self.maybe_orphaned(&card.client, failure).await?),
        }
    }

    async fn remark(&self, client: ClientId, remark: Option<Remark>) -> Result<(), Undone> {
        let theirs = self.client(client).await?;
        match remark {
            Some(remark) => self.note(&theirs, remark).await,
            None => Ok(()),
        }
    }

    /// Adds a note, unless an attempt before this one has.
    async fn note(&self, client: &str, remark: Remark) -> Result<(), Undone> {
        let connection = self.task.connection.id;
        let mut tx = self.tx().await?;
        // A visit is told of again when something about it has changed, everything else once.
        let told = digest(&remark.text);
        if let Some(link) = tx.link(connection, remark.entity, remark.ours).await?
            && (remark.entity != "booking" || link.told.as_ref() == Some(&told))
        {
            return Ok(());
        }
        let (mut conversation, mut taken) = (None, Vec::new());
        if let Some(ours) = remark.conversation {
            conversation = tx.link(connection, "conversation", ours.0).await?.map(|link| link.their_id);
            taken = tx.linked_messages(connection, ours).await?;
        }
        tx.commit().await?;
        let note = NoteCard {
            client: client.to_owned(),
            conversation,
            author: remark.author,
            text: remark.text,
            at: remark.at,
            in_talk: remark.in_talk,
        };
        let noted = match self.noted(&note, &taken).await {
            Ok(noted) => noted,
            Err(failure) => return Err(self.maybe_orphaned(client, failure).await?),
        };
        let mut tx = self.tx().await?;
        tx.set_link(connection, remark.entity, remark.ours, &noted.note, Some(&told)).await?;
        if let (Some(ours), Some(theirs)) = (remark.conversation, &noted.conversation) {
            tx.set_link(connection, "conversation", ours.0, theirs, None).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn noted(&self, note: &NoteCard, taken: &[String]) -> Result<Noted, Failure> {
        if let Some(begun) = self.task.begun
            && let Some(found) = self.adapter.find_note(&self.call, note, begun, taken).await?
        {
            return Ok(found);
        }
        self.adapter.append_note(&self.call, note).await
    }

    /// A refusal for good may mean that the client's record is no more: deleted, or merged into another one. Then that is what is mended.
    async fn maybe_orphaned(&self, client: &str, failure: Failure) -> Result<Undone, Undone> {
        let tells = self.adapter.capabilities().changes.contains(&Entity::Client);
        if failure.class != Class::Permanent || !tells {
            return Ok(failure.into());
        }
        match self.adapter.read(&self.call, Entity::Client, client).await? {
            Some(_) => Ok(failure.into()),
            None => self.gone(Entity::Client, Some(client)).await,
        }
    }

    async fn kept(&self, record: &Record<'_>, answer: Result<String, Failure>) -> Result<(), Undone> {
        match answer {
            Ok(theirs) => self.remember(record.entity.as_str(), record.ours, &theirs, Some(&record.told)).await,
            Err(failure) if failure.code == GONE => {
                Err(self.gone(record.entity, record.link.as_ref().map(|link| link.their_id.as_str())).await?)
            }
            Err(failure) => Err(self.maybe_orphaned(record.client, failure).await?),
        }
    }

    pub(super) async fn remember(&self, entity: &str, ours: Uuid, theirs: &str, told: Option<&[u8]>) -> Result<(), Undone> {
        let mut tx = self.tx().await?;
        tx.set_link(self.task.connection.id, entity, ours, theirs, told).await?;
        Ok(tx.commit().await?)
    }

    /// A record is no more. All begins anew, and within a minute: what is left of this run would go on with what it has read.
    pub(super) async fn gone(&self, entity: Entity, theirs: Option<&str>) -> Result<Undone, Undone> {
        if let Some(theirs) = theirs {
            let mut tx = self.tx().await?;
            tx.link_gone(self.task.connection.id, entity.as_str(), theirs).await?;
            tx.commit().await?;
        }
        Ok(Undone::Ours(JobError::Retry(format!("the record of the {} is gone", entity.as_str()).into())))
    }
}
