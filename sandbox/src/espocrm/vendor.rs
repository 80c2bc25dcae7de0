//! What the control API does with this stand-in.

use std::sync::Arc;

use axum::Router;
use serde_json::Value;

use super::{EspoCrm, VENDOR, http};
use crate::vendor::Vendor;

#[async_trait::async_trait]
impl Vendor for EspoCrm {
    fn name(&self) -> &'static str {
        VENDOR
    }

    fn router(self: Arc<Self>) -> Router {
        http::router(self)
    }

    fn snapshot(&self) -> Value {
        self.snapshot()
    }

    fn seed(&self, data: &Value) -> Result<(), String> {
        self.seed(data)
    }

    async fn act(&self, action: Value) -> Result<Value, String> {
        self.act(&action)
    }
}
