//! `salon-core crm preview SLUG`: what would be written, as the CRM would get it. Nothing is called but what describes the fields.

use std::process::ExitCode;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::{Access, Which};
use crate::{
    app::App,
    channel::ChannelKind,
    cli::{CliError, out::say},
    crm::{BookingCard, BookingState, Card, ClientCard, EnquiryCard, Entity, Keeps, Touched, fields, render},
    ids::{BookingId, ClientId, ConnectionId, TenantId},
    lead::Utm,
    store::{StoreError, Tx},
    tenant::{self, Catalogue, Tenant},
};

/// What is shown: rows of the salon's, or made up.
struct Shown {
    heading: String,
    client: Option<ClientCard>,
    enquiry: Option<EnquiryCard>,
    booking: Option<BookingCard>,
}

pub(super) async fn run(app: &App, which: &Which, client: Option<ClientId>, booking: Option<Uuid>) -> Result<ExitCode, CliError> {
    let (tenant, all) = Access::all(app, which).await?;
    for mut access in all {
        let Some(connection) = access.stored.as_ref().map(|(_, found)| found.id) else { continue };
        let shown = match (client, booking) {
            (None, None) => made_up(app, tenant).await?,
            _ => rows(app, tenant, connection, client, booking).await?,
        };
        show(&access, &shown);
        problems(&mut access).await?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(access: &Access<'_>, shown: &Shown) {
    say!("{}: {}", access.kind, shown.heading);
    let cards = [
        ("client", shown.client.as_ref().map(Card::Client)),
        ("enquiry", shown.enquiry.as_ref().map(Card::Enquiry)),
        ("visit", shown.booking.as_ref().map(Card::Booking)),
    ];
    let able = access.adapter().capabilities();
    for (what, card) in cards {
        let Some(card) = card else { continue };
        let notes = match card {
            Card::Client(_) => false,
            Card::Enquiry(_) => able.enquiries == Keeps::Notes,
            Card::Booking(_) => able.bookings == Keeps::Notes,
        };
        match access.adapter().preview(&access.account, card) {
            Value::Null if notes => say!("{what}: a note on the client's record, in words"),
            Value::Null => say!("{what}: nothing, its ids or settings don't fit"),
            json => say!("{what}: {json:#}"),
        }
    }
}

async fn problems(access: &mut Access<'_>) -> Result<(), CliError> {
    match access.ask(async |crm, call| crm.describe(call).await).await? {
        Err(failure) => say!("whether it fits is not known: {failure}"),
        Ok(described) if described == fields::Described::default() => say!("it tells of no fields, so nothing can be compared"),
        Ok(described) => {
            let problems = fields::check(access.kind, &access.account.fields, &described);
            for problem in &problems {
                say!("problem: {problem}");
            }
            if problems.is_empty() {
                say!("every field that is written to is there");
            }
        }
    }
    Ok(())
}

async fn rows(
    app: &App,
    tenant: TenantId,
    connection: ConnectionId,
    client: Option<ClientId>,
    booking: Option<Uuid>,
) -> Result<Shown, CliError> {
    let mut tx = app.db.tenant(tenant).await?;
    let mut shown = Shown { heading: "as it is now".to_owned(), client: None, enquiry: None, booking: None };
    if let Some(id) = client {
        shown.client = Some(client_card(&mut tx, connection, id).await?);
    }
    if let Some(id) = booking {
        shown.booking = Some(booking_card(&mut tx, connection, id).await?);
    }
    Ok(shown)
}

async fn client_card(tx: &mut Tx, connection: ConnectionId, id: ClientId) -> Result<ClientCard, CliError> {
    let link = tx.link(connection, Entity::Client.as_str(), id.0).await?;
    match tx.client_card(id, link.as_ref()).await {
        Err(StoreError::Corrupt("client")) => Err(CliError::Input(format!("there is no client {id}"))),
        card => Ok(card?),
    }
}

async fn booking_card(tx: &mut Tx, connection: ConnectionId, id: Uuid) -> Result<BookingCard, CliError> {
    let facts = tx.booking_facts(id).await?.ok_or_else(|| CliError::Input(format!("there is no booking {id}")))?;
    let (Some(state), Some(client)) = (facts.state(), facts.client_id) else {
        return Err(CliError::Input(format!("{id} is not told to any CRM: no visit of a client we know")));
    };
    let record = tx.link(connection, Entity::Client.as_str(), client.0).await?;
    let record = record.map_or_else(|| RECORD.to_owned(), |link| link.their_id);
    let link = tx.link(connection, Entity::Booking.as_str(), id).await?;
    let tenant = tenant::load_tenant(tx).await?;
    Ok(render::booking(&facts, state, record, link.as_ref(), &tenant))
}

async fn made_up(app: &App, tenant: TenantId) -> Result<Shown, CliError> {
    let mut tx = app.db.tenant(tenant).await?;
    let (salon, catalogue, now) = (tenant::load_tenant(&mut tx).await?, tenant::load_catalogue(&mut tx).await?, tx.now());
    Ok(Shown {
        heading: "of a client, an enquiry and a visit that are MADE UP; a record 0 is one that is not there yet".to_owned(),
        client: Some(example_client(&salon, now)),
        enquiry: Some(example_enquiry(now)),
        booking: Some(example_booking(&salon, &catalogue, now)),
    })
}

/// Stands for a record that is not there yet. A number: some CRMs have no other ids.
const RECORD: &str = "0";

fn example_client(salon: &Tenant, now: DateTime<Utc>) -> ClientCard {
    ClientCard {
        id: ClientId(Uuid::nil()),
        known: None,
        name: Some("Example Client".to_owned()),
        phone: Some("+70000000000".to_owned()),
        claimed_phone: None,
        email: Some("example@example.com".to_owned()),
        language: Some(salon.default_lang()),
        channel: Some(ChannelKind::Telegram),
        handle: Some("@example".to_owned()),
        first_touch: Some(Touched { referral: Some("EXAMPLE".to_owned()), at: now }),
        last_referral: Some("EXAMPLE".to_owned()),
        no_shows: 0,
    }
}

fn example_enquiry(now: DateTime<Utc>) -> EnquiryCard {
    EnquiryCard {
        id: Uuid::nil(),
        known: None,
        client: RECORD.to_owned(),
        name: Some("Example Client".to_owned()),
        phone: Some("+70000000000".to_owned()),
        email: Some("example@example.com".to_owned()),
        title: "Example enquiry".to_owned(),
        message: Some("An example".to_owned()),
        tracking_code: "EXAMPLE".to_owned(),
        channel: None,
        referral: Some("EXAMPLE".to_owned()),
        utm: Utm::default(),
        page: None,
        at: now,
    }
}

/// With the salon's first service and master, so that it is seen whose visit it would be there.
fn example_booking(salon: &Tenant, catalogue: &Catalogue, now: DateTime<Utc>) -> BookingCard {
    let (service, master) = (catalogue.services.first(), catalogue.staff.first());
    let title = service.map(|service| service.title(salon.default_lang()).to_owned());
    let name = master.map(|master| master.name.clone());
    let start = now + TimeDelta::days(1);
    BookingCard {
        id: BookingId(Uuid::nil()),
        known: None,
        client: RECORD.to_owned(),
        title: [title.clone(), name.clone()].into_iter().flatten().collect::<Vec<_>>().join(", "),
        service: title,
        master: name,
        master_key: master.map(|master| master.key.clone()),
        price: service.and_then(|service| service.price.clone()),
        start,
        end: start + TimeDelta::hours(1),
        zone: salon.zone,
        state: BookingState::Planned,
        reason: None,
    }
}
