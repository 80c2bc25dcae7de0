//! What visitors of a salon's site meet: its form, and the chats that links lead to.

use std::{sync::Arc, time::Duration};

use chrono_tz::Tz;

use super::{
    changes::Changes,
    kept::{Dated, Kept, LookUpFailed},
};
use crate::{
    channel::ChannelKind,
    lang::Lang,
    lead::Expected,
    store::{Db, StoreError},
    tenant::{self, Chat, Site},
};

/// A form that is in use.
#[derive(Debug)]
pub(super) struct Form {
    /// The salon's slug, which its cookie is named after.
    pub(super) slug: String,
    pub(super) zone: Tz,
    phone_region: String,
    services: Vec<String>,
    site: Site,
}

impl Form {
    pub(super) fn expected(&self) -> Expected<'_> {
        Expected { phone_region: &self.phone_region, services: &self.services, consent: self.site.consent }
    }

    /// Whether pages of this origin may send it.
    pub(super) fn is_of(&self, origin: &str) -> bool {
        self.site.origins.iter().any(|own| own == origin)
    }
}

/// A salon's chats.
#[derive(Debug)]
pub(super) struct Chats {
    pub(super) slug: String,
    pub(super) lang: Lang,
    chats: Vec<Chat>,
}

impl Chats {
    /// The chat that an address names: the salon's first one of that kind, or the channel of that name.
    pub(super) fn named(&self, name: &str) -> Option<&Chat> {
        let kind: Option<ChannelKind> = name.parse().ok();
        let of_kind = self.chats.iter().find(|chat| Some(chat.kind) == kind);
        of_kind.or_else(|| self.chats.iter().find(|chat| chat.name == name))
    }
}

/// Every salon's, as far as it is known.
pub(super) struct Sites {
    db: Db,
    forms: Kept<Form>,
    chats: Kept<Chats>,
}

impl Sites {
    pub(super) fn new(db: Db, changes: Arc<Changes>) -> Self {
        Self { db, forms: Kept::new(changes.clone()), chats: Kept::new(changes) }
    }

    /// The form of this key.
    pub(super) async fn form(&self, key: &str, patience: Duration) -> Result<Option<Arc<Dated<Form>>>, LookUpFailed> {
        let found = self.forms.find(key, |as_of| self.load_form(key, as_of));
        tokio::time::timeout(patience, found).await.unwrap_or(Err(LookUpFailed))
    }

    /// The chats of the salon of this slug.
    pub(super) async fn chats(&self, slug: &str, patience: Duration) -> Result<Option<Arc<Dated<Chats>>>, LookUpFailed> {
        let found = self.chats.find(slug, |as_of| self.load_chats(slug, as_of));
        tokio::time::timeout(patience, found).await.unwrap_or(Err(LookUpFailed))
    }

    /// Whether pages of this origin may send any salon's form.
    pub(super) async fn is_known(&self, origin: &str, patience: Duration) -> Result<bool, LookUpFailed> {
        match tokio::time::timeout(patience, tenant::is_site_of_some_tenant(&self.db, origin)).await {
            Ok(Ok(known)) => Ok(known),
            Ok(Err(error)) => {
                tracing::error!(%error, "an origin can't be looked up");
                Err(LookUpFailed)
            }
            Err(_) => Err(LookUpFailed),
        }
    }

    async fn load_form(&self, key: &str, as_of: u64) -> Result<Option<Dated<Form>>, StoreError> {
        let Some(id) = tenant::tenant_of_form(&self.db, key).await? else { return Ok(None) };
        let mut tx = self.db.tenant(id).await?;
        let Some(site) = tenant::load_site(&mut tx).await? else { return Ok(None) };
        let salon = tenant::load_tenant(&mut tx).await?;
        let catalogue = tenant::load_catalogue(&mut tx).await?;
        let services = catalogue.services.into_iter().map(|service| service.key).collect();
        let form = Form { slug: salon.slug, zone: salon.zone, phone_region: salon.phone_region, services, site };
        Ok(Some(Dated::new(id, form, as_of)))
    }

    async fn load_chats(&self, slug: &str, as_of: u64) -> Result<Option<Dated<Chats>>, StoreError> {
        let Some(id) = tenant::id_by_slug(&self.db, slug).await? else { return Ok(None) };
        let mut tx = self.db.tenant(id).await?;
        let salon = tenant::load_tenant(&mut tx).await?;
        let chats = Chats { lang: salon.default_lang(), slug: salon.slug, chats: tenant::load_chats(&mut tx).await? };
        Ok(Some(Dated::new(id, chats, as_of)))
    }
}
