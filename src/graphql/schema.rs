//! The schema and its limits.

use async_graphql::{EmptySubscription, SDLExportOptions, Schema};

use super::{mutation::Mutation, query::Query};

/// How deep a query may go. The gateway's own deepest plan for our types is below ten.
const MAX_DEPTH: usize = 15;
/// How much a query may ask for: see [`super::page::cost`].
const MAX_COMPLEXITY: usize = 10_000;

/// The subgraph's schema. Everything a resolver needs comes with the request, so it can be built without a database.
pub type SalonSchema = Schema<Query, Mutation, EmptySubscription>;

/// Builds the schema. `__schema` and `__type` are off: a gateway asks `_service`, which is answered to anybody, and a developer
/// asks the gateway.
pub fn build() -> SalonSchema {
    Schema::build(Query, Mutation, EmptySubscription)
        .enable_federation()
        .disable_introspection()
        .disable_suggestions()
        .limit_depth(MAX_DEPTH)
        .limit_complexity(MAX_COMPLEXITY)
        .finish()
}

/// The schema in the language the gateway composes: what `_service { sdl }` answers and what `schema/salon.graphql` holds.
pub fn sdl() -> String {
    let mut sdl = build().sdl_with_options(SDLExportOptions::new().federation().compose_directive());
    sdl.truncate(sdl.trim_end().len());
    sdl.push('\n');
    sdl
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_is_this_one() {
        let committed = include_str!("../../schema/salon.graphql");
        assert!(
            committed == sdl(),
            "schema/salon.graphql is out of date: run `cargo run -p salon-core -- schema > schema/salon.graphql`"
        );
    }

    #[tokio::test]
    async fn the_gateway_reads_this_schema_without_a_user() {
        let answer = build().execute("{ _service { sdl } }").await;
        assert_eq!(answer.errors, []);
        let data = answer.data.into_json().unwrap();
        assert_eq!(data["_service"]["sdl"].as_str().unwrap().trim_end(), sdl().trim_end());
    }

    #[tokio::test]
    async fn introspection_is_off_and_typename_is_not() {
        let answer = build().execute("{ __typename }").await;
        assert_eq!(answer.data.into_json().unwrap()["__typename"], "Query");
        let answer = build().execute("{ __schema { types { name } } }").await;
        assert!(answer.data.into_json().unwrap()["__schema"].is_null());
    }
}
