//! Clients.

use async_graphql::{Context, Object};

use super::Customer;
use crate::{
    error::Problem,
    graphql::{access::view, read::ClientRow},
};

/// A person who writes to a salon.
#[derive(Debug, Clone)]
pub struct SalonClient(pub(in crate::graphql) ClientRow);

/// A person who writes to a salon.
#[Object]
impl SalonClient {
    #[graphql(name = "_id")]
    async fn id(&self) -> Option<String> {
        Some(self.0.id.to_string())
    }

    async fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// E.164. Only its last two digits are shown to a caller who can't manage the salon.
    async fn phone(&self, ctx: &Context<'_>) -> Result<Option<String>, Problem> {
        let in_full = view(ctx)?.phones;
        Ok(self.0.phone.as_deref().map(|phone| if in_full { phone.to_owned() } else { masked(phone) }))
    }

    /// The language the client speaks with us, ISO 639-1.
    async fn lang(&self) -> Option<&str> {
        self.0.lang.as_deref()
    }

    /// The customer of erxes that this client is.
    async fn customer(&self) -> Option<Customer> {
        self.0.customer_id.clone().map(Customer)
    }
}

/// The length is kept, so that two numbers on one screen can be told apart as well as may be.
pub(super) fn masked(phone: &str) -> String {
    let hidden = phone.chars().count().saturating_sub(2);
    phone.chars().enumerate().map(|(at, digit)| if at < hidden && digit != '+' { '*' } else { digit }).collect()
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn a_masked_number_shows_two_digits() {
        assert_eq!(masked("+79161234567"), "+*********67");
        assert_eq!(masked("5"), "5");
        assert_eq!(masked(""), "");
    }
}
