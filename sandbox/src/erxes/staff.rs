//! What people do with customers in erxes' own screens.

use serde_json::{Value, json};

use super::{
    Erxes, Refused,
    contacts::{complete, iso},
    state::{State, assign, by_id, by_id_mut},
};

impl Erxes {
    /// Somebody changes fields of a customer.
    ///
    /// # Errors
    /// When there is no such customer, or these are no fields.
    pub fn edit_customer(&self, customer: &str, fields: &Value) -> Result<(), Refused> {
        let fields = fields.as_object().ok_or_else(|| Refused("fields are an object".to_owned()))?;
        let now = self.world.now();
        let mut state = self.state();
        let record = by_id_mut(&mut state.customers, &json!(customer)).ok_or_else(|| unknown(customer))?;
        assign(record, fields);
        record["updatedAt"] = iso(now).into();
        complete(record);
        Ok(())
    }

    /// Somebody deletes a customer: the document is gone for real (erxes note, 3.2).
    ///
    /// # Errors
    /// When there is no such customer.
    pub fn delete_customer(&self, customer: &str) -> Result<(), Refused> {
        let mut state = self.state();
        found(&state, customer)?;
        state.customers.retain(|one| one["_id"] != customer);
        Ok(())
    }

    /// Somebody merges two customers. `from` stays where it is, as `deleted`, and gives up what it is known by.
    ///
    /// # Errors
    /// When there is no such customer.
    pub fn merge_customers(&self, into: &str, from: &str) -> Result<(), Refused> {
        let now = self.world.now();
        let mut state = self.state();
        let (mut kept, lost) = (found(&state, into)?, found(&state, from)?);
        for (name, value) in lost.as_object().into_iter().flatten() {
            match &mut kept[name] {
                Value::Array(list) => {
                    let more: Vec<Value> =
                        value.as_array().into_iter().flatten().filter(|one| !list.contains(one)).cloned().collect();
                    list.extend(more);
                }
                empty @ Value::Null => *empty = value.clone(),
                _ => {}
            }
        }
        kept["updatedAt"] = iso(now).into();
        complete(&mut kept);
        for record in &mut state.customers {
            if record["_id"] == into {
                *record = kept.clone();
            } else if record["_id"] == from {
                assign(record, &State::nobody());
            }
        }
        Ok(())
    }
}

fn unknown(customer: &str) -> Refused {
    Refused(format!("customer {customer} doesn't exist"))
}

fn found(state: &State, customer: &str) -> Result<Value, Refused> {
    by_id(&state.customers, &json!(customer)).cloned().ok_or_else(|| unknown(customer))
}

impl State {
    /// What becomes of a customer who was merged into another.
    fn nobody() -> serde_json::Map<String, Value> {
        let gone = json!({"status": "deleted", "code": null, "primaryPhone": null, "primaryEmail": null});
        gone.as_object().cloned().unwrap_or_default()
    }
}
