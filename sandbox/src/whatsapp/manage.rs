//! Templates, numbers and subscriptions, as the management API shows them.

use serde_json::{Value, json};

use super::{WhatsApp, answer::refusal_with, rules, spec, template::Template};
use crate::meta::{
    graph::{Outcome, Refusal, pick},
    http::Call,
};

/// Graph API: entries of a page when the call names no limit, and at most.
const PAGE: usize = 25;
const MOST: usize = 1_000;
/// Error 2388019: what an account may have.
const MOST_TEMPLATES: usize = 250;
/// Webhook overrides: the longest address.
const MAX_CALLBACK: usize = 200;

/// Fields that exist, and are empty for every number here.
const EMPTY_OF_NUMBERS: &[&str] = &[
    "certificate",
    "conversational_automation",
    "country_code",
    "country_dial_code",
    "eligibility_for_api_business_global_search",
    "health_status",
    "is_official_business_account",
    "is_on_biz_app",
    "is_pin_enabled",
    "is_preverified_number",
    "last_onboarded_time",
    "new_certificate",
    "new_name_status",
    "quality_score",
    "search_visibility",
    "webhook_configuration",
];
/// The same for templates.
const EMPTY_OF_TEMPLATES: &[&str] = &[
    "correct_category",
    "cta_url_link_tracking_opted_out",
    "degrees_of_freedom_spec",
    "library_template_name",
    "message_send_ttl_seconds",
    "previous_category",
    "quality_score",
    "rejected_reason",
    "sub_category",
];

/// The object with further fields that have no value.
fn with_empty(mut object: Value, fields: &[&str]) -> Value {
    for field in fields {
        object[*field] = Value::Null;
    }
    object
}

impl WhatsApp {
    /// `GET /{WABA-ID}/message_templates`, in pages.
    pub(super) fn list_templates(&self, call: &Call) -> Outcome {
        let state = self.state();
        let templates = state.wabas.get(&call.node).map(|waba| waba.templates.as_slice()).unwrap_or_default();
        let is = |name: &str, value: &str| call.text(name).is_none_or(|wanted| wanted == value);
        let found: Vec<&Template> = templates
            .iter()
            .filter(|template| call.text("name").is_none_or(|name| template.name.contains(name)))
            .filter(|template| is("language", &template.language) && is("status", &template.status))
            .filter(|template| is("category", &template.category))
            .collect();
        let limit = call.text("limit").and_then(|limit| limit.parse().ok()).unwrap_or(PAGE).clamp(1, MOST);
        // A cursor is the place in the list; callers have to take it as it is.
        let from = call.text("after").and_then(|cursor| cursor.strip_prefix("QVFI")?.parse::<usize>().ok()).unwrap_or(0);
        let page: Vec<Value> =
            found.iter().skip(from).take(limit).map(|template| with_empty(json!(template), EMPTY_OF_TEMPLATES)).collect();
        let fields = ["name", "language", "status", "category", "parameter_format", "components"];
        let shown: Result<Vec<Value>, Refusal> =
            page.iter().map(|template| pick(template, call.text("fields"), &fields, "WhatsAppMessageTemplate")).collect();
        let end = from + page.len();
        let mut paging = json!({"cursors": {"before": format!("QVFI{from}"), "after": format!("QVFI{end}")}});
        if end < found.len() {
            // The vendor gives the whole address here, token included; the cursor is enough for who pages by cursor.
            paging["next"] = json!(format!("https://graph.facebook.com/v26.0/{}/message_templates?after=QVFI{end}", call.node));
        }
        let mut answer = json!({"data": shown?, "paging": paging});
        if call.text("summary").is_some() {
            answer["summary"] = json!({
                "total_count": found.len(), "message_template_count": templates.len(), "message_template_limit": MOST_TEMPLATES,
                "are_translations_complete": true,
            });
        }
        Ok(answer)
    }

    /// `GET /{Phone-Number-ID}`.
    pub(super) fn show_number(&self, call: &Call) -> Outcome {
        let state = self.state();
        let number = state.numbers.get(&call.node).ok_or_else(|| Refusal::no_such_object("get", &call.node))?;
        let level = if number.throughput > 80.0 { "HIGH" } else { "STANDARD" };
        let shown = json!({
            "id": number.id,
            "display_phone_number": number.display,
            "verified_name": number.verified_name,
            "quality_rating": number.quality,
            "code_verification_status": "VERIFIED",
            "name_status": "APPROVED",
            "status": number.status,
            "platform_type": "CLOUD_API",
            "throughput": {"level": level},
            "whatsapp_business_manager_messaging_limit": "TIER_2K",
            "account_mode": "LIVE",
        });
        let default = [
            "display_phone_number",
            "verified_name",
            "quality_rating",
            "code_verification_status",
            "platform_type",
            "throughput",
        ];
        pick(&with_empty(shown, EMPTY_OF_NUMBERS), call.text("fields"), &default, "WhatsAppBusinessPhoneNumber")
    }

    /// `POST /{WABA-ID}/subscribed_apps`: the app that the token is of hears the account, at a callback of the account's own if given.
    pub(super) async fn subscribe(&self, call: &Call, violations: &mut Vec<String>) -> Outcome {
        violations.extend(spec::check_body(spec::SUBSCRIBE, &call.parameters));
        if let Some(complaint) = violations.first() {
            return Err(rules::unspecified(complaint));
        }
        let app = self.app_of(&call.node)?;
        let own = match (call.text("override_callback_uri"), call.text("verify_token")) {
            (None, None) => None,
            (Some(url), Some(token)) => {
                if url.chars().count() > MAX_CALLBACK {
                    return Err(refusal_with(100, "override_callback_uri has more than 200 characters").violation());
                }
                self.check_subscribed(&call.node, &app)?;
                self.platform.handshake(url, token).await?;
                Some(url.to_owned())
            }
            _ => return Err(refusal_with(100, "override_callback_uri and verify_token come together").violation()),
        };
        self.platform.subscribe(&call.node, &app, own);
        Ok(json!({"success": true}))
    }

    /// Webhook overrides: first the app is subscribed, then its callback is overridden. One call can't do both.
    fn check_subscribed(&self, waba: &str, app: &str) -> Result<(), Refusal> {
        if self.platform.subscribed(waba).iter().any(|subscribed| subscribed.app == app) {
            return Ok(());
        }
        let message = "Before override the current callback uri, your app must be subscribed to receive messages for WhatsApp Business Account.";
        Err(Refusal::titled(400, 100, message).violation())
    }

    /// `GET /{WABA-ID}/subscribed_apps`.
    pub(super) fn list_subscribed(&self, waba: &str) -> Outcome {
        let apps: Vec<Value> = self
            .platform
            .subscribed(waba)
            .into_iter()
            .map(|subscribed| {
                let link = format!("https://www.facebook.com/games/?app_id={}", subscribed.app);
                let mut shown =
                    json!({"whatsapp_business_api_data": {"id": subscribed.app, "link": link, "name": subscribed.name}});
                if let Some(own) = subscribed.own {
                    shown["override_callback_uri"] = json!(own);
                }
                shown
            })
            .collect();
        Ok(json!({"data": apps}))
    }

    /// `DELETE /{WABA-ID}/subscribed_apps`.
    pub(super) fn unsubscribe(&self, waba: &str) -> Outcome {
        let app = self.app_of(waba)?;
        self.platform.unsubscribe(waba, &app);
        Ok(json!({"success": true}))
    }

    /// The app that an account's token belongs to.
    fn app_of(&self, waba: &str) -> Result<String, Refusal> {
        let app = self.state().wabas.get(waba).map(|waba| waba.app.clone());
        app.filter(|app| self.platform.has_app(app)).ok_or_else(|| Refusal::no_such_object("post", waba))
    }
}
