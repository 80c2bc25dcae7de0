//! Lists in pages: `{ list totalCount pageInfo }`, as erxes has them, forward only.

use async_graphql::SimpleObject;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::error::{Code, Problem};

const DEFAULT_LIMIT: i32 = 20;
const MAX_LIMIT: i32 = 100;
/// What a field costs that asks the database, on top of what it returns: bounds how often one request may do so.
const ASKING: usize = 200;

/// The cost of a list of `limit` things that cost `child` each.
pub(super) fn cost(limit: Option<i32>, child: usize) -> usize {
    let things = usize::try_from(limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT)).unwrap_or(1);
    ASKING.saturating_add(things.saturating_mul(child))
}

/// How many things a page holds.
pub(super) fn checked_limit(limit: Option<i32>) -> Result<i64, Problem> {
    match limit.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit.into()),
        _ => Err(Problem::new(Code::InvalidArgument, format!("limit: must be between 1 and {MAX_LIMIT}"))),
    }
}

/// An id that the caller wrote into `field`.
pub(super) fn parse_uuid(field: &str, text: &str) -> Result<Uuid, Problem> {
    Uuid::try_parse(text).map_err(|_| Problem::new(Code::InvalidArgument, format!("{field}: must be a UUID")))
}

/// A name that the caller wrote into `field`.
pub(super) fn parse_name(field: &str, text: Option<String>) -> Result<Option<String>, Problem> {
    match text {
        // PostgreSQL stores no NUL, and takes none as a parameter.
        Some(text) if text.contains('\0') => Err(Problem::new(Code::InvalidArgument, format!("{field}: must be a name"))),
        text => Ok(text),
    }
}

/// The text of a place in a list: base64 of JSON, which nobody should look into.
pub(super) fn encode_cursor(place: &impl Serialize) -> Option<String> {
    serde_json::to_vec(place).ok().map(|json| BASE64_URL_SAFE_NO_PAD.encode(json))
}

/// The place that a cursor names.
pub(super) fn decode_cursor<P: DeserializeOwned>(cursor: Option<&str>) -> Result<Option<P>, Problem> {
    let decode = |text: &str| serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok();
    cursor
        .map(|text| {
            decode(text).ok_or_else(|| Problem::new(Code::InvalidArgument, "cursor: must be an endCursor of the same list"))
        })
        .transpose()
}

/// Where a page ends and whether another follows.
#[derive(Debug, Clone, SimpleObject)]
pub struct SalonPageInfo {
    /// True if there is more after this page.
    has_next_page: Option<bool>,
    /// True if this is not the first page.
    has_previous_page: Option<bool>,
    /// The place of the first thing on this page.
    start_cursor: Option<String>,
    /// The place of the last one: the `cursor` of the next page.
    end_cursor: Option<String>,
}

/// One page.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) list: Vec<T>,
    pub(super) info: SalonPageInfo,
}

impl<T> Page<T> {
    /// Makes a page of `found`, which was asked for one thing more than `limit`: the surplus tells that there is a next page.
    pub(super) fn cut<P: Serialize>(mut found: Vec<T>, limit: i64, is_first: bool, place: impl Fn(&T) -> P) -> Self {
        let limit = usize::try_from(limit).unwrap_or_default();
        let has_next = found.len() > limit;
        found.truncate(limit);
        let cursor = |thing: Option<&T>| thing.and_then(|thing| encode_cursor(&place(thing)));
        let info = SalonPageInfo {
            has_next_page: Some(has_next),
            has_previous_page: Some(!is_first),
            start_cursor: cursor(found.first()),
            end_cursor: cursor(found.last()),
        };
        Self { list: found, info }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_where_its_limit_says() {
        let page = Page::cut(vec![1, 2, 3], 2, true, |n| *n);
        assert_eq!(page.list, [1, 2]);
        assert_eq!((page.info.has_next_page, page.info.has_previous_page), (Some(true), Some(false)));
        assert_eq!(decode_cursor::<i32>(page.info.end_cursor.as_deref()).unwrap(), Some(2));
        let page = Page::cut(vec![3], 2, false, |n| *n);
        assert_eq!((page.info.has_next_page, page.info.has_previous_page), (Some(false), Some(true)));
    }

    #[test]
    fn bad_arguments_name_the_field_and_the_rule() {
        for limit in [0, -1, 101, i32::MIN] {
            assert_eq!(checked_limit(Some(limit)).unwrap_err().detail, "limit: must be between 1 and 100");
        }
        assert_eq!(checked_limit(None).unwrap(), 20);
        for cursor in ["", "%", "e30", "bnVsbA=="] {
            assert!(decode_cursor::<i32>(Some(cursor)).unwrap_err().detail.starts_with("cursor: "), "{cursor}");
        }
    }

    #[test]
    fn no_limit_makes_a_query_cheap_or_overflows() {
        assert!(cost(Some(i32::MIN), 1) > ASKING);
        assert_eq!(cost(Some(i32::MAX), 3), cost(Some(100), 3));
        assert_eq!(cost(Some(100), usize::MAX), usize::MAX);
    }
}
