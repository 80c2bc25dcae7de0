//! Which of a CRM's records a client is.

use salon_core::{
    crm::{ClientCard, Ensured, Entity, GONE, Link, Wish, digest},
    ids::ClientId,
    store::StoreError,
    vendor::Class,
};

use super::tell::{Teller, Undone};

const CLIENT: &str = Entity::Client.as_str();

impl Teller<'_> {
    /// The client's record: the linked one, or as the CRM says. Told anew only when that is what is asked for and something changed, or
    /// when it is not known what was told.
    pub(super) async fn client(&self, id: ClientId) -> Result<String, Undone> {
        let connection = self.task.connection.id;
        let mut tx = self.tx().await?;
        let link = tx.link(connection, CLIENT, id.0).await?;
        if let Some(Link { their_id, told: Some(_) }) = &link
            && self.task.intent.wish()? != Wish::EnsureClient
        {
            return Ok(their_id.clone());
        }
        if link.is_none()
            && let Some(candidates) = tx.candidates_of(connection, id).await?
        {
            return Err(Undone::Parked(id, candidates));
        }
        let card = tx.client_card(id, link.as_ref()).await?;
        tx.commit().await?;
        let told = digest(&card);
        if let Some(Link { their_id, told: Some(before) }) = &link
            && *before == told
        {
            return Ok(their_id.clone());
        }
        let theirs = match self.ensured(&card).await? {
            Ensured::Is(theirs) => theirs,
            Ensured::Ambiguous(candidates) => self.apart(&card, candidates).await?,
        };
        self.remember(CLIENT, id.0, &theirs, Some(&told)).await?;
        Ok(theirs)
    }

    async fn ensured(&self, card: &ClientCard) -> Result<Ensured, Undone> {
        match self.adapter.ensure_client(&self.call, card).await {
            Err(failure) if failure.code == GONE => Err(self.gone(Entity::Client, card.known.as_deref()).await?),
            ensured => Ok(ensured?),
        }
    }

    /// Records that are other clients' of ours already are nothing to choose from. If there is nothing else, this client gets a record of
    /// their own: a number makes no two clients one, and keeps none of them from being told of. Anybody can type anybody's into a form.
    async fn apart(&self, card: &ClientCard, candidates: Vec<String>) -> Result<String, Undone> {
        let mut free = Vec::new();
        for record in candidates {
            if self.owner(&record).await?.is_none_or(|ours| ours == card.id) {
                free.push(record);
            }
        }
        if !free.is_empty() {
            return Err(Undone::Parked(card.id, free));
        }
        let theirs = match self.ensured(&card.clone().alone()).await? {
            Ensured::Is(theirs) => theirs,
            Ensured::Ambiguous(candidates) => return Err(Undone::Parked(card.id, candidates)),
        };
        // Linked before it is told what it was not looked for by. Should that fail, the next attempt sees that nothing is known to be told.
        self.remember(CLIENT, card.id.0, &theirs, None).await?;
        self.ensured(&ClientCard { known: Some(theirs.clone()), ..card.clone() }).await?;
        Ok(theirs)
    }

    /// Which client of ours a record is: as it is linked, or as it says itself. Whoever made it may not have heard the CRM's answer yet.
    async fn owner(&self, record: &str) -> Result<Option<ClientId>, Undone> {
        let linked = self.tx().await?.linked(self.task.connection.id, CLIENT, record).await?;
        if let Some(ours) = linked {
            return Ok(Some(ClientId(ours)));
        }
        let theirs = match self.adapter.read(&self.call, Entity::Client, record).await {
            // What can't be read says nothing.
            Err(failure) if failure.class == Class::Permanent => None,
            read => read?,
        };
        let Some(marked) = theirs.and_then(|theirs| theirs.external_id?.parse().ok()).map(ClientId) else { return Ok(None) };
        match self.tx().await?.client(marked).await {
            Ok(client) => Ok(Some(client.id)),
            // Another system's id.
            Err(StoreError::Corrupt("client")) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
