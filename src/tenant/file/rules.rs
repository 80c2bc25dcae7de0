//! What a schema cannot say: zones and regions that exist, names that are unique, references that lead somewhere.
//!
//! The checks read the raw value and skip what is missing or of the wrong type, which the schema refuses, so that one
//! pass reports every problem of a file.

use std::collections::HashMap;

use chrono::{NaiveTime, TimeDelta};
use chrono_tz::{TZ_VARIANTS, Tz};
use phonenumber::country;
use serde_json::Value;
use url::Url;

use super::parse::{Document, join};
use super::suggest;
use super::{
    channels,
    problem::{self, Report},
};

/// Longer quiet hours would leave no time to send in: a channel silenced by mistake rather than on purpose.
const LONGEST_QUIET: TimeDelta = TimeDelta::hours(20);

/// Reports everything that is well-formed and still wrong.
pub(super) fn check(document: &Document, report: &mut Report) {
    let root = &document.value;
    zone(root, report);
    region(root, report);
    quiet_hours(root, report);
    addresses(root, report);
    origins(root, report);
    titles(root, report);
    channel_fields(root, report);
    fallback_order(root, report);
    unique_names(document, report);
    staff_services(document, report);
}

/// The schema refuses longer lists. Comparing the entries of one with those of another must not take hours to say so.
const LONGEST_LIST: usize = 200;

/// The entries of a list with their pointers; none if `pointer` leads to no list.
fn entries<'a>(root: &'a Value, pointer: &str) -> Vec<(String, &'a Value)> {
    let items = root.pointer(pointer).and_then(Value::as_array);
    let items = items.into_iter().flatten().take(LONGEST_LIST).enumerate();
    items.map(|(index, item)| (join(pointer, &index.to_string()), item)).collect()
}

fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field).and_then(Value::as_str)
}

fn zone(root: &Value, report: &mut Report) {
    let Some(zone) = text(root, "zone").filter(|zone| !zone.is_empty()) else {
        return;
    };
    if zone.parse::<Tz>().is_err() {
        let hint = suggest::hint(zone, TZ_VARIANTS.iter().map(|zone| zone.name()));
        let rule = format!("must be an IANA time zone, such as Europe/Moscow{hint}");
        report.add_got("/zone", rule, &root["zone"]);
    }
}

fn region(root: &Value, report: &mut Report) {
    let Some(region) = text(root, "phone_region") else {
        return;
    };
    let well_formed = region.len() == 2 && region.bytes().all(|byte| byte.is_ascii_uppercase());
    if well_formed && region.parse::<country::Id>().is_err() {
        report.add_got("/phone_region", "must be a region of ISO 3166, such as RU", &root["phone_region"]);
    }
}

fn quiet_hours(root: &Value, report: &mut Report) {
    let Some(window) = root.get("quiet_hours") else {
        return;
    };
    let time = |field| NaiveTime::parse_from_str(text(window, field)?, "%H:%M").ok();
    let (Some(start), Some(end)) = (time("start"), time("end")) else {
        return;
    };
    let length = (end - start + TimeDelta::days(1)).num_minutes() % (24 * 60);
    if length == 0 {
        report.add("/quiet_hours", "must end at another time than it starts");
    } else if length > LONGEST_QUIET.num_minutes() {
        let rule = format!("must be at most {} hours long", LONGEST_QUIET.num_hours());
        let got = format!("{} h {} min", length / 60, length % 60);
        report.add("/quiet_hours", format!("{rule} (got {got})"));
    }
}

fn addresses(root: &Value, report: &mut Report) {
    let channels = entries(root, "/channels").into_iter().map(|(pointer, _)| pointer);
    let connections = ["/erxes", "/espocrm", "/bitrix24", "/calcom"].map(str::to_owned);
    let places = connections.into_iter().chain(channels).map(|section| join(&section, "base_url"));
    for pointer in places.chain(["/bitrix24/oauth_url".to_owned()]) {
        if let Some(address) = root.pointer(&pointer).and_then(Value::as_str)
            && let Err(rule) = base_url(address)
        {
            report.add(pointer, rule);
        }
    }
}

/// What is missing from an http(s) address to be one that paths can be appended to. Other schemes are the schema's.
fn base_url(address: &str) -> Result<(), &'static str> {
    if !(address.starts_with("http://") || address.starts_with("https://")) {
        return Ok(());
    }
    let url = Url::parse(address).map_err(|_| "must be an address that can be parsed, such as https://example.com")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not have a user name or password in it");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must end with its path: nothing from ? or # on");
    }
    Ok(())
}

const BROWSERS_WAY: &str =
    "must be written as browsers do: in small letters, in punycode, without a port that its scheme implies";

/// Browsers write an origin in one way only, and that is what ours is compared with.
fn origins(root: &Value, report: &mut Report) {
    for (pointer, origin) in entries(root, "/site/origins") {
        // Anything but a scheme and a host is the schema's.
        let Some(text) = origin.as_str().filter(|text| text.starts_with("http") && !text.contains(['@', '?', '#'])) else {
            continue;
        };
        let Ok(url) = Url::parse(text) else { continue };
        if url.path() == "/" && !text.ends_with('/') && url.origin().ascii_serialization() != text {
            report.add(pointer, BROWSERS_WAY);
        }
    }
}

fn titles(root: &Value, report: &mut Report) {
    let languages = root.get("languages").and_then(Value::as_array);
    let languages: Vec<&str> = languages.into_iter().flatten().filter_map(Value::as_str).collect();
    for (pointer, service) in entries(root, "/services") {
        let Some(Value::Object(texts)) = service.get("title") else {
            continue;
        };
        // An empty mapping and an unknown language are the schema's.
        if texts.is_empty() {
            continue;
        }
        for language in ["ru", "en"].into_iter().filter(|code| languages.contains(code)) {
            if !texts.contains_key(language) {
                let rule = format!("must have a text in {language}, which is one of `languages`");
                report.add(join(&pointer, "title"), rule);
            }
        }
    }
}

/// What there is to know about a kind of channel.
struct Kind {
    name: &'static str,
    /// The field that says whom the vendor takes the account for, and what that is in words.
    identity: (&'static str, &'static str),
    /// The fields it must have beside `kind`, `name` and `base_url`.
    required: &'static [&'static str],
    /// Those it may have.
    optional: &'static [&'static str],
}

const CHANNELS: &[Kind] = &[
    Kind { name: "telegram", identity: ("bot_token", "the bot"), required: &["bot_token"], optional: &["secret_token"] },
    Kind { name: "max", identity: ("access_token", "the bot"), required: &["access_token"], optional: &["webhook_secret"] },
    Kind {
        name: "vk",
        identity: ("group_id", "the community"),
        required: &["group_id", "access_token"],
        optional: &["secret_key"],
    },
    Kind {
        name: "whatsapp",
        identity: ("phone_number_id", "the number"),
        required: &["phone_number_id", "waba_id", "access_token", "app_secret"],
        optional: &["other_app_secret", "verify_token", "templates"],
    },
    Kind {
        name: "instagram",
        identity: ("account_id", "the account"),
        required: &["account_id", "access_token", "app_secret"],
        optional: &["other_app_secret", "verify_token"],
    },
];

/// The field of a channel that says whom the vendor takes it for, and what that is in words.
pub(super) fn identity(kind: &str) -> Option<(&'static str, &'static str)> {
    CHANNELS.iter().find(|known| known.name == kind).map(|known| known.identity)
}

/// Which fields a channel has depends on its kind. A JSON Schema could say so, but not in words that name the field and the rule.
fn channel_fields(root: &Value, report: &mut Report) {
    let every: Vec<&str> = CHANNELS.iter().flat_map(|kind| kind.required.iter().chain(kind.optional)).copied().collect();
    for (pointer, channel) in entries(root, "/channels") {
        let Some(known) = CHANNELS.iter().find(|known| text(channel, "kind") == Some(known.name)) else { continue };
        let Kind { name: kind, required, optional, .. } = known;
        let present = |field: &&&str| channel.get(field).is_some();
        for missing in required.iter().filter(|field| !present(field)) {
            report.add(join(&pointer, missing), format!("is required for a channel of kind {kind}"));
        }
        let foreign = every.iter().filter(present).filter(|field| !required.contains(field) && !optional.contains(field));
        let foreign: std::collections::BTreeSet<_> = foreign.collect();
        for field in foreign {
            report.add(join(&pointer, field), format!("is not a field of a channel of kind {kind}"));
        }
        let mut used = std::collections::HashSet::new();
        for (place, template) in entries(root, &join(&pointer, "templates")) {
            if let (Some(purpose), Some(language)) = (text(template, "purpose"), text(template, "language"))
                && !used.insert((purpose, language))
            {
                report.add(place, format!("must be the only template for {purpose} in {language}"));
            }
        }
    }
}

/// True if every channel has the fields its kind must have, and no others.
#[cfg(test)]
pub(super) fn channels_are_complete(root: &Value) -> bool {
    let mut report = Report::default();
    channel_fields(root, &mut report);
    report.is_empty()
}

fn fallback_order(root: &Value, report: &mut Report) {
    let channels = entries(root, "/channels");
    let names: Vec<&str> = channels.iter().filter_map(|(_, channel)| text(channel, "name")).collect();
    for (pointer, name) in entries(root, "/fallback/order") {
        if let Some(wanted) = name.as_str().filter(|wanted| !names.contains(wanted)) {
            let hint = suggest::hint(wanted, names.iter().copied());
            report.add_got(&pointer, format!("must be the name of a channel of this file{hint}"), name);
        }
    }
}

/// Refuses the second use of a value, telling where the first is.
struct Unique<'a> {
    document: &'a Document,
    seen: HashMap<Value, String>,
}

impl<'a> Unique<'a> {
    fn new(document: &'a Document) -> Self {
        Self { document, seen: HashMap::new() }
    }

    fn take(&mut self, pointer: String, report: &mut Report) {
        let Some(value) = self.document.value.pointer(&pointer) else {
            return;
        };
        if !(value.is_string() || value.is_number()) {
            return;
        }
        match self.seen.get(value) {
            Some(first) => {
                let field = problem::field(&self.document.value, first);
                let line = self.document.line(first);
                report.add_got(&pointer, format!("must be unique: {field} on line {line} is the same"), value);
            }
            None => {
                self.seen.insert(value.clone(), pointer);
            }
        }
    }
}

fn unique_names(document: &Document, report: &mut Report) {
    for (list, field) in [("/channels", "name"), ("/services", "key"), ("/staff", "key")] {
        let mut names = Unique::new(document);
        for (pointer, _) in entries(&document.value, list) {
            names.take(join(&pointer, field), report);
        }
    }
}

/// Two channels of a file that are the same account. For when its secrets are in place: a token may come from outside the file.
pub(super) fn check_identities(document: &Document, report: &mut Report) {
    let mut seen: HashMap<(&str, String), String> = HashMap::new();
    for (pointer, channel) in entries(&document.value, "/channels") {
        let Some((kind, (field, what))) = text(channel, "kind").and_then(|kind| Some((kind, identity(kind)?))) else { continue };
        let identity = match channel.get(field) {
            Some(Value::String(token)) if kind == "telegram" => channels::bot_number(token).to_owned(),
            Some(Value::String(id)) => id.clone(),
            Some(Value::Number(id)) => id.to_string(),
            _ => continue,
        };
        let place = join(&pointer, field);
        match seen.get(&(kind, identity.clone())) {
            Some(first) => {
                let (other, line) = (problem::field(&document.value, first), document.line(first));
                report.add(place, format!("must not be {what} of {other} on line {line}"));
            }
            None => _ = seen.insert((kind, identity), place),
        }
    }
}

fn staff_services(document: &Document, report: &mut Report) {
    let root = &document.value;
    let services = entries(root, "/services");
    let keys: Vec<&str> = services.iter().filter_map(|(_, service)| text(service, "key")).collect();
    let mut event_types = Unique::new(document);
    for (master, _) in entries(root, "/staff") {
        let mut offered = Unique::new(document);
        for (pointer, entry) in entries(root, &join(&master, "services")) {
            let service = join(&pointer, "service");
            if let Some(key) = text(entry, "service").filter(|key| !keys.contains(key)) {
                let hint = suggest::hint(key, keys.iter().copied());
                report.add_got(&service, format!("must be the key of a service of this file{hint}"), &entry["service"]);
            }
            offered.take(service, report);
            event_types.take(join(&pointer, "event_type_id"), report);
        }
    }
}
