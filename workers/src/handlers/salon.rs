//! A salon as the dialogue and the messages see it, read once per transaction.

use chrono::TimeDelta;
use salon_core::{
    booking::Booking,
    client::{Client, Contact},
    dialogue::{self, Facts, SalonCard, TokenSealer},
    lang::Lang,
    store::Tx,
    tenant::{Catalogue, Tenant},
};

use crate::queue::JobError;

/// How many days ahead clients can book.
const HORIZON_DAYS: u16 = 28;
/// As many visits as fit one screen.
const VISITS: i64 = 5;

/// A salon and one of its clients.
pub(super) struct Salon {
    pub(super) tenant: Tenant,
    pub(super) client: Client,
    services: Vec<dialogue::Service>,
    staff: Vec<dialogue::Staff>,
    visits: Vec<dialogue::Visit>,
    sealer: TokenSealer,
}

impl Salon {
    /// Reads everything one turn may need.
    pub(super) async fn read(tx: &mut Tx, contact: &Contact, sealer: TokenSealer) -> Result<Self, JobError> {
        let tenant = tx.tenant_profile().await?;
        let catalogue = tx.catalogue().await?;
        let client = tx.client(contact.client_id).await?;
        let lang = client.language().unwrap_or_else(|| tenant.default_language());
        let visits = tx.visits_to_come(contact.client_id, VISITS).await?;
        Ok(Self {
            visits: visits.iter().map(|booking| visit(booking, &catalogue, &tenant, lang, tx)).collect(),
            services: catalogue.services.iter().map(service).collect(),
            staff: catalogue.staff.iter().map(member).collect(),
            tenant,
            client,
            sealer,
        })
    }

    pub(super) fn facts<'a>(&'a self, tx: &Tx) -> Facts<'a> {
        Facts {
            now: tx.now(),
            zone: self.tenant.zone,
            salon_name: &self.tenant.name,
            address: self.tenant.address.as_deref(),
            phone: self.client.phone.as_deref(),
            lang: self.client.language(),
            languages: &self.tenant.languages,
            services: &self.services,
            staff: &self.staff,
            visits: &self.visits,
            region: &self.tenant.phone_region,
            horizon_days: HORIZON_DAYS,
            tokens: &self.sealer,
        }
    }
}

fn service(service: &salon_core::tenant::Service) -> dialogue::Service {
    dialogue::Service {
        id: service.id,
        title: dialogue::Title { plain: service.title(Lang::default()).to_owned(), by_lang: service.titles.clone() },
        minutes: service.minutes,
        price: service.price.clone(),
    }
}

fn member(member: &salon_core::tenant::Staff) -> dialogue::Staff {
    dialogue::Staff {
        id: member.id,
        name: member.name.clone(),
        services: member.event_types.iter().map(|(service, _)| *service).collect(),
    }
}

/// A visit in words.
pub(super) fn visit(booking: &Booking, catalogue: &Catalogue, tenant: &Tenant, lang: Lang, tx: &Tx) -> dialogue::Visit {
    let service = catalogue.service(booking.service_id);
    let staff = catalogue.member(booking.staff_id);
    let latest = booking.start_at - TimeDelta::hours(i64::from(tenant.cancel_until_hours));
    dialogue::Visit {
        booking: booking.id,
        service_title: service.map(|service| service.title(lang).to_owned()).unwrap_or_default(),
        staff_name: staff.map(|member| member.name.clone()).unwrap_or_default(),
        start: booking.start_at,
        cancellable: tx.now() <= latest,
    }
}

/// The salon as a message names it.
pub(super) fn card<'a>(tenant: &'a Tenant, tx: &Tx) -> SalonCard<'a> {
    SalonCard { name: &tenant.name, address: tenant.address.as_deref(), zone: tenant.zone, now: tx.now() }
}
