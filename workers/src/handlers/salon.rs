//! A salon as the dialogue and the messages see it, read once per transaction.

use chrono::TimeDelta;
use salon_core::{
    booking::Booking,
    client::{Client, Contact},
    dialogue::{self, Facts, SalonCard, TokenSealer},
    lang::Lang,
    store::Tx,
    tenant::{self, Catalogue, Tenant, load_catalogue, load_tenant},
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
        let tenant = load_tenant(tx).await?;
        let catalogue = load_catalogue(tx).await?;
        let client = tx.client(contact.client_id).await?;
        let lang = tenant.speak(client.language());
        let visits = tx.visits_to_come(contact.client_id, VISITS).await?;
        Ok(Self {
            visits: visits.iter().map(|booking| visit(booking, &catalogue, &tenant, lang, tx)).collect(),
            services: catalogue.services.iter().filter(|service| service.active).map(service).collect(),
            staff: catalogue.staff.iter().filter(|member| member.active).map(member).collect(),
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

fn service(service: &tenant::Service) -> dialogue::Service {
    dialogue::Service {
        id: service.id,
        title: dialogue::Title {
            plain: service.title(Lang::default()).to_owned(),
            by_lang: service.titles.clone().into_iter().collect(),
        },
        minutes: service.minutes,
        price: service.price.clone(),
    }
}

fn member(member: &tenant::Staff) -> dialogue::Staff {
    dialogue::Staff {
        id: member.id,
        name: member.name.clone(),
        services: member.services.iter().map(|done| done.service).collect(),
    }
}

/// A visit in words.
pub(super) fn visit(booking: &Booking, catalogue: &Catalogue, tenant: &Tenant, lang: Lang, tx: &Tx) -> dialogue::Visit {
    let service = booking.service_id.and_then(|id| catalogue.service(id));
    let staff = booking.staff_id.and_then(|id| catalogue.master(id));
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
