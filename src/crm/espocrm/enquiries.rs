//! Enquiries. EspoCRM calls one a lead.

use url::Url;

use super::{
    Settings, api,
    fields::scope,
    text::{Names, plain, spelt_out, taken},
    wire::{Body, Where},
};
use crate::{
    crm::{CrmAccount, CrmCall, EnquiryCard, Entity, Fact, meaning::Effect},
    vendor::Failure,
};

/// What an enquiry says never changes, so of one that is there only our own fields are written again.
pub(super) async fn record(call: &CrmCall<'_>, enquiry: &EnquiryCard) -> Result<String, Failure> {
    let known = match &enquiry.known {
        Some(known) => Some(known.clone()),
        None => by_our_id(call, Entity::Enquiry, &enquiry.id.to_string()).await?,
    };
    if let Some(id) = known {
        api::change(call, scope(Entity::Enquiry), &id, &facts(call.account, enquiry)).await?;
        return Ok(id);
    }
    let settings: Settings = call.account.settings()?;
    let body = new(call.account, &settings, enquiry);
    // The next attempt finds it by our id.
    Ok(api::create(call, scope(Entity::Enquiry), &body, Effect::Repeatable).await?.0)
}

/// The record with our id in it; of several, which nobody should make, the oldest.
pub(super) async fn by_our_id(call: &CrmCall<'_>, entity: Entity, ours: &str) -> Result<Option<String>, Failure> {
    let field = call.account.fields.name(entity, Fact::ExternalId).ok_or_else(|| Failure::permanent("no_external_id_field"))?;
    let condition = Where { kind: "equals", attribute: field, value: ours };
    let found = api::search(call, scope(entity), &[condition], "id", "2").await?;
    Ok(found.first().and_then(|record| record.id()).map(str::to_owned))
}

/// The body of a new lead.
pub(super) fn new(account: &CrmAccount, settings: &Settings, enquiry: &EnquiryCard) -> Body {
    let mut body = facts(account, enquiry);
    let names = Names::of(enquiry.name.as_deref());
    body.some("firstName", names.first);
    body.set("lastName", names.last);
    body.some("phoneNumber", enquiry.phone.as_deref());
    body.some("emailAddress", taken(&enquiry.email));
    body.set("source", settings.lead_source.as_str());
    body.set("description", description(account, enquiry));
    body.set("assignedUserId", settings.assigned_user_id.as_str());
    settings.team(&mut body);
    body
}

fn facts(account: &CrmAccount, enquiry: &EnquiryCard) -> Body {
    let (mut body, map, entity) = (Body::default(), &account.fields, Entity::Enquiry);
    body.fact(map, entity, Fact::ExternalId, Some(enquiry.id.to_string()));
    body.word(map, entity, Fact::Channel, Some(enquiry.channel.map_or("web", |channel| channel.as_str())));
    body.line(map, entity, Fact::Referral, enquiry.referral.as_deref());
    body.line(map, entity, Fact::Tracking, Some(&enquiry.tracking_code));
    body
}

/// A lead has no link to a contact before it is converted (`createdContact` is EspoCRM's own), so the contact is named here. The field is
/// read as Markdown.
fn description(account: &CrmAccount, enquiry: &EnquiryCard) -> String {
    let utm = &enquiry.utm;
    let marks = [
        ("source", &utm.source),
        ("medium", &utm.medium),
        ("campaign", &utm.campaign),
        ("content", &utm.content),
        ("term", &utm.term),
    ];
    let marks: Vec<String> =
        marks.iter().filter_map(|(name, value)| Some(format!("{name}={}", plain(value.as_deref()?)))).collect();
    let parts = [
        Some(plain(&enquiry.title)),
        enquiry.message.as_deref().map(plain),
        spelt_out(&enquiry.email),
        enquiry.page.as_deref().map(|page| format!("Page: {}", linked(page))),
        Some(marks.join(", ")).filter(|marks| !marks.is_empty()).map(|marks| format!("UTM: {marks}")),
        contact_address(account, &enquiry.client).map(|address| format!("Contact: <{address}>")),
    ];
    parts.into_iter().flatten().filter(|part| !part.trim().is_empty()).collect::<Vec<_>>().join("\n\n")
}

fn linked(page: &str) -> String {
    match page.parse::<Url>() {
        Ok(url) if matches!(url.scheme(), "http" | "https") => format!("<{url}>"),
        _ => plain(page),
    }
}

/// Where a person sees the contact: `<base>/#Contact/view/<id>`.
fn contact_address(account: &CrmAccount, client: &str) -> Option<Url> {
    let mut url = account.base_url.clone();
    url.path_segments_mut().ok()?.pop_if_empty().push("");
    url.set_fragment(Some(&format!("{}/view/{client}", scope(Entity::Client))));
    Some(url)
}
