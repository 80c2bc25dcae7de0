//! What a caller sees of an error: its code from the closed catalogue, its detail, and for our own failures the trace to ask us
//! about. The erxes gateway rewrites nothing, so nothing inner may be in here.

use async_graphql::{ErrorExtensionValues, Response, ServerError};

use crate::{
    error::{Code, Problem},
    ops::unit,
};

/// What async-graphql says when a limit is passed, and the beginning of what it says for one.
const LIMITS: [&str; 3] = ["Query is too complex", "Query is nested too deep", "The recursion depth of the query"];

/// Gives every error its code and hides what is ours.
pub(super) fn publish(mut response: Response) -> Response {
    for error in &mut response.errors {
        publish_one(error);
    }
    response
}

fn publish_one(error: &mut ServerError) {
    let problem = public(error);
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", problem.code.as_str());
    if problem.code.status().is_server_error()
        && let Some(trace) = unit::current_trace()
    {
        extensions.set("traceId", trace);
    }
    error.message = problem.detail;
    error.extensions = Some(extensions);
    error.source = None;
}

fn public(error: &ServerError) -> Problem {
    match &error.source {
        Some(_) => error.source::<Problem>().cloned().unwrap_or_else(|| {
            tracing::error!(error = %error.message, "a resolver failed with something that is not a problem");
            Code::Internal.into()
        }),
        // Our resolvers fail with problems only: an error without a source is the GraphQL layer's own complaint about the document.
        None if LIMITS.iter().any(|limit| error.message.starts_with(limit)) => {
            Problem::new(Code::QueryTooComplex, &*error.message)
        }
        None => Problem::new(Code::InvalidArgument, &*error.message),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn published(message: &str, source: Option<Arc<dyn std::any::Any + Send + Sync>>) -> (String, String) {
        let mut error = ServerError::new(message, None);
        error.source = source;
        publish_one(&mut error);
        let code = error.extensions.unwrap().get("code").unwrap().clone().into_json().unwrap();
        (code.as_str().unwrap().to_owned(), error.message)
    }

    #[test]
    fn what_is_not_a_problem_is_masked() {
        let (code, message) = published("relation \"secret\" does not exist", Some(Arc::new(std::fmt::Error)));
        assert_eq!((code.as_str(), message.as_str()), ("INTERNAL", Code::Internal.title()));
    }

    #[test]
    fn a_problem_keeps_its_code_and_detail() {
        let problem = Problem::new(Code::Conflict, "limit: told so");
        assert_eq!(published("CONFLICT: limit: told so", Some(Arc::new(problem))), ("CONFLICT".into(), "limit: told so".into()));
    }

    #[test]
    fn a_limit_is_told_from_a_mistake() {
        assert_eq!(published("Query is too complex.", None).0, "QUERY_TOO_COMPLEX");
        assert_eq!(published("Query is nested too deep.", None).0, "QUERY_TOO_COMPLEX");
        assert_eq!(published("Unknown field \"x\" on type \"Query\".", None).0, "INVALID_ARGUMENT");
    }
}
