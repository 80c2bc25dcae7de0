//! Names of fields in their two spellings: `UF_CRM_SALON_ID` and `ufCrmSalonId`, `ASSIGNED_BY_ID` and `assignedById`.

/// The camel case of a custom field's name. A part that begins with a digit keeps its underscore: `ufCrm_1720019876534`.
pub(super) fn of(upper: &str) -> String {
    let mut name = String::new();
    for part in upper.to_lowercase().split('_').filter(|part| !part.is_empty()) {
        if name.is_empty() {
            name.push_str(part);
        } else if part.starts_with(|first: char| first.is_ascii_digit()) {
            name.push('_');
            name.push_str(part);
        } else {
            let (first, rest) = part.split_at(part.chars().next().map_or(0, char::len_utf8));
            name.push_str(&first.to_uppercase());
            name.push_str(rest);
        }
    }
    name
}

/// The upper case of a standard field's name.
pub(super) fn upper(camel: &str) -> String {
    let mut name = String::new();
    for letter in camel.chars() {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_both_ways() {
        for (original, camel) in [
            ("UF_CRM_SALON_ID", "ufCrmSalonId"),
            ("UF_CRM_1720019876534", "ufCrm_1720019876534"),
            ("UF_CRM_NO_SHOW_2", "ufCrmNoShow_2"),
        ] {
            assert_eq!(of(original), camel);
        }
        assert_eq!(upper("assignedById"), "ASSIGNED_BY_ID");
    }
}
