//! What a visitor filled in: read as it came, checked in one pass that names every field that breaks a rule, and put into the form in
//! which we keep it. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use unicode_segmentation::UnicodeSegmentation;
use url::{Host, Url, form_urlencoded};

use crate::{dialogue::parse_phone, error::FieldProblem};

const LONGEST_NAME: usize = 100;
const LONGEST_MESSAGE: usize = 2000;
const LONGEST_UTM: usize = 200;
const LONGEST_PAGE: usize = 2000;
/// RFC 5321, 4.5.3.1: a path of 256 octets with its angle brackets, and its part before the @.
const LONGEST_EMAIL: usize = 254;
const LONGEST_LOCAL_PART: usize = 64;

/// What the salon of the form expects.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// ISO 3166 region in which a number without a country code is read.
    pub phone_region: &'a str,
    /// The keys of its services, those no longer offered among them: a page may be older than the price list.
    pub services: &'a [String],
    /// Whether the form must carry consent.
    pub consent: bool,
}

/// A form as it came: names and values, of which nothing is known yet. Names we don't know are ignored: forms have buttons and tokens of
/// their own.
#[derive(Clone, Default)]
pub struct Fields(Map<String, Value>);

/// Only the number: what a visitor writes does not belong in logs.
impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fields({})", self.0.len())
    }
}

impl Fields {
    /// From a JSON object; none if it is no such thing.
    pub fn from_json(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok().map(Self)
    }

    /// From `application/x-www-form-urlencoded`. Of two values of one name the last one counts.
    pub fn from_form(body: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(body);
        Self(pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect())
    }

    /// The key of the form, where it is a field.
    pub fn form_key(&self) -> Option<&str> {
        self.0.get("form").and_then(Value::as_str)
    }

    /// A field's text without the white space around it. An empty one is none: that is how a page sends what nobody filled in.
    fn text(&self, field: &'static str, problems: &mut Vec<FieldProblem>) -> Option<&str> {
        match self.0.get(field) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.trim()).filter(|text| !text.is_empty()),
            Some(_) => {
                problems.push(FieldProblem::new(field, "must be text"));
                None
            }
        }
    }

    /// A box that was ticked, as pages and scripts write it.
    fn ticked(&self, field: &'static str, problems: &mut Vec<FieldProblem>) -> bool {
        let word = match self.0.get(field) {
            None | Some(Value::Null) => return false,
            Some(Value::Bool(ticked)) => return *ticked,
            Some(Value::String(word)) => word.trim().to_ascii_lowercase(),
            Some(_) => "?".to_owned(),
        };
        match word.as_str() {
            "true" | "on" | "yes" | "1" => true,
            "false" | "off" | "no" | "0" | "" => false,
            _ => {
                problems.push(FieldProblem::new(field, "must be true or false"));
                false
            }
        }
    }
}

/// From where a visitor came, as the usual parameters of a link tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Utm {
    /// `utm_source`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// `utm_medium`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<String>,
    /// `utm_campaign`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// `utm_content`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// `utm_term`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term: Option<String>,
}

impl Utm {
    /// Whether nothing is told.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// From a link's query. What breaks a rule is left out: a link must lead where it leads.
    pub fn of_link(query: &[(String, String)]) -> Self {
        let value = |name: &str| {
            let found = query.iter().find(|(given, _)| given == name).map(|(_, value)| value.trim());
            found.and_then(|value| line(value, LONGEST_UTM).ok())
        };
        Self {
            source: value("utm_source"),
            medium: value("utm_medium"),
            campaign: value("utm_campaign"),
            content: value("utm_content"),
            term: value("utm_term"),
        }
    }
}

/// Whether this can be a referral code: 1 to 64 of `A-Z a-z 0-9 _ -`.
pub fn is_referral(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// A form that breaks no rule, with its phone number in E.164.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Lead {
    /// How the visitor wants to be called.
    pub name: String,
    /// E.164, and nobody vouches for it.
    pub phone: Option<String>,
    /// An address that can exist. One of `phone` and `email` is always there.
    pub email: Option<String>,
    /// The key of one of the salon's services.
    pub service: Option<String>,
    /// In their own words, line ends as `\n`.
    pub message: Option<String>,
    /// The page the form stands on, without its query and its fragment.
    pub page: Option<String>,
    /// Who sent the visitor: 1 to 64 of `A-Z a-z 0-9 _ -`.
    #[serde(rename = "ref")]
    pub referral: Option<String>,
    /// From where the visitor came.
    pub utm: Utm,
    /// Whether the box was ticked.
    pub consent: bool,
}

/// Nothing of what a visitor wrote.
impl fmt::Debug for Lead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lead").field("phone", &self.phone.is_some()).field("email", &self.email.is_some()).finish_non_exhaustive()
    }
}

impl Lead {
    /// Reads a form.
    ///
    /// # Errors
    /// Every field that breaks a rule.
    pub fn read(fields: &Fields, expected: &Expected<'_>) -> Result<Self, Vec<FieldProblem>> {
        let mut reading = Reading { fields, problems: Vec::new() };
        let lead = reading.lead(expected);
        let Reading { problems, .. } = reading;
        if problems.is_empty() { Ok(lead) } else { Err(problems) }
    }
}

struct Reading<'a> {
    fields: &'a Fields,
    problems: Vec<FieldProblem>,
}

/// What is wrong with a value.
type Rule = String;

impl Reading<'_> {
    fn lead(&mut self, expected: &Expected<'_>) -> Lead {
        let name = self.value("name", |text| line(text, LONGEST_NAME));
        if name.is_none() {
            self.unless_told("name", "is required");
        }
        let phone = self.value("phone", |text| {
            let number = parse_phone(text, expected.phone_region).ok_or("must be a phone number that can exist")?;
            Ok(number.as_str().to_owned())
        });
        let email = self.value("email", email);
        if phone.is_none() && email.is_none() && !self.is_told("email") {
            self.unless_told("phone", "a phone number or an email is required");
        }
        let service = self.value("service", |text| service(text, expected.services));
        let message = self.value("message", message);
        let page = self.value("page", page);
        let referral = self.value("ref", |text| match is_referral(text) {
            true => Ok(text.to_owned()),
            false => Err("must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -".to_owned()),
        });
        let consent = self.fields.ticked("consent", &mut self.problems);
        if expected.consent && !consent {
            self.unless_told("consent", "must be true");
        }
        // People don't see this field; programs fill in whatever there is.
        if self.value("website", |_| Ok(String::new())).is_some() {
            self.problems.push(FieldProblem::new("website", "must be empty"));
        }
        let utm = self.utm();
        Lead { name: name.unwrap_or_default(), phone, email, service, message, page, referral, utm, consent }
    }

    fn utm(&mut self) -> Utm {
        let mut value = |field| self.value(field, |text| line(text, LONGEST_UTM));
        Utm {
            source: value("utm_source"),
            medium: value("utm_medium"),
            campaign: value("utm_campaign"),
            content: value("utm_content"),
            term: value("utm_term"),
        }
    }

    fn value(&mut self, field: &'static str, check: impl FnOnce(&str) -> Result<String, Rule>) -> Option<String> {
        let text = self.fields.text(field, &mut self.problems)?;
        match check(text) {
            Ok(value) => Some(value),
            Err(rule) => {
                self.problems.push(FieldProblem::new(field, rule));
                None
            }
        }
    }

    fn is_told(&self, field: &str) -> bool {
        self.problems.iter().any(|problem| problem.field == field)
    }

    fn unless_told(&mut self, field: &'static str, rule: &str) {
        if !self.is_told(field) {
            self.problems.push(FieldProblem::new(field, rule));
        }
    }
}

/// Characters as people count them.
fn length(text: &str) -> usize {
    text.graphemes(true).count()
}

/// One line that somebody can read: what reorders or hides text is taken out, and something must be left.
fn line(text: &str, most: usize) -> Result<String, Rule> {
    let text: String = text.chars().filter(|c| !is_unseen(*c)).collect();
    let text = text.trim();
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    // A joiner alone joins nothing, and a filler or a blank of Braille is as good as a space.
    let is_blank = |c: char| {
        matches!(
            c,
            '\u{115f}' | '\u{1160}' | '\u{200c}' | '\u{200d}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}'
        )
    };
    let is_seen = |c: char| !c.is_whitespace() && !is_blank(c);
    if length(text) > most || text.chars().any(breaks) || !text.chars().any(is_seen) {
        return Err(format!("must be one line of 1 to {most} characters"));
    }
    Ok(text.to_owned())
}

/// Characters that nobody sees and that change how others are read: marks and overrides of direction (Unicode's annex 9), zero widths but for
/// the joiners, which Persian and emoji need.
const fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

fn message(text: &str) -> Result<String, Rule> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let is_odd = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if length(&text) > LONGEST_MESSAGE || text.chars().any(is_odd) {
        return Err(format!("must be at most {LONGEST_MESSAGE} characters without control characters"));
    }
    Ok(text)
}

/// Whether anybody reads it can't be known here; what can't be an address is most often a slip. The domain is kept as DNS has it (RFC 5890):
/// mail servers and CRMs know no other form.
fn email(text: &str) -> Result<String, Rule> {
    let wrong = || "must be an email address, such as name@example.com".to_owned();
    let (local, domain) = text.rsplit_once('@').ok_or_else(wrong)?;
    // RFC 5322, 3.2.3; beyond ASCII RFC 6531.
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && !is_unseen(c) && !"@<>()[]\\,;:\"".contains(c);
    let is_atom = |atom: &str| !atom.is_empty() && atom.chars().all(is_plain);
    let Ok(Host::Domain(domain)) = Host::parse(domain) else { return Err(wrong()) };
    if local.len() > LONGEST_LOCAL_PART || !local.split('.').all(is_atom) || !is_domain(&domain) || text.len() > LONGEST_EMAIL {
        return Err(wrong());
    }
    Ok(format!("{local}@{domain}"))
}

/// RFC 1123, 2.1.
fn is_domain(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.contains('.') && name.split('.').all(is_label)
}

fn service(text: &str, known: &[String]) -> Result<String, Rule> {
    match known.iter().find(|key| key.as_str() == text) {
        Some(key) => Ok(key.clone()),
        None => Err("must be the key of one of the salon's services".to_owned()),
    }
}

fn page(text: &str) -> Result<String, Rule> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.filter(|url| url.username().is_empty() && url.password().is_none() && text.len() <= LONGEST_PAGE);
    let mut url = url.ok_or_else(|| format!("must be an http or https address of at most {LONGEST_PAGE} characters"))?;
    url.set_fragment(None);
    // Anything may stand in a query, and what we want of it has fields of its own.
    url.set_query(None);
    Ok(url.into())
}

#[cfg(test)]
#[path = "form_tests.rs"]
mod tests;
