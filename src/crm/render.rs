//! Cards, from what is true now. What is kept as a note is put into words where it is told.

use super::{BookingCard, BookingFacts, BookingState, ClientCard, ClientFacts, EnquiryCard, Link, Touched};
use crate::{
    client::Client,
    lang::Lang,
    lead::{EnquiryRecord, Origin},
    tenant::Tenant,
};

/// A client, with their record if it is known.
pub fn client(client: &Client, facts: &ClientFacts, origin: Origin, link: Option<&Link>) -> ClientCard {
    let (vouched, claimed) = match client.phone_verified {
        true => (client.phone.clone(), None),
        false => (None, client.phone.clone()),
    };
    ClientCard {
        id: client.id,
        known: link.map(|link| link.their_id.clone()),
        name: client.name.clone(),
        phone: vouched,
        claimed_phone: claimed,
        email: origin.email,
        language: client.language(),
        channel: facts.channel(),
        handle: None,
        first_touch: origin.first_at.map(|at| Touched { referral: origin.first_referral, at }),
        last_referral: origin.last_referral,
        no_shows: u32::try_from(facts.no_shows).unwrap_or(u32::MAX),
    }
}

/// A visit that stands so, with the client's record.
pub fn booking(facts: &BookingFacts, state: BookingState, client: String, link: Option<&Link>, tenant: &Tenant) -> BookingCard {
    let service = facts.service(tenant.speak(None)).map(str::to_owned);
    BookingCard {
        id: facts.id,
        known: link.map(|link| link.their_id.clone()),
        client,
        title: visit(facts, tenant),
        service,
        master: facts.master.clone(),
        master_key: facts.master_key.clone(),
        price: facts.price.clone(),
        start: facts.start_at,
        end: facts.end_at,
        zone: tenant.zone,
        state,
        reason: facts.reason.clone().filter(|_| state != BookingState::Planned),
    }
}

/// "Service, master", in the salon's language.
pub fn visit(facts: &BookingFacts, tenant: &Tenant) -> String {
    [facts.service(tenant.speak(None)), facts.master.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// An enquiry, with the client's record. `service` is what it is about, if that is known.
pub fn enquiry(
    record: &EnquiryRecord,
    client: String,
    link: Option<&Link>,
    tenant: &Tenant,
    service: Option<&str>,
) -> EnquiryCard {
    let what = match tenant.speak(None) {
        Lang::Ru => "Заявка с сайта",
        Lang::En => "Enquiry from the site",
    };
    let title = service.map_or_else(|| what.to_owned(), |service| format!("{what}: {service}"));
    EnquiryCard {
        id: record.id.0,
        known: link.map(|link| link.their_id.clone()),
        client,
        name: Some(record.name.clone()),
        phone: record.phone.clone(),
        email: record.email.clone(),
        title,
        message: record.message.clone(),
        tracking_code: record.tracking_code.clone(),
        channel: None,
        referral: record.referral.clone(),
        utm: record.utm.clone(),
        page: record.page.clone(),
        at: record.created_at,
    }
}
