//! `POST /v1/leads`: a form of a salon's site becomes an enquiry. What the CRM and Redis are doing meanwhile makes no difference: 201 says
//! that it is committed here.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER},
        request::Parts,
    },
    response::{IntoResponse, Response},
};
use metrics::counter;
use serde_json::json;
use tokio::sync::SemaphorePermit;
use tracing::Instrument;

use super::{
    Ingress,
    body::{self, BodyError},
    cors,
    kept::{Dated, LookUpFailed},
    openapi,
    sites::Form,
    visitor,
    webhook::trace_of,
};
use crate::{
    clock::Stopwatch,
    error::{Code, FieldProblem, Problem},
    ids::TenantId,
    lead::{self, Fields, Filed, Filing, Lead, TrackingCode},
    ops::{metrics::names, unit::Unit},
    vendor::Rate,
};

const FORM: HeaderName = HeaderName::from_static("x-salon-form");
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Far more than the longest message.
const BODY_LIMIT: usize = 16 * 1024;
/// A form's own limit is for floods; a visitor's is for somebody who sends the same thing again and again.
const OF_A_FORM: Rate = Rate::per_minute(60, 120);
const OF_A_VISITOR: Rate = Rate::per_minute(6, 12);
/// As the tenant file has it.
const LONGEST_ORIGIN: usize = 200;
/// After which a page should try again what could not be stored.
const COME_BACK: Duration = Duration::from_secs(5);

/// Why a form is not taken.
enum Refused {
    Problem(Problem),
    /// Not now; after this time.
    Later(Code, Duration),
}

impl From<Code> for Refused {
    fn from(code: Code) -> Self {
        match code {
            Code::Unavailable => Self::Later(code, COME_BACK),
            code => Self::Problem(code.into()),
        }
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<LookUpFailed> for Refused {
    fn from(_: LookUpFailed) -> Self {
        Code::Unavailable.into()
    }
}

impl Refused {
    const fn code(&self) -> Code {
        match self {
            Self::Problem(problem) => problem.code,
            Self::Later(code, _) => *code,
        }
    }

    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            // Rounded up: who comes a moment too early is refused once more.
            Self::Later(code, after) => ([(RETRY_AFTER, (after.as_secs() + 1).to_string())], code).into_response(),
        }
    }
}

/// What is known of a form while it is answered.
#[derive(Default)]
struct Seen {
    tenant: Option<TenantId>,
    /// The page whose scripts may read the answer.
    page: Option<HeaderValue>,
    repeated: bool,
}

/// Answers a preflight. It does not say which form is meant, so that any salon's page may ask; what the form itself is answered only its
/// own pages can read.
pub(super) async fn preflight(State(ingress): State<Arc<Ingress>>, headers: HeaderMap) -> Response {
    let Some(origin) = cors::origin(&headers) else { return cors::preflight(None) };
    let known = match (origin.to_str(), ingress.place().await) {
        (Ok(text), Ok(_place)) if text.len() <= LONGEST_ORIGIN => {
            ingress.sites.is_known(text, ingress.limits.commit_patience).await
        }
        (_, Ok(_)) => Ok(false),
        (_, Err(failed)) => Err(failed),
    };
    match known {
        Ok(known) => cors::preflight(Some(origin).filter(|_| known)),
        Err(LookUpFailed) => cors::opened(Refused::from(Code::Unavailable).into_response(), None),
    }
}

/// Takes one form.
#[utoipa::path(
    post,
    path = "/v1/leads",
    operation_id = "fileLead",
    tag = "Leads",
    summary = "File a form",
    description = "Stores a form of a salon's site as an enquiry. What is answered with 201 is committed, whatever the CRM is doing. The same form under the same `Idempotency-Key` is answered with the same code.",
    params(
        ("X-Salon-Form" = Option<String>, Header, description = "The form's key, unless it is the field `form`"),
        ("Idempotency-Key" = Option<String>, Header, description = "Made anew for each form that is filled in", min_length = 1, max_length = 255, pattern = "^[!-~]+$"),
        ("Origin" = Option<String>, Header, description = "Set by browsers; must be one of the salon's own"),
    ),
    request_body(content((openapi::Lead = "application/json"), (openapi::Lead = "application/x-www-form-urlencoded")), description = "At most 16 KiB"),
    responses(
        (status = 201, description = "It is stored", body = openapi::Filed),
        (status = 400, description = "A field breaks a rule", body = openapi::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The page is none of the salon's origins", body = openapi::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No form in use has this key", body = openapi::Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 16 KiB", body = openapi::Problem, content_type = "application/problem+json"),
        (status = 422, description = "Another form came under this `Idempotency-Key`", body = openapi::Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many", body = openapi::Problem, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds"))),
        (status = 503, description = "Not stored, as far as is known", body = openapi::Problem, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds"))),
    ),
)]
pub(super) async fn receive(State(ingress): State<Arc<Ingress>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let watch = Stopwatch::start();
    let unit = Unit::new(trace_of(&parts.headers), ingress.db.clock(), ingress.db.ids());
    let span = tracing::info_span!("lead", trace = unit.trace());
    let mut seen = Seen::default();
    let taken = unit.run(ingress.take_lead(&parts, body, &mut seen).instrument(span)).await;
    let outcome = match &taken {
        Ok(_) if seen.repeated => "repeated",
        Ok(_) => "stored",
        Err(refused) => refused.code().as_str(),
    };
    let response = match taken {
        Ok(code) => (StatusCode::CREATED, Json(json!({ "tracking_code": code.as_str() }))).into_response(),
        Err(refused) => refused.into_response(),
    };
    counter!(names::LEADS, "outcome" => outcome).increment(1);
    tracing::info!(
        tenant = seen.tenant.map(tracing::field::display),
        outcome,
        status = response.status().as_u16(),
        queries = unit.queries(),
        duration_ms = watch.elapsed_ms(),
        trace = unit.trace(),
        "lead"
    );
    cors::opened(response, seen.page.as_ref())
}

impl Ingress {
    async fn take_lead(&self, parts: &Parts, body: Body, seen: &mut Seen) -> Result<TrackingCode, Refused> {
        let headers = &parts.headers;
        let named = headers.get(FORM).map(|key| key.to_str().unwrap_or_default());
        // Before the body, if that can be: its refusals are then for the page to read.
        let early = match named {
            Some(key) => Some(self.form(key, headers, seen).await?),
            None => None,
        };
        // Nobody's place is held while a body comes in, however slowly.
        let read = body::read(headers, body, BODY_LIMIT, self.limits.body_patience).await;
        let body = read.map_err(|error| match error {
            BodyError::TooLarge => Code::PayloadTooLarge,
            BodyError::Incomplete => Code::InvalidArgument,
        })?;
        let fields = fields(headers, &body)?;
        let form = match early {
            Some(form) => form,
            None => self.form(fields.form_key().unwrap_or_default(), headers, seen).await?,
        };
        let _place = self.place().await?;
        let address = visitor::address(&parts.extensions, headers, &self.visitors.proxies);
        let limits = visitor::limits("lead", form.tenant, address, &self.keyring, OF_A_FORM, OF_A_VISITOR);
        self.pacer.acquire(&limits).await.map_err(|after| Refused::Later(Code::RateLimited, after))?;
        let (key, lead) = checked(headers, &fields, &form.value)?;
        self.file(&form, headers, key, &lead, seen).await
    }

    /// A place among the visitors who are seen to at once.
    pub(super) async fn place(&self) -> Result<SemaphorePermit<'_>, LookUpFailed> {
        match tokio::time::timeout(self.limits.queue_patience, self.crowd.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            _ => {
                tracing::error!("too many visitors at once");
                Err(LookUpFailed)
            }
        }
    }

    /// The form of a key, if the page that sends it is one of its own. What is sent by no browser names no page.
    async fn form(&self, key: &str, headers: &HeaderMap, seen: &mut Seen) -> Result<Arc<Dated<Form>>, Refused> {
        let place = self.place().await?;
        let form = self.sites.form(key, self.limits.commit_patience).await?.ok_or(Code::NotFound)?;
        drop(place);
        seen.tenant = Some(form.tenant);
        if let Some(origin) = cors::origin(headers) {
            if !origin.to_str().is_ok_and(|origin| form.value.is_of(origin)) {
                return Err(Problem::new(Code::Forbidden, "this page is none of the salon's origins").into());
            }
            seen.page = Some(origin.clone());
        }
        Ok(form)
    }

    async fn file(
        &self,
        form: &Dated<Form>,
        headers: &HeaderMap,
        key: Option<&str>,
        lead: &Lead,
        seen: &mut Seen,
    ) -> Result<TrackingCode, Refused> {
        let now = self.db.clock().now();
        let trail = visitor::trail(headers, &self.keyring, form.tenant, &form.value.slug, now);
        let day = now.with_timezone(&form.value.zone).date_naive();
        let filing = Filing { lead, key, day, trail };
        match tokio::time::timeout(self.limits.commit_patience, lead::file(&self.db, form.tenant, &filing)).await {
            Ok(Ok(Filed::New(code))) => Ok(code),
            Ok(Ok(Filed::Repeated(code))) => {
                seen.repeated = true;
                Ok(code)
            }
            Ok(Ok(Filed::Conflict)) => Err(Code::KeyReused.into()),
            Ok(Err(error)) => {
                tracing::error!(%error, "an enquiry was not stored");
                Err(Code::Unavailable.into())
            }
            Err(_) => {
                tracing::error!("an enquiry was not stored: the database did not confirm in time");
                Err(Code::Unavailable.into())
            }
        }
    }
}

fn fields(headers: &HeaderMap, body: &[u8]) -> Result<Fields, Problem> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let wrong = |field, rule: &str| Problem::of_fields(vec![FieldProblem::new(field, rule)]);
    match kind.as_str() {
        "application/json" => Fields::from_json(body).ok_or_else(|| wrong("body", "must be a JSON object")),
        "application/x-www-form-urlencoded" => Ok(Fields::from_form(body)),
        _ => Err(wrong("Content-Type", "must be application/json or application/x-www-form-urlencoded")),
    }
}

/// The form and the name of this sending, or all that is wrong with either.
fn checked<'a>(headers: &'a HeaderMap, fields: &Fields, form: &Form) -> Result<(Option<&'a str>, Lead), Problem> {
    let key = key(headers);
    match (Lead::read(fields, &form.expected()), key) {
        (Ok(lead), Ok(key)) => Ok((key, lead)),
        (read, key) => {
            let mut problems = read.err().unwrap_or_default();
            problems.extend(key.err());
            Err(Problem::of_fields(problems))
        }
    }
}

fn key(headers: &HeaderMap) -> Result<Option<&str>, FieldProblem> {
    let Some(key) = headers.get(KEY) else { return Ok(None) };
    let text =
        key.to_str().ok().filter(|text| (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()));
    let rule = "must be 1 to 255 visible characters of ASCII";
    text.map(Some).ok_or_else(|| FieldProblem::new("Idempotency-Key", rule))
}
