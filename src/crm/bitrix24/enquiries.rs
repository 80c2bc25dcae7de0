//! Enquiries are leads, or deals where the portal is in the simple mode. Which one it is stands in the record's id with us: `lead:12`.

use serde_json::{Value, json};

use super::{
    batch::{Command, batch},
    clients::Way,
    fields::{Facts, line, plain},
    items::{self, Kind, numeric},
    settings::Settings,
    wire::Fields,
};
use crate::{
    channel::ChannelKind,
    crm::{CrmAccount, CrmCall, EnquiryCard, Entity, Fact, meaning::Effect},
    vendor::Failure,
};

/// The longest title (and name) that is written.
pub(super) const TITLE_CHARS: usize = 255;

/// An enquiry's record as we keep it.
pub(super) fn record(kind: Kind, id: &str) -> String {
    format!("{}:{id}", kind.as_str())
}

/// The kind and the id in it.
pub(super) fn parts(record: &str) -> Result<(Kind, u64), Failure> {
    let wrong = || Failure::permanent("record_id");
    let (kind, id) = record.split_once(':').ok_or_else(wrong)?;
    let kind = Kind::named(kind).filter(|kind| *kind != Kind::Contact).ok_or_else(wrong)?;
    Ok((kind, numeric(id)?))
}

/// Brings an enquiry's record up to date, or makes one.
pub(super) async fn ensure(crm: &CrmCall<'_>, enquiry: &EnquiryCard) -> Result<String, Failure> {
    if let Some(known) = &enquiry.known {
        let (kind, id) = parts(known)?;
        items::change(crm, kind, id, facts(crm.account, enquiry)?).await?;
        return Ok(known.clone());
    }
    let settings = Settings::of(crm.account)?;
    let commands = [
        Command::new("crm.settings.mode.get", json!({})),
        items::by_origin(Kind::Lead, enquiry.id),
        items::by_origin(Kind::Deal, enquiry.id),
    ];
    let answers = batch(crm, &commands, false, Effect::Repeatable).await?;
    // The mode may have been changed since: what is there counts.
    for (at, kind) in [(1, Kind::Lead), (2, Kind::Deal)] {
        if let Some(id) = items::ids(answers.result(at)?).first() {
            items::change(crm, kind, numeric(id)?, facts(crm.account, enquiry)?).await?;
            return Ok(record(kind, id));
        }
    }
    let kind = Kind::of_enquiries(answers.result(0)?);
    let id = items::create(crm, kind, new(kind, &settings, crm.account, enquiry)?).await?;
    Ok(record(kind, &id))
}

/// A new lead or deal.
pub(super) fn new(kind: Kind, settings: &Settings, account: &CrmAccount, enquiry: &EnquiryCard) -> Result<Fields, Failure> {
    let mut fields = facts(account, enquiry)?;
    fields.set("title", line(&enquiry.title, TITLE_CHARS));
    fields.set("sourceId", Some(settings.source_id.as_str()));
    fields.set("sourceDescription", enquiry.page.as_deref());
    fields.set("assignedById", Some(settings.responsible_id));
    match kind {
        Kind::Deal => {
            fields.set("categoryId", settings.category_id);
            // A deal has no name and no numbers of its own.
            let given = [&enquiry.name, &enquiry.phone, &enquiry.email, &enquiry.message].into_iter().flatten();
            let given: Vec<&str> = given.map(String::as_str).collect();
            fields.set("comments", Some(plain(&given.join("\n"))));
        }
        _ => {
            fields.set("comments", enquiry.message.as_deref().map(plain));
            fields.set("name", enquiry.name.as_deref().and_then(|name| line(name, TITLE_CHARS)));
            let ways: Vec<Value> = [enquiry.phone.as_deref().map(Way::phone), enquiry.email.as_deref().map(Way::email)]
                .iter()
                .flatten()
                .map(Way::json)
                .collect();
            fields.set("fm", Some(ways).filter(|ways| !ways.is_empty()));
        }
    }
    items::sign(&mut fields, enquiry.id);
    Ok(fields)
}

/// What stays ours when people have taken the record up: its title, its name and its text are theirs then.
fn facts(account: &CrmAccount, enquiry: &EnquiryCard) -> Result<Fields, Failure> {
    let (mut fields, facts) = (Fields::default(), Facts::new(&account.fields, Entity::Enquiry));
    fields.set("contactIds", Some(vec![numeric(&enquiry.client)?]));
    fields.set("utmSource", enquiry.utm.source.as_deref());
    fields.set("utmMedium", enquiry.utm.medium.as_deref());
    fields.set("utmCampaign", enquiry.utm.campaign.as_deref());
    fields.set("utmContent", enquiry.utm.content.as_deref());
    fields.set("utmTerm", enquiry.utm.term.as_deref());
    facts.set_word(&mut fields, Fact::Channel, enquiry.channel.map(ChannelKind::as_str));
    facts.set(&mut fields, Fact::Referral, enquiry.referral.as_deref());
    facts.set(&mut fields, Fact::Tracking, Some(enquiry.tracking_code.as_str()));
    Ok(fields)
}
