//! How large a document is once its fragments are spread. async-graphql walks every spread anew when it counts depth and complexity, so
//! twenty fragments that each spread the next one twice cost a million steps before anything is refused. Counted here first, with each
//! fragment counted once.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned,
    parser::{
        parse_query,
        types::{ExecutableDocument, FragmentDefinition, Selection, SelectionSet},
    },
};

/// Fields of one operation with all fragments spread. A gateway's plan for our types has dozens.
const MAX_FIELDS: u64 = 5_000;
/// Fragments, variables and directives that a document may define or carry: each unused or repeated one is an error of its own.
const MAX_PARTS: usize = 200;

/// Why a document is not looked at any further.
pub(super) fn refuses(query: &str) -> Option<&'static str> {
    // What can't be parsed is refused by the schema, with its place.
    let document = parse_query(query).ok()?;
    let variables: usize = document.operations.iter().map(|(_, operation)| operation.node.variable_definitions.len()).sum();
    if document.fragments.len() + variables + query.matches('@').count() > MAX_PARTS {
        return Some("query: at most 200 fragments, variables and directives in all");
    }
    let mut sizes = HashMap::new();
    let operations = document.operations.iter();
    let largest = operations.map(|(_, operation)| count(&operation.node.selection_set.node, &document, &mut sizes, 0)).max();
    (largest.unwrap_or(0) > MAX_FIELDS).then_some("query: too many fields once its fragments are spread")
}

/// Deeper nesting than this is refused by the schema.
const DEEPEST: usize = 64;

fn count<'a>(set: &'a SelectionSet, document: &'a ExecutableDocument, sizes: &mut HashMap<&'a Name, u64>, depth: usize) -> u64 {
    if depth > DEEPEST {
        return 0;
    }
    let mut fields = 0_u64;
    for selection in &set.items {
        fields = fields.saturating_add(match &selection.node {
            Selection::Field(field) => 1_u64.saturating_add(count(&field.node.selection_set.node, document, sizes, depth + 1)),
            Selection::InlineFragment(inline) => count(&inline.node.selection_set.node, document, sizes, depth + 1),
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                match (sizes.get(name), document.fragments.get_key_value(name)) {
                    (Some(known), _) => *known,
                    (None, Some((name, fragment))) => spread_size(name, fragment, document, sizes, depth),
                    (None, None) => 0,
                }
            }
        });
    }
    fields
}

fn spread_size<'a>(
    name: &'a Name,
    fragment: &'a Positioned<FragmentDefinition>,
    document: &'a ExecutableDocument,
    sizes: &mut HashMap<&'a Name, u64>,
    depth: usize,
) -> u64 {
    // A fragment that spreads itself is refused by the schema; counting it must end all the same.
    sizes.insert(name, 0);
    let size = count(&fragment.node.selection_set.node, document, sizes, depth + 1);
    sizes.insert(name, size);
    size
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubling(levels: usize) -> String {
        let fragments: Vec<String> =
            (0..levels).map(|n| format!("fragment f{n} on Query {{ ...f{0} ...f{0} }}", n + 1)).collect();
        format!("query {{ ...f0 }} {} fragment f{levels} on Query {{ __typename }}", fragments.join(" "))
    }

    #[test]
    fn doubling_fragments_are_refused_without_being_spread() {
        assert_eq!(refuses(&doubling(10)), None);
        assert!(refuses(&doubling(20)).is_some());
        assert!(refuses(&doubling(60)).is_some());
        assert_eq!(refuses("query { ...a } fragment a on Query { ...b } fragment b on Query { ...a }"), None);
    }

    #[test]
    fn thousands_of_parts_are_refused_and_an_ordinary_query_is_not() {
        assert!(refuses(&format!("query {{ __typename {} }}", "@include(if: true)".repeat(300))).is_some());
        assert!(
            refuses(&format!("query ({}) {{ __typename }}", (0..300).map(|n| format!("$v{n}: Int ")).collect::<String>()))
                .is_some()
        );
        assert_eq!(
            refuses(
                "query($t: String!) { salonBookings(tenantId: $t) { list { startAt ...b } } } fragment b on SalonBooking { status }"
            ),
            None
        );
        assert_eq!(refuses("not graphql {"), None);
    }
}
