//! The Cloud API's JSON, as far as we read or write it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::channel::meta::lenient;

/// A webhook's body.
#[derive(Deserialize)]
pub(super) struct Delivery {
    pub(super) object: String,
    pub(super) entry: Vec<Value>,
}

lenient! {
    /// What happened to one business account.
    Entry { id: String, time: Value, changes: Vec<Value> }

    /// `value` is of the kind that `field` names.
    Change { field: String, value: Value }

    /// The value of the fields that are about a number.
    Content {
        metadata: Metadata,
        contacts: Vec<Value>,
        messages: Vec<Value>,
        statuses: Vec<Value>,
        errors: Vec<Value>,
        message_echoes: Vec<Value>,
        user_preferences: Vec<Value>,
    }

    Metadata { phone_number_id: String }

    /// A person in `contacts`. `wa_id` may be missing for one with a username, `user_id` before April 2026.
    Person { profile: Profile, wa_id: String, user_id: String }

    Profile { name: String, username: String }

    /// A message, or what came back of one that was sent (`to`).
    Message {
        from: String,
        from_user_id: String,
        to: String,
        to_user_id: String,
        group_id: String,
        id: String,
        timestamp: Value,
        r#type: String,
        context: Context,
        referral: Referral,
        text: Text,
        button: Pressed,
        interactive: Interactive,
        contacts: Vec<Value>,
        audio: Media,
        image: Media,
        video: Media,
        document: Media,
        system: System,
        edit: Changed,
        revoke: Changed,
        unsupported: Unsupported,
    }

    Context { id: String }

    /// The advertisement or the post that led here.
    Referral { source_id: String, source_url: String }

    Text { body: String }

    /// A quick reply of a template.
    Pressed { payload: String, text: String }

    /// A reply button of a message, or a row of a list.
    Interactive { button_reply: Reply, list_reply: Reply }

    Reply { id: String }

    Card { phones: Vec<Value> }

    Phone { phone: String, wa_id: String }

    Media { id: String, caption: String, voice: bool }

    System { r#type: String, wa_id: String, user_id: String, previous_user_id: String }

    /// `message` is as the person left it.
    Changed { original_message_id: String, message: Value }

    Unsupported { r#type: String }

    Status { id: String, status: String, timestamp: Value, biz_opaque_callback_data: String, errors: Vec<Value> }

    Preference { wa_id: String, user_id: String, category: String, value: String, timestamp: Value }

    TemplateUpdate { event: String, message_template_name: String, message_template_language: String }

    SentMessages { messages: Vec<Value> }

    SentMessage { id: String }

    NumberInfo { display_phone_number: String, verified_name: String, quality_rating: String, name_status: String, status: String }

    Page { data: Vec<Value>, paging: Paging }

    /// `next` is a whole address, with the token in it; it only tells us that there is more.
    Paging { cursors: Cursors, next: Value }

    Cursors { after: String }

    SubscribedApp { override_callback_uri: String }

    TemplateEntry { name: String, language: String, status: String, components: Vec<Value> }

    TemplatePart { r#type: String, text: String }
}

/// The number behind a `wa_id`: its digits, country code first. Echoes name the client by the number as it was dialled, with the plus.
pub(super) fn number(text: &str) -> Option<&str> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    ((5..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

/// True for a business-scoped user id: two letters of a country, a dot, up to 128 letters and digits (`US.ENT.…` for a group of
/// businesses).
pub(super) fn is_user_id(text: &str) -> bool {
    let Some((country, rest)) = text.split_once('.') else { return false };
    let country_code = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
    country_code && (1..=140).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
}

/// A message to one person.
#[derive(Serialize)]
pub(super) struct SendMessage<'a> {
    pub(super) messaging_product: &'static str,
    pub(super) recipient_type: &'static str,
    #[serde(flatten)]
    pub(super) to: To<'a>,
    #[serde(flatten)]
    pub(super) content: Outgoing<'a>,
    pub(super) biz_opaque_callback_data: String,
}

/// A person is named by number or by user id; of both, the vendor takes the number.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum To<'a> {
    To(String),
    Recipient(&'a str),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Outgoing<'a> {
    Text { text: TextBody<'a> },
    Interactive { interactive: InteractiveBody<'a> },
    Template { template: TemplateBody<'a> },
}

#[derive(Serialize)]
pub(super) struct TextBody<'a> {
    pub(super) preview_url: bool,
    pub(super) body: &'a str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum InteractiveBody<'a> {
    Button { body: Words<'a>, action: ButtonAction<'a> },
    List { body: Words<'a>, action: ListAction<'a> },
}

#[derive(Serialize)]
pub(super) struct Words<'a> {
    pub(super) text: &'a str,
}

#[derive(Serialize)]
pub(super) struct ButtonAction<'a> {
    pub(super) buttons: Vec<ReplyButton<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ReplyButton<'a> {
    Reply { reply: Choice<'a> },
}

#[derive(Serialize)]
pub(super) struct Choice<'a> {
    pub(super) id: &'a str,
    pub(super) title: &'a str,
}

/// A section needs a title only beside another one.
#[derive(Serialize)]
pub(super) struct ListAction<'a> {
    pub(super) button: &'a str,
    pub(super) sections: [Section<'a>; 1],
}

#[derive(Serialize)]
pub(super) struct Section<'a> {
    pub(super) rows: Vec<Choice<'a>>,
}

#[derive(Serialize)]
pub(super) struct TemplateBody<'a> {
    pub(super) name: &'a str,
    pub(super) language: Language<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) components: Vec<Component<'a>>,
}

#[derive(Serialize)]
pub(super) struct Language<'a> {
    pub(super) code: &'a str,
}

/// `index` counts the template's buttons from 0, and is a text.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Component<'a> {
    Body { parameters: Vec<Parameter<'a>> },
    Button { sub_type: &'static str, index: String, parameters: [Parameter<'a>; 1] },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Parameter<'a> {
    Text { text: &'a str },
    Payload { payload: &'a str },
}

#[derive(Serialize)]
pub(super) struct MarkRead<'a> {
    pub(super) messaging_product: &'static str,
    pub(super) status: &'static str,
    pub(super) message_id: &'a str,
    pub(super) typing_indicator: TypingIndicator,
}

#[derive(Serialize)]
pub(super) struct TypingIndicator {
    pub(super) r#type: &'static str,
}

/// Without fields: the app hears the account, at its own callback.
#[derive(Serialize)]
pub(super) struct Subscribe {}

/// Holds a secret: not `Debug`.
#[derive(Serialize)]
pub(super) struct OverrideCallback<'a> {
    pub(super) override_callback_uri: &'a str,
    pub(super) verify_token: &'a str,
}
