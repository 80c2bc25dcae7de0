//! Our documents against the vendor's schema.

use std::collections::BTreeMap;

use async_graphql::parser::{
    parse_query, parse_schema,
    types::{DocumentOperations, OperationType, Selection, SelectionSet, Type, TypeDefinition, TypeKind, TypeSystemDefinition},
};

use crate::crm::erxes::operations;

/// The documents against a schema of the operations we use (erxes 3.0.91): every field and argument exists, every variable has its
/// argument's type, no required argument is left out.
#[test]
fn documents_fit_the_schema() {
    let schema = parse_schema(salon_sandbox::erxes::OPERATIONS).unwrap();
    let types: BTreeMap<String, TypeDefinition> = schema
        .definitions
        .into_iter()
        .filter_map(|definition| match definition {
            TypeSystemDefinition::Type(definition) => Some((definition.node.name.node.to_string(), definition.node)),
            _ => None,
        })
        .collect();
    for operation in operations::ALL {
        let document = parse_query(operation.document).unwrap();
        let DocumentOperations::Multiple(operations) = document.operations else { panic!("each document is named") };
        let parsed = operations.into_values().next().unwrap().node;
        let root = if parsed.ty == OperationType::Mutation { "Mutation" } else { "Query" };
        let variables: BTreeMap<String, Type> = parsed
            .variable_definitions
            .into_iter()
            .map(|variable| (variable.node.name.node.to_string(), variable.node.var_type.node))
            .collect();
        let fields = check(&types, root, &parsed.selection_set.node, &variables);
        assert_eq!(fields, [operation.field], "the result is read from this field");
    }
}

/// Checks a selection set and returns the names in it.
fn check(
    types: &BTreeMap<String, TypeDefinition>,
    on: &str,
    set: &SelectionSet,
    variables: &BTreeMap<String, Type>,
) -> Vec<String> {
    let TypeKind::Object(object) = &types[on].kind else { panic!("{on} is no object") };
    let mut names = Vec::new();
    for selection in &set.items {
        let Selection::Field(field) = &selection.node else { panic!("only fields") };
        let field = &field.node;
        let name = field.name.node.as_str();
        assert!(field.alias.is_none(), "{name} has an alias");
        let known =
            object.fields.iter().find(|known| known.node.name.node == name).unwrap_or_else(|| panic!("{on}.{name} is unknown"));
        for (argument, value) in &field.arguments {
            let wanted = known.node.arguments.iter().find(|known| known.node.name.node == argument.node.as_str());
            let wanted = wanted.unwrap_or_else(|| panic!("{on}.{name} has no argument {argument}", argument = argument.node));
            assert_eq!(value.node.to_string(), format!("${}", argument.node), "{name}: arguments are variables of the same name");
            assert_eq!(
                variables[argument.node.as_str()].to_string(),
                wanted.node.ty.node.to_string(),
                "{name}.{}",
                argument.node
            );
        }
        for required in known.node.arguments.iter().filter(|known| !known.node.ty.node.nullable) {
            assert!(field.arguments.iter().any(|(given, _)| given.node == required.node.name.node), "{name} lacks an argument");
        }
        let of = known.node.ty.node.base.to_string();
        let of = of.trim_matches(['[', ']', '!']);
        if !field.selection_set.node.items.is_empty() {
            check(types, of, &field.selection_set.node, variables);
        }
        names.push(name.to_owned());
    }
    names
}
