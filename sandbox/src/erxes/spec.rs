//! The vendor's schema, and whether a document keeps to it.

use std::collections::HashMap;

use async_graphql_parser::types::{
    BaseType, ExecutableDocument, Field, InputValueDefinition, OperationDefinition, OperationType, Selection, SelectionSet, Type,
    TypeKind, TypeSystemDefinition,
};
use async_graphql_value::Value;

/// A field or an input's member, by name.
type Members = HashMap<String, Member>;

#[derive(Debug)]
struct Member {
    ty: Type,
    arguments: HashMap<String, Type>,
}

/// Object types, inputs, enums and scalars by name.
#[derive(Debug, Default)]
pub(super) struct Schema {
    objects: HashMap<String, Members>,
    inputs: HashMap<String, HashMap<String, Type>>,
    enums: HashMap<String, Vec<String>>,
}

impl Schema {
    pub(super) fn parse(text: &str) -> Result<Self, async_graphql_parser::Error> {
        let mut schema = Self::default();
        for definition in async_graphql_parser::parse_schema(text)?.definitions {
            let TypeSystemDefinition::Type(definition) = definition else {
                continue;
            };
            let name = definition.node.name.node.to_string();
            match definition.node.kind {
                TypeKind::Object(object) => {
                    let fields = object.fields.into_iter().map(|field| {
                        let arguments = members(field.node.arguments.into_iter().map(|argument| argument.node));
                        (field.node.name.node.to_string(), Member { ty: field.node.ty.node, arguments })
                    });
                    schema.objects.insert(name, fields.collect());
                }
                TypeKind::InputObject(input) => {
                    schema.inputs.insert(name, members(input.fields.into_iter().map(|field| field.node)));
                }
                TypeKind::Enum(values) => {
                    let values = values.values.iter().map(|value| value.node.value.node.to_string());
                    schema.enums.insert(name, values.collect());
                }
                _ => {}
            }
        }
        Ok(schema)
    }

    /// What the gateway would refuse about the operation; empty when it keeps to the schema.
    pub(super) fn check(&self, document: &ExecutableDocument, operation: &OperationDefinition) -> Vec<String> {
        let mut check = Check { schema: self, operation, complaints: Vec::new(), used: Vec::new() };
        if !document.fragments.is_empty() {
            check.complain("fragments are not used by this product".to_owned());
        }
        let root = if operation.ty == OperationType::Mutation { "Mutation" } else { "Query" };
        check.selection(root, &operation.selection_set.node);
        for variable in &operation.variable_definitions {
            let name = &variable.node.name.node;
            if !check.used.iter().any(|used| used == name.as_str()) {
                check.complaints.push(format!("Variable \"${name}\" is never used."));
            }
        }
        check.complaints
    }

    /// What is wrong with the variables' values.
    pub(super) fn check_variables(&self, operation: &OperationDefinition, given: &serde_json::Value) -> Vec<String> {
        let definitions = operation.variable_definitions.iter().map(|definition| &definition.node);
        definitions
            .filter_map(|definition| {
                let name = &definition.name.node;
                let ty = &definition.var_type.node;
                let value = &given[name.as_str()];
                if value.is_null() && definition.default_value.is_some() {
                    return None;
                }
                if value.is_null() && !ty.nullable {
                    return Some(format!("Variable \"${name}\" of required type \"{ty}\" was not provided."));
                }
                let complaint = self.fits(ty, value)?;
                Some(format!("Variable \"${name}\" got invalid value; {complaint}"))
            })
            .collect()
    }

    /// Why `value` is not of type `ty`.
    fn fits(&self, ty: &Type, value: &serde_json::Value) -> Option<String> {
        if value.is_null() {
            return (!ty.nullable).then(|| format!("Expected non-nullable type \"{ty}\" not to be null."));
        }
        let name = match &ty.base {
            BaseType::List(item) => {
                return value
                    .as_array()
                    .map_or_else(|| self.fits(item, value), |list| list.iter().find_map(|one| self.fits(item, one)));
            }
            BaseType::Named(name) => name.as_str(),
        };
        let fits = match name {
            "String" => value.is_string(),
            "ID" => value.is_string() || value.is_i64(),
            "Int" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
            "Float" => value.is_number(),
            "Boolean" => value.is_boolean(),
            "Date" => value.as_str().is_some_and(is_date) || value.is_i64(),
            "JSON" => true,
            name => match (self.enums.get(name), self.inputs.get(name)) {
                (Some(values), _) => value.as_str().is_some_and(|value| values.iter().any(|known| known == value)),
                (None, Some(fields)) => return self.fits_input(name, fields, value),
                (None, None) => false,
            },
        };
        (!fits).then(|| format!("not a {name}"))
    }

    fn fits_input(&self, name: &str, fields: &HashMap<String, Type>, value: &serde_json::Value) -> Option<String> {
        let Some(given) = value.as_object() else {
            return Some(format!("Expected type \"{name}\" to be an object."));
        };
        if let Some(odd) = given.keys().find(|key| !fields.contains_key(*key)) {
            return Some(format!("Field \"{odd}\" is not defined by type \"{name}\"."));
        }
        fields.iter().find_map(|(field, ty)| self.fits(ty, given.get(field).unwrap_or(&serde_json::Value::Null)))
    }
}

fn members(definitions: impl Iterator<Item = InputValueDefinition>) -> HashMap<String, Type> {
    definitions.map(|definition| (definition.name.node.to_string(), definition.ty.node)).collect()
}

fn is_date(text: &str) -> bool {
    chrono::DateTime::parse_from_rfc3339(text).is_ok() || text.parse::<chrono::NaiveDate>().is_ok()
}

fn base_name(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name.as_str(),
        BaseType::List(item) => base_name(item),
    }
}

struct Check<'a> {
    schema: &'a Schema,
    operation: &'a OperationDefinition,
    complaints: Vec<String>,
    used: Vec<String>,
}

impl Check<'_> {
    fn complain(&mut self, complaint: String) {
        self.complaints.push(complaint);
    }

    fn selection(&mut self, parent: &str, selection: &SelectionSet) {
        for item in &selection.items {
            match &item.node {
                Selection::Field(field) => self.field(parent, &field.node),
                _ => self.complain("fragments are not used by this product".to_owned()),
            }
        }
    }

    fn field(&mut self, parent: &str, field: &Field) {
        let name = field.name.node.as_str();
        if field.alias.is_some() {
            self.complain(format!("{name} has an alias, which this product doesn't use"));
        }
        let schema = self.schema;
        let Some(member) = schema.objects.get(parent).and_then(|fields| fields.get(name)) else {
            return self.complain(format!("Cannot query field \"{name}\" on type \"{parent}\"."));
        };
        for (argument, value) in &field.arguments {
            match member.arguments.get(argument.node.as_str()) {
                Some(ty) => self.argument(name, argument.node.as_str(), ty, &value.node),
                None => self.complain(format!("Unknown argument \"{}\" on field \"{parent}.{name}\".", argument.node)),
            }
        }
        for (argument, ty) in &member.arguments {
            if !ty.nullable && field.get_argument(argument).is_none() {
                self.complain(format!(
                    "Field \"{name}\" argument \"{argument}\" of type \"{ty}\" is required, but it was not provided."
                ));
            }
        }
        let kind = base_name(&member.ty);
        let selected = &field.selection_set.node;
        match (schema.objects.contains_key(kind), selected.items.is_empty()) {
            (true, true) => {
                self.complain(format!("Field \"{name}\" of type \"{}\" must have a selection of subfields.", member.ty))
            }
            (true, false) => self.selection(kind, selected),
            (false, true) => {}
            (false, false) => self
                .complain(format!("Field \"{name}\" must not have a selection since type \"{}\" has no subfields.", member.ty)),
        }
    }

    fn argument(&mut self, field: &str, argument: &str, ty: &Type, value: &Value) {
        match value {
            Value::Variable(variable) => {
                self.used.push(variable.to_string());
                let defined = self.operation.variable_definitions.iter().find(|one| one.node.name.node == *variable);
                let Some(defined) = defined else {
                    return self.complain(format!("Variable \"${variable}\" is not defined."));
                };
                let given = &defined.node.var_type.node;
                if !accepts(ty, given, defined.node.default_value.is_some()) {
                    self.complain(format!(
                        "Variable \"${variable}\" of type \"{given}\" used in position expecting type \"{ty}\"."
                    ));
                }
            }
            literal => self.literal(field, argument, ty, literal),
        }
    }

    /// Variables inside a literal are looked through for being used, and not further checked.
    fn literal(&mut self, field: &str, argument: &str, ty: &Type, literal: &Value) {
        if base_name(ty) == "Date" && !matches!(literal, Value::Number(_) | Value::Null) {
            return self.complain(format!("{field}({argument}): an inline Date must be an Int, pass dates through variables"));
        }
        match literal.clone().into_const() {
            Some(constant) => {
                let json = constant.into_json().unwrap_or_default();
                if let Some(complaint) = self.schema.fits(ty, &json) {
                    self.complain(format!("{field}({argument}): {complaint}"));
                }
            }
            None => self.used_in(literal),
        }
    }

    fn used_in(&mut self, literal: &Value) {
        match literal {
            Value::Variable(variable) => self.used.push(variable.to_string()),
            Value::List(list) => list.iter().for_each(|one| self.used_in(one)),
            Value::Object(fields) => fields.values().for_each(|one| self.used_in(one)),
            _ => {}
        }
    }
}

/// Whether a variable of type `given` may stand where `wanted` is expected.
fn accepts(wanted: &Type, given: &Type, has_default: bool) -> bool {
    let nullable_fits = wanted.nullable || !given.nullable || has_default;
    nullable_fits
        && match (&wanted.base, &given.base) {
            (BaseType::Named(wanted), BaseType::Named(given)) => wanted == given,
            (BaseType::List(wanted), BaseType::List(given)) => accepts(wanted, given, false),
            _ => false,
        }
}
