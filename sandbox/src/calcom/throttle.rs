//! cal.com's rate limit: a window of a minute per key, then a block of a minute. The reset header tells seconds left.

use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};

use super::{
    answer::Refusal,
    model::{State, Throttle},
};

const WINDOW: TimeDelta = TimeDelta::seconds(60);
const ANONYMOUS_LIMIT: u32 = 120;

/// Whether the request may pass, and what the headers say about it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Verdict {
    limit: u32,
    remaining: u32,
    reset_seconds: u64,
    refused: bool,
}

impl Verdict {
    pub(super) const fn refused(reset_seconds: u64) -> Self {
        Self { limit: ANONYMOUS_LIMIT, remaining: 0, reset_seconds, refused: true }
    }

    pub(super) const fn is_refused(&self) -> bool {
        self.refused
    }

    /// Adds `X-RateLimit-*-Default`; there is no `Retry-After`.
    pub(super) fn mark(&self, mut response: Response) -> Response {
        if self.limit > 0 {
            let headers = response.headers_mut();
            headers.insert("x-ratelimit-limit-default", self.limit.into());
            headers.insert("x-ratelimit-remaining-default", self.remaining.into());
            headers.insert("x-ratelimit-reset-default", self.reset_seconds.into());
        }
        response
    }
}

pub(super) fn refusal() -> Refusal {
    Refusal::nest(429, "CustomThrottlerGuard - Too many requests. Please try again later.")
}

pub(super) fn check(state: &mut State, key: Option<&str>, now: DateTime<Utc>) -> Result<Verdict, Refusal> {
    let limit = match key {
        None => ANONYMOUS_LIMIT,
        Some(key) => {
            let unknown = || Refusal::nest(401, "CustomThrottlerGuard - Invalid API Key");
            state.user_by_key(key).ok_or_else(unknown)?.rate_limit
        }
    };
    let fresh = Throttle { window_ends: now + WINDOW, used: 0, blocked_until: None };
    let throttle = state.throttles.entry(key.unwrap_or_default().to_owned()).or_insert(fresh);
    if throttle.blocked_until.is_some_and(|end| end <= now) || throttle.window_ends <= now {
        *throttle = Throttle { blocked_until: throttle.blocked_until.filter(|end| *end > now), ..fresh };
    }
    throttle.used += 1;
    if throttle.used > limit && throttle.blocked_until.is_none() {
        throttle.blocked_until = Some(now + WINDOW);
    }
    let end = throttle.blocked_until.unwrap_or(throttle.window_ends);
    Ok(Verdict {
        limit,
        remaining: limit.saturating_sub(throttle.used),
        reset_seconds: (end - now).num_milliseconds().max(0).cast_unsigned().div_ceil(1000),
        refused: throttle.blocked_until.is_some(),
    })
}
